package compare

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// Within compares cells of one run with each other. Its errors are the
// caller's to correct; they wrap engine.ErrInvalid.
func Within(run *results.Run, o Options) (*Comparison, error) {
	if err := o.resolve(); err != nil {
		return nil, err
	}
	return compareWithin(run, o, newJudge(o.Alpha))
}

// compareWithin is Within with options that are resolved.
func compareWithin(run *results.Run, o Options, j *judge) (*Comparison, error) {
	w := &within{Comparison: &Comparison{Options: o, Base: nameOf(run), Groups: []Group{}, Notes: []string{}}, run: run}
	if err := w.choose(); err != nil {
		return nil, err
	}
	for _, name := range o.Metrics {
		m, err := FindMetric(name)
		if err != nil {
			return nil, err
		}
		w.compare(j, m)
	}
	if len(w.Groups) == 0 {
		return nil, fmt.Errorf("%w: %s: nothing to compare: %s", engine.ErrInvalid, w.Base,
			cmp.Or(join(w.Notes, "; "), "there are no cells"))
	}
	return w.Comparison, nil
}

// resolve fills in the defaults and checks what does not need a run.
func (o *Options) resolve() error {
	if o.Alpha == 0 {
		o.Alpha = DefaultAlpha
	}
	if !(o.Alpha >= 1e-6 && o.Alpha <= 0.5) {
		return fmt.Errorf("%w: alpha %g: want a probability from 0.000001 to 0.5, such as 0.05", engine.ErrInvalid, o.Alpha)
	}
	if len(o.Metrics) == 0 {
		o.Metrics = []string{DefaultMetric}
	}
	for _, name := range o.Metrics {
		if _, err := FindMetric(name); err != nil {
			return err
		}
	}
	return nil
}

func nameOf(run *results.Run) string {
	if run.Dir != "" {
		return filepath.Clean(run.Dir)
	}
	return cmp.Or(run.Manifest.Experiment, "the run")
}

// within is a comparison being made.
type within struct {
	*Comparison
	run       *results.Run
	by        *dimension
	defaulted bool     // nobody named the baseline
	sides     []string // in order
	lots      []lot
}

// A lot is the cells of one group, by side.
type lot struct {
	common
	cells map[string][]*results.Cell
}

// choose resolves by what and with what to compare, and sorts the cells.
func (w *within) choose() error {
	axes := map[string]bool{}
	for i := range w.run.Cells {
		for name := range w.run.Cells[i].Axes {
			axes[name] = true
		}
	}
	names := slices.Sorted(maps.Keys(axes))
	if w.Options.By == "" {
		w.Options.By = w.varies(names)
	}
	by, known := dimensionOf(w.Options.By, names)
	if by == nil {
		return fmt.Errorf("%w: compare by %q: this run has no such axis%s", engine.ErrInvalid, w.Options.By, engine.Suggest(w.Options.By, known))
	}
	w.by = by
	w.sort()
	switch {
	case len(w.sides) == 0 && len(w.run.Cells) == 0:
		return fmt.Errorf("%w: %s has no cells", engine.ErrInvalid, w.Base)
	case len(w.sides) < 2:
		return fmt.Errorf("%w: %s: nothing to compare by %s: %s", engine.ErrInvalid, w.Base, by.name,
			cmp.Or(join(w.sides, ", ")+" stands alone; name a second run, or another axis with --by"))
	}
	if w.Options.Baseline == "" {
		w.Options.Baseline, w.defaulted = w.sides[0], true
	}
	if !slices.Contains(w.sides, w.Options.Baseline) {
		return fmt.Errorf("%w: baseline %q is not in %s%s", engine.ErrInvalid, w.Options.Baseline, w.Base, engine.Suggest(w.Options.Baseline, w.sides))
	}
	return nil
}

// varies is what to compare by when nobody says: engines, unless there is but
// one; then the first axis; then what the setups differ in.
func (w *within) varies(axes []string) string {
	engines := map[string]bool{}
	for i := range w.run.Cells {
		if c := &w.run.Cells[i]; !c.Engine.Rail {
			engines[labelOf(c)] = true
		}
	}
	if len(engines) > 1 {
		return "engine"
	}
	for _, a := range w.run.Manifest.Axes {
		if len(a.Values) > 1 && slices.Contains(axes, a.Name) {
			return a.Name
		}
	}
	for _, d := range setupDimensions()[1:3] {
		values := map[string]bool{}
		for i := range w.run.Cells {
			if v, ok := d.of(&w.run.Cells[i]); ok {
				values[v] = true
			}
		}
		if len(values) > 1 {
			return d.name
		}
	}
	return "engine"
}

