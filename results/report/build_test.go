package report

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func entryOf(t testing.TB, m *Model, regime, workload, name string) *Entry {
	t.Helper()
	for i := range m.Tables {
		table := &m.Tables[i]
		if table.Setup.Regime != regime || table.Setup.Workload != workload {
			continue
		}
		for _, list := range [][]Entry{table.Entries, table.Rails} {
			for j := range list {
				if list[j].Engine == name {
					return &list[j]
				}
			}
		}
	}
	t.Fatalf("there is no entry %s %s %s", regime, workload, name)
	return nil
}

// Nothing is dropped: each cell is a repetition of an entry, and each that
// failed, was refused or has a flag is in the quality log by its id.
func TestEveryCellIsInTheReport(t *testing.T) {
	runs, err := committed()
	must(t, err)
	sample := memoryRun(sampleManifest(), sampleCells())
	m, err := Build([]*results.Run{sample}, Options{})
	must(t, err)
	for _, run := range append(slices.Clone(runs), built{sample, m}) {
		m, reps := run.model, 0
		for _, table := range m.Tables {
			for _, e := range append(slices.Clone(table.Entries), table.Rails...) {
				reps += e.Reps
			}
		}
		if reps != len(run.Cells) {
			t.Errorf("%s: the entries have %d repetitions of %d cells", run.Dir, reps, len(run.Cells))
		}
		logged := map[string]bool{}
		for _, o := range m.Quality {
			for _, id := range o.Cells {
				logged[id+" "+o.Name] = true
			}
		}
		for i := range run.Cells {
			c := &run.Cells[i]
			if c.Status != results.StatusOK && !logged[c.ID+" "+string(c.Status)] {
				t.Errorf("%s: cell %s is %s and not in the quality log", run.Dir, c.ID, c.Status)
			}
			for _, f := range c.Quality.Flags {
				if !logged[c.ID+" "+f.Name] {
					t.Errorf("%s: the flag %s of cell %s is not in the quality log", run.Dir, f.Name, c.ID)
				}
			}
		}
	}
}

func TestWhatIsUnknownIsNeverZero(t *testing.T) {
	c := newSampleCell("async", "A", "hash", 1, 1000)
	c.IO, c.Amp, c.CPU, c.Mem, c.Metrics = results.IO{}, results.Amp{}, results.CPU{}, results.Mem{}, engine.Metrics{}
	for _, op := range c.Ops {
		op.Service = nil // nothing was timed
	}
	m, err := Build([]*results.Run{memoryRun(sampleManifest(), []sampleCell{c})}, Options{})
	must(t, err)
	for _, f := range m.Tables[0].Entries[0].figures() {
		if f.name != rateMetric && (f.N != 0 || f.Median != nil || f.Low != nil || f.Min != nil) {
			t.Errorf("%s is %+v, and nobody measured it", f.name, f.Figure)
		}
	}
	lines, err := csv.NewReader(strings.NewReader(string(written(t, CSV, m)))).ReadAll()
	must(t, err)
	if len(lines) != 2 || !slices.Contains(lines[1], rateMetric) {
		t.Errorf("the CSV has %d lines, want a head and the rate: %v", len(lines), lines)
	}
	for line := range strings.Lines(string(written(t, Markdown, m))) {
		if strings.HasPrefix(line, "| ") && slices.Contains(strings.Fields(line), "0") {
			t.Errorf("a table shows 0 where nothing is known: %s", line)
		}
	}
}

func TestOnlyWhatIsToldApartIsCalledFaster(t *testing.T) {
	m := memoryModel(t)
	a, c := entryOf(t, m, "async", "A", "hash"), entryOf(t, m, "async", "C", "lsm")
	if a.Rank == nil || *a.Rank != 1 || !a.Best || a.VsBest != nil {
		t.Errorf("hash in A: %+v", a)
	}
	if l := entryOf(t, m, "async", "A", "lsm"); l.Best || l.VsBest == nil || !l.VsBest.Told {
		t.Errorf("lsm in A is half as fast in six repetitions, and not told apart: %+v", l.VsBest)
	}
	if !c.Best || c.VsBest == nil || c.VsBest.Told {
		t.Errorf("lsm in C is as fast as hash, and is told apart: %+v", c.VsBest)
	}
}

func TestARedEntryIsShownAndNotRankedUnlessAskedFor(t *testing.T) {
	run := memoryRun(sampleManifest(), sampleCells())
	for _, include := range []bool{false, true} {
		m, err := Build([]*results.Run{run}, Options{IncludeRed: include})
		must(t, err)
		e := entryOf(t, m, "async", "C", "btree")
		if e.Rate.Median == nil || *e.Rate.Median != 2e6 || e.Lamp != results.LampRed {
			t.Errorf("include red %v: %+v", include, e)
		}
		if ranked := e.Rank != nil; ranked != include {
			t.Errorf("include red %v: ranked %v", include, ranked)
		}
	}
}

