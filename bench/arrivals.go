package bench

import (
	"math"
	"math/rand/v2"
)

// starts draws the intended starts of one phase, one after another, in
// nanoseconds since it began. They never fall; math.MaxInt64 means that there
// are no more. What it draws depends on the rate, the arrival and the seed
// alone.
type starts struct {
	kind string
	n    float64 // drawn
	gap  float64 // ns between starts at the mean rate
	rand *rand.Rand
	at   float64 // of the last start, in ns; or of the end of what was looked at

	// Of a rate that changes: a piece of constant rate, its end, and how to
	// find the next one.
	rate, until float64 // operations a ns; ns
	piece       int
	pieces      func(i int) (until, rate float64)
	first       bool
}

// sinePieces is how many pieces of constant rate make a period of a sine: each
// has the mean rate of its part, so that no part of a period is off.
const sinePieces = 512

func newStarts(rate float64, a Arrival, seed uint64) *starts {
	s := &starts{kind: a.Kind, gap: 1e9 / rate, first: true}
	switch a.Kind {
	case ArrivePoisson:
		s.rand = rand.New(rand.NewPCG(seed, 0x706f6973))
	case ArriveSine:
		period := float64(a.Period)
		s.pieces = func(i int) (until, r float64) {
			from, to := float64(i%sinePieces)/sinePieces, float64(i%sinePieces+1)/sinePieces
			swing := (math.Cos(2*math.Pi*from) - math.Cos(2*math.Pi*to)) / (2 * math.Pi * (to - from))
			return float64(i+1) * period / sinePieces, max(rate*(1+a.Amplitude*swing), 0) / 1e9
		}
	case ArriveFile:
		s.pieces = func(i int) (until, r float64) {
			if i+1 < len(a.Steps) {
				return a.Steps[i+1].At * 1e9, a.Steps[i].Rate / 1e9
			}
			return math.Inf(1), a.Steps[len(a.Steps)-1].Rate / 1e9
		}
	}
	if s.pieces != nil {
		s.until, s.rate = s.pieces(0)
	}
	return s
}

// next draws one start.
func (s *starts) next() int64 {
	switch {
	case s.rand != nil:
		s.at += s.rand.ExpFloat64() * s.gap
		return int64(s.at)
	case s.pieces != nil:
		return s.nextPiecewise()
	}
	at := int64(s.n * s.gap) // not a sum: that would drift
	s.n++
	return at
}

// nextPiecewise goes on until the rate has added up to one more operation. The
// first operation is due as soon as the rate is above 0.
func (s *starts) nextPiecewise() int64 {
	need := 1.0
	if s.first {
		need, s.first = 0, false
	}
	for {
		if s.rate > 0 && need <= s.rate*(s.until-s.at) {
			s.at += need / s.rate
			return int64(s.at)
		}
		if math.IsInf(s.until, 1) {
			return math.MaxInt64
		}
		need -= s.rate * (s.until - s.at)
		s.at = s.until
		s.piece++
		s.until, s.rate = s.pieces(s.piece)
	}
}