// sort puts the cells into lots, and the sides and the lots in order.
func (w *within) sort() {
	index := map[string]int{}
	rails := map[string]bool{}
	without := 0
	for i := range w.run.Cells {
		c := &w.run.Cells[i]
		value, ok := w.by.of(c)
		switch {
		case !ok:
			without++
			continue
		case c.Engine.Rail && w.by.name == "engine" && value != w.Options.Baseline:
			rails[value] = true
			continue
		}
		key := commonOf(c)
		w.by.clear(&key)
		text := key.text()
		at, ok := index[text]
		if !ok {
			at = len(w.lots)
			index[text] = at
			w.lots = append(w.lots, lot{key, map[string][]*results.Cell{}})
		}
		w.lots[at].cells[value] = append(w.lots[at].cells[value], c)
		if !slices.Contains(w.sides, value) {
			w.sides = append(w.sides, value)
		}
	}
	w.sides = inOrder(w.sides, w.planned())
	engines := make([]string, len(w.lots))
	for i, l := range w.lots {
		engines[i] = l.Engine
	}
	engines = inOrder(engines, w.run.Manifest.Plan.Engines)
	slices.SortStableFunc(w.lots, func(a, b lot) int {
		return cmp.Or(
			results.CompareSetups(&w.run.Manifest.Plan, a.Setup, b.Setup),
			cmp.Compare(rateOf(&a.Setup), rateOf(&b.Setup)),
			cmp.Compare(slices.Index(engines, a.Engine), slices.Index(engines, b.Engine)),
		)
	})
	if len(rails) > 0 {
		w.note("%s: a reference rail, not compared", join(slices.Sorted(maps.Keys(rails)), ", "))
	}
	if without > 0 {
		w.note("%s without %s left out", plural(without, "cell"), w.by.name)
	}
}

func rateOf(s *results.Setup) float64 {
	if s.Rate == nil {
		return 0
	}
	return *s.Rate
}

// planned is the order in which the sides were asked for.
func (w *within) planned() []string {
	if w.by.name == "engine" {
		return w.run.Manifest.Plan.Engines
	}
	if w.by.name == "workload" {
		return w.run.Manifest.Plan.Workloads
	}
	for _, a := range w.run.Manifest.Axes {
		if a.Name == w.by.name {
			return a.Values
		}
	}
	return nil
}

// compare adds a group for every lot in which the metric is known.
func (w *within) compare(j *judge, m Metric) {
	for i := range w.lots {
		l := &w.lots[i]
		where := strings.TrimSpace(setupTitle(&l.Setup) + " " + l.subject())
		if len(l.cells) < 2 {
			w.note("%s: %s alone, compared with nothing", where, join(slices.Collect(maps.Keys(l.cells)), ", "))
			continue
		}
		var base, first *side // first of those with a figure
		var sides []*side
		for _, name := range w.sides {
			cells, ok := l.cells[name]
			if !ok && name != w.Options.Baseline {
				continue
			}
			s, note := fit(name, cells, w.Options.IncludeRed)
			if note != "" {
				w.note("%s: %s: %s", where, name, note)
			}
			if twice := repeated(s.cells); twice > 0 {
				w.note("%s: %s: repetition %d is there more than once; only the first counts in pairs", where, name, twice)
			}
			sides = append(sides, s)
			if xs, _ := s.values(m); first == nil && len(xs) > 0 {
				first = s
			}
			if name == w.Options.Baseline {
				base = s
			}
		}
		if first == nil {
			w.note("%s: %s is unknown", where, m.Name)
			continue
		}
		if w.defaulted && base != first {
			w.note("%s: %s has no %s, so %s is the baseline", where, base.name, m.Name, first.name)
			base = first
		}
		others := slices.DeleteFunc(slices.Clone(sides), func(s *side) bool { return s == base })
		g := Group{Setup: l.Setup, Subject: l.subject(), Metric: m, Baseline: base.name}
		g.fillBase(j, base)
		g.Pairs = j.judge([]*side{base}, others, m)
		names, first, versus := j.best(sides, m)
		g.Best = names
		g.Sentence = rankingSentence(w.by.name, first, versus)
		g.sides, g.manifest = sides, &w.run.Manifest
		w.Groups = append(w.Groups, g)
	}
}

func (g *Group) fillBase(j *judge, base *side) {
	xs, _ := base.values(g.Metric)
	g.N = len(xs)
	g.Median, g.Low, g.High = j.median(xs)
	if g.N == 0 {
		g.Left = unknownBecause(base, g.Metric)
	}
}

// repeated returns a repetition that cells have twice, or 0.
func repeated(cells []*results.Cell) int {
	seen := map[int]bool{}
	for _, c := range cells {
		if seen[c.Rep] {
			return c.Rep
		}
		seen[c.Rep] = true
	}
	return 0
}

// note adds a sentence once.
func (c *Comparison) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(c.Notes, text) {
		c.Notes = append(c.Notes, text)
	}
}
