package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
)

// kept is a run that was committed; kept ones are older than lamps and labels.
func kept(name string) string { return filepath.Join("..", "..", "results", "2026-11-21-"+name) }

// copyOf is a copy of a kept run with one file changed.
func copyOf(t *testing.T, name, file string, change func([]byte) []byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r")
	if err := os.CopyFS(dir, os.DirFS(kept(name))); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), change(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func wantText(t *testing.T, where, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", where, part, text)
		}
	}
}

func TestRunsOfBeforeThereWereLampsAreStillCompared(t *testing.T) {
	o := inProcess(t, "compare", kept("btree-cached"), "--baseline", "bbolt").must(t, exitOK)
	wantText(t, "the comparison", o.out, "btree is 2.24x (1.95 to 2.98) bbolt.", "1 of 6 repetitions left",
		"cannot decide with n=5, needs 6")
	o = inProcess(t, "compare", kept("btree-cached"), "--include-red", "--format", "json", "-m", "ops_per_s,read.p99").must(t, exitOK)
	var c compare.Comparison
	if err := json.Unmarshal([]byte(o.out), &c); err != nil {
		t.Fatal(err)
	}
	for _, g := range c.Groups {
		for _, p := range g.Pairs {
			if p.N != 6 || p.Verdict != compare.Higher && p.Verdict != compare.Lower {
				t.Errorf("%s by %s: %s of %d is %s", g.Setup.Workload, g.Metric.Name, p.Name, p.N, p.Verdict)
			}
		}
	}
	if len(c.Groups) < 12 {
		t.Errorf("%d groups", len(c.Groups))
	}
}

func TestUnlikeRunsAreRefusedUnlessTheirDifferencesAreAllowed(t *testing.T) {
	o := inProcess(t, "compare", kept("lsm-sync"), kept("lsm-sync-warm")).must(t, exitUsage)
	wantText(t, "the refusal", o.errs, "warmup_s: 0.3 against 4", "lsm.memtable_bytes: 67108864 against 1048576", "--allow-diff duration_s,warmup_s")
	if o.out != "" {
		t.Errorf("standard output: %s", o.out)
	}
	o = inProcess(t, "compare", kept("lsm-sync"), kept("lsm-sync-warm"), "--allow-diff", "*").must(t, exitOK)
	wantText(t, "the comparison", o.out, "allowed: warmup_s: 0.3 against 4")
	o = inProcess(t, "compare", kept("btree-cached"), kept("lsm-cached")).must(t, exitUsage)
	wantText(t, "the refusal", o.errs, "no cell in common")
}

func TestResultsThatCannotBeReadSayWhy(t *testing.T) {
	cutTo := func(n int) func([]byte) []byte { return func(text []byte) []byte { return text[:n] } }
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"another schema": {
			[]string{copyOf(t, "btree-direct", results.CellsFile, func(text []byte) []byte {
				return bytes.ReplaceAll(text, []byte("kvbench.cell/1"), []byte("kvbench.cell/7"))
			})},
			[]string{`unknown schema "kvbench.cell/7"`, "kvbench.cell/1"},
		},
		"a manifest that is cut off": {[]string{copyOf(t, "btree-direct", results.ManifestFile, cutTo(500))}, []string{"manifest.json", "cut off"}},
		"no results":                 {[]string{filepath.Join("..", "..", "results", "schema")}, []string{"is no results directory"}},
		"the directory above":        {[]string{filepath.Join("..", "..", "results")}, []string{"did you mean"}},
		"a file":                     {[]string{filepath.Join(kept("btree-direct"), results.ManifestFile)}, []string{"is a file"}},
		"nothing":                    {[]string{"nowhere"}, []string{"nowhere"}},
		"one engine":                 {[]string{kept("hash-buffered")}, []string{"hash stands alone"}},
		"no argument":                {nil, []string{"no RESULTS given"}},
		"a metric with a typo":       {[]string{kept("btree-direct"), "-m", "read.p98"}, []string{"did you mean p9"}},
		"a baseline with a typo":     {[]string{kept("btree-direct"), "--baseline", "bblot"}, []string{"did you mean bbolt?"}},
		"an axis with a typo":        {[]string{kept("btree-direct"), "--by", "thread"}, []string{"did you mean threads?"}},
		"a format with a typo":       {[]string{kept("btree-direct"), "--format", "jsn"}, []string{"json"}},
		"no probability":             {[]string{kept("btree-direct"), "--alpha", "5"}, []string{"alpha 5"}},
		"a floor with a typo":        {[]string{kept("btree-direct"), "--floor", "btree>2*bbolt"}, []string{"btree>=2*bbolt"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := inProcess(t, append([]string{"compare"}, c.args...)...).must(t, exitUsage)
			wantText(t, "the error", o.errs, c.want...)
		})
	}
}

