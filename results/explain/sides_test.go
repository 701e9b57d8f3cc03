package explain

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// run holds two engines, two workloads, two repetitions.
func run(name string, costs *results.UnitCosts) *results.Run {
	r := &results.Run{}
	r.Manifest.Experiment, r.Manifest.Calibration.UnitCosts = name, costs
	for _, workload := range []string{"A", "C"} {
		for rep := range 2 {
			for i, engine := range []string{"hash", "lsm"} {
				ns := 500. + 100*float64(rep)
				if i == 1 {
					ns *= 2
					if workload == "C" {
						ns *= 3
					}
				}
				c := cell(engine, ns)
				c.Workload.Name, c.Rep = workload, rep+1
				c.Mem.AllocsPerOp = results.Num(float64(i * 10))
				r.Cells = append(r.Cells, *c)
			}
		}
	}
	return r
}

func TestTheWidestGapComesFirst(t *testing.T) {
	r := run("r", new(unitCosts()))
	all, err := Within(r, "hash", "lsm", Options{})
	if err != nil || len(all) != 2 || all[0].Workload != "C" || all[1].Workload != "A" {
		t.Fatal(err, all)
	}
	if all[0].A != "hash" || all[0].B != "lsm" || all[0].RepsA != 2 || all[0].Terms[0].Counter != "allocations" {
		t.Errorf("%+v", all[0])
	}
	all, err = Within(r, "lsm", "hash", Options{Workload: "a"})
	if err != nil || len(all) != 1 || all[0].Workload != "A" || all[0].GapNs >= 0 {
		t.Fatal(err, all)
	}
}

