package trace

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
	"github.com/kvbench/kvbench/workloads/dist"
	"github.com/kvbench/kvbench/workloads/profile"
)

// Fit is a workload that looks like a trace.
type Fit struct {
	Properties []byte          `json:"-"` // a file that workloads.Parse reads
	Spec       *workloads.Spec `json:"workload"`
	Compared   []Compared      `json:"compared"` // how it compares with the trace
	Notes      []string        `json:"notes"`    // what it does not show
	Laws       []LawFit        `json:"laws"`     // the distributions that were tried, best first
}

// Compared is one figure of a trace and of the workload that was fitted to it.
type Compared struct {
	Name     string   `json:"name"`
	Trace    *float64 `json:"trace"`
	Workload *float64 `json:"workload"`
}

// LawFit says how far a distribution is from what a trace requested.
type LawFit struct {
	Request  string  `json:"request"` // as the property requestdistribution
	Records  uint64  `json:"records"`
	Distance float64 `json:"distance"` // greatest difference between shares of requests
}

// FitWorkload describes the trace as a workload: mix, distribution of requests,
// records, sizes, lengths of scans; name is that of its file. It tells apart
// uniform, YCSB's zipfian and Zipf laws, and says how well they fit. It draws
// operations of the workload to compare their profile with the trace's.
func FitWorkload(s *Stat, name string) (*Fit, error) {
	if s.Operations == 0 {
		return nil, fmt.Errorf("fit: %w: the trace has no operations", engine.ErrInvalid)
	}
	f := &Fit{}
	records := f.request(s)
	p := f.properties(s, records)
	f.Properties = p.file(s)
	spec, err := workloads.Parse(workloads.Input{Files: []workloads.File{{Name: name, Data: f.Properties}}})
	if err != nil {
		return nil, fmt.Errorf("fit: the fitted workload does not parse: %w", err)
	}
	f.Spec = spec
	return f, f.compare(s)
}

// request chooses the distribution of requests and returns it with the number
// of records.
func (f *Fit) request(s *Stat) LawFit {
	spectrum := s.Profile.Spectrum
	if s.Profile.Requests == 0 {
		return LawFit{Request: "uniform", Records: s.Preloaded}
	}
	place := func(n uint64) func(uint64) uint64 {
		z := dist.NewScrambled(0, n-1, dist.YCSBTheta, false)
		return z.OfRank
	}
	try := func(request string, law func(n uint64) profile.Law) {
		n := profile.KeysOf(spectrum, law)
		f.Laws = append(f.Laws, LawFit{request, n, law(n).Expect(spectrum.Requests).Distance(spectrum)})
	}
	try("uniform", profile.Uniform)
	try("zipfian", func(n uint64) profile.Law { return profile.Scrambled(n, dist.YCSBTheta, place(n)) })
	if z := s.Profile.Zipf; z != nil && z.Theta > 0.01 {
		theta := strconv.FormatFloat(math.Round(z.Theta*1000)/1000, 'g', -1, 64)
		f.Laws = append(f.Laws, LawFit{"zipf:" + theta, z.Keys, z.Distance})
	}
	slices.SortStableFunc(f.Laws, func(a, b LawFit) int { return int(1e9 * (a.Distance - b.Distance)) })
	best := f.Laws[0]
	if best.Distance > 0.05 {
		f.Notes = append(f.Notes, fmt.Sprintf("no distribution fits well: %s is the nearest, and the shares of its hot keys are off by up to %.0f %%", best.Request, 100*best.Distance))
	}
	return best
}

// property is a line of the file.
type property struct{ name, value string }

type propertyList []property

func (l *propertyList) set(name, format string, args ...any) {
	*l = append(*l, property{name, fmt.Sprintf(format, args...)})
}

