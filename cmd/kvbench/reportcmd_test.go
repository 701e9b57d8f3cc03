package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/results"
)

func TestAReportIsWrittenInEveryForm(t *testing.T) {
	dir := t.TempDir()
	page, text, figures := filepath.Join(dir, "p.html"), filepath.Join(dir, "t.md"), filepath.Join(dir, "f.csv")
	o := inProcess(t, "report", kept("btree-direct"), "-o", page, "--md", text, "--csv", figures, "--title", "mine").must(t, exitOK)
	wantText(t, "standard error", o.errs, page, text, figures)
	if o.out != "" {
		t.Errorf("standard output: %.80q", o.out)
	}
	for path, start := range map[string]string{page: "<!doctype html>", text: "# mine\n", figures: "run,regime,"} {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(strings.ToLower(string(got)), start) {
			t.Errorf("%s begins with %.40q", path, got)
		}
	}
	o = inProcess(t, "report", kept("btree-direct"), "--csv", "-").must(t, exitOK)
	if !strings.HasPrefix(o.out, "run,regime,") || o.errs != "" {
		t.Errorf("standard output begins with %.40q; standard error: %s", o.out, o.errs)
	}
}

func TestReportNamesWhatIsWrongAndWhere(t *testing.T) {
	cutTo := func(n int) func([]byte) []byte { return func(text []byte) []byte { return text[:n] } }
	histogram := filepath.Join(results.HistDir, "A-btree-t2-r1"+results.HistSuffix)
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
		"a manifest that is cut off":  {[]string{copyOf(t, "btree-direct", results.ManifestFile, cutTo(500))}, []string{"manifest.json", "cut off"}},
		"a histogram that is damaged": {[]string{copyOf(t, "btree-direct", histogram, cutTo(400))}, []string{"A-btree-t2-r1", "read histograms"}},
		"no results":                  {[]string{filepath.Join("..", "..", "results", "schema")}, []string{"is no results directory"}},
		"no argument":                 {nil, []string{"no RESULTS given"}},
		"one run twice":               {[]string{kept("btree-direct"), kept("btree-direct") + "/"}, []string{"given twice"}},
		"two forms in one place":      {[]string{kept("btree-direct"), "-o", "-", "--md", "-"}, []string{"--md -", "-o goes there"}},
		"no such place":               {[]string{kept("btree-direct"), "-o", "nowhere/x.html"}, []string{"-o", "nowhere"}},
		"a directory":                 {[]string{kept("btree-direct"), "--md", t.TempDir()}, []string{"--md", "is a directory"}},
		"a flag with a typo":          {[]string{kept("btree-direct"), "--titel", "x"}, []string{"--titel", "--title"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := inProcess(t, append([]string{"report"}, c.args...)...).must(t, exitUsage)
			wantText(t, "the error", o.errs, c.want...)
		})
	}
}

func TestATornRunIsReportedWithANote(t *testing.T) {
	torn := copyOf(t, "btree-direct", results.CellsFile, func(text []byte) []byte { return text[:len(text)-100] })
	o := inProcess(t, "report", torn, "--md", "-").must(t, exitOK)
	wantText(t, "standard error", o.errs, "the last line is torn")
	wantText(t, "the report", o.out, "the last line is torn")
}

func TestARunLeavesItsReport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := finish(t, asProcess(t, dir, quick("mem", "--reps", "1", "--out", "r")...)).must(t, exitOK)
	wantText(t, "standard error", o.errs, "report: r/report.html")
	for _, name := range []string{results.ReportFile, results.ReportMarkdown} {
		if info, err := os.Stat(filepath.Join(dir, "r", name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The run has been measured; whatever keeps the report from being written is
// said, and no more.
func TestAReportThatCannotBeWrittenIsAWarning(t *testing.T) {
	var errs bytes.Buffer
	a := newApp(nil, strings.NewReader(""), &bytes.Buffer{}, &errs, func(int) {})
	run := openRun(t, kept("btree-direct"))
	run.Dir = filepath.Join(t.TempDir(), "gone")
	a.leaveReport(run)
	wantText(t, "standard error", errs.String(), "no report was written", "kvbench report")
}
