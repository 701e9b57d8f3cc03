package explain

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// smallGap is a ratio of times that is not worth an explanation.
const smallGap = 1.02

// Explain says where the difference in time between two sides comes from: the
// repetitions of one engine each, under one setup. Cells that failed are left
// out; that none is left is an error, as is a difference in setup. Costs are
// those of the machine; which of them are missing, the explanation names.
func Explain(a, b []*results.Cell, costs results.UnitCosts) (*Explanation, error) {
	left, err := newSide(a)
	if err != nil {
		return nil, err
	}
	right, err := newSide(b)
	if err != nil {
		return nil, err
	}
	setup := results.SetupOf(left.cells[0])
	if err := sameSetup(setup, results.SetupOf(right.cells[0])); err != nil {
		return nil, err
	}
	return explain(left, right, setup, &costs), nil
}

func explain(a, b *side, setup results.Setup, costs *results.UnitCosts) *Explanation {
	nsA, leastA, mostA := a.busy()
	nsB, leastB, mostB := b.busy()
	x := &Explanation{
		A: a.label, B: b.label, Workload: setup.Workload, Setup: setup,
		RepsA: len(a.cells), RepsB: len(b.cells),
		NsA: nsA, NsB: nsB, GapNs: nsB - nsA,
		Parts: []Part{}, Terms: []Term{}, Unknown: []Unknown{}, Notes: []string{},
		Paired: pair(a, b), Differ: differences(a, b),
	}
	for _, k := range causes() {
		t, unknown := k.between(a, b, costs)
		switch {
		case t != nil:
			t.Share = x.share(t.Ns)
			x.Terms = append(x.Terms, *t)
		case unknown != nil:
			x.Unknown = append(x.Unknown, *unknown)
		}
	}
	slices.SortStableFunc(x.Terms, func(s, t Term) int { return cmp.Compare(x.toward(t.Ns), x.toward(s.Ns)) })
	x.UnexplainedNs = x.GapNs
	for _, t := range x.Terms {
		x.UnexplainedNs -= t.Ns
	}
	x.UnexplainedShare = x.share(x.UnexplainedNs)
	partsA, partsB := a.parts(nsA), b.parts(nsB)
	x.divide(partsA, partsB)
	x.notePaired()
	x.noteWaits(a, b, partsA[partWait], partsB[partWait])
	if mostA >= leastB && mostB >= leastA {
		x.note("the times of the repetitions overlap (%s to %s, %s to %s): the gap may be chance; kvbench compare judges that",
			ns(leastA), ns(mostA), ns(leastB), ns(mostB))
	}
	if x.UnexplainedShare != nil && *x.UnexplainedShare < -0.05 {
		x.note("together the causes come to more than the gap: they overlap, or what they count ran beside the operations")
	}
	x.Sentence = x.sentence()
	return x
}

// toward is ns in the direction of the gap: positive explains it.
func (x *Explanation) toward(ns float64) float64 {
	if x.GapNs < 0 {
		return -ns
	}
	return ns
}

// share is of the gap, null when there is none to speak of.
func (x *Explanation) share(ns float64) *float64 {
	if x.small() {
		return nil
	}
	return results.Num(ns / x.GapNs)
}

// small reports whether both sides take as long.
func (x *Explanation) small() bool {
	return max(x.NsA, x.NsB) < smallGap*min(x.NsA, x.NsB)
}

// divide adds the parts of both sides, with what no term accounts for.
func (x *Explanation) divide(a, b map[string]*float64) {
	for _, name := range partNames() {
		p := Part{Name: name, About: aboutPart(name), A: a[name], B: b[name]}
		if p.A != nil && p.B != nil {
			rest := *p.B - *p.A
			for _, t := range x.Terms {
				if t.Part == name {
					rest -= t.Ns
				}
			}
			p.Unexplained = &rest
		}
		x.Parts = append(x.Parts, p)
	}
}

func (x *Explanation) note(format string, args ...any) {
	x.Notes = append(x.Notes, fmt.Sprintf(format, args...))
}

// sameSetup names the first field in which two setups differ.
func sameSetup(a, b results.Setup) error {
	x, err := fields(a)
	if err != nil {
		return err
	}
	y, err := fields(b)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(keys(x, y)) {
		if string(x[name]) != string(y[name]) {
			return fmt.Errorf("%w: the sides differ in %s (%s and %s): only one setup can be explained",
				engine.ErrInvalid, name, orAbsent(x[name]), orAbsent(y[name]))
		}
	}
	return nil
}

func fields(s results.Setup) (named map[string]json.RawMessage, err error) {
	text, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(text, &named)
	}
	if err != nil {
		return nil, fmt.Errorf("compare setups: %w", err)
	}
	return named, nil
}

func orAbsent(text json.RawMessage) string {
	if len(text) == 0 {
		return "none"
	}
	return string(text)
}

func keys(maps ...map[string]json.RawMessage) func(func(string) bool) {
	union := map[string]bool{}
	for _, m := range maps {
		for k := range m {
			union[k] = true
		}
	}
	return func(yield func(string) bool) {
		for k := range union {
			if !yield(k) {
				return
			}
		}
	}
}

func ns(x float64) string { return results.TextNs(&x) }

func percent(share float64) string {
	return fmt.Sprintf("%.0f %%", math.Abs(share)*100)
}
