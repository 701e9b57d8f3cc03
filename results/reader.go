package results

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrSchema is wrapped when files were written in a schema that this version
// does not know.
var ErrSchema = errors.New("unknown schema")

// A Run is a results directory that was read, or a run held in memory alone,
// with an empty Dir. It is not safe for concurrent use.
type Run struct {
	Dir      string
	Manifest Manifest
	Cells    []Cell   // in the order in which they ended
	Notes    []string // what reading left out, such as a torn last line
}

// Open reads the manifest and the cells in dir. A torn last cell is left out
// with a note; other damage is an error. Fields that this version does not
// know are passed over.
func Open(dir string) (*Run, error) {
	r := &Run{Dir: dir}
	if err := r.readManifest(); err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	cells, err := readFile[Cell](r, CellsFile, CellSchema)
	if err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	r.noteStrange()
	seen := map[string]bool{}
	for i, c := range cells {
		if seen[c.ID] {
			return nil, fmt.Errorf("open results: %s: line %d: cell %s appears twice", r.path(CellsFile), i+1, c.ID)
		}
		seen[c.ID] = true
	}
	r.Cells = cells
	return r, nil
}

// noteStrange tells of fields that this version does not know: their meaning is
// lost, and a newer version may read more in the same files.
func (r *Run) noteStrange() {
	var m Manifest
	var c Cell
	for name, to := range map[string]any{ManifestFile: &m, CellsFile: &c} {
		f, err := os.Open(r.path(name))
		if err != nil {
			continue // it was read before
		}
		d := json.NewDecoder(f)
		d.DisallowUnknownFields()
		for err == nil {
			err = d.Decode(to)
		}
		if field, found := strings.CutPrefix(err.Error(), "json: unknown field "); found {
			r.note("%s: field %s is unknown to this kvbench; such fields were passed over: a newer version may have written it", name, field)
		}
		f.Close()
	}
}

func (r *Run) path(name string) string { return filepath.Join(r.Dir, name) }

func (r *Run) readManifest() error {
	text, err := os.ReadFile(r.path(ManifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is no results directory: %w", r.Dir, err)
	}
	if err != nil {
		return err
	}
	if err := decodeAs(text, &r.Manifest, ManifestSchema); err != nil {
		return fmt.Errorf("%s: %w", r.path(ManifestFile), err)
	}
	return nil
}

// Series reads all rows, in the order they were added.
func (r *Run) Series() ([]SeriesRow, error) {
	f, err := os.Open(r.path(SeriesFile))
	if err != nil {
		return nil, fmt.Errorf("read series: %w", err)
	}
	defer f.Close()
	rows, err := r.unzipRows(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("read series: %s: %w", f.Name(), err)
	}
	return rows, nil
}

func (r *Run) unzipRows(from *bufio.Reader) ([]SeriesRow, error) {
	if _, err := from.Peek(1); errors.Is(err, io.EOF) {
		return nil, nil // no row was added
	}
	z, err := gzip.NewReader(from)
	var lines []byte
	if err == nil {
		lines, err = io.ReadAll(z)
	}
	torn := errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !torn {
		return nil, err
	}
	rows, rest, err := decodeLines[SeriesRow](bytes.NewReader(lines), "")
	if err != nil {
		return nil, err
	}
	if torn || rest {
		r.note("%s: the last rows are torn; they were left out", SeriesFile)
	}
	return rows, nil
}

// Events reads all rows, in the order they were added.
func (r *Run) Events() ([]EventRow, error) {
	rows, err := readFile[EventRow](r, EventsFile, "")
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return rows, nil
}

// Hist reads the latencies of one cell, by kind of operation. A cell that has
// none is fs.ErrNotExist.
func (r *Run) Hist(cellID string) (map[string][]Bucket, error) {
	if err := checkCellID(cellID); err != nil {
		return nil, err
	}
	f, err := os.Open(histPath(r.Dir, cellID))
	if err != nil {
		return nil, fmt.Errorf("read histograms: %w", err)
	}
	defer f.Close()
	ops, err := decodeHist(f)
	if err != nil {
		return nil, fmt.Errorf("read histograms: %s: %w", f.Name(), err)
	}
	return ops, nil
}

func (r *Run) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, n := range r.Notes {
		if n == text {
			return
		}
	}
	r.Notes = append(r.Notes, text)
}

func readFile[T any](r *Run, name, schema string) ([]T, error) {
	f, err := os.Open(r.path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, torn, err := decodeLines[T](f, schema)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if torn {
		r.note("%s: the last line is torn; it was left out", name)
	}
	return rows, nil
}

// decodeLines reads one JSON object a line. A last line that lacks its end and
// is not whole is torn; a line with an end that cannot be read is an error.
func decodeLines[T any](from io.Reader, schema string) (rows []T, torn bool, err error) {
	lines := bufio.NewReaderSize(from, 64<<10)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return nil, false, err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			var row T
			if err := decodeAs(line, &row, schema); err != nil {
				if last && !json.Valid(line) {
					return rows, true, nil
				}
				return nil, false, fmt.Errorf("line %d: %w", n, err)
			}
			rows = append(rows, row)
		}
		if last {
			return rows, false, nil
		}
	}
}

// decodeAs checks the schema that text names, unless schema is empty, before
// the fields, whose meaning depends on it.
func decodeAs(text []byte, to any, schema string) error {
	if schema != "" {
		var head struct {
			Schema string `json:"schema"`
		}
		if err := json.Unmarshal(text, &head); err != nil {
			return err
		}
		if err := checkSchema(head.Schema, schema); err != nil {
			return err
		}
	}
	return json.Unmarshal(text, to)
}

// checkSchema accepts every schema of the same name and major version, as
// "kvbench.cell/1" and "kvbench.cell/1.2" are.
func checkSchema(got, want string) error {
	if got == want || strings.HasPrefix(got, want+".") {
		return nil
	}
	if got == "" {
		return fmt.Errorf("%w: none is named; this kvbench reads %s", ErrSchema, want)
	}
	return fmt.Errorf("%w %q; this kvbench reads %s: use the version that wrote it", ErrSchema, got, want)
}
