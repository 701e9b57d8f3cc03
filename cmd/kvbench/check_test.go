package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// counted is the arguments of a short run for check.
func counted(out string, args ...string) []string {
	return append([]string{
		"run", "--counters", "--records", "2000", "--ops", "3000", "--reps", "1", "--settle", "20s",
		"-w", "A", "--no-progress", "--out", out,
	}, args...)
}

// Counters that a run of one worker repeats, by engine. What depends on when
// background work runs is not among them.
func repeated(name string) func(*results.Cell) map[string]engine.Count {
	return func(c *results.Cell) map[string]engine.Count {
		m := &c.Metrics
		all := map[string]engine.Count{
			"user_write": c.IO.UserWrite, "user_read": c.IO.UserRead,
			"gets": m.User.Gets, "puts": m.User.Puts, "bytes_in": m.User.BytesIn, "bytes_out": m.User.BytesOut,
			"log.bytes_in": m.Log.BytesIn, "log.groups": m.Log.Groups,
			"runs": m.Read.RunsProbed, "filters": m.Read.FilterChecks,
		}
		if name == "lsm" || name == "btree" {
			maps.Copy(all, map[string]engine.Count{
				"blocks": m.Read.BlocksTouched, "ios": m.Read.IOs, "io_bytes": m.Read.IOBytes,
				"hits": m.Cache.Hits, "misses": m.Cache.Misses,
			})
		}
		return all
	}
}

func TestOneWorkerRepeatsItsCountersWithTheSeed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	engines := []string{"noop", "mem", "hash", "lsm", "btree"}
	args := append(slices.Clone(engines), "--set", "btree.checkpoint_interval=0s", "--set", "hash.gc=off")
	for _, out := range []string{"a", "b"} {
		finish(t, asProcess(t, dir, counted(out, args...)...)).must(t, exitOK)
	}
	finish(t, asProcess(t, dir, counted("c", append(args, "--seed", "2")...)...)).must(t, exitOK)
	a, b, other := openRun(t, filepath.Join(dir, "a")), openRun(t, filepath.Join(dir, "b")), openRun(t, filepath.Join(dir, "c"))
	again := map[string]*results.Cell{}
	for i := range b.Cells {
		again[b.Cells[i].Engine.Name] = &b.Cells[i]
	}
	for i := range a.Cells {
		c := &a.Cells[i]
		name := c.Engine.Name
		first, second := repeated(name)(c), repeated(name)(again[name])
		for counter, n := range first {
			if n != second[counter] {
				t.Errorf("%s: %s is %v and then %v", name, counter, n, second[counter])
			}
		}
		if c.Fidelity == nil || c.Fidelity.Stream == "" || c.Fidelity.Stream != again[name].Fidelity.Stream {
			t.Errorf("%s: the operations differ: %+v and %+v", name, c.Fidelity, again[name].Fidelity)
		}
		if other.Cells[0].Fidelity.Stream == c.Fidelity.Stream {
			t.Errorf("%s: another seed gives the same operations", name)
		}
		if c.Load.Threads != 1 || c.Load.DurationS != 0 || c.Quality.Timing != "off" {
			t.Errorf("%s: %d threads, %v s, timing %s", name, c.Load.Threads, c.Load.DurationS, c.Quality.Timing)
		}
	}
	// Whatever moved is within what check allows for.
	check := []string{"check", filepath.Join(dir, "a"), filepath.Join(dir, "b"), "--metric", "io.user_write,metrics.log.bytes_written"}
	if o := inProcess(t, check...).must(t, exitOK); !strings.Contains(o.out, "no counter is worse") || !strings.Contains(o.out, "advisory") {
		t.Errorf("output:\n%s\n%s", o.out, o.errs)
	}
	both := inProcess(t, append(check, "--threshold", "ops_per_s>1", "--format", "json")...).must(t, exitOK)
	var document struct {
		Check      map[string]any `json:"check"`
		Thresholds []any          `json:"thresholds"`
	}
	if err := json.Unmarshal([]byte(both.out), &document); err != nil || document.Check == nil || len(document.Thresholds) == 0 {
		t.Errorf("counters and thresholds are not one document: %v\n%s", err, both.out)
	}
	o := inProcess(t, "check", filepath.Join(dir, "a"), filepath.Join(dir, "c")).must(t, exitUsage)
	if !strings.Contains(o.errs, "seed") {
		t.Errorf("another seed: %s", o.errs)
	}
	checkRegression(t, dir)
}

// checkRegression makes lsm write more to its log in a copy of run b.
func checkRegression(t *testing.T, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "b", results.CellsFile))
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for line := range strings.Lines(string(text)) {
		var c results.Cell
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		if c.Engine.Name == "lsm" {
			n, _ := c.Metrics.Log.BytesWritten.Value()
			c.Metrics.Log.BytesWritten = engine.Known(n * 11 / 10)
		}
		changed, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, changed...), '\n')
	}
	if err := os.WriteFile(filepath.Join(dir, "b", results.CellsFile), out, 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"check", filepath.Join(dir, "a"), filepath.Join(dir, "b"), "--counters-only"}
	o := inProcess(t, args...).must(t, exitMissed)
	if !strings.Contains(o.errs, "lsm metrics.log.bytes_written") || !strings.Contains(o.out, "REGRESSION") {
		t.Errorf("output:\n%s\n%s", o.out, o.errs)
	}
	if o := inProcess(t, append(args, "--metric", "metrics.log.bytes_written", "--max-regress", "20%")...).must(t, exitOK); o.errs != "" {
		t.Errorf("20 %% allowed: %s", o.errs)
	}
}

func TestAThresholdThatIsMissedIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := quick("mem", "noop", "-w", "C", "--reps", "1", "--out", "r", "--threshold", "ops_per_s>1", "--threshold", "mem:read.p99<1ns")
	o := finish(t, asProcess(t, dir, args...)).must(t, exitMissed)
	if !strings.Contains(o.errs, "threshold missed: mem:read.p99<1ns: mem is ") || strings.Contains(o.errs, "ops_per_s>1:") {
		t.Errorf("standard error:\n%s", o.errs)
	}
	run := filepath.Join(dir, "r")
	o = inProcess(t, "check", run, "--threshold", "ops_per_s>1", "--format", "markdown").must(t, exitOK)
	if !strings.Contains(o.out, "| met |") {
		t.Errorf("output:\n%s", o.out)
	}
	o = inProcess(t, "check", run, "--threshold", "ops_per_s>1000g").must(t, exitMissed)
	if !strings.Contains(o.out, "MISSED") || !strings.Contains(o.errs, "2 thresholds missed") {
		t.Errorf("output:\n%s\n%s", o.out, o.errs)
	}
	if o = inProcess(t, "check", run, "--threshold", "update.p99<1ms").must(t, exitUsage); !strings.Contains(o.errs, "no operation update") {
		t.Errorf("standard error:\n%s", o.errs)
	}
	// The same run can be explained: it has measured its unit costs.
	o = inProcess(t, "explain", run, "mem", "noop").must(t, exitOK)
	if !strings.Contains(o.out, "mem against noop") || !strings.Contains(o.out, "unexplained") || strings.Contains(o.out, "no unit cost") {
		t.Errorf("output:\n%s", o.out)
	}
	if o = inProcess(t, "explain", run, "--engine", "mem", "--format", "json").must(t, exitOK); !json.Valid([]byte(o.out)) {
		t.Errorf("output:\n%s", o.out)
	}
}
