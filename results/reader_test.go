package results

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// rewrite changes one file of a run that was written whole.
func rewrite(t *testing.T, dir, name string, change func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, change(text), 0o644))
}

// twoCells writes two cells with series and events, and closes.
func twoCells(t *testing.T) string {
	t.Helper()
	w := create(t)
	for _, id := range []string{"one", "two"} {
		c := fullCell()
		c.ID = id
		must(t, w.AddSeries(sampleSeries(id)))
		must(t, w.AddEvents(sampleEvents(id)))
		must(t, w.AddCell(c))
	}
	must(t, w.Close())
	return w.Dir()
}

func TestLinesCutAnywhereLoseAtMostTheLast(t *testing.T) {
	whole, err := jsonLines(append(sampleEvents("one"), sampleEvents("two")...))
	must(t, err)
	first := bytes.IndexByte(whole, '\n') + 1
	for cut := 0; cut <= len(whole); cut++ {
		rows, torn, err := decodeLines[EventRow](bytes.NewReader(whole[:cut]), "")
		must(t, err)
		// A line without its end is whole when its object is.
		want, wantTorn := 0, cut > 0 && cut < first-1
		if cut >= first-1 {
			want, wantTorn = 1, cut > first && cut < len(whole)-1
		}
		if cut >= len(whole)-1 {
			want = 2
		}
		if len(rows) != want || torn != wantTorn {
			t.Errorf("cut at %d of %d: %d rows, torn %v; want %d, %v", cut, len(whole), len(rows), torn, want, wantTorn)
		}
	}
}

func TestATornCellIsLeftOutWithANote(t *testing.T) {
	dir := twoCells(t)
	rewrite(t, dir, CellsFile, func(b []byte) []byte { return b[:len(b)-100] })
	r := open(t, dir)
	if len(r.Cells) != 1 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], CellsFile) {
		t.Errorf("%d cells, notes %q; want the first and a note", len(r.Cells), r.Notes)
	}
}

func TestSeriesCutAnywhereKeepWhatCameBefore(t *testing.T) {
	dir := twoCells(t)
	whole, err := os.ReadFile(filepath.Join(dir, SeriesFile))
	must(t, err)
	second := bytes.LastIndex(whole, []byte{0x1f, 0x8b, 8})
	all := append(sampleSeries("one"), sampleSeries("two")...)
	for cut := 0; cut <= len(whole); cut++ {
		must(t, os.WriteFile(filepath.Join(dir, SeriesFile), whole[:cut], 0o644))
		r := open(t, dir)
		rows, err := r.Series()
		if err != nil {
			t.Fatalf("cut at %d of %d: %v", cut, len(whole), err)
		}
		least := 0
		if cut >= second {
			least = 2
		}
		if len(rows) < least || len(rows) > 0 && !reflect.DeepEqual(rows, all[:len(rows)]) {
			t.Fatalf("cut at %d of %d: rows %+v", cut, len(whole), rows)
		}
		between := cut == 0 || cut == second || cut == len(whole)
		if between != (len(r.Notes) == 0) {
			t.Fatalf("cut at %d of %d: notes %q", cut, len(whole), r.Notes)
		}
	}
}

func TestATornEventIsLeftOutWithANote(t *testing.T) {
	dir := twoCells(t)
	rewrite(t, dir, EventsFile, func(b []byte) []byte { return b[:len(b)-5] })
	r := open(t, dir)
	for range 2 { // the note is not repeated
		events, err := r.Events()
		must(t, err)
		if len(events) != 1 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], EventsFile) {
			t.Errorf("%d events, notes %q", len(events), r.Notes)
		}
	}
}

