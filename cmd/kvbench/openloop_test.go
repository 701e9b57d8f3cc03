package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/results"
)

func TestARateMakesOpenLoopsWhoeverAsksForIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args  []string
		rates []float64
	}{
		"rate":           {[]string{"--rate", "1k,3k", "--arrival", "poisson"}, []float64{1000, 3000}},
		"YCSB's flag":    {[]string{"-target", "2000"}, []float64{2000}},
		"over property":  {[]string{"-p", "target=1500", "--rate", "700"}, []float64{700}},
		"none after all": {[]string{"-p", "target=1500", "-target", "0"}, nil},
		"a file":         {[]string{"--arrival", "file:rates"}, []float64{1500}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "rates"), []byte("0 1k\n0.02 2k\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			args := append(quick("mem", "-w", "C", "--reps", "1", "--out", "r", "-no-progress"), c.args...)
			o := finish(t, asProcess(t, dir, args...)).must(t, exitOK)
			run := openRun(t, filepath.Join(dir, "r"))
			if len(run.Cells) != max(len(c.rates), 1) {
				t.Fatalf("%d cells", len(run.Cells))
			}
			for i := range run.Cells {
				cell := &run.Cells[i]
				if len(c.rates) == 0 {
					if cell.Load.Mode != "closed" || cell.Open != nil {
						t.Errorf("%s is %s", cell.ID, cell.Load.Mode)
					}
					continue
				}
				if cell.Load.Mode != "open" || cell.Load.Rate == nil || cell.Open == nil || cell.Open.Intended == 0 {
					t.Fatalf("%s: %+v, %+v", cell.ID, cell.Load, cell.Open)
				}
				if !slices.Contains(c.rates, *cell.Load.Rate) {
					t.Errorf("%s: a rate of %g, want one of %v", cell.ID, *cell.Load.Rate, c.rates)
				}
			}
			if len(c.rates) > 0 && (!strings.Contains(o.out, "open loop") || !strings.Contains(o.out, "p99 lag")) {
				t.Errorf("the table says nothing of it:\n%s", o.out)
			}
		})
	}
}

func TestASearchForARatePrintsACurve(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// Whether the rates are met is the machine's; that there is an answer is not.
	o := finish(t, asProcess(t, dir, quick("mem", "-w", "C", "--find-max", "p50<1h", "--ops", "50", "-d", "0", "--out", "r", "-no-progress")...)).must(t, exitOK)
	run := openRun(t, filepath.Join(dir, "r"))
	if len(run.Manifest.Searches) != 1 || len(run.Manifest.Searches[0].Probes) == 0 || run.Manifest.Status != results.StatusOK {
		t.Fatalf("%+v", run.Manifest.Searches)
	}
	for _, words := range []string{"p50<1h", "the closed loop did", "achieved", "met"} {
		if !strings.Contains(o.out, words) {
			t.Errorf("no %q in:\n%s", words, o.out)
		}
	}
}
