package compare

import (
	"fmt"
	"math"
	"slices"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/stat"
)

// A side is what is compared: the repetitions of one thing under one setup.
type side struct {
	name  string
	cells []*results.Cell // fit for comparison, in the order of repetitions
	left  string          // why there are none
}

// A judge compares sides at one alpha. It remembers the effects that designs
// can find, since those of one comparison are much alike.
type judge struct {
	alpha   float64
	effects map[stat.Design]float64
}

func newJudge(alpha float64) *judge {
	return &judge{alpha: alpha, effects: map[stat.Design]float64{}}
}

// values of a metric that are known, and their repetitions.
func (s *side) values(m Metric) (xs []float64, reps []int) {
	for _, c := range s.cells {
		if x := m.Value(c); x != nil {
			xs, reps = append(xs, *x), append(reps, c.Rep)
		}
	}
	return xs, reps
}

// match is a pair of sides before a verdict.
type match struct {
	base, side *side
	pair       Pair
	above      bool // the interval is above equality
	below      bool
	finite     bool
	leastP     float64
	logs       []float64 // of the ratios of paired repetitions; nil: there are none
}

// judge compares every side with its baseline: bases has one element for all
// sides, or one for each. Holm's correction is over all that have figures.
func (j *judge) judge(bases, sides []*side, m Metric) []Pair {
	matches := make([]*match, len(sides))
	var ps, leastPs []float64
	for i, s := range sides {
		matches[i] = j.match(bases[min(i, len(bases)-1)], s, m)
		if matches[i].pair.P != nil {
			ps = append(ps, *matches[i].pair.P)
			leastPs = append(leastPs, matches[i].leastP)
		}
	}
	corrected, attainable := stat.Holm(ps), stat.Holm(leastPs)
	pairs, at := make([]Pair, len(sides)), 0
	for i, x := range matches {
		if x.pair.P != nil {
			x.pair.PHolm = results.Num(corrected[at])
			j.decide(x, m, len(ps), attainable[at] < j.alpha)
			at++
		}
		pairs[i] = x.pair
	}
	return pairs
}

// match takes the figures of a pair, without what depends on the other pairs.
func (j *judge) match(base, s *side, m Metric) *match {
	x := &match{base: base, side: s}
	p := &x.pair
	below, belowReps := base.values(m)
	above, aboveReps := s.values(m)
	p.Name, p.N, p.NBase, p.Verdict = s.name, len(above), len(below), NoFigure
	p.Median, p.MedianLow, p.MedianHigh = j.median(above)
	p.MedianBase, _, _ = j.median(below)
	switch {
	case len(above) == 0:
		p.Left = unknownBecause(s, m)
		return x
	case len(below) == 0:
		p.Left = base.name + ": " + unknownBecause(base, m)
		return x
	}
	var a, b []float64
	for i, rep := range aboveReps {
		k := slices.Index(belowReps, rep)
		if k >= 0 && slices.Index(aboveReps, rep) == i {
			a, b = append(a, below[k]), append(b, above[i])
		}
	}
	p.Paired = len(a)
	p.P = results.Num(stat.MannWhitney(above, below))
	x.leastP = stat.MinP(len(above), len(below))
	x.interval(a, b, j.alpha)
	return x
}

func unknownBecause(s *side, m Metric) string {
	if s.left != "" {
		return s.left
	}
	return m.Name + " is unknown"
}

// interval is that of the ratios or, where a value is zero, of the
// differences, which then decides without being shown.
func (x *match) interval(a, b []float64, alpha float64) {
	p := &x.pair
	if r, err := stat.Ratio(a, b, alpha); err == nil && len(a) > 0 {
		p.Ratio = results.Num(r.Estimate)
		for i := range a {
			x.logs = append(x.logs, math.Log(b[i])-math.Log(a[i]))
		}
		if x.finite = r.Finite(); x.finite {
			p.Low, p.High, p.Attained = results.Num(r.Low), results.Num(r.High), r.Attained
			x.above, x.below = r.Low > 1, r.High < 1
		}
		return
	}
	d := make([]float64, len(a))
	for i := range a {
		d[i] = b[i] - a[i]
	}
	r := stat.Shift(d, alpha)
	if x.finite = r.Finite(); x.finite {
		p.Attained = r.Attained
		x.above, x.below = r.Low > 0, r.High < 0
	}
}

// decide gives the verdict of a pair among tests that have figures.
func (j *judge) decide(x *match, m Metric, tests int, attainable bool) {
	p := &x.pair
	switch {
	case !x.finite || !attainable:
		p.Verdict, p.Needs = Undecidable, stat.NeededN(tests, j.alpha)
		return
	case *p.PHolm < j.alpha && x.above:
		p.Verdict, p.Better = Higher, m.HigherBetter()
	case *p.PHolm < j.alpha && x.below:
		p.Verdict, p.Better = Lower, !m.HigherBetter()
	default:
		p.Verdict = NoDifference
	}
	p.MDE = j.detectable(x, m, tests)
}

