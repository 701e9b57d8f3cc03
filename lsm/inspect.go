package lsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/compaction"
	"github.com/kvbench/kvbench/lsm/manifest"
	"github.com/kvbench/kvbench/lsm/table"
	"github.com/kvbench/kvbench/lsm/version"
)

// A survey describes a directory by its files, without opening the engine.
type survey struct {
	*verifier
	now    time.Time
	picker *compaction.Picker
	files  []surveyed

	tables   map[uint64]table.Properties // those that can be read
	log      logCheck
	segments []wal.Segment

	layout engine.Layout
}

// A surveyed file.
type surveyed struct {
	kind, path string // below the directory
	bytes      int64
}

// inspect implements engine.Driver.Inspect. It fails for no damage.
func inspect(ctx context.Context, dir string, env engine.Env) (engine.Layout, error) {
	env = env.WithDefaults()
	s := &survey{now: env.Now(), log: *newLogCheck(), tables: map[uint64]table.Properties{}}
	d, err := examination(ctx, dir, env, s.damage)
	if err != nil {
		return engine.Layout{}, fmt.Errorf("inspect lsm: %w", err)
	}
	defer d.Close() //nolint:errcheck // is a lock of a reader
	s.verifier = &verifier{Dir: d}
	if err := s.look(); err != nil {
		return engine.Layout{}, fmt.Errorf("inspect lsm: %w", err)
	}
	return s.layout, nil
}

