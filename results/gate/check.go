package gate

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
)

// DefaultMaxRegress is how much worse a counter may get.
const DefaultMaxRegress = 0.05

// Options say what is gated on.
type Options struct {
	MaxRegress float64  // share; 0 allows nothing but a counter's slack
	Counters   []string // metrics; empty: Counters
	// CountersOnly leaves the times out, which are advisory.
	CountersOnly bool
	AllowDiff    []string // as compare.Options has it
}

// Verdicts on a counter.
const (
	OK         = "ok"
	Better     = "better"
	Regression = "REGRESSION"
	Advisory   = "advisory" // worse, by what does not gate
)

// A Report is the outcome of a check.
type Report struct {
	Base       string   `json:"base"`
	New        string   `json:"new"`
	MaxRegress float64  `json:"max_regress"`
	Lines      []Line   `json:"lines"`
	Times      []Time   `json:"times"`   // advisory
	Missing    []string `json:"missing"` // cells of the base that have no counterpart, with the reason
	Unchecked  []string `json:"unchecked"`
	Notes      []string `json:"notes"`
}

// A Line is one counter of one engine under one setup.
type Line struct {
	Engine  string   `json:"engine"`
	Setup   string   `json:"setup"`
	Counter string   `json:"counter"`
	Unit    string   `json:"unit"`
	Base    float64  `json:"base"` // medians over the repetitions
	New     float64  `json:"new"`
	Change  *float64 `json:"change"` // share of the base; null when that is zero
	Limit   float64  `json:"limit"`  // the worst value that passes
	Pairs   int      `json:"pairs"`
	Verdict string   `json:"verdict"`
	Reason  string   `json:"reason,omitempty"`
}

// A Time is a rate, which never fails a check.
type Time struct {
	Subject  string   `json:"subject"`
	Setup    string   `json:"setup"`
	Metric   string   `json:"metric"`
	Base     *float64 `json:"base"`
	New      *float64 `json:"new"`
	Ratio    *float64 `json:"ratio"`
	P        *float64 `json:"p"`
	Worse    bool     `json:"worse"` // by more than the limit, and told from chance
	Sentence string   `json:"sentence"`
}

// Failed reports whether a counter regressed.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Lines, func(l Line) bool { return l.Verdict == Regression })
}

// Check compares the counters of two runs that were made to be compared: one
// worker, a number of operations, the same seed (kvbench run --counters).
// Runs that are not, or that differ in what was asked, are an error that says
// in what. Cells without a counterpart are named in the report.
func Check(base, changed *results.Run, o Options) (*Report, error) {
	counters, err := resolve(o.Counters)
	if err != nil {
		return nil, err
	}
	if o.MaxRegress < 0 || math.IsNaN(o.MaxRegress) {
		return nil, fmt.Errorf("%w: a regression of %v cannot be allowed", engine.ErrInvalid, o.MaxRegress)
	}
	times, err := o.compare(base, changed)
	if err != nil {
		return nil, err
	}
	r := &Report{
		Base: times.Base, New: times.New, MaxRegress: o.MaxRegress,
		Lines: []Line{}, Times: []Time{}, Missing: []string{}, Unchecked: []string{}, Notes: append([]string{}, times.Notes...),
	}
	pairs, err := r.pair(base, changed, &o)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		for _, g := range counters {
			r.gate(p, g, o.MaxRegress)
		}
	}
	if len(r.Lines) == 0 && len(r.Missing) == 0 {
		return nil, fmt.Errorf("%w: the runs have no counter in common that both know", engine.ErrInvalid)
	}
	if !o.CountersOnly {
		r.advise(times, o.MaxRegress)
	}
	return r, nil
}

