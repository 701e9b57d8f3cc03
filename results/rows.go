package results

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/kvbench/kvbench/engine"
)

// A Row is what the repetitions of one engine under one setup came to. All
// figures are medians over the repetitions that know them; null is unknown.
type Row struct {
	Experiment string `json:"experiment"`
	Setup

	Engine       string            `json:"engine"`
	Label        string            `json:"label,omitempty"`
	Version      string            `json:"version"`
	Family       string            `json:"family"`
	Rail         bool              `json:"rail"`
	Settings     map[string]string `json:"settings"`
	Durability   engine.Durability `json:"durability"`
	SurvivesKill bool              `json:"survives_kill"`

	// Status is ok when one repetition was; otherwise that of the best.
	Status Status `json:"status"`
	// Reason is why the first repetition that is not ok is not.
	Reason string `json:"reason,omitempty"`
	// Reps are all repetitions, by what became of them in Outcomes.
	Reps     int            `json:"reps"`
	Outcomes map[Status]int `json:"outcomes"`
	Seeds    []uint64       `json:"seeds"`

	// Rank is from 1 by median rate, among those that are no rails, failed in
	// no repetition and whose lamp is not red, unless red ones are included.
	Rank    *int     `json:"rank"`
	VsFirst *float64 `json:"vs_first"` // ratio of the medians to that of rank 1

	// N repetitions went into the figures: the ok ones or, when there is
	// none, the partial ones. LeftOut are those of them that did not, since
	// their lamp is red. When all are red, all went in, and the lamp is red.
	N          int      `json:"n"`
	LeftOut    int      `json:"left_out"`
	OpsPerS    *float64 `json:"ops_per_s"`
	OpsPerSMin *float64 `json:"ops_per_s_min"`
	OpsPerSMax *float64 `json:"ops_per_s_max"`
	RowsPerS   *float64 `json:"rows_per_s"`

	Ops map[string]Times `json:"ops"`

	WriteAmp        *float64 `json:"write_amp"`
	WriteAmpSettled *float64 `json:"write_amp_settled"`
	ReadAmp         *float64 `json:"read_amp"`
	SpaceAmp        *float64 `json:"space_amp"`
	PeakRSS         *float64 `json:"peak_rss"` // bytes
	AllocsPerOp     *float64 `json:"allocs_per_op"`
	CPUPerOp        *float64 `json:"cpu_ns_per_op"` // user and system; unknown in an open loop, whose workers spin while they wait
	HarnessShare    *float64 `json:"harness_share"`

	// Flags are the objections to any repetition that was measured, left out
	// or not, the worst of each name, and those to what they are together.
	Flags []Flag `json:"flags"`
	// Lamp is red when one of the N is, yellow when there is any objection or
	// a repetition was left out, else green. It is empty without a figure.
	Lamp string `json:"lamp"`

	cells   []*Cell // all repetitions
	used    []*Cell // the N
	leftOut bool    // of the ranking, for its lamp
}

// Times are latencies of one kind of operation, in nanoseconds.
type Times struct {
	N    uint64   `json:"n"` // in all repetitions
	P50  *float64 `json:"p50_ns"`
	P99  *float64 `json:"p99_ns"`
	P999 *float64 `json:"p999_ns"`
}

// Rows summarizes a run. Rows of one setup are neighbours: ranked ones first,
// then those without a figure, then the rails. Rows whose lamp is red have no
// rank.
func Rows(run *Run) []Row { return rowsOf(run, false) }

// AllRows is Rows that ranks red rows like the others.
func AllRows(run *Run) []Row { return rowsOf(run, true) }

func rowsOf(run *Run, includeRed bool) []Row {
	var rows []Row
	for _, g := range groupCells(run, includeRed) {
		rows = append(rows, g.rows...)
		rows = append(rows, g.rails...)
	}
	return rows
}

