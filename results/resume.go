package results

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Resume goes on with a run that ended early. Cells that ended well, or whose
// engine cannot do what is asked, stay; all others are removed, with their
// series, events and histograms, and may be added anew. The run returned is
// what stays.
//
// The files that are cut down are replaced one at a time, the cells last: a
// crash between leaves rows of cells that are still there, or a run that can
// be resumed again.
func Resume(dir string) (*Writer, *Run, error) {
	run, err := Open(dir)
	if err != nil {
		return nil, nil, err
	}
	w, err := run.resume()
	if err != nil {
		return nil, nil, fmt.Errorf("resume results in %s: %w", dir, err)
	}
	return w, run, nil
}

func (r *Run) resume() (*Writer, error) {
	series, err := r.Series()
	if err != nil {
		return nil, err
	}
	events, err := r.Events()
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	var kept, dropped []Cell
	for _, c := range r.Cells {
		if c.Status == StatusOK || c.Status == StatusUnsupported {
			ids[c.ID] = true
			kept = append(kept, c)
		} else {
			dropped = append(dropped, c)
		}
	}
	r.Cells = kept
	if err := r.rewrite(series, events, ids); err != nil {
		return nil, err
	}
	for _, c := range dropped {
		if err := os.Remove(histPath(r.Dir, c.ID)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	w := &Writer{dir: r.Dir, manifest: r.Manifest, goBench: newGoBench(), ids: ids}
	if err := w.reopenFiles(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := w.UpdateManifest(func(m *Manifest) { m.Status, m.Finished = StatusPartial, nil }); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// rewrite replaces the files by what belongs to the cells that stay.
func (r *Run) rewrite(series []SeriesRow, events []EventRow, ids map[string]bool) error {
	packed, err := packSeries(filter(series, func(s *SeriesRow) bool { return ids[s.Cell] }))
	if err != nil {
		return err
	}
	eventLines, err := jsonLines(filter(events, func(e *EventRow) bool { return ids[e.Cell] }))
	if err != nil {
		return err
	}
	bench, lines := newGoBench(), []byte{}
	for i := range r.Cells {
		some, err := bench.lines(&r.Manifest, &r.Cells[i])
		if err != nil {
			return err
		}
		lines = append(lines, some...)
	}
	cellLines, err := jsonLines(r.Cells)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{SeriesFile, packed}, {EventsFile, eventLines}, {BenchFile, lines}, {CellsFile, cellLines}} {
		if err := ReplaceFile(r.path(file.name), file.data); err != nil {
			return err
		}
	}
	return nil
}

func filter[T any](rows []T, keep func(*T) bool) []T {
	var out []T
	for i := range rows {
		if keep(&rows[i]) {
			out = append(out, rows[i])
		}
	}
	return out
}

// packSeries writes all rows as one gzip member; none make an empty file.
func packSeries(rows []SeriesRow) ([]byte, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	lines, err := jsonLines(rows)
	if err != nil {
		return nil, err
	}
	return zipLines(lines)
}

// zipLines makes lines one gzip member.
func zipLines(lines []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(lines); err != nil {
		return nil, fmt.Errorf("compress series: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress series: %w", err)
	}
	return b.Bytes(), nil
}

// reopenFiles opens the files to grow behind what they hold.
func (w *Writer) reopenFiles() error {
	for name, file := range map[string]**appender{
		CellsFile: &w.cells, SeriesFile: &w.series, EventsFile: &w.events, BenchFile: &w.bench,
	} {
		f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		a := &appender{file: f}
		*file = a
		info, err := f.Stat()
		if err != nil {
			return err
		}
		a.size = info.Size()
	}
	return nil
}