func TestATornCellAndAnUnknownFieldAreNotedAndTheRestIsCompared(t *testing.T) {
	torn := copyOf(t, "btree-cached", results.CellsFile, func(text []byte) []byte { return text[:len(text)-100] })
	o := inProcess(t, "compare", torn).must(t, exitOK)
	wantText(t, "standard error", o.errs, "the last line is torn")
	strange := copyOf(t, "btree-cached", results.CellsFile, func(text []byte) []byte {
		return bytes.Replace(text, []byte(`"status":`), []byte(`"surprise":[1],"status":`), 1)
	})
	o = inProcess(t, "compare", strange).must(t, exitOK)
	wantText(t, "standard error", o.errs, `"surprise"`, "passed over")
}

func TestAFloorThatIsMissedHasItsExitCode(t *testing.T) {
	o := inProcess(t, "compare", kept("btree-cached"), "--include-red", "--floor", "btree>=1.5*bbolt").must(t, exitOK)
	wantText(t, "standard error", o.errs, "held: 2.24x")
	o = inProcess(t, "compare", kept("btree-cached"), "--include-red", "--floor", "btree>=4*bbolt").must(t, exitMissed)
	wantText(t, "standard error", o.errs, "MISSED: 2.24x (1.95 to 2.98)", "of 8 floors missed")
}

func TestARunEndsWithAComparison(t *testing.T) {
	run := openRun(t, kept("btree-cached"))
	for baseline, want := range map[string]string{"": "Compared with btree", "bbolt": "Compared with bbolt"} {
		var out bytes.Buffer
		a := &app{out: &out}
		o := &baselineOptions{baseline: baseline}
		if err := a.compared(o, run, results.TableOptions{Format: results.FormatText}); err != nil {
			t.Fatal(err)
		}
		wantText(t, "the section", out.String(), want, "cannot decide with n=5, needs 6")
		out.Reset()
		if err := a.compared(o, run, results.TableOptions{Format: results.FormatJSON}); err != nil || out.Len() > 0 {
			t.Errorf("beside JSON: %s, %v", out.String(), err)
		}
	}
	t.Chdir(t.TempDir())
	o := inProcess(t, "run", "mem", "noop", "--baseline", "nop", "--dry-run").must(t, exitUsage)
	wantText(t, "the error", o.errs, "did you mean noop?")
}

func TestEveryReaderOfResultsSaysWhatWasLeftOut(t *testing.T) {
	dir := copyOf(t, "btree-sync", results.CellsFile, func(text []byte) []byte { return text[:len(text)-50] })
	for _, args := range [][]string{
		{"compare", dir}, {"report", dir, "--csv", "-"}, {"explain", dir, "btree", "bbolt"}, {"check", dir, "--threshold", "ops_per_s>1"},
	} {
		o := inProcess(t, args...)
		wantText(t, args[0], o.errs, "the last line is torn")
	}
	if err := os.Remove(filepath.Join(dir, results.CellsFile)); err != nil {
		t.Fatal(err)
	}
	o := inProcess(t, "compare", dir).must(t, exitUsage)
	wantText(t, "the error", o.errs, results.CellsFile, "missing")
}