// compare finds out whether the runs are alike, and what their times say.
// Reference rails are not compared; pair looks at them.
func (o *Options) compare(base, changed *results.Run) (*compare.Comparison, error) {
	if len(base.Cells) > 0 && !slices.ContainsFunc(base.Cells, func(c results.Cell) bool { return !c.Engine.Rail }) {
		return &compare.Comparison{Base: nameOf(base), New: nameOf(changed)}, nil
	}
	return compare.Between(base, changed, compare.Options{AllowDiff: o.AllowDiff, IncludeRed: true})
}

func nameOf(run *results.Run) string {
	if run.Dir != "" {
		return filepath.Base(run.Dir)
	}
	return run.Manifest.Experiment
}

// sameRail wants that two cells of a reference rail were asked the same.
func (o *Options) sameRail(a, b *results.Cell) error {
	if !a.Engine.Rail || a.SpecSHA == b.SpecSHA || len(o.AllowDiff) > 0 {
		return nil
	}
	return fmt.Errorf("%w: cell %s was asked one thing in the base and another in the new run: their specs differ; see spec.resolved.yaml of both", engine.ErrInvalid, a.ID)
}

// A pairing is the repetitions of one side in both runs.
type pairing struct {
	side
	base, changed []*results.Cell
}

// pair finds the counterpart of every cell of base.
func (r *Report) pair(base, changed *results.Run, o *Options) ([]pairing, error) {
	counterpart := map[string]*results.Cell{}
	for i := range changed.Cells {
		counterpart[identity(&changed.Cells[i])] = &changed.Cells[i]
	}
	var all []pairing
	for _, s := range sidesOf(base) {
		p := pairing{side: s}
		for _, c := range s.cells {
			if c.Status == results.StatusUnsupported {
				continue
			}
			other := counterpart[identity(c)]
			switch {
			case c.Status != results.StatusOK:
				r.Missing = append(r.Missing, fmt.Sprintf("%s is %s in %s", c.ID, c.Status, r.Base))
				continue
			case other == nil:
				r.Missing = append(r.Missing, fmt.Sprintf("%s is not in %s", c.ID, r.New))
				continue
			case other.Status != results.StatusOK:
				r.Missing = append(r.Missing, fmt.Sprintf("%s is %s in %s: %s", c.ID, other.Status, r.New, results.FirstLine(other.Error)))
				continue
			}
			if err := cmp.Or(fit(c), fit(other), sameStream(c, other), o.sameRail(c, other)); err != nil {
				return nil, err
			}
			p.base, p.changed = append(p.base, c), append(p.changed, other)
		}
		if len(p.base) > 0 {
			all = append(all, p)
		}
	}
	return all, nil
}

// identity is what a cell and its counterpart share; that they were asked the
// same is checked elsewhere.
func identity(c *results.Cell) string {
	return fmt.Sprintf("%s %s %s %d %d %v", c.Engine.Title(), c.Workload.Name, c.Regime, c.Load.Threads, c.Rep, c.Axes)
}

// fit says why the counters of a cell depend on time, if they do.
func fit(c *results.Cell) error {
	why := ""
	switch {
	case c.Load.Mode == "open":
		why = "an open loop"
	case c.Load.Threads != 1:
		why = fmt.Sprintf("%d threads", c.Load.Threads)
	case c.Load.DurationS > 0:
		why = "ended by time"
	default:
		return nil
	}
	return fmt.Errorf("%w: cell %s cannot be checked by its counters: %s; make both runs with kvbench run --counters", engine.ErrInvalid, c.ID, why)
}

// sameStream wants that two cells performed the same operations.
func sameStream(a, b *results.Cell) error {
	if a.Seed != b.Seed {
		return fmt.Errorf("%w: cell %s: seed %d against %d: the operations differ; run both with the same --seed", engine.ErrInvalid, a.ID, a.Seed, b.Seed)
	}
	if a.Fidelity == nil || b.Fidelity == nil || a.Fidelity.Stream == "" || b.Fidelity.Stream == "" {
		return nil
	}
	if a.Fidelity.Stream != b.Fidelity.Stream {
		return fmt.Errorf("%w: cell %s: the operations differ (%s against %s) although the seed does not: this kvbench draws them otherwise; make the base anew",
			engine.ErrInvalid, a.ID, a.Fidelity.Stream, b.Fidelity.Stream)
	}
	return nil
}