// kindProperties are the properties of the mix.
func kindProperties() []struct {
	kind workloads.Kind
	name string
} {
	return []struct {
		kind workloads.Kind
		name string
	}{
		{workloads.Read, "readproportion"},
		{workloads.Update, "updateproportion"},
		{workloads.Insert, "insertproportion"},
		{workloads.Scan, "scanproportion"},
		{workloads.Delete, "deleteproportion"},
		{workloads.ReadAbsent, "readabsentproportion"},
		{workloads.ReverseScan, "reversescanproportion"},
		{workloads.DeleteRange, "deleterangeproportion"},
		{workloads.Put, "putproportion"},
	}
}

func (f *Fit) properties(s *Stat, law LawFit) propertyList {
	var l propertyList
	records := max(law.Records, 1)
	l.set("recordcount", "%d", records)
	l.set("operationcount", "%d", s.Profile.Operations)
	if s.Preloaded == 0 {
		l.set("preload", "false")
		f.Notes = append(f.Notes, "the trace writes every key before it asks for it, so the workload starts empty; inserts and requests go on side by side from the first operation")
	}
	mix := s.Profile.Mix
	if ranges := mix[workloads.DeleteRange]; ranges > 0 {
		mix[workloads.DeleteRange] = 0
		f.Notes = append(f.Notes, fmt.Sprintf("range deletes (%.2g %% of the operations) are left out: a trace does not say how many records they cover", 100*ranges))
	}
	total := 0.0
	for _, p := range mix {
		total += p
	}
	for _, k := range kindProperties() {
		l.set(k.name, "%.9f", mix[k.kind]/max(total, 1e-12))
	}
	l.set("requestdistribution", "%s", law.Request)
	if s.Profile.Scans > 0 {
		f.scans(&l, s)
	}
	f.keys(&l, s)
	f.values(&l, s)
	if s.Inserted > 0 && s.Profile.Requests > 0 {
		f.Notes = append(f.Notes, "whether requests prefer new records (requestdistribution=latest) was not tested")
	}
	return l
}

func (f *Fit) scans(l *propertyList, s *Stat) {
	// Lengths of 1 to n have the mean (n+1)/2; a distribution that is
	// narrower is held to its own bounds.
	low, high := max(s.Profile.ScanMin, 1), max(s.Profile.ScanMax, 1)
	mean := *s.Profile.ScanMean
	if middle := float64(low+high) / 2; math.Abs(middle-mean) > 0.05*mean {
		high = uint64(max(math.Round(2*mean)-float64(low), float64(low)))
		f.Notes = append(f.Notes, fmt.Sprintf("lengths of scans are not uniform between %d and %d; the workload keeps their mean, %.4g", s.Profile.ScanMin, s.Profile.ScanMax, mean))
	}
	if mean < 1 {
		f.Notes = append(f.Notes, "the trace does not say how long its scans are; the workload's have one record")
		low, high = 1, 1
	}
	l.set("minscanlength", "%d", low)
	l.set("maxscanlength", "%d", min(high, 1<<16-1))
}

func (f *Fit) keys(l *propertyList, s *Stat) {
	size := int(math.Round(s.KeyBytes.Mean))
	switch {
	case s.Decimal && s.Prefix == "user" && size >= 20:
		l.set("keyformat", "ycsb")
	case size >= 8 && size <= 64:
		l.set("keyformat", "binary:%d", size)
	default:
		n := min(max(size, 8), 64)
		l.set("keyformat", "binary:%d", n)
		f.Notes = append(f.Notes, fmt.Sprintf("keys have %.1f bytes on average; the workload's have %d", s.KeyBytes.Mean, n))
	}
}

func (f *Fit) values(l *propertyList, s *Stat) {
	v := s.ValueBytes
	switch {
	case v == nil:
		f.Notes = append(f.Notes, "the trace says nothing about sizes of values; the workload's have 100 bytes")
		l.set("valuesize", "100")
		return
	case v.P50 == v.P99 && float64(v.Max-v.Min) < 0.1*v.Mean, v.Min == v.Max:
		l.set("valuesize", "%d", max(int(math.Round(v.Mean)), 1))
	default:
		// The generalised Pareto distribution with the mean and the median.
		k, sigma := pareto(v.Mean, float64(v.P50))
		low := max(v.Min, 1)
		l.set("valuesize", "pareto:%.4g:%.6g:%d:%d", k, sigma, low, max(v.Max, low+1))
		f.Notes = append(f.Notes, fmt.Sprintf("sizes of values run from %d to %d with the mean %.0f; the workload has a generalised Pareto distribution", v.Min, v.Max, v.Mean))
	}
	l.set("updatemode", "field")
}

