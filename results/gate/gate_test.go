package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
)

const cellOps = 10_000

// run is a run of engines lsm and btree on workload A, of reps repetitions,
// that is fit to be checked.
func run(name string, reps int) *results.Run {
	r := &results.Run{}
	r.Manifest.Experiment, r.Manifest.Status = name, results.StatusOK
	for rep := range reps {
		for _, e := range []string{"lsm", "btree"} {
			c := results.Cell{
				ID: e + "-" + string(rune('1'+rep)), Status: results.StatusOK, Rep: rep + 1, Seed: uint64(rep + 7),
				Regime: results.RegimeAsync, Durability: engine.OS,
			}
			c.Engine.Name = e
			c.Workload = results.WorkloadInfo{Name: "A", Records: 1000, Mix: map[string]float64{"read": .5, "update": .5}}
			c.Load = results.LoadInfo{Mode: "closed", Threads: 1, Operations: cellOps}
			c.OpsPerS = results.Num(50_000)
			latency := &results.Latency{P50: 10_000, P99: 900_000}
			c.Ops = map[string]*results.OpStats{
				"read": {N: cellOps / 2, OK: cellOps / 2, Service: latency}, "update": {N: cellOps / 2, OK: cellOps / 2, Service: latency},
			}
			c.IO.UserWrite = engine.Known(1000 * cellOps)
			c.Metrics.Log.BytesWritten = engine.Known(1100 * cellOps)
			c.Metrics.Read.IOs = engine.Known(2 * cellOps)
			c.Mem.AllocsPerOp = results.Num(3)
			c.Fidelity = &results.Fidelity{OK: true, Stream: "stream-" + string(rune('1'+rep))}
			r.Cells = append(r.Cells, c)
		}
	}
	return r
}

// altered is run with every cell of the engine changed.
func altered(name string, reps int, of string, f func(*results.Cell)) *results.Run {
	r := run(name, reps)
	for i := range r.Cells {
		if r.Cells[i].Engine.Name == of {
			f(&r.Cells[i])
		}
	}
	return r
}

