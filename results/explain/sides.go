package explain

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// Options choose what of a run is explained, and at which prices.
type Options struct {
	Workload string // empty: all
	// Costs replace those that the run measured.
	Costs *results.UnitCosts
}

// Within explains engines a and b of one run, by label or by name, in every
// setup that both were measured in; the widest gaps come first.
func Within(run *results.Run, a, b string, o Options) ([]*Explanation, error) {
	costs, note := o.costs(run)
	groups, err := o.groups(run)
	if err != nil {
		return nil, err
	}
	return explainAll(groups, note, func(g *lot) (x *Explanation, err error) {
		left, err := g.find(a)
		if err != nil {
			return nil, err
		}
		right, err := g.find(b)
		if err != nil {
			return nil, err
		}
		if left == right {
			return nil, fmt.Errorf("%w: %s and %s are the same side; name two", engine.ErrInvalid, a, b)
		}
		return explainSides(left.sides(), right.sides(), costs)
	})
}

// Between explains what changed for an engine from one run to another, in
// every setup that both have. The unit costs are those of the second run.
func Between(base, changed *results.Run, name string, o Options) ([]*Explanation, error) {
	costs, note := o.costs(changed)
	if before, after := base.Manifest.Host.CPUModel, changed.Manifest.Host.CPUModel; before != after {
		note = append(note, fmt.Sprintf("the runs are of different machines (%s, %s)", before, after))
	}
	groups, err := o.groups(changed)
	if err != nil {
		return nil, err
	}
	old, err := o.groups(base)
	if err != nil {
		return nil, err
	}
	nameA, nameB := runName(base), runName(changed)
	return explainAll(groups, note, func(g *lot) (*Explanation, error) {
		right, err := g.find(name)
		if err != nil {
			return nil, err
		}
		var nearest error
		for _, o := range old {
			if err := sameSetup(o.setup, g.setup); err != nil {
				nearest = cmp.Or(nearest, err)
				continue
			}
			left, err := o.find(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", nameA, err)
			}
			a, b := left.sides(), right.sides()
			a.label += " (" + nameA + ")"
			b.label += " (" + nameB + ")"
			return explainSides(a, b, costs)
		}
		return nil, fmt.Errorf("%w: %s was not measured in %s: %w", engine.ErrInvalid, g.setup.Title(), nameA, nearest)
	})
}

// Alone says where the time of an engine goes, in every setup.
func Alone(run *results.Run, name string, o Options) ([]*Decomposition, error) {
	costs, note := o.costs(run)
	groups, err := o.groups(run)
	if err != nil {
		return nil, err
	}
	var all []*Decomposition
	var first error
	for i := range groups {
		s, err := groups[i].find(name)
		var d *Decomposition
		if err == nil {
			d, err = Decompose(s.cells, costs)
		}
		if err != nil {
			first = cmp.Or(first, err)
			continue
		}
		d.Label, d.Notes = s.name, append(d.Notes, note...)
		d.Sentence = d.sentence()
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, first
	}
	return all, nil
}

// costs are the unit costs to explain with; a note says that there are none.
func (o *Options) costs(run *results.Run) (results.UnitCosts, []string) {
	switch own := run.Manifest.Calibration.UnitCosts; {
	case o.Costs != nil:
		return *o.Costs, []string{"the unit costs were measured now, not when the run was made"}
	case own != nil:
		return *own, nil
	}
	return results.UnitCosts{}, []string{"the run was made before unit costs were measured: counts have no price; --calibrate measures them now, which is right on the same machine alone"}
}

// A lot is the sides of one setup.
type lot struct {
	setup results.Setup
	found []choice
}

// A choice is a side that can be named.
type choice struct {
	name, engine string
	cells        []*results.Cell
}

func (c *choice) sides() *side {
	return &side{label: c.name, cells: c.cells}
}

// groups are the setups of a run, of the wanted workload.
func (o *Options) groups(run *results.Run) ([]lot, error) {
	var lots []lot
	var workloads []string
	rows := results.Rows(run)
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && sameSetup(rows[0].Setup, rows[n].Setup) == nil {
			n++
		}
		setup := rows[0].Setup
		workloads = append(workloads, setup.Workload)
		if o.Workload == "" || strings.EqualFold(o.Workload, setup.Workload) {
			l := lot{setup: setup}
			for i, name := range results.Labels(rows[:n]) {
				l.found = append(l.found, choice{name: name, engine: rows[i].Engine, cells: rows[i].Cells()})
			}
			lots = append(lots, l)
		}
		rows = rows[n:]
	}
	switch {
	case len(workloads) == 0:
		return nil, fmt.Errorf("%w: %s has no cells", engine.ErrInvalid, runName(run))
	case len(lots) == 0:
		return nil, fmt.Errorf("%w: %s has no workload %q%s", engine.ErrInvalid, runName(run), o.Workload, engine.Suggest(o.Workload, slices.Compact(workloads)))
	}
	return lots, nil
}

// find returns a side by its label, or by its engine when that is only one.
func (l *lot) find(name string) (*choice, error) {
	var named []*choice
	var known []string
	for i := range l.found {
		c := &l.found[i]
		if c.name == name {
			return c, nil
		}
		if strings.EqualFold(c.engine, name) {
			named = append(named, c)
		}
		known = append(known, c.name)
	}
	switch len(named) {
	case 1:
		return named[0], nil
	case 0:
		return nil, fmt.Errorf("%w: %s was not measured in %s%s", engine.ErrInvalid, name, l.setup.Title(), engine.Suggest(name, known))
	}
	var which []string
	for _, c := range named {
		which = append(which, fmt.Sprintf("%q", c.name))
	}
	return nil, fmt.Errorf("%w: %s stands for several in %s: name one of %s", engine.ErrInvalid, name, l.setup.Title(), strings.Join(which, ", "))
}

func runName(run *results.Run) string {
	if run.Dir != "" {
		return filepath.Base(run.Dir)
	}
	return run.Manifest.Experiment
}

// explainSides is Explain with the labels that the sides have in their run.
func explainSides(a, b *side, costs results.UnitCosts) (*Explanation, error) {
	left, err := newSide(a.cells)
	if err != nil {
		return nil, err
	}
	right, err := newSide(b.cells)
	if err != nil {
		return nil, err
	}
	left.label, right.label = a.label, b.label
	return explain(left, right, results.SetupOf(left.cells[0]), &costs), nil
}

// explainAll explains what can be of all setups; that nothing can is an error.
func explainAll(lots []lot, notes []string, one func(*lot) (*Explanation, error)) ([]*Explanation, error) {
	var all []*Explanation
	var first error
	for i := range lots {
		x, err := one(&lots[i])
		if err != nil {
			first = cmp.Or(first, err)
			continue
		}
		x.Notes = append(x.Notes, notes...)
		all = append(all, x)
	}
	if len(all) == 0 {
		return nil, first
	}
	width := func(x *Explanation) float64 { return math.Abs(math.Log(x.NsB / x.NsA)) }
	slices.SortStableFunc(all, func(x, y *Explanation) int { return cmp.Compare(width(y), width(x)) })
	return all, nil
}
