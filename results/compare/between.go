package compare

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// Between compares the same cells of two runs, engine by engine: ratios are
// changed : base. Cells that were asked different things are an *UnlikeError
// that names each difference, unless it is allowed. Its errors are the
// caller's to correct; they are engine.ErrInvalid.
func Between(base, changed *results.Run, o Options) (*Comparison, error) {
	if err := o.resolve(); err != nil {
		return nil, err
	}
	return compareBetween(base, changed, o, newJudge(o.Alpha))
}

// compareBetween is Between with options that are resolved.
func compareBetween(base, changed *results.Run, o Options, j *judge) (*Comparison, error) {
	if err := CheckAllowed(o.AllowDiff); err != nil {
		return nil, err
	}
	if o.By != "" {
		return nil, fmt.Errorf("%w: two runs are compared cell by cell; leave --by %s out, or name one run", engine.ErrInvalid, o.By)
	}
	b := &between{base: base, changed: changed, allowed: o.allower()}
	b.Comparison = &Comparison{Options: o, Base: nameOf(base), New: nameOf(changed), Groups: []Group{}, Notes: []string{}}
	if b.Base == b.New {
		b.Base, b.New = b.Base+" (base)", b.New+" (new)"
	}
	if o.Baseline != "" && o.Baseline != b.Base {
		return nil, fmt.Errorf("%w: the baseline of two runs is the first, %s; leave --baseline %s out", engine.ErrInvalid, b.Base, o.Baseline)
	}
	b.Options.Baseline = b.Base
	matched, err := b.match()
	if err != nil {
		return nil, err
	}
	for _, name := range b.Options.Metrics {
		m, err := FindMetric(name)
		if err != nil {
			return nil, err
		}
		b.compare(j, m, matched)
	}
	if len(b.Groups) == 0 {
		return nil, fmt.Errorf("%w: %s and %s: nothing to compare: %s", engine.ErrInvalid, b.Base, b.New, join(b.Notes, "; "))
	}
	return b.Comparison, nil
}

// between is a comparison being made.
type between struct {
	*Comparison
	base, changed *results.Run
	allowed       func(string) bool
}

// A kin is the repetitions of one cell.
type kin struct {
	traits []trait
	cells  []*results.Cell
}

func (k *kin) name() string {
	c := k.cells[0]
	name := labelOf(c) + " " + c.Workload.Name
	if c.Load.Threads > 0 {
		name += fmt.Sprintf(" t%d", c.Load.Threads)
	}
	return name
}

// kinOf sorts the cells of a run. A cell that never opened its engine joins
// those that it differs from in nothing that is known.
func kinOf(run *results.Run) []*kin {
	var list []*kin
	nothing := func(string) bool { return false }
	for i := range run.Cells {
		c := &run.Cells[i]
		if c.Engine.Rail {
			continue
		}
		traits := traitsOf(c, &run.Manifest)
		at := slices.IndexFunc(list, func(k *kin) bool {
			if labelOf(k.cells[0]) != labelOf(c) || k.cells[0].Workload.Name != c.Workload.Name {
				return false
			}
			unlike, _ := differ(k.traits, traits, nothing)
			return len(unlike) == 0
		})
		if at < 0 {
			list = append(list, &kin{traits: traits})
			at = len(list) - 1
		}
		list[at].cells = append(list[at].cells, c)
	}
	return list
}

// A matched pair of cells, and what is unlike in them although it is allowed.
type matchedKin struct {
	base, changed     *kin
	unlike, permitted []Difference
}

// match finds for the cells of one run those of the other: first the most
// alike. Cells that are left over where others found their like are in one run
// only; where none did, the runs are unlike.
func (b *between) match() ([]matchedKin, error) {
	old, fresh := kinOf(b.base), kinOf(b.changed)
	var candidates []matchedKin
	for _, x := range old {
		for _, y := range fresh {
			m := matchedKin{base: x, changed: y}
			m.unlike, m.permitted = differ(x.traits, y.traits, b.allowed)
			identity := func(d Difference) bool { return d.Name == traitEngine || d.Name == traitWorkload }
			if !slices.ContainsFunc(m.unlike, identity) {
				candidates = append(candidates, m)
			}
		}
	}
	slices.SortStableFunc(candidates, func(x, y matchedKin) int {
		return cmp.Or(len(x.unlike)-len(y.unlike), len(x.permitted)-len(y.permitted))
	})
	taken := map[*kin]bool{}
	alike := map[string]bool{}
	var matched []matchedKin
	var unlike []Difference
	for _, m := range candidates {
		who := labelOf(m.base.cells[0]) + " " + m.base.cells[0].Workload.Name
		if taken[m.base] || taken[m.changed] || len(m.unlike) > 0 && alike[who] {
			continue
		}
		taken[m.base], taken[m.changed] = true, true
		if len(m.unlike) == 0 {
			alike[who] = true
			matched = append(matched, m)
		}
		for _, d := range m.unlike {
			d.Of = []string{who}
			unlike = append(unlike, d)
		}
	}
	if len(unlike) > 0 {
		return nil, &UnlikeError{Base: b.Base, New: b.New, Differences: gather(unlike)}
	}
	if len(matched) == 0 {
		return nil, fmt.Errorf("%w: %s and %s have no cell in common: %s, against %s", engine.ErrInvalid,
			b.Base, b.New, contents(old), contents(fresh))
	}
	b.tell(matched, old, fresh, taken)
	return matched, nil
}

