package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
)

// Build makes the report of runs, at least one, in their order: the first is
// what the others are compared with. Runs may be partial or have failed, and
// of any age; what a run does not have is missing from the report. Files that
// are damaged are an error.
func Build(runs []*results.Run, o Options) (*Model, error) {
	if len(runs) == 0 {
		return nil, errors.New("build report: no run is given")
	}
	if err := compare.CheckAllowed(o.AllowDiff); err != nil {
		return nil, fmt.Errorf("build report: %w", err)
	}
	b := &builder{o: o, m: &Model{Schema: ModelSchema, Title: o.Title}, colors: map[string]int{}}
	for i, run := range runs {
		if err := b.add(i, run); err != nil {
			return nil, fmt.Errorf("build report: %s: %w", nameOf(run), err)
		}
	}
	b.titles()
	if err := b.fill(); err != nil {
		return nil, fmt.Errorf("build report: %w", err)
	}
	b.finish()
	return b.m, nil
}

// fill makes the parts, each from what those before it found.
func (b *builder) fill() error {
	for _, part := range []func() error{
		b.compare, b.changes, b.curves, b.series, b.amplification, b.triangles, b.sweeps,
		b.studies, b.explanations, b.fidelity, b.quality, b.environments, b.settings,
		b.needs, b.verdict,
	} {
		if err := part(); err != nil {
			return err
		}
	}
	b.m.Glossary = glossary()
	return nil
}

// A builder collects the parts of a model.
type builder struct {
	o      Options
	m      *Model
	src    []*source
	groups []*group // of all runs; those of one key are neighbours
	colors map[string]int
	unlike []string // runs that could not be compared, and why
}

// A source is one run.
type source struct {
	id     string
	name   string // of its own in the report
	run    *results.Run
	groups []*group
}

// A group is a Table in the making.
type group struct {
	Table
	src    *source
	ranked []*lot // entries that are no rails, in the order shown
	rails  []*lot

	pairs        map[string]map[string]Match // by baseline, by name
	alpha        float64                     // of the pairs
	unit, better string
}

// A lot is an Entry in the making, with its cells.
type lot struct {
	Entry
	row  results.Row
	all  []*results.Cell // every repetition
	used []*results.Cell // those that the figures are of
}

func (g *group) lots() []*lot { return slices.Concat(g.ranked, g.rails) }

func nameOf(run *results.Run) string { return cmp.Or(run.Manifest.Experiment, run.Dir) }

// add takes in a run: its tables and entries, without what needs comparisons.
func (b *builder) add(i int, run *results.Run) error {
	s := &source{id: fmt.Sprintf("r%d", i+1), name: nameOf(run), run: run}
	taken := func(o *source) bool { return o.name == s.name }
	if slices.ContainsFunc(b.src, taken) && run.Dir != "" {
		s.name = filepath.Base(run.Dir) // two copies of one run, or a run that was renamed
	}
	if slices.ContainsFunc(b.src, taken) {
		s.name += " (" + s.id + ")"
	}
	b.src = append(b.src, s)
	rows := results.Rows(run)
	for len(rows) > 0 {
		key := keyOf(&rows[0].Setup)
		n := 1
		for n < len(rows) && keyOf(&rows[n].Setup) == key {
			n++
		}
		g := b.group(s, key, rows[:n])
		rows = rows[n:]
		s.groups = append(s.groups, g)
		b.place(g)
	}
	b.m.Runs = append(b.m.Runs, b.describe(s))
	return nil
}

// place puts g behind the groups of its key, or at the end.
func (b *builder) place(g *group) {
	at := len(b.groups)
	for i, other := range b.groups {
		if other.Key == g.Key {
			at = i + 1
		}
	}
	b.groups = slices.Insert(b.groups, at, g)
	for i, g := range b.groups {
		g.rename(fmt.Sprintf("t%d", i+1))
	}
}

