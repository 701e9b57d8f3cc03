package bench_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine/catalog"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// catalogCell performs one cell of an engine of the catalog in this process.
func catalogCell(t *testing.T, name string, change func(*bench.Experiment)) *results.Cell {
	t.Helper()
	d, err := catalog.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := workloads.Parse(workloads.Input{Preset: "a", Overrides: []string{"recordcount=2000", "operationcount=4000"}})
	if err != nil {
		t.Fatal(err)
	}
	x := &bench.Experiment{
		Name: "test", Engines: []bench.EngineChoice{{Driver: d}}, Workloads: []bench.WorkloadChoice{{Spec: w}},
		Threads: []int{2}, Reps: 1, Seed: 3, Durability: "async", Operations: 4000, Settle: time.Minute,
		Verify: bench.VerifySample, Dir: t.TempDir(),
	}
	if change != nil {
		change(x)
	}
	p, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	spec := p.Cells[0].Spec
	spec.Dir = filepath.Join(x.Dir, "data")
	var cell *results.Cell
	err = bench.RunCell(t.Context(), &spec, bench.CellDeps{Lookup: catalog.Lookup}, func(m bench.Message) {
		if m.Cell != nil {
			cell = m.Cell
		}
	})
	if err != nil || cell == nil || cell.Status != results.StatusOK {
		t.Fatalf("%s: %v, %+v", name, err, cell)
	}
	return cell
}

// A run by operations writes the same bytes on any machine, but for what runs
// in the background.
func TestBytesOfHomeGrownEnginesAreCountedByThemAndAgreeWithTheKernels(t *testing.T) {
	for _, name := range []string{"lsm", "btree", "hash"} {
		c := catalogCell(t, name, nil)
		bytes, ok := c.IO.FileBytes.Value()
		user, _ := c.IO.UserWrite.Value()
		if c.Amp.Source != results.SourceVFS || !ok || bytes < user {
			t.Errorf("%s: source %q, %d bytes written (known %v) of %d by the user", name, c.Amp.Source, bytes, ok, user)
			continue
		}
		var classes uint64
		for _, n := range c.IO.FileClasses {
			classes += n
		}
		if classes != bytes || c.IO.FileClasses["log"] == 0 {
			t.Errorf("%s: %d bytes written, by class %v", name, bytes, c.IO.FileClasses)
		}
		if reason := results.Audit(c.IO); reason != "" {
			t.Errorf("%s: %s", name, reason)
		}
		if c.Amp.Write == nil || c.Amp.WriteSettled == nil || *c.Amp.WriteSettled < *c.Amp.Write {
			t.Errorf("%s: amplification %v, settled %v", name, c.Amp.Write, c.Amp.WriteSettled)
		}
	}
}

// In async the pages of a file that is written again and again are dirty
// already: the kernel's count of pages can be 0, and means no write then.
func TestPeersAreCountedByTheBytesOfTheirWriteCalls(t *testing.T) {
	for _, name := range []string{"goleveldb", "bbolt"} {
		c := catalogCell(t, name, nil)
		user, _ := c.IO.UserWrite.Value()
		if c.Amp.Source != results.SourceCalls || c.IO.FileClasses != nil || user == 0 || c.Amp.Write == nil || *c.Amp.Write < 1 {
			t.Errorf("%s: source %q, %d user bytes, amplification %v, %+v", name, c.Amp.Source, user, c.Amp.Write, c.IO)
		}
	}
}

func TestSyncsAreThoseOfAllFiles(t *testing.T) {
	c := catalogCell(t, "lsm", func(x *bench.Experiment) {
		x.Durability, x.Threads, x.Operations = "sync", []int{1}, 200
	})
	syncs, _ := c.IO.Fsyncs.Value()
	logs, _ := c.Metrics.Log.Syncs.Value()
	if syncs < logs || syncs < c.Ops["update"].N {
		t.Errorf("%d syncs, of the log %d, for %d updates by one worker", syncs, logs, c.Ops["update"].N)
	}
}
