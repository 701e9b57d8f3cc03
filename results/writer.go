package results

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
)

// ErrExists is wrapped by Create when the directory holds something already.
var ErrExists = errors.New("results directory is not empty")

// A Writer writes one run to its directory. Its methods may be called from
// many goroutines. Each syncs what it wrote before it returns; errors name the
// file. A method that fails leaves each file whole, and the Writer usable.
type Writer struct {
	dir string

	mu       sync.Mutex
	manifest Manifest
	cells    *appender
	series   *appender
	events   *appender
	bench    *appender
	goBench  *goBench        // encodes for bench
	ids      map[string]bool // of the cells written
	closed   bool
}

// Create begins a run in dir, which must be empty or absent: runs are never
// mixed. A schema and a status that m leaves empty are filled in; the status
// is then partial, which is what a run is that gets killed.
func Create(dir string, m Manifest) (*Writer, error) {
	if err := makeEmpty(dir); err != nil {
		return nil, err
	}
	if m.Schema == "" {
		m.Schema = ManifestSchema
	}
	if m.Status == "" {
		m.Status = StatusPartial
	}
	w := &Writer{dir: dir, manifest: m, goBench: newGoBench(), ids: map[string]bool{}}
	if err := w.createFiles(); err != nil {
		return nil, errors.Join(fmt.Errorf("create results: %w", err), w.Close())
	}
	return w, nil
}

func makeEmpty(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("create results directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("create results directory: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%w: %s holds %s; name another directory or move this one away, runs are never mixed",
			ErrExists, dir, entries[0].Name())
	}
	return nil
}

func (w *Writer) createFiles() error {
	for name, file := range map[string]**appender{
		CellsFile: &w.cells, SeriesFile: &w.series, EventsFile: &w.events, BenchFile: &w.bench,
	} {
		a, err := newAppender(filepath.Join(w.dir, name))
		if err != nil {
			return err
		}
		*file = a
	}
	if err := os.Mkdir(filepath.Join(w.dir, HistDir), 0o755); err != nil {
		return err
	}
	return w.writeManifest(w.manifest)
}

// Dir returns the directory.
func (w *Writer) Dir() string { return w.dir }

// Manifest returns the manifest as it was last written. Its slices and maps
// must not be changed.
func (w *Writer) Manifest() Manifest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.manifest
}

// AddCell appends c. Its id must be new; a schema and an experiment that it
// leaves empty are filled in. It comes after the series, events and histograms
// of the same cell.
func (w *Writer) AddCell(c Cell) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.errClosed()
	}
	if err := checkCellID(c.ID); err != nil {
		return err
	}
	if w.ids[c.ID] {
		return fmt.Errorf("cell %s is in %s already", c.ID, CellsFile)
	}
	if c.Schema == "" {
		c.Schema = CellSchema
	}
	if c.Experiment == "" {
		c.Experiment = w.manifest.Experiment
	}
	emptyForNil(reflect.ValueOf(&c).Elem())
	line, err := jsonLines([]Cell{c})
	if err != nil {
		return fmt.Errorf("encode cell %s: %w", c.ID, err)
	}
	if err := w.cells.add(line); err != nil {
		return fmt.Errorf("add cell %s: %w", c.ID, err)
	}
	w.ids[c.ID] = true
	return w.addBench(&c)
}

// addBench appends c to bench.txt. The cell is in cells.jsonl by then and stays
// there if this fails.
func (w *Writer) addBench(c *Cell) error {
	lines, err := w.goBench.lines(&w.manifest, c)
	if err == nil {
		err = w.bench.add(lines)
	}
	if err != nil {
		w.goBench = newGoBench() // what was declared did not arrive
		return fmt.Errorf("add cell %s to %s: %w", c.ID, BenchFile, err)
	}
	return nil
}

// AddSeries appends rows as one gzip member.
func (w *Writer) AddSeries(rows []SeriesRow) error {
	if len(rows) == 0 {
		return nil
	}
	lines, err := jsonLines(rows)
	if err != nil {
		return fmt.Errorf("encode series: %w", err)
	}
	member, err := zipLines(lines)
	if err != nil {
		return err
	}
	return w.add("series", member, func() *appender { return w.series })
}

// AddEvents appends rows.
func (w *Writer) AddEvents(rows []EventRow) error {
	lines, err := jsonLines(rows)
	if err != nil {
		return fmt.Errorf("encode events: %w", err)
	}
	return w.add("events", lines, func() *appender { return w.events })
}

func (w *Writer) add(what string, record []byte, to func() *appender) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.errClosed()
	}
	if err := to().add(record); err != nil {
		return fmt.Errorf("add %s: %w", what, err)
	}
	return nil
}

// AddHist writes the latencies of one cell, by name of the kind of operation,
// as measured between start and end. A second call for a cell replaces the
// first.
func (w *Writer) AddHist(cellID string, ops map[string][]Bucket, start, end time.Time) error {
	if err := checkCellID(cellID); err != nil {
		return err
	}
	log, err := encodeHist(ops, start, end)
	if err != nil {
		return fmt.Errorf("encode histograms of cell %s: %w", cellID, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.errClosed()
	}
	if err := ReplaceFile(histPath(w.dir, cellID), log); err != nil {
		return fmt.Errorf("write histograms: %w", err)
	}
	return nil
}

// SetSpec writes what was asked, with every default filled in: v as YAML, or
// as it is when it is a []byte. The manifest gets its hash.
func (w *Writer) SetSpec(v any) error {
	text, ok := v.([]byte)
	if !ok {
		var err error
		if text, err = yaml.Marshal(v); err != nil {
			return fmt.Errorf("encode %s: %w", SpecFile, err)
		}
	}
	sum := sha256.Sum256(text)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.errClosed()
	}
	if err := ReplaceFile(filepath.Join(w.dir, SpecFile), text); err != nil {
		return fmt.Errorf("write spec: %w", err)
	}
	m := w.manifest
	m.SpecSHA = hex.EncodeToString(sum[:])
	return w.writeManifest(m)
}

// UpdateManifest changes the manifest by change and writes it. It must not call
// w. Slices and maps are to be replaced, not changed.
func (w *Writer) UpdateManifest(change func(*Manifest)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return w.errClosed()
	}
	m := w.manifest
	change(&m)
	return w.writeManifest(m)
}

// writeManifest needs mu, or a Writer that nobody else has yet.
func (w *Writer) writeManifest(m Manifest) error {
	emptyForNil(reflect.ValueOf(&m).Elem())
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	if err := ReplaceFile(filepath.Join(w.dir, ManifestFile), append(text, '\n')); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	w.manifest = m
	return nil
}

// Close ends the writing. Everything is on disk before; it is idempotent.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	var err error
	for _, a := range []*appender{w.cells, w.series, w.events, w.bench} {
		if a != nil {
			err = errors.Join(err, a.close())
		}
	}
	return err
}

func (w *Writer) errClosed() error {
	return fmt.Errorf("write results to %s: %w", w.dir, fs.ErrClosed)
}

// jsonLines encodes one row a line.
func jsonLines[T any](rows []T) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for i := range rows {
		if err := e.Encode(&rows[i]); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// emptyForNil makes nil slices and maps of a struct empty ones, so that null
// means unknown and nothing else. It follows structs only: what the caller
// holds by reference is not changed.
func emptyForNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				emptyForNil(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	}
}
