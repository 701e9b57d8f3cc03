package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/kvbench/kvbench/engine"
)

// Import says what an import did.
type Import struct {
	Lines      int      `json:"lines"`
	Operations uint64   `json:"operations"`
	Ignored    int      `json:"ignored"` // lines that are no operations
	Bad        int      `json:"bad"`     // lines left out because SkipBad allowed it
	FirstBad   []string `json:"first_bad,omitempty"`
}

// ImportOptions say how to read foreign text.
type ImportOptions struct {
	Format  string // one of Formats
	Name    string // of the source, for errors
	SkipBad int    // how many lines that make no sense to leave out; beyond, it is an error
	// ScanLength is taken for scans whose format does not give one.
	ScanLength int
}

// parser turns a line into an operation. It sets only what the line tells; ok
// is false for a line that is no operation.
type parser func(line []byte, op *Op) (ok bool, err error)

func parsers() map[string]func(o ImportOptions) parser {
	return map[string]func(ImportOptions) parser{
		"ycsb":     func(ImportOptions) parser { return parseYCSB },
		"rocksdb":  newRocksDB,
		"twitter":  newTwitter,
		"tectonic": func(ImportOptions) parser { return parseTectonic },
	}
}

// Formats returns the names of the formats that ImportText reads.
func Formats() []string { return slices.Sorted(maps.Keys(parsers())) }

// Sequential says what NewWriter wants to know of imports of a format: false
// for traces of caches, whose reads miss what the cache had thrown out, which
// no replay can find as they did.
func Sequential(format string) bool { return format != "twitter" }

// maxLine is the longest line.
const maxLine = 16 << 20

// shownBad is how many bad lines an Import quotes.
const shownBad = 3

// ImportText reads a trace of another tool and writes it to w. Operations of
// formats without times are at time 0. It is strict: a line that makes no
// sense is an error with its number, unless SkipBad lets it pass.
func ImportText(r io.Reader, w *Writer, o ImportOptions) (Import, error) {
	var done Import
	build, ok := parsers()[o.Format]
	if !ok {
		return done, fmt.Errorf("import: %w: unknown format %q%s", engine.ErrInvalid, o.Format, engine.Suggest(o.Format, Formats()))
	}
	parse := build(o)
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	for lines.Scan() {
		done.Lines++
		line := bytes.TrimRight(lines.Bytes(), "\r")
		op := Op{Size: -1}
		ok, err := parse(line, &op)
		if err == nil && ok && len(op.Key) == 0 {
			err = errors.New("the key is empty")
		}
		switch {
		case err != nil && done.Bad < o.SkipBad:
			done.Bad++
			if len(done.FirstBad) < shownBad {
				done.FirstBad = append(done.FirstBad, fmt.Sprintf("line %d: %v", done.Lines, err))
			}
			continue
		case err != nil:
			return done, fmt.Errorf("import %s:%d: %w: %w (line: %s); leave out such lines with --skip-bad N, or see whether --from %s is right",
				o.Name, done.Lines, engine.ErrInvalid, err, shortened(line), o.Format)
		case !ok:
			done.Ignored++
			continue
		}
		if err := w.Write(&op); err != nil {
			return done, fmt.Errorf("import %s:%d: %w", o.Name, done.Lines, err)
		}
		done.Operations++
	}
	if err := lines.Err(); err != nil {
		return done, fmt.Errorf("import %s:%d: %w", o.Name, done.Lines+1, err)
	}
	if done.Operations == 0 {
		return done, fmt.Errorf("import %s: %w: no operation in %d lines; is it of format %s?", o.Name, engine.ErrInvalid, done.Lines, o.Format)
	}
	return done, nil
}

// shortened quotes the beginning of a line.
func shortened(line []byte) string {
	const most = 60
	if len(line) > most {
		return fmt.Sprintf("%q...", line[:most])
	}
	return fmt.Sprintf("%q", line)
}

// word cuts the first word off a line.
func word(line []byte) (w, rest []byte) {
	line = bytes.TrimLeft(line, " \t")
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		return line, nil
	}
	return line[:i], line[i+1:]
}
