package trace

import (
	"errors"
	"io"
	"math"
	"slices"
	"time"

	"github.com/kvbench/kvbench/workloads"
	"github.com/kvbench/kvbench/workloads/dist"
	"github.com/kvbench/kvbench/workloads/profile"
)

// Stat is what a trace looks like.
type Stat struct {
	Operations uint64            `json:"operations"`
	Calls      uint64            `json:"calls"` // batches and multi-gets count once
	Kinds      map[string]uint64 `json:"kinds"`
	Sequential bool              `json:"sequential"` // as NewWriter has it
	Torn       string            `json:"torn,omitempty"`
	Seconds    float64           `json:"seconds"` // from the first beginning to the last
	Rate       []RatePoint       `json:"rate"`    // over time; empty without times

	// Profile takes a put that follows a get of its key for an update, and a
	// put of a key never met before for an insert.
	Profile    profile.Profile `json:"profile"`
	Preloaded  uint64          `json:"preloaded"` // keys that were met before the trace wrote them
	Inserted   uint64          `json:"inserted"`  // keys that the trace wrote first
	Found      uint64          `json:"found"`
	Absent     uint64          `json:"absent"`
	KeyBytes   *Sizes          `json:"key_bytes"`
	ValueBytes *Sizes          `json:"value_bytes"` // of writes, or of what was found where nothing was written
	Decimal    bool            `json:"decimal"`     // keys are a common prefix and decimal digits
	Prefix     string          `json:"prefix"`      // that all keys have
}

// RatePoint is the mean rate within a stretch of the trace.
type RatePoint struct {
	Second  float64 `json:"second"` // at its end
	OpsPerS float64 `json:"ops_per_s"`
}

// Sizes summarizes a distribution of sizes, quantiles within 1/16.
type Sizes struct {
	N      uint64   `json:"n"`
	Mean   float64  `json:"mean"`
	Min    int      `json:"min"`
	P50    int      `json:"p50"`
	P99    int      `json:"p99"`
	Max    int      `json:"max"`
	counts []uint64 // by class
}

// ratePoints is how many stretches a trace is cut into.
const ratePoints = 24

// pairWindow is how many operations back a get is looked for that a put of its
// key belongs to, where operations overlap.
const pairWindow = 16

// Survey reads a trace to its end and describes it. A trace that ends early is
// described as far as it goes. Its memory is bounded, by 16 bytes for each of
// 2^24 keys and what a profile takes; keys beyond count as met before.
func Survey(r *Reader) (*Stat, error) {
	s := newSurvey(r.Sequential())
	var op Op
	for {
		err := r.Next(&op)
		switch {
		case errors.Is(err, io.EOF):
			return s.finish(), nil
		case errors.Is(err, ErrTorn):
			s.stat.Torn = err.Error()
			return s.finish(), nil
		case err != nil:
			return nil, err
		}
		s.add(&op)
	}
}

// survey is a Survey in progress.
type survey struct {
	stat   Stat
	acc    *profile.Accumulator
	seen   *KeySet
	recent [pairWindow]uint64 // keys of the last gets, 0 once paired
	at     int
	window int
	keys   sizer
	values sizer
	reads  sizer
	first  time.Duration
	last   time.Duration
	times  []time.Duration // of every stride-th operation
	stride uint64
	prefix []byte
}

func newSurvey(sequential bool) *survey {
	s := &survey{
		stat: Stat{Kinds: map[string]uint64{}, Sequential: sequential},
		acc:  profile.New(profile.Options{}), seen: NewKeySet(), window: pairWindow, stride: 1,
	}
	if sequential {
		s.window = 1
	}
	return s
}

