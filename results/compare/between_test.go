package compare

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func made(factors map[string]float64, change func(*results.Cell)) *results.Run {
	m := maker{engines: []string{"lsm", "pebble"}, workloads: []string{"A", "C"}, reps: 6, rate: steady(factors), change: change}
	return m.run()
}

func TestTwoRunsAreComparedCellByCell(t *testing.T) {
	base := made(map[string]float64{"lsm": 1, "pebble": 1}, nil)
	changed := made(map[string]float64{"lsm": 1.5, "pebble": 1}, func(c *results.Cell) { c.Engine.Version = "v2" })
	base.Dir, changed.Dir = "before", "after/"
	base.Manifest.Host.Kernel, changed.Manifest.Host.Kernel = "6.1", "6.2"
	c, err := Between(base, changed, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Base != "before" || c.New != "after" || len(c.Groups) != 2 || c.Options.Baseline != "before" {
		t.Fatalf("%s and %s, %d groups", c.Base, c.New, len(c.Groups))
	}
	g := &c.Groups[0]
	if p := pairOf(t, g, "lsm"); p.Verdict != Higher || !p.Better || *p.Ratio < 1.49 || *p.Ratio > 1.51 {
		t.Errorf("%+v", p)
	}
	if p := pairOf(t, g, "pebble"); p.Verdict != NoDifference || *p.MedianBase != *p.Median {
		t.Errorf("%+v", p)
	}
	notes := strings.Join(c.Notes, "\n")
	for _, want := range []string{"kernel: 6.1 against 6.2", "version of lsm: v1 against v2"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in the notes: %s", want, notes)
		}
	}
}