func TestARedRepetitionIsLeftOutOfTheFigure(t *testing.T) {
	cells := []sampleCell{
		newSampleCell("async", "A", "hash", 1, 1000), newSampleCell("async", "A", "hash", 2, 1002), newSampleCell("async", "A", "hash", 3, 9000),
	}
	cells[2].Quality.Flags = []results.Flag{{Name: "errors", Level: "red", Reason: "wrong"}}
	cells[2].Quality.Lamp = "" // from before there were lamps: the flags say it
	m, err := Build([]*results.Run{memoryRun(results.Manifest{}, cells)}, Options{})
	must(t, err)
	e := &m.Tables[0].Entries[0]
	if e.N != 2 || e.Left != 1 || *e.Rate.Median != 1001 || e.Lamp != results.LampYellow {
		t.Errorf("n %d, left %d, median %v, lamp %s", e.N, e.Left, *e.Rate.Median, e.Lamp)
	}
	if e.Rate.Low != nil {
		t.Error("two repetitions have a confidence interval")
	}
}

func TestWhoFailedOnceIsNotRanked(t *testing.T) {
	e := entryOf(t, memoryModel(t), "sync", "A", "lsm")
	if e.Rank != nil || e.Best || e.N != 5 || e.Reps != 6 {
		t.Errorf("rank %v, best %v, n %d of %d", e.Rank, e.Best, e.N, e.Reps)
	}
}

func TestAnInterruptedRunBecomesAReport(t *testing.T) {
	var cells []sampleCell
	for rep := 1; rep <= 2; rep++ {
		c := newSampleCell("async", "A", "hash", rep, 0)
		c.Status = results.StatusSkipped
		cells = append(cells, c)
	}
	m, err := Build([]*results.Run{memoryRun(results.Manifest{Experiment: "cut"}, cells)}, Options{})
	must(t, err)
	if want := "Nothing was measured that could be ranked."; m.Verdict.Headline != want {
		t.Errorf("headline %q, want %q", m.Verdict.Headline, want)
	}
	if got := m.Tables[0].Entries[0].Text; got != "not run" {
		t.Errorf("the entry says %q", got)
	}
	for _, write := range forms() {
		written(t, write, m)
	}
}

func TestARunWithoutFilesBecomesAReport(t *testing.T) {
	m, err := Build([]*results.Run{memoryRun(sampleManifest(), sampleCells())}, Options{Title: "mine"})
	must(t, err)
	if m.Title != "mine" || len(m.Tables) == 0 || len(m.Curves) != 0 || len(m.Series) != 0 {
		t.Errorf("title %q, %d tables, %d curves, %d series", m.Title, len(m.Tables), len(m.Curves), len(m.Series))
	}
}

func TestNoRunIsRefused(t *testing.T) {
	if _, err := Build(nil, Options{}); err == nil {
		t.Error("a report of nothing was made")
	}
}

func TestBeforeAndAfterAreCompared(t *testing.T) {
	before, after := sampleCells(), sampleCells()
	for i := range after {
		if after[i].OpsPerS != nil {
			after[i].OpsPerS = results.Num(*after[i].OpsPerS * 2)
		}
	}
	m, err := Build([]*results.Run{memoryRun(results.Manifest{Experiment: "one"}, before), memoryRun(results.Manifest{Experiment: "one"}, after)}, Options{})
	must(t, err)
	if m.Runs[0].Name == m.Runs[1].Name {
		t.Errorf("both runs are called %s", m.Runs[0].Name)
	}
	if !strings.Contains(m.Verdict.Headline, "better (2.0x)") || strings.Contains(m.Verdict.Headline, "worse") {
		t.Errorf("everything is twice as fast, and the headline is %q", m.Verdict.Headline)
	}
	keys := map[string]int{}
	for i, table := range m.Tables {
		if at, ok := keys[table.Key]; ok && at != i-1 {
			t.Errorf("table %s is not beside its like, %s", table.ID, m.Tables[at].ID)
		}
		keys[table.Key] = i
	}
}

func TestUnlikeRunsAreShownAndNotCompared(t *testing.T) {
	one, other := sampleCells(), sampleCells()
	for i := range other {
		other[i].Workload.Records = 5
	}
	m, err := Build([]*results.Run{memoryRun(results.Manifest{Experiment: "one"}, one), memoryRun(results.Manifest{Experiment: "other"}, other)}, Options{})
	must(t, err)
	if len(m.Changes) != 0 || !slices.ContainsFunc(m.Verdict.Caveats, func(s string) bool { return strings.Contains(s, "records") }) {
		t.Errorf("%d changes; caveats %q", len(m.Changes), m.Verdict.Caveats)
	}
}

func TestADamagedFileIsNamed(t *testing.T) {
	run := sampleRun(t, sampleManifest(), sampleCells()[:1])
	damage(t, run, "async-A-hash-r1.hlog")
	_, err := Build([]*results.Run{run}, Options{})
	if err == nil || !strings.Contains(err.Error(), "async-A-hash-r1") {
		t.Errorf("the error is %v", err)
	}
	// Cut off behind its head, it would pass for one without latencies.
	must(t, os.WriteFile(filepath.Join(run.Dir, "hist", "async-A-hash-r1.hlog"), []byte("#[Latencies in nanoseconds]\n"), 0o644))
	_, err = Build([]*results.Run{run}, Options{})
	if err == nil || !strings.Contains(err.Error(), "cut off") || !strings.Contains(err.Error(), "remove it") {
		t.Errorf("of a file that was cut off the error is %v", err)
	}
}

func TestADifferenceWithATypoIsNotAccepted(t *testing.T) {
	_, err := Build([]*results.Run{memoryRun(sampleManifest(), sampleCells())}, Options{AllowDiff: []string{"recods"}})
	if err == nil || !strings.Contains(err.Error(), "did you mean records?") {
		t.Errorf("error %v", err)
	}
}