// newRow summarizes the cells, at least one, all of one engine and setup.
func newRow(experiment string, cells []*Cell, includeRed bool) Row {
	c := cells[0]
	r := Row{
		Experiment: experiment, Setup: setupOf(c),
		Engine: c.Engine.Name, Label: c.Engine.Label, Version: c.Engine.Version, Family: c.Engine.Family,
		Rail: c.Engine.Rail, Settings: c.Engine.Settings,
		Durability: c.Durability, SurvivesKill: c.SurvivesKill,
		Reps: len(cells), Outcomes: map[Status]int{}, Ops: map[string]Times{}, Flags: []Flag{},
		cells: cells,
	}
	if r.Settings == nil {
		r.Settings = map[string]string{}
	}
	for _, c := range cells {
		r.Outcomes[c.Status]++
		r.Seeds = append(r.Seeds, c.Seed)
		if c.Status != StatusOK && r.Reason == "" {
			r.Reason = firstLine(c.Error)
		}
	}
	slices.Sort(r.Seeds)
	r.Seeds = slices.Compact(r.Seeds)
	r.Status = slices.MinFunc(cells, func(a, b *Cell) int {
		return cmp.Compare(statusOrder(a.Status), statusOrder(b.Status))
	}).Status
	if r.Status == StatusOK || r.Status == StatusPartial {
		r.measure(includeRed)
	}
	return r
}

func statusOrder(s Status) int {
	order := []Status{StatusOK, StatusPartial, StatusFailed, StatusUnsupported, StatusSkipped}
	if i := slices.Index(order, s); i >= 0 {
		return i
	}
	return len(order)
}

// choose picks the cells that the figures are of, among those that have the
// row's status and a rate, which it returns.
func (r *Row) choose(includeRed bool) (measured []*Cell) {
	for _, c := range r.cells {
		if c.Status != r.Status || c.OpsPerS == nil {
			continue
		}
		measured = append(measured, c)
		if includeRed || c.LampOf() != LampRed {
			r.used = append(r.used, c)
		}
	}
	if len(r.used) == 0 {
		r.used = measured
	}
	r.N, r.LeftOut = len(r.used), len(measured)-len(r.used)
	return measured
}

// measure fills in the figures.
func (r *Row) measure(includeRed bool) {
	measured := r.choose(includeRed)
	cells := r.used
	if r.N == 0 {
		return
	}
	over := func(f func(*Cell) *float64) *float64 { return median(known(cells, f)) }
	rates := known(cells, func(c *Cell) *float64 { return c.OpsPerS })
	r.OpsPerS = median(rates)
	r.OpsPerSMin, r.OpsPerSMax = Num(slices.Min(rates)), Num(slices.Max(rates))
	r.RowsPerS = over(func(c *Cell) *float64 { return c.RowsPerS })
	r.WriteAmp = over(func(c *Cell) *float64 { return c.Amp.Write })
	r.WriteAmpSettled = over(func(c *Cell) *float64 { return c.Amp.WriteSettled })
	r.ReadAmp = over(func(c *Cell) *float64 { return c.Amp.Read })
	r.SpaceAmp = over(func(c *Cell) *float64 { return c.Amp.Space })
	r.PeakRSS = over(func(c *Cell) *float64 { return number(c.Mem.PeakRSS) })
	r.AllocsPerOp = over(func(c *Cell) *float64 { return c.Mem.AllocsPerOp })
	r.CPUPerOp = over(cpuPerOp)
	r.HarnessShare = over(func(c *Cell) *float64 { return c.Quality.HarnessShare })
	for _, c := range cells {
		for op, s := range c.Ops {
			if s != nil && s.N > 0 {
				t := r.Ops[op]
				t.N += s.N
				r.Ops[op] = t
			}
		}
	}
	for op, t := range r.Ops {
		quantile := func(q func(*Latency) uint64) *float64 {
			return over(func(c *Cell) *float64 {
				if l := opLatency(c.Ops[op]); l != nil {
					return Num(float64(q(l)))
				}
				return nil
			})
		}
		t.P50 = quantile(func(l *Latency) uint64 { return l.P50 })
		t.P99 = quantile(func(l *Latency) uint64 { return l.P99 })
		t.P999 = quantile(func(l *Latency) uint64 { return l.P999 })
		r.Ops[op] = t
	}
	r.Flags = mergeFlags(measured)
	if r.LeftOut > 0 {
		r.Flags = append(r.Flags, Flag{
			Name: FlagLeftOut, Level: LampYellow,
			Reason: fmt.Sprintf("%d of %d repetitions are in no figure, because the lamp is red", r.LeftOut, len(measured)),
		})
	}
	if spread := variation(rates); len(rates) >= noiseReps && spread > noiseWarn {
		r.Flags = append(r.Flags, Flag{
			Name: FlagNoise, Level: LampYellow,
			Reason: fmt.Sprintf("the rates of the %d repetitions vary by %.0f %%", len(rates), 100*spread),
		})
	}
	r.Lamp = r.lamp()
}