func TestDamageThatIsNoTornEndIsAnError(t *testing.T) {
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte {
			if at < 0 {
				at += len(b)
			}
			b[at] ^= 0xff
			return b
		}
	}
	for name, c := range map[string]struct {
		file   string
		change func([]byte) []byte
		want   string
	}{
		"first cell":      {CellsFile, flip(0), "line 1"},
		"second cell":     {CellsFile, flip(-2), "line 2"},
		"same cell twice": {CellsFile, func(b []byte) []byte { return append(b, b[:bytes.IndexByte(b, '\n')+1]...) }, "twice"},
		"series header":   {SeriesFile, flip(0), SeriesFile},
		"series checksum": {SeriesFile, flip(-5), SeriesFile},
		"event":           {EventsFile, flip(0), "line 1"},
		"manifest":        {ManifestFile, flip(0), ManifestFile},
		"empty manifest":  {ManifestFile, func([]byte) []byte { return nil }, ManifestFile},
		"no cells file":   {CellsFile, nil, CellsFile},
	} {
		dir := twoCells(t)
		if c.change == nil {
			must(t, os.Remove(filepath.Join(dir, c.file)))
		} else {
			rewrite(t, dir, c.file, c.change)
		}
		r, err := Open(dir)
		if err == nil {
			_, err1 := r.Series()
			_, err2 := r.Events()
			err = errors.Join(err1, err2)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
}

func TestAnotherMajorSchemaIsAClearError(t *testing.T) {
	for _, file := range []string{CellsFile, ManifestFile} {
		for from, c := range map[string]struct {
			to string
			ok bool
		}{
			"older":      {"kvbench.NAME/0", false},
			"newer":      {"kvbench.NAME/2", false},
			"longer":     {"kvbench.NAME/10", false},
			"additive":   {"kvbench.NAME/1.3", true},
			"another":    {"someone.NAME/1", false},
			"none named": {"", false},
		} {
			name := map[string]string{CellsFile: "cell", ManifestFile: "manifest"}[file]
			to := strings.ReplaceAll(c.to, "NAME", name)
			dir := twoCells(t)
			rewrite(t, dir, file, func(b []byte) []byte {
				return bytes.Replace(b, []byte("kvbench."+name+"/1"), []byte(to), 1)
			})
			_, err := Open(dir)
			if c.ok && err != nil {
				t.Errorf("%s, %s: %v", file, from, err)
			}
			if !c.ok && (!errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "kvbench."+name+"/1") || !strings.Contains(err.Error(), file)) {
				t.Errorf("%s, %s: error %v, want ErrSchema that names the file and the schema read", file, from, err)
			}
		}
	}
}

func TestASchemaIsCheckedBeforeItsFields(t *testing.T) {
	dir := twoCells(t)
	rewrite(t, dir, CellsFile, func([]byte) []byte { return []byte(`{"schema":"kvbench.cell/2","rep":"third"}`) })
	if _, err := Open(dir); !errors.Is(err, ErrSchema) {
		t.Errorf("error %v, want ErrSchema", err)
	}
}

func TestUnknownFieldsArePassedOver(t *testing.T) {
	dir := twoCells(t)
	add := func(b []byte) []byte { return bytes.Replace(b, []byte(`{`), []byte(`{"invented_later":{"x":1},`), 1) }
	rewrite(t, dir, CellsFile, add)
	rewrite(t, dir, ManifestFile, add)
	if r := open(t, dir); len(r.Cells) != 2 || r.Manifest.Experiment != "sample" {
		t.Errorf("%d cells of %q", len(r.Cells), r.Manifest.Experiment)
	}
}

func TestADirectoryWithoutResultsIsNamed(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir+" is no results directory") {
		t.Errorf("error %v", err)
	}
}

func TestACellWithoutHistogramsIsNotExist(t *testing.T) {
	r := open(t, twoCells(t))
	if _, err := r.Hist("one"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
	if _, err := r.Hist("../manifest"); err == nil {
		t.Error("a cell id that leaves the directory was taken")
	}
}

// FuzzLines feeds the reader of lines; it must not panic, and what it accepts
// it must accept again when written anew.
func FuzzLines(f *testing.F) {
	cell, err := jsonLines([]Cell{fullCell()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cell)
	f.Add(cell[:len(cell)/2])
	f.Add([]byte("\n\n{}\n"))
	f.Add([]byte(`{"schema":"kvbench.cell/1","id":"x","ops":{"read":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		cells, _, err := decodeLines[Cell](bytes.NewReader(text), CellSchema)
		if err != nil {
			return
		}
		again, err := jsonLines(cells)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		back, torn, err := decodeLines[Cell](bytes.NewReader(again), CellSchema)
		if err != nil || torn || len(back) != len(cells) {
			t.Fatalf("%d cells came back as %d, torn %v, error %v", len(cells), len(back), torn, err)
		}
		// Whatever is read can be shown.
		for _, format := range []Format{FormatText, FormatMarkdown, FormatCSV, FormatJSON} {
			for _, matrix := range []bool{false, true} {
				var b bytes.Buffer
				if err := Table(&b, &Run{Cells: cells}, TableOptions{Format: format, Matrix: matrix, Width: 60}); err != nil {
					t.Fatalf("%s: %v", format, err)
				}
			}
		}
		for i := range cells {
			if _, err := newGoBench().lines(&Manifest{}, &cells[i]); err != nil {
				t.Fatal(fmt.Errorf("bench line: %w", err))
			}
		}
	})
}

func TestFieldsThatAreUnknownAreNotedAndPassedOver(t *testing.T) {
	for _, file := range []string{ManifestFile, CellsFile} {
		dir := twoCells(t)
		rewrite(t, dir, file, func(text []byte) []byte {
			return bytes.Replace(text, []byte(`"schema"`), []byte(`"surprise": {"a": 1}, "schema"`), 1)
		})
		run, err := Open(dir)
		must(t, err)
		if len(run.Cells) != 2 || len(run.Notes) != 1 || !strings.Contains(run.Notes[0], file+`: field "surprise"`) {
			t.Errorf("%s: %d cells, notes %v", file, len(run.Cells), run.Notes)
		}
	}
}
