package results

import (
	"fmt"
	"reflect"

	"github.com/kvbench/kvbench/engine"
)

// sampleRun has engines and rails, two regimes, and every outcome.
func sampleRun() *Run {
	m := fullManifest()
	m.Plan = Plan{
		Engines: []string{"pebble", "bbolt", "pogreb", "badger", "mem", "noop"}, Workloads: []string{"A", "E"},
		Reps: 4, Seed: 1, Threads: []int{2}, Regime: RegimeAsync, DurationS: 2, WarmupS: 0.5,
	}
	m.Notes = []string{"load average was 1.7 before the run"}
	run := &Run{Manifest: m, Notes: []string{CellsFile + ": the last line is torn; it was left out"}}
	add := func(cells ...Cell) { run.Cells = append(run.Cells, cells...) }

	for rep := 1; rep <= 4; rep++ {
		for _, e := range []struct {
			name         string
			load, a, ops float64
		}{{"pebble", 412_345.6, 312_000, 21_400}, {"bbolt", 98_765, 61_234.5, 150_123}, {"mem", 1_234_567, 987_654, 321_000}, {"noop", 12.3e6, 11.1e6, 9.99e6}} {
			vary := 1 + 0.01*float64(rep)
			add(
				sampleCell(RegimeAsync, LoadWorkload, e.name, rep, e.load*vary),
				sampleCell(RegimeAsync, "A", e.name, rep, e.a*vary),
				sampleCell(RegimeAsync, "E", e.name, rep, e.ops*vary),
			)
		}
		refused := sampleCell(RegimeAsync, "E", "pogreb", rep, 0)
		refused.Status, refused.Error = StatusUnsupported, "pogreb has no ordered scan\n(it is a hash index)"
		add(
			sampleCell(RegimeAsync, LoadWorkload, "pogreb", rep, 200_000),
			sampleCell(RegimeAsync, "A", "pogreb", rep, 150_000+float64(rep)),
			refused,
			sampleCell(RegimeSync, "A", "pebble", rep, 9_876.5),
			sampleCell(RegimeSync, "A", "bbolt", rep, 987.65),
		)

		// badger: dies in A, dies once in E, is interrupted in sync.
		died := sampleCell(RegimeAsync, "A", "badger", rep, 0)
		died.Status, died.Error = StatusFailed, "the process died: signal: killed"
		died.Durability, died.SurvivesKill = engine.Default, false
		add(died)
		scan := sampleCell(RegimeAsync, "E", "badger", rep, 5_000)
		if rep == 2 {
			scan = sampleCell(RegimeAsync, "E", "badger", rep, 0)
			scan.Status, scan.Durability, scan.SurvivesKill = StatusFailed, engine.Default, false
			scan.Error = "read user77: wrong value | offset 12"
		}
		add(scan)
	}
	partial := sampleCell(RegimeSync, "A", "badger", 1, 444)
	partial.Status, partial.Error = StatusPartial, "interrupted after 0.7 s"
	add(partial)
	skipped := sampleCell(RegimeSync, "A", "pogreb", 1, 0)
	skipped.Status = StatusSkipped
	add(skipped)
	return run
}

// sampleCell is an ok cell when rate is positive, else one without figures.
func sampleCell(regime, workload, name string, rep int, rate float64) Cell {
	durability := map[string]engine.Durability{
		"pebble": engine.Buffered, "bbolt": engine.OS, "pogreb": engine.OS, "badger": engine.OS,
	}[name]
	rail := name == "mem" || name == "noop"
	if rail {
		durability = engine.None
	}
	if regime == RegimeSync {
		durability = engine.Sync
	}
	c := Cell{
		Schema: CellSchema, ID: fmt.Sprintf("%s-%s-%s-%d", regime, workload, name, rep), Experiment: "sample",
		Status: StatusOK, Rep: rep, Seed: uint64(rep), Started: sampleTime(),
		Engine: EngineInfo{Name: name, Version: "v1", Rail: rail},
		Workload: WorkloadInfo{
			Name: workload, Compat: "java", Records: 200_000, Dist: "zipfian", UpdateMode: "field",
			KeyFormat: "user-hash", ValueBytes: 1000, Mix: map[string]float64{"read": 0.5, "update": 0.5},
		},
		Load:   LoadInfo{Mode: "closed", Threads: 2, DurationS: 2, Driver: "kvbench"},
		Regime: regime, Durability: durability, SurvivesKill: durability.SurvivesKill(),
	}
	switch workload {
	case LoadWorkload:
		c.Load.DurationS, c.Load.Operations = 0, 200_000
	case "E":
		c.Workload.Mix = map[string]float64{"scan": 0.95, "insert": 0.05}
	}
	emptyForNil(reflect.ValueOf(&c).Elem())
	if rate > 0 {
		measure(&c, rate)
	}
	return c
}

func measure(c *Cell, rate float64) {
	c.OpsPerS = Num(rate)
	ns := uint64(2e9 / rate)
	mix := c.Workload.Mix
	if c.Workload.Name == LoadWorkload {
		mix = map[string]float64{"insert": 1}
	}
	for op, share := range mix {
		c.Ops[op] = &OpStats{
			N: uint64(rate * 2 * share), OK: uint64(rate * 2 * share), Timed: uint64(rate * 2 * share),
			Service: &Latency{Mean: float64(ns), Min: ns / 4, P50: ns, P90: 2 * ns, P95: 3 * ns, P99: 10 * ns, P999: 300 * ns, P4N: 900 * ns, P100: 1000 * ns},
		}
	}
	c.Mem.PeakRSS = engine.Known(123 << 20)
	c.Mem.AllocsPerOp = Num(0)
	c.Quality.HarnessShare = Num(30 * rate / 1e9)
	if c.Workload.Name == "E" {
		c.RowsPerS = Num(rate * 50)
	}
	if !c.Engine.Rail {
		c.Amp = Amp{Write: Num(2.345), Space: Num(1.1), Source: "proc"}
		if c.Engine.Name == "pebble" {
			c.Amp.WriteSettled = Num(4.5)
		}
	}
	if c.Engine.Name == "bbolt" && c.Rep < 3 {
		c.Quality.Flags = []Flag{{Name: "steal", Level: "yellow", Reason: "the host took 3 % of the time"}}
	}
	if c.Engine.Name == "noop" {
		c.Quality.Flags = []Flag{{Name: "harness_bound", Level: "red", Reason: "the harness is 33 % of the time"}}
	}
}