// Repetitions that vary by more than noiseWarn, as standard deviation over
// mean, tell differences of that size apart only in dozens. Fewer than
// noiseReps do not show how much they vary.
const (
	noiseReps = 3
	noiseWarn = 0.10
)

func variation(xs []float64) float64 {
	var sum, squares float64
	for _, x := range xs {
		sum += x
	}
	mean := sum / float64(len(xs))
	for _, x := range xs {
		squares += (x - mean) * (x - mean)
	}
	if mean == 0 || len(xs) < 2 {
		return 0
	}
	return math.Sqrt(squares/float64(len(xs)-1)) / mean
}

// lamp is the worst of the cells in the figures; what else there is to object
// to is yellow.
func (r *Row) lamp() string {
	lamp := LampGreen
	if len(r.Flags) > 0 {
		lamp = LampYellow
	}
	for _, c := range r.used {
		lamp = worseLamp(lamp, c.LampOf())
	}
	return lamp
}

func cpuPerOp(c *Cell) *float64 {
	n := c.Operations()
	if c.CPU.UserS == nil || c.CPU.SystemS == nil || n == 0 || c.Load.Rate != nil {
		return nil
	}
	return Num((*c.CPU.UserS + *c.CPU.SystemS) * 1e9 / float64(n))
}

// mergeFlags keeps each name once, at its worst level, red ones first. A
// reason says in how many of the cells, unless in all.
func mergeFlags(cells []*Cell) []Flag {
	worst := map[string]Flag{}
	times := map[string]int{}
	for _, c := range cells {
		seen := map[string]bool{}
		for _, f := range c.Quality.Flags {
			if w, ok := worst[f.Name]; !ok || levelOrder(f.Level) < levelOrder(w.Level) {
				worst[f.Name] = f
			}
			if !seen[f.Name] {
				seen[f.Name] = true
				times[f.Name]++
			}
		}
	}
	flags := []Flag{}
	for name, f := range worst {
		f.Reason = firstLine(f.Reason)
		if n := times[name]; n < len(cells) {
			f.Reason += fmt.Sprintf(" (%d of %d repetitions)", n, len(cells))
		}
		flags = append(flags, f)
	}
	slices.SortFunc(flags, func(a, b Flag) int {
		return cmp.Or(cmp.Compare(levelOrder(a.Level), levelOrder(b.Level)), strings.Compare(a.Name, b.Name))
	})
	return flags
}

func levelOrder(level string) int {
	if level == "red" {
		return 0
	}
	return 1
}

// known collects the values of f that are known.
func known(cells []*Cell, f func(*Cell) *float64) []float64 {
	var xs []float64
	for _, c := range cells {
		if x := f(c); x != nil {
			xs = append(xs, *x)
		}
	}
	return xs
}

// median is the middle value, the mean of the two middle ones when their
// number is even, and null when there is none. xs is left as it is.
func median(xs []float64) *float64 {
	n := len(xs)
	if n == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(xs))
	if n%2 == 1 {
		return Num(sorted[n/2])
	}
	return Num(sorted[n/2-1]/2 + sorted[n/2]/2)
}

// firstLine keeps the first line that says something, without what a terminal
// would take for a command.
func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	printable := func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}
	return strings.TrimSpace(strings.Map(printable, s))
}
