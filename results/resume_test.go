package results

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// addAll writes a cell with all that goes before it.
func addAll(t *testing.T, w *Writer, c Cell) {
	t.Helper()
	must(t, w.AddSeries(sampleSeries(c.ID)))
	must(t, w.AddEvents(sampleEvents(c.ID)))
	must(t, w.AddHist(c.ID, map[string][]Bucket{"read": {{100, 3}}}, sampleTime(), sampleTime()))
	must(t, w.AddCell(c))
}

func cellCalled(id string, status Status) Cell {
	c := fullCell()
	c.ID, c.Status = id, status
	return c
}

// interrupted is a run of which two cells of five may stay, with what a killed
// process leaves behind the last of them.
func interrupted(t *testing.T) (dir string) {
	t.Helper()
	w := create(t)
	for id, status := range map[string]Status{
		"good": StatusOK, "cannot": StatusUnsupported, "broken": StatusFailed, "cut": StatusPartial, "never": StatusSkipped,
	} {
		addAll(t, w, cellCalled(id, status))
	}
	must(t, w.AddSeries(sampleSeries("lost"))) // its cell was never written
	must(t, w.AddEvents(sampleEvents("lost")))
	must(t, w.Close())
	f, err := os.OpenFile(filepath.Join(w.Dir(), CellsFile), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(`{"schema":"kvbench.cell/1","id":"to`)
	must(t, err)
	must(t, f.Close())
	return w.Dir()
}

func TestAResumedRunKeepsWhatEndedAndMeasuresTheRestAnew(t *testing.T) {
	dir := interrupted(t)
	w, kept, err := Resume(dir)
	must(t, err)
	ids := func(r *Run) (list []string) {
		for _, c := range r.Cells {
			list = append(list, c.ID)
		}
		slices.Sort(list)
		return list
	}
	if got := ids(kept); !slices.Equal(got, []string{"cannot", "good"}) {
		t.Errorf("kept %v", got)
	}
	if m := open(t, dir).Manifest; m.Status != StatusPartial || m.Finished != nil {
		t.Errorf("a run that goes on is %s, finished %v", m.Status, m.Finished)
	}
	if err := w.AddCell(cellCalled("good", StatusOK)); err == nil {
		t.Error("a cell that is there was added again")
	}
	addAll(t, w, cellCalled("broken", StatusOK))
	must(t, w.Close())

	run := open(t, dir)
	if got := ids(run); !slices.Equal(got, []string{"broken", "cannot", "good"}) || len(run.Notes) > 0 {
		t.Errorf("cells %v, notes %v", got, run.Notes)
	}
	series, err := run.Series()
	must(t, err)
	events, err := run.Events()
	must(t, err)
	for _, id := range []string{"good", "cannot", "broken"} {
		n, m := 0, 0
		for _, s := range series {
			if s.Cell == id {
				n++
			}
		}
		for _, e := range events {
			if e.Cell == id {
				m++
			}
		}
		if n != len(sampleSeries(id)) || m != len(sampleEvents(id)) {
			t.Errorf("%s has %d rows and %d events", id, n, m)
		}
		if _, err := run.Hist(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if len(series) != 3*len(sampleSeries("")) || len(events) != 3*len(sampleEvents("")) {
		t.Errorf("%d rows and %d events in all", len(series), len(events))
	}
	if _, err := run.Hist("cut"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the histograms of a cell that was dropped: %v", err)
	}
	bench, err := os.ReadFile(filepath.Join(dir, BenchFile))
	must(t, err)
	if n := strings.Count(string(bench), "\nBenchmark"); n != 2 {
		t.Errorf("%d benchmark lines, want those of good and broken:\n%s", n, bench)
	}
}

func TestARunOfAnotherVersionIsNotResumed(t *testing.T) {
	dir := interrupted(t)
	path := filepath.Join(dir, ManifestFile)
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, []byte(strings.Replace(string(text), ManifestSchema, "kvbench.manifest/9", 1)), 0o644))
	before, err := os.ReadFile(filepath.Join(dir, CellsFile))
	must(t, err)
	if _, _, err := Resume(dir); !errors.Is(err, ErrSchema) {
		t.Errorf("error %v, want ErrSchema", err)
	}
	after, err := os.ReadFile(filepath.Join(dir, CellsFile))
	must(t, err)
	if string(before) != string(after) {
		t.Error("the cells were changed")
	}
}