// KeyHash is the 64-bit hash of a key that profiles of traces count by:
// FNV-1a, mixed.
func KeyHash(key []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, c := range key {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return dist.Mix64(h) | 1
}

func (s *survey) add(op *Op) {
	st := &s.stat
	st.Operations++
	if !op.More {
		st.Calls++
	}
	st.Kinds[op.Kind.String()]++
	s.clock(op.Time)
	s.spell(op.Key)
	h := KeyHash(op.Key)
	s.at++
	s.recent[s.at%pairWindow] = 0
	switch op.Kind {
	case Get:
		s.get(op, h)
	case Put:
		s.put(op, h)
	case Delete:
		s.meet(h)
		s.acc.Add(workloads.Delete, h, 0)
	case Scan:
		s.acc.Add(workloads.Scan, h, uint64(op.N))
	case ReverseScan:
		s.acc.Add(workloads.ReverseScan, h, uint64(op.N))
	case DeleteRange:
		s.acc.Add(workloads.DeleteRange, h, 0)
	}
}

// meet notes a key that exists although the trace has not written it.
func (s *survey) meet(h uint64) {
	if s.seen.Add(h) {
		s.stat.Preloaded++
	}
}

func (s *survey) get(op *Op, h uint64) {
	switch op.Result {
	case Found:
		s.stat.Found++
		s.acc.Answer(true)
		s.reads.add(op.Size)
	case Absent:
		s.stat.Absent++
		s.acc.Answer(false)
		if !s.seen.Has(h) {
			s.acc.Add(workloads.ReadAbsent, h, 0)
			return
		}
	}
	s.meet(h)
	s.recent[s.at%pairWindow] = h
	s.acc.Add(workloads.Read, h, 0)
}

func (s *survey) put(op *Op, h uint64) {
	s.values.add(op.Size)
	if s.seen.Add(h) {
		s.stat.Inserted++
		s.acc.Add(workloads.Insert, h, 0)
		return
	}
	for back := 1; back <= s.window; back++ {
		if i := (s.at - back + pairWindow) % pairWindow; s.recent[i] == h {
			s.recent[i] = 0
			s.acc.Merge(workloads.Read, workloads.Update)
			return
		}
	}
	s.acc.Add(workloads.Put, h, 0)
}

// clock notes a time; it keeps a bounded number of them.
func (s *survey) clock(t time.Duration) {
	if s.stat.Operations == 1 {
		s.first, s.last = t, t
	}
	s.first, s.last = min(s.first, t), max(s.last, t)
	if s.stat.Operations%s.stride != 0 {
		return
	}
	if s.times = append(s.times, t); len(s.times) == 1<<14 {
		for i := range len(s.times) / 2 {
			s.times[i] = s.times[2*i+1]
		}
		s.times = s.times[:len(s.times)/2]
		s.stride *= 2
	}
}

// spell notes what keys look like.
func (s *survey) spell(key []byte) {
	s.keys.add(len(key))
	if s.stat.Operations == 1 {
		s.prefix = append(s.prefix, key...)
		s.stat.Decimal = true
	}
	s.prefix = s.prefix[:shared(s.prefix, key)]
	if s.stat.Decimal {
		digits := len(key)
		for digits > 0 && key[digits-1] >= '0' && key[digits-1] <= '9' {
			digits--
		}
		s.stat.Decimal = digits < len(key) && digits <= len(s.prefix)
	}
}

func (s *survey) finish() *Stat {
	st := &s.stat
	st.Profile = s.acc.Profile()
	st.KeyBytes, st.ValueBytes = s.keys.sizes(), s.values.sizes()
	if st.ValueBytes == nil {
		st.ValueBytes = s.reads.sizes()
	}
	for len(s.prefix) > 0 && s.prefix[len(s.prefix)-1] >= '0' && s.prefix[len(s.prefix)-1] <= '9' {
		s.prefix = s.prefix[:len(s.prefix)-1]
	}
	st.Prefix = string(s.prefix)
	st.Seconds = (s.last - s.first).Seconds()
	st.Rate = []RatePoint{}
	if st.Seconds <= 0 || len(s.times) < ratePoints {
		return st
	}
	slices.Sort(s.times)
	step := st.Seconds / ratePoints
	at := 0
	for i := range ratePoints {
		end := s.first + time.Duration(float64(i+1)*step*1e9)
		n := 0
		for at < len(s.times) && (s.times[at] <= end || i == ratePoints-1) {
			n++
			at++
		}
		st.Rate = append(st.Rate, RatePoint{Second: float64(i+1) * step, OpsPerS: float64(n) * float64(s.stride) / step})
	}
	return st
}

// sizer collects sizes, in classes that are exact below 32.
type sizer struct {
	n, sum   uint64
	min, max int
	counts   []uint64
}

// classOf returns the class of a size: 16 for every power of two.
func classOf(size int) int {
	if size < 32 {
		return size
	}
	shift := 0
	for size>>shift >= 32 {
		shift++
	}
	return 16*shift + size>>shift
}

// sizeOf returns the middle of a class.
func sizeOf(class int) int {
	if class < 32 {
		return class
	}
	shift := class/16 - 1
	low := (class - 16*shift) << shift
	return low + (1<<shift)/2
}

func (s *sizer) add(size int) {
	if size < 0 {
		return
	}
	if s.n == 0 || size < s.min {
		s.min = size
	}
	s.n++
	s.sum += uint64(size)
	s.max = max(s.max, size)
	c := classOf(size)
	for len(s.counts) <= c {
		s.counts = append(s.counts, 0)
	}
	s.counts[c]++
}

// sizes returns nil when no size is known.
func (s *sizer) sizes() *Sizes {
	if s.n == 0 {
		return nil
	}
	z := &Sizes{N: s.n, Mean: float64(s.sum) / float64(s.n), Min: s.min, Max: s.max, counts: s.counts}
	quantile := func(q float64) int {
		left := uint64(math.Ceil(q * float64(s.n)))
		for c, n := range s.counts {
			if n >= left {
				return min(max(sizeOf(c), s.min), s.max)
			}
			left -= n
		}
		return s.max
	}
	z.P50, z.P99 = quantile(0.5), quantile(0.99)
	return z
}
