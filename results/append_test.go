package results

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A fullDisk takes the first room bytes of what is written.
type fullDisk struct {
	*os.File
	room        int64
	stuck       bool // truncate fails too
	syncFailure error
}

func (d *fullDisk) WriteAt(p []byte, offset int64) (int, error) {
	fits := min(int64(len(p)), max(d.room-offset, 0))
	n, err := d.File.WriteAt(p[:fits], offset)
	if err == nil && fits < int64(len(p)) {
		err = &fs.PathError{Op: "write", Path: d.Name(), Err: syscall.ENOSPC}
	}
	return n, err
}

func (d *fullDisk) Sync() error { return d.syncFailure }

func (d *fullDisk) Truncate(size int64) error {
	if d.stuck {
		return &fs.PathError{Op: "truncate", Path: d.Name(), Err: syscall.EIO}
	}
	return d.File.Truncate(size)
}

// fill makes the disk of one file of w full after room bytes.
func fill(a *appender, room int64) *fullDisk {
	d := &fullDisk{File: a.file.(*os.File), room: room}
	a.file = d
	return d
}

func TestAFullDiskIsAnErrorThatNamesTheFileAndLeavesWholeRecords(t *testing.T) {
	w := create(t)
	c := sampleCell(RegimeAsync, "A", "pebble", 1, 1000)
	must(t, w.AddCell(c))
	disk := fill(w.cells, w.cells.size+10)
	c.ID = "second"
	err := w.AddCell(c)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), CellsFile) || !strings.Contains(err.Error(), "second") {
		t.Errorf("error %v, want ENOSPC with file and cell", err)
	}
	if r := open(t, w.Dir()); len(r.Cells) != 1 || len(r.Notes) != 0 {
		t.Errorf("%d cells, notes %q; want the first cell and a whole file", len(r.Cells), r.Notes)
	}
	disk.room = 1 << 30
	must(t, w.AddCell(c)) // space was made
	if n := len(open(t, w.Dir()).Cells); n != 2 {
		t.Errorf("%d cells, want 2", n)
	}
}

func TestAFullDiskLeavesSeriesAndEventsReadable(t *testing.T) {
	w := create(t)
	must(t, w.AddSeries(sampleSeries("a")))
	must(t, w.AddEvents(sampleEvents("a")))
	fill(w.series, w.series.size+3)
	fill(w.events, w.events.size+3)
	if err := w.AddSeries(sampleSeries("b")); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), SeriesFile) {
		t.Errorf("series: %v", err)
	}
	if err := w.AddEvents(sampleEvents("b")); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), EventsFile) {
		t.Errorf("events: %v", err)
	}
	r := open(t, w.Dir())
	series, err1 := r.Series()
	events, err2 := r.Events()
	must(t, errors.Join(err1, err2))
	if len(series) != 2 || len(events) != 1 || len(r.Notes) != 0 {
		t.Errorf("%d series, %d events, notes %q", len(series), len(events), r.Notes)
	}
}

func TestNothingIsWrittenBehindATornRecord(t *testing.T) {
	w := create(t)
	must(t, w.AddCell(sampleCell(RegimeAsync, "A", "pebble", 1, 1000)))
	disk := fill(w.cells, w.cells.size+10)
	disk.stuck = true
	for i := range 2 {
		err := w.AddCell(sampleCell(RegimeAsync, "A", "pebble", 2, 1000))
		if err == nil {
			t.Fatal("a cell was taken by a full disk")
		}
		if i == 1 && !strings.Contains(err.Error(), "torn") {
			t.Errorf("error %v does not say that the file is torn", err)
		}
		disk.room = 1 << 30
	}
	r := open(t, w.Dir())
	if len(r.Cells) != 1 || len(r.Notes) != 1 {
		t.Errorf("%d cells, notes %q; want 1 and a note", len(r.Cells), r.Notes)
	}
}

func TestARecordThatWasNotSyncedIsTakenBack(t *testing.T) {
	w := create(t)
	disk := fill(w.cells, 1<<30)
	disk.syncFailure = syscall.EIO
	if err := w.AddCell(unsupportedCell()); !errors.Is(err, syscall.EIO) {
		t.Errorf("error %v, want EIO", err)
	}
	if n := len(open(t, w.Dir()).Cells); n != 0 {
		t.Errorf("%d cells, want none", n)
	}
}

func TestReplacingAFileIsAllOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, ReplaceFile(path, []byte("one")))
	must(t, ReplaceFile(path, []byte("two")))
	text, err := os.ReadFile(path)
	must(t, err)
	if string(text) != "two" {
		t.Errorf("content %q", text)
	}
	// A directory in the way of the name: the temporary file must not stay.
	blocked := filepath.Join(t.TempDir(), "blocked")
	must(t, os.MkdirAll(filepath.Join(blocked, "in"), 0o755))
	if err := ReplaceFile(blocked, []byte("x")); err == nil || !strings.Contains(err.Error(), blocked) {
		t.Errorf("error %v, want one that names the file", err)
	}
	if _, err := os.Stat(blocked + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary file is still there: %v", err)
	}
}