func (s *survey) fact(name, format string, args ...any) {
	s.layout.Facts = append(s.layout.Facts, engine.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
}

// damage is what the verifier reports of what the survey reads.
func (s *survey) damage(p engine.Problem) {
	s.fact("damage", "%s at %d: %s", p.File, p.Offset, p.Detail)
}

func (s *survey) look() error {
	var o settings
	if _, err := engine.Decode(describe(), nil, &o); err != nil {
		return err
	}
	picker, err := compaction.New(o.pickerSettings())
	if err != nil {
		return err
	}
	s.picker = picker
	if err := s.listFiles(); err != nil {
		return err
	}
	if err := s.readManifest(); err != nil {
		return err
	}
	if err := s.readTables(); err != nil {
		return err
	}
	if err := s.readLog(); err != nil {
		return err
	}
	s.positions()
	s.contents()
	s.space()
	s.layout.Tables = append(s.layout.Tables, s.levelTable(), s.runTable(), s.tableTable(), s.blobTable(),
		s.segmentTable(), s.fileTable(), s.orphanTable())
	return s.Err()
}

// listFiles finds all files.
func (s *survey) listFiles() error {
	names, err := s.FS.List(s.Root)
	if err != nil {
		return err
	}
	for _, name := range names {
		kind := map[string]string{
			engine.MarkerName: "marker", manifest.Current: "manifests",
			tableDir: "tables", blobDir: "blob files", logDir: "log segments", lostDir: putAside,
		}[name]
		if _, ok := manifest.Number(name); ok {
			kind = "manifests"
		}
		if err := s.addFile(cmp.Or(kind, "other"), name); err != nil {
			return err
		}
	}
	slices.SortFunc(s.files, func(a, b surveyed) int { return cmp.Compare(a.path, b.path) })
	return nil
}

// addFile adds a file, or all in a directory.
func (s *survey) addFile(kind, path string) error {
	info, err := s.FS.Stat(s.Path(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		s.files = append(s.files, surveyed{kind, path, info.Size()})
		return nil
	}
	names, err := s.FS.List(s.Path(path))
	for _, name := range names {
		if err == nil {
			err = s.addFile(kind, path+"/"+name)
		}
	}
	return err
}

// readTables reads what tables say of themselves.
func (s *survey) readTables() error {
	for _, p := range s.state.Version.All() {
		if err := s.Err(); err != nil {
			return err
		}
		id := p.Table.ID
		path := s.Path(tableDir + "/" + tableName(id))
		r, err := table.Open(s.FS, path, id, table.ReaderOptions{})
		if err != nil {
			if err := s.Found(path, err, ""); err != nil {
				return err
			}
			continue
		}
		s.tables[id] = r.Properties()
		r.Close() //nolint:errcheck // was only read
	}
	return nil
}

// readLog counts what recovery would replay.
func (s *survey) readLog() error {
	if len(s.List(logDir)) == 0 {
		return nil
	}
	l, err := wal.Open(s.FS, s.Path(logDir), s.logOptions(), func(rec wal.Record) error {
		s.log.record(rec) //nolint:errcheck // counts; Verify says what is wrong
		return s.Err()
	})
	if err != nil {
		return s.Found(s.Path(logDir), err, "")
	}
	s.segments = l.Segments()
	return l.Close()
}

// positions are what the manifest has beside the version.
func (s *survey) positions() {
	x := s.state
	s.fact("format", "%d", format)
	if s.scanned.Path == "" {
		s.fact("manifest", "none: the tree is new")
	} else {
		s.fact("manifest", "%s", filepath.Base(s.scanned.Path))
		s.fact("manifest bytes", "%d", s.scanned.Bytes)
		s.fact("manifest edits", "%d", s.scanned.Edits)
	}
	if s.scanned.Torn > 0 {
		s.fact("manifest bytes that a crash left", "%d", s.scanned.Torn)
	}
	s.fact("last sequence number", "%d", max(x.LastSeq, s.log.last))
	s.fact("last sequence number in the manifest", "%d", x.LastSeq)
	s.fact("next file, next run", "%d, %d", x.NextID, x.NextRun)
	s.fact("recovery replays the log from", "%v", x.LogFrom)
	s.fact("the log was durable through", "%v", x.Through)
	s.fact("log records to replay", "%d", s.log.records)
	s.fact("ops in them", "%d", s.log.ops)
	s.fact("log payload bytes", "%d", s.log.bytes)
}

// contents is what there is in tables and blob files.
func (s *survey) contents() {
	v := s.state.Version
	t := v.Totals()
	deepest, levels := 0, 0
	for i := range v.Levels {
		if len(v.Levels[i].Runs) > 0 {
			deepest, levels = i, levels+1
		}
	}
	s.fact("levels, the deepest", "%d, L%d", levels, deepest)
	s.fact("runs", "%d", t.Runs)
	s.fact("tables", "%d", t.Tables)
	s.fact("table bytes", "%d", t.Bytes)
	var blocks, raw, stored, filters, indexes int64
	for _, p := range s.tables {
		blocks += int64(p.Blocks)
		raw += p.RawBytes
		stored += p.DataBytes
		filters += p.FilterBytes
		indexes += p.IndexBytes
	}
	s.fact("data blocks", "%d", blocks)
	s.fact("filter bytes", "%d", filters)
	s.fact("index bytes", "%d", indexes)
	s.fact("data bytes", "%d", stored)
	s.fact("data bytes before compression", "%d", raw)
	s.fact("entries", "%d", t.Entries)
	s.fact("deletes", "%d", t.Tombstones)
	s.fact("range deletes", "%d", t.RangeDeletes)
	s.fact("key bytes", "%d", t.KeyBytes)
	s.fact("value bytes", "%d", t.ValueBytes)
	s.fact("bytes that expire", "%d", t.ExpiringBytes)
	oldest := int64(0)
	for _, p := range v.All() {
		if at := p.Table.OldestTombstone; at != 0 && (oldest == 0 || at < oldest) {
			oldest = at
		}
	}
	s.fact("oldest delete", "%s", s.when(oldest))
}

// space is how much more there is than need be.
func (s *survey) space() {
	v := s.state.Version
	var blobs, garbage, values uint64
	for i, b := range v.Blobs {
		blobs += uint64(b.Bytes)
		values += b.ValueBytes
		garbage += v.Garbage(i)
	}
	s.fact("blob files", "%d", len(v.Blobs))
	s.fact("blob bytes", "%d", blobs)
	s.fact("blob garbage bytes", "%d", garbage)
	s.fact("blob garbage", "%s", percent(garbage, values))
	var all, most uint64
	for level := range v.Levels {
		for i := range v.Levels[level].Runs {
			t := v.Levels[level].Runs[i].Totals()
			n := t.KeyBytes + t.ValueBytes
			all += n
			most = max(most, n)
		}
	}
	s.fact("space amplification, if the largest run has every key", "%s", ratio(float64(all+garbage), float64(most), 2))
	s.fact("bytes to be compacted (estimate)", "%d", s.picker.Debt(v))
}

// when is a time and how long ago it was.
func (s *survey) when(nanoseconds int64) string {
	if nanoseconds == 0 {
		return "none"
	}
	at := time.Unix(0, nanoseconds).UTC()
	return at.Format(time.RFC3339) + ", " + s.age(nanoseconds) + " ago"
}

// age is how long ago a time was.
func (s *survey) age(nanoseconds int64) string {
	if nanoseconds == 0 {
		return "-"
	}
	d := s.now.Sub(time.Unix(0, nanoseconds)).Round(time.Second)
	if days := d / (24 * time.Hour); days > 1 {
		return fmt.Sprintf("%dd", days)
	}
	return d.String()
}

// ratio is a/b, or a dash.
func ratio(a, b float64, digits int) string {
	if b == 0 {
		return "-"
	}
	return strconv.FormatFloat(a/b, 'f', digits, 64)
}

func percent(part, all uint64) string {
	if all == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(all))
}

// shownBytes is how much of a key is shown.
const shownBytes = 16

// shown is a key as text, shortened.
func shown(key []byte) string {
	if len(key) > shownBytes {
		return strconv.Quote(string(key[:shownBytes])) + "..."
	}
	return strconv.Quote(string(key))
}

// span is from which to which key something is.
func span(b version.Bounds) string {
	switch {
	case len(b.Upper) == 0:
		return "[" + shown(b.Lower) + ", )"
	case b.Exclusive:
		return "[" + shown(b.Lower) + ", " + shown(b.Upper) + ")"
	}
	return "[" + shown(b.Lower) + ", " + shown(b.Upper) + "]"
}