// contents names what a run has, for an error.
func contents(list []*kin) string {
	var names []string
	for _, k := range list {
		name := labelOf(k.cells[0]) + " with " + k.cells[0].Workload.Name
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 6 {
		names = append(names[:5], fmt.Sprintf("%d more", len(names)-5))
	}
	if len(names) == 0 {
		return "no cells"
	}
	return join(names, ", ")
}

// tell notes what the reader must know of the match.
func (b *between) tell(matched []matchedKin, old, fresh []*kin, taken map[*kin]bool) {
	for _, n := range machineNotes(&b.base.Manifest, &b.changed.Manifest) {
		b.note("%s", n)
	}
	var permitted []Difference
	versions, seeds := []Difference{}, false
	for _, m := range matched {
		x, y := m.base.cells[0], m.changed.cells[0]
		for _, d := range m.permitted {
			d.Of = []string{labelOf(x) + " " + x.Workload.Name}
			permitted = append(permitted, d)
		}
		if x.Engine.Version != y.Engine.Version {
			versions = append(versions, Difference{Name: labelOf(x), Base: x.Engine.Version, New: y.Engine.Version})
		}
		for _, c := range m.changed.cells {
			at := slices.IndexFunc(m.base.cells, func(o *results.Cell) bool { return o.Rep == c.Rep })
			seeds = seeds || at >= 0 && m.base.cells[at].Seed != c.Seed
		}
	}
	for _, d := range gather(permitted) {
		b.note("allowed: %s: %s against %s", d.Name, d.Base, d.New)
	}
	for _, d := range gather(versions) {
		b.note("version of %s: %s against %s", d.Name, cmp.Or(d.Base, "unknown"), cmp.Or(d.New, "unknown"))
	}
	if seeds {
		b.note("the runs have different seeds: repetitions are paired by their number alone")
	}
	b.leftOver(old, taken, b.Base)
	b.leftOver(fresh, taken, b.New)
}

func (b *between) leftOver(list []*kin, taken map[*kin]bool, run string) {
	var names []string
	for _, k := range list {
		if !taken[k] && !slices.Contains(names, k.name()) {
			names = append(names, k.name())
		}
	}
	if len(names) > 0 {
		b.note("only in %s: %s", run, join(names, ", "))
	}
}

// compare adds a group for every setup in which the metric is known.
func (b *between) compare(j *judge, m Metric, matched []matchedKin) {
	type place struct {
		setup results.Setup
		all   []matchedKin
	}
	var places []*place
	for _, x := range matched {
		setup := results.SetupOf(x.base.cells[0])
		text := (&common{Setup: setup}).text()
		at := slices.IndexFunc(places, func(p *place) bool { return (&common{Setup: p.setup}).text() == text })
		if at < 0 {
			places = append(places, &place{setup: setup})
			at = len(places) - 1
		}
		places[at].all = append(places[at].all, x)
	}
	slices.SortStableFunc(places, func(x, y *place) int {
		return results.CompareSetups(&b.base.Manifest.Plan, x.setup, y.setup)
	})
	for _, p := range places {
		b.group(j, m, p.setup, p.all)
	}
}

func (b *between) group(j *judge, m Metric, setup results.Setup, all []matchedKin) {
	var bases, sides []*side
	figures := 0
	names := inOrder(kinNames(all), b.base.Manifest.Plan.Engines)
	for _, name := range names {
		x := all[slices.Index(kinNames(all), name)]
		base, note := fit(b.Base, x.base.cells, b.Options.IncludeRed)
		if note != "" {
			b.note("%s: %s in %s: %s", setupTitle(&setup), name, b.Base, note)
		}
		s, note := fit(name, x.changed.cells, b.Options.IncludeRed)
		if note != "" {
			b.note("%s: %s in %s: %s", setupTitle(&setup), name, b.New, note)
		}
		for _, one := range []*side{base, s} {
			if xs, _ := one.values(m); len(xs) > 0 {
				figures++
			}
		}
		bases, sides = append(bases, base), append(sides, s)
	}
	if figures == 0 {
		b.note("%s: %s is unknown", setupTitle(&setup), m.Name)
		return
	}
	g := Group{Setup: setup, Metric: m, Baseline: b.Base, Pairs: j.judge(bases, sides, m), Best: []string{}}
	g.Sentence = changeSentence(&g)
	g.sides, g.bases = sides, bases
	g.manifest, g.baseManifest = &b.changed.Manifest, &b.base.Manifest
	b.Groups = append(b.Groups, g)
}

// kinNames names engines, with the values of the axes where one is there more
// than once.
func kinNames(all []matchedKin) []string {
	names := make([]string, len(all))
	for i, x := range all {
		names[i] = labelOf(x.base.cells[0])
	}
	out := slices.Clone(names)
	for i, name := range names {
		twice := 0
		for _, other := range names {
			if other == name {
				twice++
			}
		}
		if twice > 1 {
			k := commonOf(all[i].base.cells[0])
			out[i] = strings.TrimSpace(k.subject())
			if slices.Index(out[:i], out[i]) >= 0 {
				out[i] += fmt.Sprintf(" (%d)", i+1)
			}
		}
	}
	return out
}