// gate judges one counter of one side.
func (r *Report) gate(p pairing, g gated, most float64) {
	var before, after []float64
	for i := range p.base {
		x, y := g.metric.Value(p.base[i]), g.metric.Value(p.changed[i])
		if x == nil || y == nil {
			if (x == nil) != (y == nil) {
				r.Unchecked = append(r.Unchecked, fmt.Sprintf("%s: %s is known in one run only", p.base[i].ID, g.Name))
			}
			continue
		}
		before, after = append(before, *x), append(after, *y)
	}
	if len(before) == 0 {
		return
	}
	slack := g.Slack
	if strings.HasSuffix(g.metric.Unit, "/op") {
		slack /= float64(max(p.base[0].Operations(), 1))
	}
	differ := max(spread(before, slack), spread(after, slack))
	l := Line{
		Engine: p.title, Setup: p.setup.Title(), Counter: g.Name, Unit: g.metric.Unit, Pairs: len(before),
		Base: median(before), New: median(after), Verdict: OK,
	}
	if l.Base == 0 && l.New == 0 {
		return
	}
	if l.Base != 0 {
		l.Change = results.Num(l.New/l.Base - 1)
	}
	l.judge(g, slack, most, differ)
	r.Lines = append(r.Lines, l)
}

// judge compares with the limit; differ is by how much repetitions of one run
// differ, as a share.
func (l *Line) judge(g gated, slack, most, differ float64) {
	l.Limit = l.Base*(1+most) + slack
	worse, better := l.New > l.Limit, l.New < l.Base/(1+most)-slack
	if g.metric.HigherBetter() {
		l.Limit = l.Base/(1+most) - slack
		worse, better = l.New < l.Limit, l.New > l.Base*(1+most)+slack
	}
	switch {
	case worse && g.Timed && l.Pairs == 1:
		l.Verdict, l.Reason = Advisory, "it depends on when background work runs; two repetitions or more decide"
	case worse && g.Timed && differ > most:
		l.Verdict, l.Reason = Advisory, "repetitions of one run differ "+howMuch(differ)
	case worse:
		l.Verdict = Regression
	case better:
		l.Verdict = Better
	}
}

// howMuch puts a spread into words; from nothing to something it is infinite.
func howMuch(differ float64) string {
	if differ > 10 {
		return "many times over"
	}
	return "by " + percent(math.Ceil(differ*100)/100)
}

// spread is by how much the largest exceeds the least and the slack, as a
// share of the least.
func spread(x []float64, slack float64) float64 {
	least, most := slices.Min(x), slices.Max(x)
	if most <= least+slack {
		return 0
	}
	return (most - least - slack) / max(least, slack, math.SmallestNonzeroFloat64)
}

// advise takes over what the comparison of times says.
func (r *Report) advise(c *compare.Comparison, most float64) {
	for _, g := range c.Groups {
		for _, p := range g.Pairs {
			t := Time{
				Subject: cmp.Or(g.Subject, p.Name), Setup: g.Setup.Title(), Metric: g.Metric.Name,
				Base: p.MedianBase, New: p.Median, Ratio: p.Ratio, P: p.PHolm, Sentence: g.Sentence,
			}
			told := p.Verdict == compare.Higher || p.Verdict == compare.Lower
			if t.Ratio == nil && t.Base != nil && t.New != nil && *t.Base > 0 {
				t.Ratio = results.Num(*t.New / *t.Base)
			}
			t.Worse = told && !p.Better && t.Ratio != nil && math.Abs(math.Log(*t.Ratio)) > math.Log1p(most)
			r.Times = append(r.Times, t)
		}
	}
}
