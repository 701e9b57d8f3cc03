package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/catalog"
	"github.com/kvbench/kvbench/workloads"
)

// Knobs of BenchmarkYCSB, as environment variables: lists with commas.
const (
	benchEngines   = "KVBENCH_ENGINES"   // lsm,btree,hash,pebble,bbolt
	benchWorkloads = "KVBENCH_WORKLOADS" // A,B,C,D,E,F
	benchValues    = "KVBENCH_VALUES"    // 100,1000
	benchRecords   = "KVBENCH_RECORDS"   // 100000
)

// BenchmarkYCSB performs the same workloads as kvbench run, as sub-benchmarks
// that benchstat can sort by their parts:
//
//	go test -run '^$' -bench YCSB -count 6 ./bench | tee new.txt
//	benchstat -col /engine new.txt
//
// One operation of the benchmark is one of the workload's, over GOMAXPROCS
// workers; data are loaded once an engine and size, and copied for each
// workload. Engines write at their own level without fsync.
func BenchmarkYCSB(b *testing.B) {
	for _, name := range listOf(benchEngines, "lsm,btree,hash,pebble,bbolt") {
		d, err := catalog.Lookup(name)
		if err != nil {
			b.Fatalf("%s: %v", benchEngines, err)
		}
		for _, value := range listOf(benchValues, "100,1000") {
			var loaded string // directory, once it is needed
			for _, w := range listOf(benchWorkloads, "A,B,C,D,E,F") {
				spec := benchSpec(b, w, value)
				part := fmt.Sprintf("engine=%s/workload=%s/value=%s", d.Name, w, value)
				var s *benchState
				b.Run(part, func(b *testing.B) {
					if spec.NeedsOrder() && d.Family == engine.FamilyHash {
						b.Skip("a hash table keeps no order to scan")
					}
					if s == nil {
						if loaded == "" {
							loaded = benchLoad(b, &d, spec)
						}
						s = newBenchState(b, &d, spec, loaded)
					}
					s.measure(b)
				})
				s.close(b)
			}
			if loaded != "" {
				os.RemoveAll(filepath.Dir(loaded))
			}
		}
	}
}

func listOf(variable, def string) []string {
	text := os.Getenv(variable)
	if text == "" {
		text = def
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

func benchSpec(b *testing.B, name, value string) *workloads.Spec {
	b.Helper()
	in, err := workloads.NewInput(name)
	if err != nil {
		b.Fatal(err)
	}
	records := listOf(benchRecords, "100000")[0]
	in.Overrides = []string{"recordcount=" + records, "operationcount=" + records, "valuesize=" + value, "updatemode=blind"}
	spec, err := workloads.Parse(in)
	if err != nil {
		b.Fatal(err)
	}
	return spec
}

// benchLoad makes a directory with the records and returns it.
func benchLoad(b *testing.B, d *engine.Driver, spec *workloads.Spec) string {
	b.Helper()
	root, err := os.MkdirTemp("", "kvbench-ycsb-*")
	if err != nil {
		b.Fatal(err)
	}
	s := openBenchState(b, d, spec, filepath.Join(root, "loaded"))
	defer s.close(b)
	if s.target.Caps().Persistent {
		s.load(b)
	}
	return s.dir
}

// benchState is an engine and a loop over it that outlive the runs of one
// sub-benchmark.
type benchState struct {
	dir    string
	target Target
	loop   Loop
}

func openBenchState(b *testing.B, d *engine.Driver, spec *workloads.Spec, dir string) *benchState {
	b.Helper()
	settings := withLevel(d, nil, func(set engine.DurabilitySet) (engine.Durability, error) {
		return level("async", set, d.Rail)
	})
	e, err := d.Open(dir, settings, engine.Env{})
	if err != nil {
		b.Fatal(err)
	}
	l, err := level("async", e.Caps().Durabilities, d.Rail)
	if err != nil {
		b.Fatal(err)
	}
	s := &benchState{dir: dir, target: EngineTarget(e, l)}
	s.loop, err = Native{}.Open(s.target, LoopOptions{
		Workload: spec, Seed: 1, Threads: runtime.GOMAXPROCS(0), Verify: VerifyHeader, Blank: d.Blank,
	})
	if err != nil {
		s.close(b)
		b.Fatal(err)
	}
	return s
}

// newBenchState opens a copy of the loaded directory, or loads what does not
// persist.
func newBenchState(b *testing.B, d *engine.Driver, spec *workloads.Spec, loaded string) *benchState {
	b.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(loaded), "copy-*")
	if err != nil {
		b.Fatal(err)
	}
	dir = filepath.Join(dir, "data")
	if _, err := os.Stat(loaded); err == nil {
		if err := copyDir(context.Background(), loaded, dir); err != nil {
			b.Fatal(err)
		}
	}
	s := openBenchState(b, d, spec, dir)
	if !s.target.Caps().Persistent && !d.Blank {
		s.load(b)
	}
	return s
}

func (s *benchState) load(b *testing.B) {
	b.Helper()
	p, err := s.loop.Load(context.Background(), Limits{Name: "load"})
	if err == nil {
		err = phaseError(p, false)
	}
	if err != nil {
		b.Fatalf("load: %v", err)
	}
	limit, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = s.target.Settle(limit) // engines that cannot tell are as they are
}

// measure performs b.N operations.
func (s *benchState) measure(b *testing.B) {
	b.Helper()
	limits := Limits{Name: "measure", Operations: uint64(b.N), Timing: Timing{Every: 16}}
	s.loop.(Preparer).Prepare(limits)
	runtime.GC()
	b.ReportAllocs()
	b.ResetTimer()
	p, err := s.loop.Run(context.Background(), limits)
	b.StopTimer()
	if err == nil {
		err = phaseError(p, false)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(p.OpsPerS(), "ops/s")
	var all Histogram
	for _, op := range p.Ops {
		all.Merge(&op.Service)
	}
	if all.N() > 0 {
		b.ReportMetric(float64(all.Quantile(.5)), "p50-ns")
		b.ReportMetric(float64(all.Quantile(.99)), "p99-ns")
	}
}

func (s *benchState) close(b *testing.B) {
	if s == nil {
		return
	}
	if s.loop != nil {
		if err := s.loop.Close(); err != nil {
			b.Error(err)
		}
	}
	if err := s.target.Close(); err != nil {
		b.Error(err)
	}
	if filepath.Base(s.dir) == "data" {
		os.RemoveAll(filepath.Dir(s.dir))
	}
}