func TestRunsThatWereAskedDifferentThingsAreRefusedByName(t *testing.T) {
	one := map[string]float64{"lsm": 1, "pebble": 1}
	for name, change := range map[string]func(*results.Cell){
		"records":              func(c *results.Cell) { c.Workload.Records = 2000 },
		"value_bytes":          func(c *results.Cell) { c.Workload.ValueBytes = 1000 },
		"mix":                  func(c *results.Cell) { c.Workload.Mix = map[string]float64{"read": 0.5, "update": 0.5} },
		"dist":                 func(c *results.Cell) { c.Workload.Dist = "uniform" },
		"threads":              func(c *results.Cell) { c.Load.Threads = 8 },
		"rate":                 func(c *results.Cell) { c.Load.Rate = results.Num(1000) },
		"duration_s":           func(c *results.Cell) { c.Load.DurationS = 2 },
		"regime":               func(c *results.Cell) { c.Regime = results.RegimeSync },
		"durability":           func(c *results.Cell) { c.Durability = engine.Sync },
		"compat":               func(c *results.Cell) { c.Workload.Compat = "go-ycsb" },
		"driver":               func(c *results.Cell) { c.Load.Driver = "go-ycsb" },
		"lsm.cache_bytes":      func(c *results.Cell) { c.Engine.Settings = map[string]string{"cache_bytes": "1g"} },
		"workload.zeropadding": func(c *results.Cell) { c.Workload.Properties = map[string]string{"zeropadding": "9"} },
	} {
		base, changed := made(one, nil), made(one, change)
		base.Dir, changed.Dir = "before", "after"
		_, err := Between(base, changed, Options{})
		unlike, ok := errors.AsType[*UnlikeError](err)
		if !ok || !errors.Is(err, engine.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !slices.ContainsFunc(unlike.Differences, func(d Difference) bool { return d.Name == name && d.Base != d.New && len(d.Of) > 0 }) {
			t.Errorf("%s is not among the differences: %v", name, err)
		}
		wantError(t, err, name, "--allow-diff "+unlike.Differences[0].Name)
		var allow []string
		for _, d := range unlike.Differences {
			allow = append(allow, d.Name)
		}
		for _, names := range [][]string{allow, {"*"}} {
			c, err := Between(base, changed, Options{AllowDiff: names})
			if err != nil {
				t.Errorf("%s allowed as %v: %v", name, names, err)
				continue
			}
			if !strings.Contains(strings.Join(c.Notes, "\n"), "allowed: "+name) {
				t.Errorf("%s: allowed without a note: %v", name, c.Notes)
			}
		}
	}
}

func TestAWarmUpIsPartOfTheSpec(t *testing.T) {
	one := map[string]float64{"lsm": 1, "pebble": 1}
	base, changed := made(one, nil), made(one, nil)
	changed.Manifest.Plan.WarmupS = 30
	_, err := Between(base, changed, Options{})
	wantError(t, err, "warmup_s: 1 against 30")
}

func TestWhatIsUnknownOfOneRunIsNoDifference(t *testing.T) {
	one := map[string]float64{"lsm": 1, "pebble": 1}
	newer := made(one, func(c *results.Cell) {
		c.CacheRegime = "cached"
		c.Engine.Settings = map[string]string{"cache_bytes": "64m", "new_setting": "3"}
	})
	if _, err := Between(made(one, nil), newer, Options{}); err != nil {
		t.Error(err)
	}
}

func TestCellsOfOneRunOnlyAreNamed(t *testing.T) {
	one := map[string]float64{"lsm": 1, "pebble": 1}
	base := made(one, nil)
	more := made(one, nil)
	for i := range more.Cells { // the same at 8 threads
		c := more.Cells[i]
		c.Load.Threads = 8
		c.ID += "-t8"
		more.Cells = append(more.Cells, c)
	}
	c, err := Between(base, more, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Groups) != 2 || !strings.Contains(strings.Join(c.Notes, "\n"), "lsm A t8") {
		t.Errorf("%d groups, notes %v", len(c.Groups), c.Notes)
	}
	others := maker{engines: []string{"btree"}, workloads: []string{"E"}, reps: 6, rate: steady(map[string]float64{"btree": 1})}.run()
	_, err = Between(base, others, Options{})
	wantError(t, err, "no cell in common", "lsm with A", "btree with E")
}

func TestOptionsThatTwoRunsDoNotHaveAreRefused(t *testing.T) {
	one := map[string]float64{"lsm": 1, "pebble": 1}
	_, err := Between(made(one, nil), made(one, nil), Options{By: "engine"})
	wantError(t, err, "--by engine")
	_, err = Between(made(one, nil), made(one, nil), Options{AllowDiff: []string{"record"}})
	wantError(t, err, `"record"`, "records")
	_, err = Between(made(one, nil), made(one, nil), Options{Baseline: "lsm"})
	wantError(t, err, "baseline")
}

func TestOtherSeedsAreNoted(t *testing.T) {
	one := map[string]float64{"lsm": 1, "pebble": 1}
	c, err := Between(made(one, nil), made(one, func(c *results.Cell) { c.Seed += 100 }), Options{})
	if err != nil || !strings.Contains(strings.Join(c.Notes, "\n"), "different seeds") {
		t.Errorf("%v, %v", c.Notes, err)
	}
}

func TestAxesThatOverlapInPartAreComparedWhereTheyDo(t *testing.T) {
	one := map[string]float64{"lsm": 1, "pebble": 1}
	at := func(threads ...int) *results.Run {
		all := made(one, nil)
		cells := all.Cells
		all.Cells = nil
		for _, n := range threads {
			for _, c := range cells {
				c.Load.Threads = n
				all.Cells = append(all.Cells, c)
			}
		}
		return all
	}
	c, err := Between(at(2, 8), at(8, 16), Options{})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(c.Notes, "\n")
	if len(c.Groups) != 2 || c.Groups[0].Setup.Threads != 8 || !strings.Contains(notes, "lsm A t2") || !strings.Contains(notes, "lsm A t16") {
		t.Errorf("%d groups, notes %s", len(c.Groups), notes)
	}
}

func TestRailsOfTwoRunsAreNotCompared(t *testing.T) {
	rail := func(c *results.Cell) { c.Engine.Rail = c.Engine.Name == "pebble" }
	one := map[string]float64{"lsm": 1, "pebble": 1}
	c, err := Between(made(one, rail), made(one, rail), Options{})
	if err != nil || len(c.Groups[0].Pairs) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestASummaryHasALineAPair(t *testing.T) {
	c := mustWithin(t, made(map[string]float64{"lsm": 2, "pebble": 1}, nil), Options{Baseline: "pebble"})
	var b strings.Builder
	if err := c.Summary(&b, results.TableOptions{}); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); strings.Count(text, "better") != 2 || !strings.Contains(text, "Compared with pebble") {
		t.Error(text)
	}
}
