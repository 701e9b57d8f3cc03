package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
)

func create(t *testing.T) *Writer {
	t.Helper()
	w, err := Create(filepath.Join(t.TempDir(), "run"), fullManifest())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

func open(t *testing.T, dir string) *Run {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sampleSeries(cell string) []SeriesRow {
	return []SeriesRow{
		{Cell: cell, Phase: "measure", T: 1, Seconds: 1, Ops: 10, Latency: &Latency{P50: 7}},
		{Cell: cell, Phase: "measure", T: 2, Seconds: 1, Ops: 12, RSS: engine.Known(4096)},
	}
}

func sampleEvents(cell string) []EventRow {
	return []EventRow{{Cell: cell, Phase: "measure", T: 1.5, Kind: "flush", Duration: time.Millisecond, BytesOut: 9}}
}

func TestWhatWasWrittenIsReadBack(t *testing.T) {
	w := create(t)
	id := fullCell().ID
	must(t, w.AddSeries(sampleSeries(id)))
	must(t, w.AddEvents(sampleEvents(id)))
	must(t, w.AddHist(id, map[string][]Bucket{"read": {{100, 3}, {2000, 1}}}, sampleTime(), sampleTime()))
	must(t, w.AddCell(fullCell()))
	must(t, w.AddSeries(sampleSeries("other")))
	must(t, w.AddCell(unsupportedCell()))

	// Before Close: a run that is killed now has the same.
	r := open(t, w.Dir())
	if want := []Cell{fullCell(), unsupportedCell()}; !reflect.DeepEqual(r.Cells, want) {
		t.Errorf("cells\n got %+v\nwant %+v", r.Cells, want)
	}
	if want := fullManifest(); !reflect.DeepEqual(r.Manifest, want) {
		t.Errorf("manifest\n got %+v\nwant %+v", r.Manifest, want)
	}
	series, err := r.Series()
	must(t, err)
	if want := append(sampleSeries(id), sampleSeries("other")...); !reflect.DeepEqual(series, want) {
		t.Errorf("series\n got %+v\nwant %+v", series, want)
	}
	events, err := r.Events()
	must(t, err)
	if want := sampleEvents(id); !reflect.DeepEqual(events, want) {
		t.Errorf("events\n got %+v\nwant %+v", events, want)
	}
	hist, err := r.Hist(id)
	must(t, err)
	if n := len(hist["read"]); n != 2 {
		t.Errorf("histogram of read has %d buckets, want 2", n)
	}
	if len(r.Notes) != 0 {
		t.Errorf("notes %q of a whole directory", r.Notes)
	}
}

func TestARunThatHasJustBegunCanBeRead(t *testing.T) {
	w, err := Create(t.TempDir(), Manifest{Experiment: "new"})
	must(t, err)
	defer w.Close()
	r := open(t, w.Dir())
	if r.Manifest.Status != StatusPartial || r.Manifest.Schema != ManifestSchema {
		t.Errorf("manifest has status %q and schema %q", r.Manifest.Status, r.Manifest.Schema)
	}
	series, err := r.Series()
	if len(r.Cells) != 0 || len(series) != 0 || err != nil {
		t.Errorf("%d cells, %d rows, error %v", len(r.Cells), len(series), err)
	}
}

func TestRunsAreNeverMixed(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o644))
	_, err := Create(dir, Manifest{})
	if !errors.Is(err, ErrExists) {
		t.Fatalf("error %v, want ErrExists", err)
	}
	for _, want := range []string{dir, "notes.txt", "another directory"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d entries after the refusal, want 1", len(entries))
	}
}

func TestADirectoryThatIsAFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, nil, 0o644))
	if _, err := Create(path, Manifest{}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one that names %s", err, path)
	}
}

func TestCellIDsFitFileNamesAndAreUnique(t *testing.T) {
	w := create(t)
	for _, id := range []string{"", "a/b", `a\b`, "..", ".hidden", "a\x00b", "a\nb", "\xff", strings.Repeat("x", 201)} {
		c := unsupportedCell()
		c.ID = id
		if err := w.AddCell(c); err == nil {
			t.Errorf("cell id %q was taken", id)
		}
		if err := w.AddHist(id, nil, sampleTime(), sampleTime()); err == nil {
			t.Errorf("histograms of cell id %q were taken", id)
		}
	}
	must(t, w.AddCell(unsupportedCell()))
	if err := w.AddCell(unsupportedCell()); err == nil {
		t.Error("the same cell was taken twice")
	}
	if n := len(open(t, w.Dir()).Cells); n != 1 {
		t.Errorf("%d cells on disk, want 1", n)
	}
}

