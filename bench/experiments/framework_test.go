package experiments

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/catalog"
	"github.com/kvbench/kvbench/results"
)

// without hides an engine, or a setting of one.
func without(name, setting string) Lookup {
	return func(asked string) (engine.Driver, error) {
		d, err := catalog.Lookup(asked)
		if err != nil || asked != name {
			return d, err
		}
		if setting == "" {
			return engine.Driver{}, errors.New("not in this build")
		}
		d.Settings = slices.DeleteFunc(slices.Clone(d.Settings), func(s engine.Setting) bool { return s.Name == setting })
		return d, nil
	}
}

func TestAMissingEngineOrSettingIsNamedAndNothingIsRun(t *testing.T) {
	for _, c := range []struct {
		lookup Lookup
		want   string
	}{
		{without("lsm", ""), "engine lsm"},
		{without("lsm", "filter_allocation"), "setting lsm.filter_allocation=monkey"},
	} {
		out, run := perform(t, monkey(), c.lookup)
		if !strings.Contains(out.Missing, c.want) {
			t.Errorf("missing: %q, want %q in it", out.Missing, c.want)
		}
		if len(run.Cells) != 0 || len(out.Claims) != 0 || run.Manifest.Study == nil || run.Manifest.Study.Missing != out.Missing {
			t.Errorf("%d cells and %d claims of a study that cannot run; recorded: %+v", len(run.Cells), len(out.Claims), run.Manifest.Study)
		}
	}
}

func TestAnOptionalSideThatIsMissingIsLeftOut(t *testing.T) {
	lab := &Lab{Scale: Tiny, o: Options{Lookup: without("bbolt", "")}}
	x, err := lab.experiment(Matrix{
		Sides: []Side{{Engine: "mem"}, {Engine: "bbolt", Optional: true}},
		Works: []Work{{Name: "w", Preset: "C"}},
	})
	if err != nil || len(x.Engines) != 1 || x.Engines[0].Driver.Name != "mem" {
		t.Errorf("engines %v, error %v, want mem alone", x.Engines, err)
	}
	_, err = lab.experiment(Matrix{Sides: []Side{{Engine: "bbolt"}}, Works: []Work{{Name: "w", Preset: "C"}}})
	if !errors.Is(err, engine.ErrUnsupported) || !strings.Contains(err.Error(), "engine bbolt") {
		t.Errorf("a side that is not optional: %v", err)
	}
}

// swapped is a study whose two layouts have each other's settings: what is
// labelled tiered is leveled, and the reverse.
func swapped() Study {
	s := compactionSpace()
	s.Run = func(ctx context.Context, l *Lab) error {
		z := sizeOfTree(l.Scale)
		sides := layoutsOf(z, treeRatio, "leveled", "tiered")
		sides[0].Label, sides[1].Label = sides[1].Label, sides[0].Label
		for _, side := range sides {
			if err := z.work(ctx, l, side); err != nil {
				return err
			}
		}
		return nil
	}
	return s
}

func TestAStudyWhoseShapeIsInvertedFails(t *testing.T) {
	out, _ := perform(t, swapped(), catalog.Lookup)
	held, unknown := 0, 0
	for _, c := range out.Claims {
		switch {
		case c.Held == nil:
			unknown++
		case *c.Held:
			held++
		}
	}
	// Only lazy is missing, whose one claim cannot be judged.
	if held != 0 || unknown != 1 || len(Broken(out.Claims)) != len(out.Claims) {
		t.Errorf("%d claims held and %d are unknown of a study whose sides were swapped:\n%+v", held, unknown, out.Claims)
	}
}