// titles tells tables of one run apart that would have the same title.
func (b *builder) titles() {
	for _, more := range []func(*results.Setup) string{
		func(s *results.Setup) string { return s.Data() },
		func(s *results.Setup) string { return s.Dist },
		func(s *results.Setup) string {
			if s.Rate == nil {
				return ""
			}
			return results.TextCount(s.Rate) + " ops/s"
		},
	} {
		byTitle := map[string][]*group{}
		for _, g := range b.groups {
			byTitle[g.Run+g.Title] = append(byTitle[g.Run+g.Title], g)
		}
		for _, same := range byTitle {
			differ := func(g *group) bool { return more(&g.Setup) != more(&same[0].Setup) }
			for _, g := range same {
				if text := more(&g.Setup); slices.ContainsFunc(same, differ) && text != "" {
					g.Title += ", " + text
				}
			}
		}
	}
}

// rename gives the group and its entries their ids.
func (g *group) rename(id string) {
	g.ID = id
	for i, l := range g.lots() {
		l.ID = fmt.Sprintf("%se%d", id, i+1)
	}
}

// keyOf is equal for equal setups.
func keyOf(s *results.Setup) string {
	text, err := json.Marshal(s)
	if err != nil {
		return s.Title() // only a number that JSON lacks
	}
	return string(text)
}

// color is the engine's place in Model.Engines.
func (b *builder) color(label string, r *results.Row) int {
	if i, ok := b.colors[label]; ok {
		return i
	}
	i := len(b.m.Engines)
	b.colors[label] = i
	b.m.Engines = append(b.m.Engines, Engine{Label: label, Name: r.Engine, Family: r.Family, Rail: r.Rail})
	return i
}

func (b *builder) describe(s *source) Run {
	m := &s.run.Manifest
	r := Run{
		ID: s.id, Name: s.name, Dir: s.run.Dir, Status: m.Status, Started: m.Started, Finished: m.Finished,
		Version: versionOf(&m.Program), Command: m.Command, Cells: len(s.run.Cells),
		Notes: slices.Concat(m.Notes, s.run.Notes),
	}
	outcomes, lamps := map[string]int{}, map[string]int{}
	for i := range s.run.Cells {
		c := &s.run.Cells[i]
		outcomes[string(c.Status)]++
		if c.OpsPerS != nil {
			lamps[c.LampOf()]++
		}
	}
	r.Outcomes = tallies(outcomes, []string{"ok", "partial", "failed", "unsupported", "skipped"})
	r.Lamps = tallies(lamps, []string{results.LampGreen, results.LampYellow, results.LampRed})
	return r
}

func versionOf(p *results.Program) string {
	text := cmp.Or(p.Version, "unknown")
	short := p.Commit[:min(12, len(p.Commit))] // as Go's own versions have it
	if short != "" && !strings.Contains(text, short) {
		text += " " + short
	}
	if p.Dirty != nil && *p.Dirty {
		text += ", with changes that are not committed"
	}
	return text
}

// tallies lists counts that are not zero, the named ones in their order.
func tallies(counts map[string]int, order []string) []Tally {
	list := []Tally{}
	for name, n := range counts {
		list = append(list, Tally{name, n})
	}
	at := func(name string) int {
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortFunc(list, func(x, y Tally) int {
		return cmp.Or(cmp.Compare(at(x.Name), at(y.Name)), strings.Compare(x.Name, y.Name))
	})
	return list
}

// finish turns what was collected into the model.
func (b *builder) finish() {
	m := b.m
	for _, g := range b.groups {
		for _, l := range g.ranked {
			g.Entries = append(g.Entries, l.Entry)
		}
		for _, l := range g.rails {
			g.Rails = append(g.Rails, l.Entry)
		}
		m.Tables = append(m.Tables, g.Table)
	}
	if m.Title == "" {
		var names []string
		for _, r := range m.Runs {
			names = append(names, r.Name)
		}
		m.Title = strings.Join(names, ", ")
	}
	neverNull(m)
}