func TestNamesThatAreWrongAreAnsweredWithTheNearest(t *testing.T) {
	r := run("r", nil)
	for want, get := range map[string]func() error{
		`hahs was not measured`: func() error { _, err := Within(r, "hahs", "lsm", Options{}); return err },
		`mean hash`:             func() error { _, err := Within(r, "lsm", "hahs", Options{}); return err },
		`no workload "D"`:       func() error { _, err := Within(r, "lsm", "hash", Options{Workload: "D"}); return err },
		"the same side":         func() error { _, err := Within(r, "lsm", "LSM", Options{}); return err },
		"has no cells":          func() error { _, err := Alone(&results.Run{}, "lsm", Options{}); return err },
		"was not measured in":   func() error { _, err := Alone(r, "btree", Options{}); return err },
	} {
		if err := get(); !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

func TestSettingsOfOneEngineAreSidesByLabel(t *testing.T) {
	r := run("r", nil)
	for i := range r.Cells {
		if c := &r.Cells[i]; c.Engine.Name == "hash" {
			c.Engine.Name, c.Engine.Label = "lsm", "lsm@tiered"
		} else {
			c.Engine.Label = "lsm@leveled"
		}
	}
	if all, err := Within(r, "lsm@tiered", "lsm@leveled", Options{}); err != nil || len(all) != 2 {
		t.Error(err)
	}
	if _, err := Within(r, "lsm", "lsm@leveled", Options{}); err == nil || !strings.Contains(err.Error(), `"lsm@tiered", "lsm@leveled"`) &&
		!strings.Contains(err.Error(), `"lsm@leveled", "lsm@tiered"`) {
		t.Error(err)
	}
}

func TestBeforeAndAfterAreToldByTheirRuns(t *testing.T) {
	before, after := run("old", nil), run("new", new(unitCosts()))
	for i := range after.Cells {
		after.Cells[i].OpsPerS = results.Num(*after.Cells[i].OpsPerS / 2)
	}
	all, err := Between(before, after, "lsm", Options{})
	if err != nil || len(all) != 2 {
		t.Fatal(err)
	}
	if x := all[0]; x.A != "lsm (old)" || x.B != "lsm (new)" || !near(x.NsB, 2*x.NsA) {
		t.Errorf("%+v", x)
	}
	for i := range before.Cells {
		before.Cells[i].Workload.Records = 7
	}
	if _, err = Between(before, after, "lsm", Options{}); err == nil || !strings.Contains(err.Error(), "records (7 and 0)") {
		t.Error(err)
	}
}

func TestARunWithoutUnitCostsSaysSo(t *testing.T) {
	r := run("r", nil)
	all, err := Within(r, "hash", "lsm", Options{})
	if err != nil || len(all[0].Terms) != 0 || all[0].Unknown[0].Cost != "alloc_ns" ||
		!strings.Contains(strings.Join(all[0].Notes, " "), "--calibrate") {
		t.Fatalf("%v: %+v", err, all[0])
	}
	costs := unitCosts()
	all, err = Within(r, "hash", "lsm", Options{Costs: &costs})
	if err != nil || len(all[0].Terms) != 1 || !strings.Contains(strings.Join(all[0].Notes, " "), "measured now") {
		t.Fatalf("%v: %+v", err, all[0])
	}
}

func TestOneSideAloneIsDecomposed(t *testing.T) {
	all, err := Alone(run("r", new(unitCosts())), "lsm", Options{Workload: "A"})
	if err != nil || len(all) != 1 {
		t.Fatal(err)
	}
	d := all[0]
	sum := 0.0
	for _, p := range d.Parts {
		sum += *p.Ns
	}
	if !near(sum, d.Ns) || d.Reps != 2 || len(d.Counted) != 1 || !near(d.Counted[0].Ns, 200) ||
		!near(d.UnexplainedNs, d.Ns-200) || !strings.Contains(d.Sentence, "10.00 allocations at 20 ns are 18 % of it; 82 % is unexplained") {
		t.Errorf("%+v", d)
	}
}

func TestExplanationsAreWrittenForPeopleAndForPrograms(t *testing.T) {
	r := run("r", new(unitCosts()))
	r.Cells[0].Metrics.Stall.Time = engine.Count{}
	r.Cells[2].Metrics.Stall.Time = engine.Count{}
	all, err := Within(r, "hash", "lsm", Options{})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := Alone(r, "hash", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for format, marks := range map[results.Format][]string{
		results.FormatText:     {"hash against lsm", "unexplained", "allocations", "NOT EXPLAINED", "unknown: stalls: not counted by hash"},
		results.FormatMarkdown: {"## hash against lsm", "| unexplained |", "- unknown: stalls"},
		results.FormatJSON:     {`"unexplained_share"`, `"sentence"`},
	} {
		var text, one bytes.Buffer
		if err := Write(&text, all, format); err != nil {
			t.Fatal(err)
		}
		if err := WriteAlone(&one, alone, format); err != nil || one.Len() == 0 {
			t.Fatal(err)
		}
		for _, mark := range marks {
			if !strings.Contains(text.String(), mark) {
				t.Errorf("%s lacks %q:\n%s", format, mark, text.String())
			}
		}
		if format == results.FormatJSON && (!json.Valid(text.Bytes()) || !json.Valid(one.Bytes())) {
			t.Error("no JSON")
		}
	}
	if err := Write(&bytes.Buffer{}, all, results.FormatCSV); err == nil {
		t.Error("CSV was written")
	}
}

// Results of real runs, made before unit costs were measured.
func TestRealCellsAreExplained(t *testing.T) {
	for _, c := range []struct{ dir, a, b string }{
		{"2026-11-21-hash-1000", "hash", "pogreb"},
		{"2026-11-21-lsm-1000", "lsm", "pebble"},
		{"2026-11-21-btree-1000", "btree", "bbolt"},
		{"2026-11-21-btree-sync", "btree", "bbolt"},
	} {
		r, err := results.Open("../" + c.dir)
		if err != nil {
			t.Fatal(err)
		}
		costs := unitCosts()
		for _, o := range []Options{{}, {Costs: &costs}} {
			all, err := Within(r, c.a, c.b, o)
			if err != nil || len(all) == 0 {
				t.Errorf("%s: %v", c.dir, err)
			}
			for _, x := range all {
				sum := x.UnexplainedNs
				for _, term := range x.Terms {
					sum += term.Ns
				}
				if math.Abs(sum-x.GapNs) > 1e-3 || x.Sentence == "" {
					t.Errorf("%s %s: terms come to %v of %v; %s", c.dir, x.Workload, sum, x.GapNs, x.Sentence)
				}
				if o.Costs == nil && len(x.Unknown) == 0 {
					t.Errorf("%s %s: nothing is said to be missing", c.dir, x.Workload)
				}
			}
		}
	}
}
