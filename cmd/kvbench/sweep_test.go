package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/results"
)

// sweepArgs is quick for a sweep.
func sweepArgs(args ...string) []string {
	return append(append([]string{"sweep"}, quick()[1:]...), args...)
}

func TestASweepMeasuresEveryCombinationOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := sweepArgs("mem", "bbolt", "--vary", "mem.degree=4,32", "--vary", "value-size=20,40", "--vary", "threads=1,2", "-w", "C", "--reps", "1", "--out", "r")
	o := finish(t, asProcess(t, dir, args...)).must(t, exitOK)
	run := openRun(t, filepath.Join(dir, "r"))
	var seen []string
	for _, c := range run.Cells {
		seen = append(seen, c.Engine.Title()+" "+c.Engine.Settings["degree"]+" "+c.Workload.Name+" "+c.Axes["threads"])
		if c.Axes["value-size"] == "" || c.Axes["mem.degree"] != "" != (c.Engine.Name == "mem") || c.Workload.ValueBytes != 20 && c.Workload.ValueBytes != 40 {
			t.Errorf("%s: axes %v, values of %g B", c.ID, c.Axes, c.Workload.ValueBytes)
		}
	}
	slices.Sort(seen)
	if n := len(slices.Compact(seen)); n != 12 || len(run.Cells) != 12 {
		t.Errorf("%d cells, %d different: %q", len(run.Cells), n, seen)
	}
	for _, words := range []string{"mem.degree", "value-size", "threads", "12 cells", "about", "of disk"} {
		if !strings.Contains(o.out+o.errs, words) {
			t.Errorf("nothing says %q:\n%s\n%s", words, o.out, o.errs)
		}
	}
	if len(run.Manifest.Axes) != 3 || run.Manifest.Axes[0].Name != "mem.degree" {
		t.Errorf("axes of the manifest: %+v", run.Manifest.Axes)
	}
}

func TestASweepFileSaysWhatFlagsSay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := "engines: [mem]\nworkloads: [C]\nvary:\n  mem.degree: [4, 32]\n  workload.requestdistribution: [uniform, zipfian]\nflags: {reps: 1, threads: 1}\n"
	if err := os.WriteFile(filepath.Join(dir, "s.yaml"), []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	finish(t, asProcess(t, dir, sweepArgs("-f", "s.yaml", "--reps", "2", "--out", "r")...)).must(t, exitOK)
	run := openRun(t, filepath.Join(dir, "r"))
	if len(run.Cells) != 8 { // --reps wins over the file
		t.Errorf("%d cells, want 8", len(run.Cells))
	}
	for _, c := range run.Cells {
		if !strings.Contains(c.Workload.Name, "requestdistribution=") || c.Load.Threads != 1 {
			t.Errorf("%s: workload %s, %d threads", c.ID, c.Workload.Name, c.Load.Threads)
		}
	}
}

func TestAnEngineTakesPartWithSeveralSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := quick("mem", "mem@wide", "--set", "mem.degree=8", "--set", "mem@wide.degree=64", "-w", "C", "--reps", "1", "--out", "r")
	o := finish(t, asProcess(t, dir, args...)).must(t, exitOK)
	degrees := map[string]string{}
	for _, c := range openRun(t, filepath.Join(dir, "r")).Cells {
		degrees[c.Engine.Title()] = c.Engine.Settings["degree"]
	}
	if degrees["mem"] != "8" || degrees["mem@wide"] != "64" || !strings.Contains(o.out, "mem@wide") {
		t.Errorf("degrees %v\n%s", degrees, o.out)
	}
}

func TestARunGoesOnWhereItWasInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := asProcess(t, dir, sweepArgs("mem", "bbolt", "--vary", "threads=1,2", "-w", "C", "--reps", "2", "--out", "r")...)
	c.Env = append(c.Env, victim+"=C-mem-t2-r1")
	finish(t, c).must(t, exitInvalid)
	before := openRun(t, filepath.Join(dir, "r"))
	if len(before.Cells) != 8 {
		t.Fatalf("%d cells", len(before.Cells))
	}
	o := finish(t, asProcess(t, dir, "sweep", "--resume", "r", "-no-progress")).must(t, exitOK)
	if !strings.Contains(o.errs, "7 of 8 cells are there") {
		t.Errorf("it does not say what is there:\n%s", o.errs)
	}
	after := openRun(t, filepath.Join(dir, "r"))
	if after.Manifest.Status != results.StatusOK || after.Manifest.Command != before.Manifest.Command || len(after.Cells) != 8 {
		t.Errorf("the run is %s, of %q, with %d cells", after.Manifest.Status, after.Manifest.Command, len(after.Cells))
	}
	rates := map[string]float64{}
	for _, c := range before.Cells {
		if c.OpsPerS != nil {
			rates[c.ID] = *c.OpsPerS
		}
	}
	for _, c := range after.Cells {
		if c.Status != results.StatusOK {
			t.Errorf("%s is %s", c.ID, c.Status)
		}
		if was, ok := rates[c.ID]; ok && was != *c.OpsPerS {
			t.Errorf("%s was measured again", c.ID)
		}
	}
	finish(t, asProcess(t, dir, "sweep", "--resume", "r")).must(t, exitUsage) // nothing is left
}