// pareto returns shape and scale of a generalised Pareto distribution with
// this mean and median, as far as there is one with a shape from 0 to 0.9.
func pareto(mean, median float64) (k, sigma float64) {
	mean = max(mean, 1)
	best := math.Inf(1)
	for shape := 0.0; shape <= 0.9; shape += 0.01 {
		scale := mean * (1 - shape)
		at := scale * math.Ln2
		if shape > 0 {
			at = scale * (math.Pow(2, shape) - 1) / shape
		}
		if d := math.Abs(at - median); d < best {
			best, k, sigma = d, shape, scale
		}
	}
	return k, sigma
}

// file writes the properties.
func (l propertyList) file(s *Stat) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Fitted to a trace of %d operations by kvbench trace fit.\n", s.Operations)
	for _, p := range l {
		fmt.Fprintf(&b, "%s=%s\n", p.name, p.value)
	}
	return []byte(b.String())
}

// compareOps bounds how many operations a fitted workload is compared by.
const compareOps = 1 << 22

// compare draws the workload's operations and puts their profile beside that
// of the trace.
func (f *Fit) compare(s *Stat) error {
	spec := f.Spec
	seq := spec.NewSequence()
	g, err := spec.NewGenerator(1, 0, 1, seq)
	if err != nil {
		return fmt.Errorf("fit: %w", err)
	}
	acc := profile.New(profile.Options{})
	var tape [1]workloads.Op
	for range min(s.Profile.Operations, compareOps) {
		g.Fill(tape[:])
		op := tape[0]
		var n uint64
		if op.Kind() == workloads.Insert {
			n = seq.Next()
			err = seq.Ack(n)
		} else {
			n = g.Resolve(op)
		}
		if err != nil {
			return fmt.Errorf("fit: %w", err)
		}
		acc.Add(op.Kind(), n, uint64(op.Len()))
	}
	f.put(s, acc.Profile())
	return nil
}

func (f *Fit) put(s *Stat, w profile.Profile) {
	t := s.Profile
	num := func(v float64) *float64 { return &v }
	row := func(name string, a, b *float64) { f.Compared = append(f.Compared, Compared{name, a, b}) }
	for k := range workloads.NumKinds {
		if t.Mix[k] > 0 || w.Mix[k] > 0 {
			row(k.String(), num(t.Mix[k]), num(w.Mix[k]))
		}
	}
	if t.Requests > 0 && w.Requests > 0 {
		row("hottest key", t.HotShare, w.HotShare)
		row("top 1 % of keys", num(t.Spectrum.Top(max(float64(t.Distinct)/100, 1))), num(w.Spectrum.Top(max(float64(t.Distinct)/100, 1))))
		row("distinct keys a request", num(float64(t.Distinct)/float64(t.Requests)), num(float64(w.Distinct)/float64(w.Requests)))
	}
	if t.Scans > 0 {
		row("records a scan", t.ScanMean, w.ScanMean)
	}
	if s.ValueBytes != nil {
		row("bytes a value", num(s.ValueBytes.Mean), num(f.Spec.MeanValue()))
	}
	row("bytes a key", num(s.KeyBytes.Mean), f.meanKey())
}

// meanKey is the mean length of some of the workload's keys.
func (f *Fit) meanKey() *float64 {
	keys, err := f.Spec.NewKeys()
	if err != nil {
		return nil
	}
	const n = 1000
	total := 0
	var key []byte
	for i := range uint64(n) {
		key = keys.Append(key[:0], i)
		total += len(key)
	}
	mean := float64(total) / n
	return &mean
}