func TestMissingSchemaAndExperimentAreFilledIn(t *testing.T) {
	w := create(t)
	must(t, w.AddCell(Cell{ID: "x", Status: StatusSkipped}))
	c := open(t, w.Dir()).Cells[0]
	if c.Schema != CellSchema || c.Experiment != "sample" {
		t.Errorf("schema %q, experiment %q", c.Schema, c.Experiment)
	}
}

func TestEmptyListsAreNotNull(t *testing.T) {
	w := create(t)
	must(t, w.AddCell(Cell{ID: "x", Status: StatusSkipped}))
	text, err := os.ReadFile(filepath.Join(w.Dir(), CellsFile))
	must(t, err)
	for _, want := range []string{`"phases":[]`, `"ops":{}`, `"flags":[]`, `"settings":{}`, `"caps":null`, `"ops_per_s":null`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not hold %s: %s", CellsFile, want, text)
		}
	}
}

func TestTheManifestIsReplacedWhole(t *testing.T) {
	w := create(t)
	finished := sampleTime()
	must(t, w.UpdateManifest(func(m *Manifest) {
		m.Status = StatusOK
		m.Finished = &finished
	}))
	m := open(t, w.Dir()).Manifest
	if m.Status != StatusOK || m.Finished == nil || !m.Finished.Equal(finished) || m.Experiment != "sample" {
		t.Errorf("manifest %+v", m)
	}
	if got := w.Manifest(); !reflect.DeepEqual(got, m) {
		t.Errorf("the writer has another manifest than the file: %+v", got)
	}
	if _, err := os.Stat(filepath.Join(w.Dir(), ManifestFile+".tmp")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file is still there: %v", err)
	}
}

func TestTheSpecIsYAMLAndItsHashIsInTheManifest(t *testing.T) {
	w := create(t)
	must(t, w.SetSpec(map[string]any{"records": 1000}))
	text, err := os.ReadFile(filepath.Join(w.Dir(), SpecFile))
	must(t, err)
	if string(text) != "records: 1000\n" {
		t.Errorf("spec %q", text)
	}
	first := open(t, w.Dir()).Manifest.SpecSHA
	must(t, w.SetSpec([]byte("as: it is # yes\n")))
	text, err = os.ReadFile(filepath.Join(w.Dir(), SpecFile))
	must(t, err)
	if string(text) != "as: it is # yes\n" {
		t.Errorf("spec %q", text)
	}
	second := open(t, w.Dir()).Manifest.SpecSHA
	if len(first) != 64 || len(second) != 64 || first == second {
		t.Errorf("hashes %q and %q", first, second)
	}
}

func TestAClosedWriterTakesNothing(t *testing.T) {
	w := create(t)
	must(t, w.Close())
	must(t, w.Close())
	for name, call := range map[string]func() error{
		"AddCell":        func() error { return w.AddCell(unsupportedCell()) },
		"AddSeries":      func() error { return w.AddSeries(sampleSeries("x")) },
		"AddEvents":      func() error { return w.AddEvents(sampleEvents("x")) },
		"AddHist":        func() error { return w.AddHist("x", nil, sampleTime(), sampleTime()) },
		"SetSpec":        func() error { return w.SetSpec([]byte("x")) },
		"UpdateManifest": func() error { return w.UpdateManifest(func(*Manifest) {}) },
	} {
		if err := call(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s after Close: %v, want fs.ErrClosed", name, err)
		}
	}
}

func TestANumberThatIsNoneIsRefusedWithTheCell(t *testing.T) {
	w := create(t)
	c := fullCell()
	zero := 0.0
	c.OpsPerS = Num(1 / zero)
	if err := w.AddCell(c); err == nil || !strings.Contains(err.Error(), c.ID) {
		t.Errorf("error %v, want one that names the cell", err)
	}
	must(t, w.AddCell(fullCell())) // the id is free and the files are whole
	if n := len(open(t, w.Dir()).Cells); n != 1 {
		t.Errorf("%d cells, want 1", n)
	}
}

func TestManyGoroutinesWriteWholeRecords(t *testing.T) {
	w := create(t)
	const workers, each = 8, 10
	var group sync.WaitGroup
	for g := range workers {
		group.Go(func() {
			for i := range each {
				c := fullCell()
				c.ID = fmt.Sprintf("g%d-%d", g, i)
				if err := errors.Join(
					w.AddSeries(sampleSeries(c.ID)), w.AddEvents(sampleEvents(c.ID)), w.AddCell(c),
					w.UpdateManifest(func(m *Manifest) { m.Experiment = c.ID }),
				); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	r := open(t, w.Dir())
	series, err1 := r.Series()
	events, err2 := r.Events()
	must(t, errors.Join(err1, err2))
	const n = workers * each
	if len(r.Cells) != n || len(series) != 2*n || len(events) != n {
		t.Errorf("%d cells, %d series, %d events", len(r.Cells), len(series), len(events))
	}
}