// detectable is the pair's MDE: by the spread of both sides, taken to be equal
// ones, and the correlation of paired repetitions to the tenth.
func (j *judge) detectable(x *match, m Metric, tests int) *float64 {
	if x.logs == nil {
		return nil
	}
	variance := 0.0
	for _, s := range []*side{x.base, x.side} {
		xs, _ := s.values(m)
		for i := range xs {
			xs[i] = math.Log(xs[i])
		}
		d := stat.Deviation(xs)
		variance += d * d / 2
	}
	correlation := 0.0
	if variance > 0 {
		d := stat.Deviation(x.logs)
		correlation = min(max(1-d*d/(2*variance), -1), 1)
	}
	design := stat.Design{
		N: x.pair.NBase, M: x.pair.N, Paired: x.pair.Paired,
		TestAlpha: j.alpha / float64(tests), IntervalAlpha: j.alpha, Correlation: math.Round(10*correlation) / 10,
	}
	effect, ok := j.effects[design]
	if !ok {
		effect = design.Effect()
		j.effects[design] = effect
	}
	mde := stat.MDE(math.Sqrt(variance), effect)
	if math.IsInf(mde, 0) || math.IsNaN(mde) {
		return nil
	}
	return &mde
}

func (j *judge) median(xs []float64) (middle, low, high *float64) {
	if len(xs) == 0 {
		return nil, nil, nil
	}
	ci := stat.MedianCI(xs, j.alpha)
	middle = results.Num(ci.Estimate)
	if ci.Finite() {
		low, high = results.Num(ci.Low), results.Num(ci.High)
	}
	return middle, low, high
}

// best finds the side with the best median and compares it with all others:
// the pairs say how it stands to them, as best : other.
func (j *judge) best(sides []*side, m Metric) (names []string, first *side, pairs []Pair) {
	var middle float64
	for _, s := range sides {
		xs, _ := s.values(m)
		if len(xs) == 0 {
			continue
		}
		x := stat.Median(xs)
		if first == nil || m.HigherBetter() && x > middle || !m.HigherBetter() && x < middle {
			first, middle = s, x
		}
	}
	if first == nil {
		return []string{}, nil, nil
	}
	var others, firsts []*side
	for _, s := range sides {
		if s != first {
			others = append(others, s)
			firsts = append(firsts, &side{name: s.name, cells: first.cells})
		}
	}
	pairs = j.judge(others, firsts, m)
	told := map[string]bool{}
	for _, p := range pairs {
		told[p.Name] = p.Verdict == NoFigure || p.Better
	}
	for _, s := range sides {
		if s == first || !told[s.name] {
			names = append(names, s.name)
		}
	}
	return names, first, pairs
}

// fit splits the cells of a side into those that may be compared and the
// reason why the rest may not. A side that failed once is left out whole: its
// other figures may be those of wrong answers.
func fit(name string, cells []*results.Cell, includeRed bool) (s *side, note string) {
	s = &side{name: name}
	outcomes := map[results.Status]int{}
	reasons := map[results.Status]string{}
	red, redReason := 0, ""
	for _, c := range cells {
		if c.Status != results.StatusOK {
			outcomes[c.Status]++
			if reasons[c.Status] == "" {
				reasons[c.Status] = results.FirstLine(c.Error)
			}
			continue
		}
		if flag, isRed := redFlag(c); isRed && !includeRed {
			if red++; redReason == "" {
				redReason = flag
			}
			continue
		}
		s.cells = append(s.cells, c)
	}
	slices.SortStableFunc(s.cells, func(a, b *results.Cell) int { return a.Rep - b.Rep })
	var parts []string
	for _, status := range []results.Status{
		results.StatusFailed, results.StatusUnsupported, results.StatusPartial, results.StatusSkipped,
	} {
		if n := outcomes[status]; n > 0 {
			parts = append(parts, count(n, len(cells), string(status), reasons[status]))
		}
	}
	if red > 0 {
		parts = append(parts, count(red, len(cells), "left out for a red lamp", redReason))
	}
	note = join(parts, "; ")
	if outcomes[results.StatusFailed] > 0 {
		s.cells = nil
	}
	if len(s.cells) == 0 {
		s.left = note
		if note == "" {
			s.left = "not measured"
		}
	}
	return s, note
}

func count(n, of int, what, why string) string {
	text := fmt.Sprintf("%d of %d repetitions %s", n, of, what)
	if n == of {
		text = what
	}
	if why != "" {
		text += " (" + why + ")"
	}
	return text
}

// redFlag reports whether a cell's figures are unfit for a ranking, and by
// which objection. Results of before there were lamps have flags alone.
func redFlag(c *results.Cell) (name string, red bool) {
	for _, f := range c.Quality.Flags {
		if f.Level == "red" {
			return f.Name, true
		}
	}
	return "", c.LampOf() == results.LampRed
}