// turned exchanges the evidence of sides: the first gets what the last has
// measured, and so on; the series of points likewise.
func turned(cells []results.Cell, points []results.Point) ([]results.Cell, []results.Point) {
	var names []string
	for i := range cells {
		names = append(names, sideOf(&cells[i]))
	}
	for _, p := range points {
		names = append(names, p.Series)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	to := make(map[string]string)
	for i, name := range names {
		to[name] = names[len(names)-1-i]
	}
	cells, points = slices.Clone(cells), slices.Clone(points)
	for i := range cells {
		cells[i].Engine.Label = to[sideOf(&cells[i])]
	}
	for i := range points {
		points[i].Series = to[points[i].Series]
	}
	return cells, points
}

func TestClaimsAboutMissingEvidenceAreNotJudged(t *testing.T) {
	for _, s := range All() {
		_, claims := s.judged(Full, nil, nil)
		for _, c := range claims {
			if c.Held != nil {
				t.Errorf("%s: %q is held %v without any evidence: %s", s.Name, c.Text, *c.Held, c.Detail)
			}
		}
	}
}

func TestEveryStudyTellsAStudentEverything(t *testing.T) {
	names := make(map[string]bool)
	for _, s := range All() {
		for what, text := range map[string]string{
			"title": s.Title, "question": s.Question, "story": s.Story, "paper": s.Paper, "look": s.Look,
		} {
			if len(text) < 10 {
				t.Errorf("%s: its %s is %q", s.Name, what, text)
			}
		}
		if !strings.HasSuffix(s.Question, "?") {
			t.Errorf("%s: its question is none: %q", s.Name, s.Question)
		}
		if names[s.Name] {
			t.Errorf("%s is listed twice", s.Name)
		}
		names[s.Name] = true
		if missing := s.Missing(catalog.Lookup); missing != "" {
			t.Errorf("%s misses %s in this build", s.Name, missing)
		}
	}
	if len(slices.Collect(maps.Keys(names))) == 0 {
		t.Error("there are no studies")
	}
}

func TestAnUnknownExperimentNamesTheNearest(t *testing.T) {
	if _, err := Find("monky"); err == nil || !strings.Contains(err.Error(), `did you mean monkey?`) {
		t.Errorf("error %v", err)
	}
	if s, err := Find("MONKEY"); err != nil || s.Name != "monkey" {
		t.Errorf("%q, error %v", s.Name, err)
	}
	if _, err := ParseScale("huge"); err == nil || !strings.Contains(err.Error(), "tiny, small or full") {
		t.Errorf("error %v", err)
	}
}

func TestClaimsFollowTheirOrder(t *testing.T) {
	v := func(x float64) Value { return Value{What: "x", X: x, Known: true} }
	for _, c := range []struct {
		name  string
		claim func(e *Evidence)
		want  bool
	}{
		{"ascending", func(e *Evidence) { e.Ascending("", 1.5, v(1), v(2), v(3)) }, true},
		{"a step too small", func(e *Evidence) { e.Ascending("", 1.6, v(1), v(2), v(3)) }, false},
		{"descending", func(e *Evidence) { e.Ascending("", 1, v(2), v(1)) }, false},
		{"close", func(e *Evidence) { e.Close("", 1.1, v(10), v(11), v(10.5)) }, true},
		{"apart", func(e *Evidence) { e.Close("", 1.05, v(11), v(10)) }, false},
		{"at most", func(e *Evidence) { e.AtMost("", 2, v(1), v(2)) }, true},
		{"more", func(e *Evidence) { e.AtMost("", 2, v(1), v(2.1)) }, false},
		{"at least", func(e *Evidence) { e.AtLeast("", 1, v(1), v(2)) }, true},
		{"less", func(e *Evidence) { e.AtLeast("", 1.1, v(1), v(2)) }, false},
	} {
		e := &Evidence{Scale: Full}
		if c.claim(e); e.Claims[0].Held == nil || *e.Claims[0].Held != c.want {
			t.Errorf("%s: %+v, want %v", c.name, e.Claims[0], c.want)
		}
	}
	e := &Evidence{Scale: Tiny}
	if e.Faster("", 2, v(1), v(3)); len(e.Claims) != 0 {
		t.Error("a claim about times was made at the tiny scale")
	}
	e.Scale = Small
	if e.Faster("", 2, v(3), v(1)); len(Broken(e.Claims)) != 0 || *e.Claims[0].Held {
		t.Error("advice that did not hold broke the study, or held")
	}
	e.Ascending("", 1, v(1), Value{What: "y"})
	if c := e.Claims[1]; c.Held != nil || len(Broken(e.Claims)) != 1 {
		t.Errorf("a value is unknown: %+v", c)
	}
}

func TestCountersAddUpAndGaugesAreMeans(t *testing.T) {
	cell := func(n uint64) *results.Cell {
		c := &results.Cell{Workload: results.WorkloadInfo{Name: "w"}, Ops: map[string]*results.OpStats{"get": {N: n}}}
		c.IO.WriteChars, c.IO.DiskBytes = engine.Known(n), engine.Known(n)
		c.Metrics.Read.BlocksTouched, c.Metrics.Memory.Filter = engine.Known(n), engine.Known(n)
		return c
	}
	var s sums
	for _, n := range []uint64{10, 20, 60} {
		s.add(cell(n))
	}
	c := s.list[0]
	if len(s.list) != 1 || c.Ops["get"].N != 90 || c.IO.WriteChars.Or(0) != 90 || c.Metrics.Read.BlocksTouched.Or(0) != 90 {
		t.Errorf("sums: %d cells, %d gets, %s written, %s blocks", len(s.list), c.Ops["get"].N, c.IO.WriteChars, c.Metrics.Read.BlocksTouched)
	}
	if c.IO.DiskBytes.Or(0) != 30 || c.Metrics.Memory.Filter.Or(0) != 30 {
		t.Errorf("means: %s on disk, %s in filters", c.IO.DiskBytes, c.Metrics.Memory.Filter)
	}
	if _, known := c.IO.Fsyncs.Value(); known {
		t.Error("what was never counted is known")
	}
}
