package report

import (
	"fmt"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func sampleTime() time.Time { return time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A sampleCell is a cell in the making and what goes with it.
type sampleCell struct {
	results.Cell
	rate float64 // 0: nothing was measured
}

// sampleCells have engines and a rail, two regimes, and every outcome: hash is
// far ahead in A, hash and lsm are even in C, btree alone can scan in E.
func sampleCells() []sampleCell {
	var cells []sampleCell
	add := func(regime, workload, name string, rep int, rate float64) *sampleCell {
		cells = append(cells, newSampleCell(regime, workload, name, rep, rate))
		return &cells[len(cells)-1]
	}
	noise := []float64{1, 1.03, 0.98, 1.01, 0.97, 1.02}
	for rep := 1; rep <= 6; rep++ {
		x := noise[rep-1]
		add("async", "A", "hash", rep, 400_000*x)
		add("async", "A", "lsm", rep, 200_000*x)
		add("async", "A", "btree", rep, 100_000/x)
		add("async", "A", "noop", rep, 20e6*x)
		add("async", "C", "hash", rep, 900_000*x)
		add("async", "C", "lsm", rep, 900_000*noise[6-rep])
		bound := add("async", "C", "btree", rep, 2e6)
		bound.Quality.Lamp = results.LampRed
		bound.Quality.Flags = []results.Flag{{Name: "harness_bound", Level: "red", Reason: "the harness is 55 % of the time"}}
		add("async", "E", "btree", rep, 60_000*x).RowsPerS = results.Num(3e6 * x)
		refused := add("async", "E", "hash", rep, 0)
		refused.Status, refused.Error = results.StatusUnsupported, "hash has no ordered scan"
		add("sync", "A", "hash", rep, 9_000*x)
		if rep == 3 {
			q := &cells[len(cells)-1].Quality
			q.Lamp, q.Flags = results.LampYellow, []results.Flag{{Name: "steal", Level: "yellow", Reason: "the host took 3 %"}}
		}
		died := add("sync", "A", "lsm", rep, 5_000*x)
		if rep == 4 {
			died.Status, died.OpsPerS, died.rate = results.StatusFailed, nil, 0
			died.Error, died.LastWords = "read user77: wrong value | offset 12", "panic: <oops> *_*"
		}
	}
	partial := add("sync", "A", "btree", 1, 444)
	partial.Status, partial.Error = results.StatusPartial, "interrupted after 0.7 s"
	skipped := add("sync", "A", "btree", 2, 0)
	skipped.Status = results.StatusSkipped
	return cells
}

func newSampleCell(regime, workload, name string, rep int, rate float64) sampleCell {
	level := engine.OS
	if name == "noop" {
		level = engine.None
	} else if regime == "sync" {
		level = engine.Sync
	}
	c := sampleCell{rate: rate, Cell: results.Cell{
		Schema: results.CellSchema, ID: fmt.Sprintf("%s-%s-%s-r%d", regime, workload, name, rep), Experiment: "sample",
		Status: results.StatusOK, Rep: rep, Seed: uint64(rep), Started: sampleTime(),
		Engine: results.EngineInfo{
			Name: name, Family: name, Rail: name == "noop",
			Settings: map[string]string{"cache_bytes": "1024", name + "_only": "1"},
		},
		Workload: results.WorkloadInfo{
			Name: workload, Compat: "java", Records: 100_000, Dist: "zipfian", UpdateMode: "field", KeyFormat: "ycsb", ValueBytes: 100,
			Mix: map[string]map[string]float64{"A": {"read": 0.5, "update": 0.5}, "C": {"read": 1}, "E": {"scan": 0.95, "insert": 0.05}}[workload],
		},
		Load:   results.LoadInfo{Mode: "closed", Threads: 2, DurationS: 2, Driver: "kvbench"},
		Regime: regime, Durability: level, SurvivesKill: level.SurvivesKill(),
	}}
	if rate > 0 {
		c.measure()
	}
	return c
}

func (c *sampleCell) measure() {
	c.OpsPerS = results.Num(c.rate)
	ns := uint64(2e9 / c.rate)
	c.Ops = map[string]*results.OpStats{}
	for op, share := range c.Workload.Mix {
		n := uint64(c.rate * 2 * share)
		c.Ops[op] = &results.OpStats{N: n, OK: n, Timed: n, Service: &results.Latency{
			Mean: float64(ns), Min: ns / 4, P50: ns, P90: 2 * ns, P95: 3 * ns, P99: 10 * ns, P999: 300 * ns, P4N: 900 * ns, P100: 1000 * ns,
		}}
	}
	c.Phases = []results.Phase{
		{Name: "load", StartS: 0, EndS: 1, OK: true},
		{Name: "warmup", StartS: 1.5, EndS: 2.5, OK: true},
		{Name: "measure", StartS: 3, EndS: 5, OK: true},
		{Name: "settle", StartS: 5, EndS: 6, OK: true},
	}
	c.IO.UserWrite = engine.Known(1 << 20)
	c.Metrics.Log.BytesWritten = engine.Known(3 << 19)
	c.Metrics.Work.FlushBytes = engine.Known(1 << 20)
	c.Amp = results.Amp{Write: results.Num(2.5), Space: results.Num(1.1), Read: results.Num(0), Source: "vfs"}
	if c.Engine.Name == "lsm" {
		c.Amp.WriteSettled = results.Num(4.5)
	}
	c.CPU.UserS, c.CPU.SystemS = results.Num(1.5), results.Num(0.25)
	c.Mem.PeakRSS = engine.Known(123 << 20)
	c.Quality.Lamp = results.LampGreen
	c.Fidelity = &results.Fidelity{OK: true, Checks: []results.FidelityCheck{{Name: "mix.read", Want: 0.5, Got: 0.501, Within: 0.01, OK: true}}}
}

func sampleManifest() results.Manifest {
	held := true
	return results.Manifest{
		Schema: results.ManifestSchema, Experiment: "sample", Status: results.StatusFailed, Started: sampleTime(),
		Command: "kvbench run hash lsm btree -w A,C,E --reps 6",
		Program: results.Program{Version: "v1.2.3", Commit: "0123456789abcdef"},
		Host:    results.Host{OS: "linux", CPUModel: "Sample CPU @ 2.00GHz", CPUs: 2},
		Plan: results.Plan{
			Engines: []string{"hash", "lsm", "btree"}, Workloads: []string{"A", "C", "E"}, Reps: 6, Seed: 1, Threads: []int{2}, Regime: "async", DurationS: 2, WarmupS: 1,
		},
		Notes: []string{"load average was 1.7 before the run"},
		Study: &results.Study{
			Name: "s", Title: "A study", Scale: "tiny", Question: "Does it?", Paper: "Somebody, 2016", Look: "the order",
			Figure: results.Figure{Kind: "bars", Title: "bytes", X: "engine", Y: "bytes", Points: []results.Point{{Series: "written", X: "lsm", Y: results.Num(3)}}},
			Claims: []results.Claim{{Text: "lsm writes more", Held: &held, Detail: "3 > 2"}, {Text: "nobody knows", Detail: "not measured"}},
		},
		Searches: []results.Search{{
			Engine: "hash", Workload: "A", Threads: 2, Objective: "p99<2ms", Rate: results.Num(50_000), Ceiling: results.Num(60_000),
			Probes: []results.Probe{{Rate: 50_000, Achieved: results.Num(49_990), Value: results.Num(1.5e6), Met: true}, {Rate: 60_000, Value: results.Num(3e6), Reason: "p99 is 3 ms"}},
		}},
	}
}

// memoryRun is a run without files.
func memoryRun(m results.Manifest, cells []sampleCell) *results.Run {
	run := &results.Run{Manifest: m}
	for _, c := range cells {
		run.Cells = append(run.Cells, c.Cell)
	}
	return run
}

func memoryModel(t testing.TB) *Model {
	t.Helper()
	return memoryModelOf(t, sampleCells())
}

// memoryModelOf is the report of cells in a run that is no study.
func memoryModelOf(t testing.TB, cells []sampleCell) *Model {
	t.Helper()
	manifest := sampleManifest()
	manifest.Study, manifest.Searches = nil, nil
	m, err := Build([]*results.Run{memoryRun(manifest, cells)}, Options{})
	must(t, err)
	return m
}

// sampleRun writes cells with their files and opens them.
func sampleRun(t testing.TB, m results.Manifest, cells []sampleCell) *results.Run {
	t.Helper()
	w, err := results.Create(t.TempDir(), m)
	must(t, err)
	for i := range cells {
		c := &cells[i]
		if c.rate > 0 {
			addSampleFiles(t, w, c)
		}
		must(t, w.AddCell(c.Cell))
	}
	must(t, w.Close())
	run, err := results.Open(w.Dir())
	must(t, err)
	return run
}

func addSampleFiles(t testing.TB, w *results.Writer, c *sampleCell) {
	t.Helper()
	hist := map[string][]results.Bucket{}
	for op := range c.Ops {
		hist[op] = []results.Bucket{{Value: 1000, Count: 900}, {Value: 5000, Count: 95}, {Value: 90_000, Count: 5}}
	}
	must(t, w.AddHist(c.ID, hist, sampleTime(), sampleTime()))
	var rows []results.SeriesRow
	for _, phase := range []string{"warmup", "measure", "measure"} {
		n := 0
		for _, r := range rows {
			if r.Phase == phase {
				n++
			}
		}
		rows = append(rows, results.SeriesRow{
			Cell: c.ID, Phase: phase, T: float64(n + 1), Seconds: 1, Ops: uint64(c.rate), Latency: &results.Latency{P99: 10_000},
			CPUS: results.Num(1.5), CacheHits: engine.Known(90), CacheMiss: engine.Known(10),
		})
	}
	must(t, w.AddSeries(rows))
	must(t, w.AddEvents([]results.EventRow{
		{Cell: c.ID, Phase: "measure", T: 3.5, Kind: "flush", Duration: 100 * time.Millisecond, BytesOut: 1 << 20},
		{Cell: c.ID, Phase: "settle", T: 5.5, Kind: "compaction", Duration: 100 * time.Millisecond},
	}))
}

func sampleModel(t testing.TB) *Model {
	t.Helper()
	m, err := Build([]*results.Run{sampleRun(t, sampleManifest(), sampleCells())}, Options{})
	must(t, err)
	m.Runs[0].Dir = "sample" // the golden files name no temporary directory
	return m
}