func checked(t *testing.T, base, changed *results.Run, o Options) *Report {
	t.Helper()
	r, err := Check(base, changed, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// verdicts are those other than ok, by engine and counter.
func verdicts(r *Report) map[string]string {
	found := map[string]string{}
	for _, l := range r.Lines {
		if l.Verdict != OK {
			found[l.Engine+" "+l.Counter] = l.Verdict
		}
	}
	return found
}

func TestTheSameCountersPass(t *testing.T) {
	r := checked(t, run("a", 2), run("b", 2), Options{})
	if r.Failed() || len(verdicts(r)) > 0 || len(r.Lines) != 8 || len(r.Missing)+len(r.Unchecked) > 0 {
		t.Errorf("%+v", r)
	}
	if len(r.Times) != 2 || r.Times[0].Metric != "ops_per_s" {
		t.Errorf("times: %+v", r.Times)
	}
	if r = checked(t, run("a", 2), run("b", 2), Options{CountersOnly: true}); len(r.Times) != 0 {
		t.Errorf("times although counters only: %+v", r.Times)
	}
}

func TestACounterThatGotWorseFails(t *testing.T) {
	for _, c := range []struct {
		name    string
		percent uint64
		most    float64
		reps    int
		fails   bool
	}{
		{"more than allowed", 106, 0.05, 2, true},
		{"as much as allowed", 105, 0.05, 2, false},
		{"a little, and nothing is allowed", 101, 0, 2, true},
		{"much, once", 150, 0.05, 1, true},
		{"less", 50, 0.05, 2, false},
	} {
		after := altered("b", c.reps, "lsm", func(cell *results.Cell) {
			cell.Metrics.Log.BytesWritten = engine.Known(11 * c.percent * cellOps)
		})
		r := checked(t, run("a", c.reps), after, Options{MaxRegress: c.most})
		if r.Failed() != c.fails {
			t.Errorf("%s: failed %v: %v", c.name, r.Failed(), verdicts(r))
		}
		for name := range verdicts(r) {
			if name != "lsm metrics.log.bytes_written" {
				t.Errorf("%s: %s moved", c.name, name)
			}
		}
	}
}

func TestACounterOfBackgroundWorkNeedsRepetitionsThatAgree(t *testing.T) {
	worse := func(reps int, ios ...uint64) *Report {
		i := 0
		after := altered("b", reps, "lsm", func(c *results.Cell) {
			c.Metrics.Read.IOs = engine.Known(ios[i] * cellOps)
			i++
		})
		return checked(t, run("a", reps), after, Options{MaxRegress: 0.05})
	}
	if r := worse(1, 3); r.Failed() || verdicts(r)["lsm metrics.read.ios"] != Advisory {
		t.Errorf("one repetition: %v", verdicts(r))
	}
	if r := worse(2, 3, 4); r.Failed() || verdicts(r)["lsm metrics.read.ios"] != Advisory {
		t.Errorf("repetitions that differ: %v", verdicts(r))
	}
	if r := worse(2, 5, 0); r.Failed() || strings.Contains(r.Lines[2].Reason, "Inf") {
		t.Errorf("one repetition with nothing: %+v", r.Lines)
	}
	if r := worse(2, 3, 3); !r.Failed() {
		t.Errorf("repetitions that agree: %v", verdicts(r))
	}
}

func TestTheRuntimesOwnAllocationsAreNoRegression(t *testing.T) {
	for allocs, fails := range map[float64]bool{3.2: false, 3.3: true} { // 5 % of 3, and 1000 objects
		after := altered("b", 2, "btree", func(c *results.Cell) { c.Mem.AllocsPerOp = &allocs })
		if r := checked(t, run("a", 2), after, Options{MaxRegress: 0.05}); r.Failed() != fails {
			t.Errorf("%v allocations: %v", allocs, verdicts(r))
		}
	}
}

func TestACounterFromZeroIsWorse(t *testing.T) {
	zero := func(c *results.Cell) { c.Metrics.Work.CompactWriteBytes = engine.Known(0) }
	some := func(c *results.Cell) { c.Metrics.Work.CompactWriteBytes = engine.Known(5 << 20) }
	r := checked(t, altered("a", 2, "lsm", zero), altered("b", 2, "lsm", some), Options{MaxRegress: 1})
	if !r.Failed() || verdicts(r)["lsm metrics.work.compact_write_bytes"] != Regression {
		t.Errorf("%v", verdicts(r))
	}
	for _, l := range r.Lines {
		if l.Verdict == Regression && l.Change != nil {
			t.Errorf("a change of zero by %v", *l.Change)
		}
	}
}

func TestWhatOneRunDoesNotCountIsNotChecked(t *testing.T) {
	after := altered("b", 1, "lsm", func(c *results.Cell) { c.Metrics.Read.IOs = engine.Count{} })
	r := checked(t, run("a", 1), after, Options{})
	if r.Failed() || len(r.Unchecked) != 1 || !strings.Contains(r.Unchecked[0], "lsm-1: metrics.read.ios") {
		t.Errorf("%v, unchecked %q", verdicts(r), r.Unchecked)
	}
}

func TestNamedCountersAreCheckedAlone(t *testing.T) {
	r := checked(t, run("a", 1), run("b", 1), Options{Counters: []string{"metrics.read.ios"}})
	if len(r.Lines) != 2 || r.Lines[0].Counter != "metrics.read.ios" {
		t.Errorf("%+v", r.Lines)
	}
	for name, want := range map[string]string{"read.p99": "--threshold", "ops_per_s": "--threshold", "metrics.read.iso": "metrics.read.ios"} {
		_, err := Check(run("a", 1), run("b", 1), Options{Counters: []string{name}})
		if !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCellsWithoutACounterpartAreNamed(t *testing.T) {
	after := run("b", 2)
	after.Cells = after.Cells[:3] // without btree-2
	after.Cells[0].Status, after.Cells[0].Error = results.StatusFailed, "disk full"
	r := checked(t, run("a", 2), after, Options{})
	text := strings.Join(r.Missing, "\n")
	if len(r.Missing) != 2 || !strings.Contains(text, "btree-2 is not in b") || !strings.Contains(text, "lsm-1 is failed in b: disk full") {
		t.Errorf("missing: %q", r.Missing)
	}
}

func TestRunsThatCannotBeCheckedSayWhy(t *testing.T) {
	for want, spoil := range map[string]func(*results.Cell){
		"2 threads":          func(c *results.Cell) { c.Load.Threads = 2 },
		"ended by time":      func(c *results.Cell) { c.Load.DurationS = 1 },
		"an open loop":       func(c *results.Cell) { c.Load.Mode = "open" },
		"seed 7 against 8":   func(c *results.Cell) { c.Seed++ },
		"operations differ":  func(c *results.Cell) { c.Fidelity.Stream += "x" },
		"records":            func(c *results.Cell) { c.Workload.Records = 5 },
		"lsm.memtable_bytes": func(c *results.Cell) { c.Engine.Settings = map[string]string{"memtable_bytes": "2"} },
	} {
		base := altered("a", 1, "lsm", func(c *results.Cell) { c.Engine.Settings = map[string]string{"memtable_bytes": "1"} })
		after := altered("b", 1, "lsm", func(c *results.Cell) {
			c.Engine.Settings = map[string]string{"memtable_bytes": "1"}
			spoil(c)
		})
		if strings.Contains(want, "thread") || strings.Contains(want, "time") || strings.Contains(want, "loop") {
			for i := range base.Cells { // both alike
				spoil(&base.Cells[i])
				if after.Cells[i].Engine.Name != "lsm" {
					spoil(&after.Cells[i])
				}
			}
		}
		if _, err := Check(base, after, Options{}); !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	if _, err := Check(run("a", 1), run("b", 1), Options{MaxRegress: -1}); !errors.Is(err, engine.ErrInvalid) {
		t.Error(err)
	}
}

func TestReportsAreWrittenForPeopleAndForPrograms(t *testing.T) {
	after := altered("b", 2, "lsm", func(c *results.Cell) { c.Metrics.Log.BytesWritten = engine.Known(2000 * cellOps) })
	after.Cells = after.Cells[:3]
	r := checked(t, run("a", 2), after, Options{MaxRegress: 0.05})
	outcomes, err := Evaluate(after, thresholds(t, "ops_per_s>60k"))
	if err != nil {
		t.Fatal(err)
	}
	for format, marks := range map[results.Format][]string{
		results.FormatText:     {"1 counter regressed", "REGRESSION", "+81.82 %", "missing: btree-2", "exactly equal", "advisory"},
		results.FormatMarkdown: {"| lsm | metrics.log.bytes_written |", "- missing"},
		results.FormatJSON:     {`"verdict": "REGRESSION"`},
	} {
		var text, bounds bytes.Buffer
		if err := r.Write(&text, format); err != nil {
			t.Fatal(err)
		}
		for _, mark := range marks {
			if !strings.Contains(text.String(), mark) {
				t.Errorf("%s lacks %q:\n%s", format, mark, text.String())
			}
		}
		if err := WriteOutcomes(&bounds, outcomes, format); err != nil {
			t.Fatal(err)
		}
		if format == results.FormatJSON && (!json.Valid(text.Bytes()) || !json.Valid(bounds.Bytes())) {
			t.Error("no JSON")
		}
		if format == results.FormatText && !strings.Contains(bounds.String(), "MISSED") {
			t.Errorf("outcomes:\n%s", bounds.String())
		}
	}
	if err := r.Write(&bytes.Buffer{}, results.FormatCSV); err == nil {
		t.Error("CSV was written")
	}
}

func TestRailsAreCheckedByTheirCountersToo(t *testing.T) {
	rails := func(name string, written uint64, spec string) *results.Run {
		r := run(name, 1)
		for i := range r.Cells {
			c := &r.Cells[i]
			c.Engine.Rail, c.SpecSHA = true, spec
			c.Metrics.Log.BytesWritten = engine.Known(written * cellOps)
		}
		return r
	}
	r := checked(t, rails("a", 1100, "x"), rails("b", 2200, "x"), Options{MaxRegress: 0.05})
	if !r.Failed() || len(r.Times) != 0 || r.Base != "a" || r.New != "b" {
		t.Errorf("%+v", r)
	}
	if _, err := Check(rails("a", 1, "x"), rails("b", 1, "y"), Options{}); !errors.Is(err, engine.ErrInvalid) {
		t.Error(err)
	}
}

// The default counters are metrics, and count.
func TestEveryDefaultCounterIsAMetric(t *testing.T) {
	list, err := resolve(nil)
	if err != nil || len(list) != len(Counters()) {
		t.Error(err)
	}
	for _, g := range list {
		if m, err := compare.FindMetric(g.Name); err != nil || !m.Counted || g.About == "" {
			t.Errorf("%s: %v", g.Name, err)
		}
	}
}
