package lsm

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/manifest"
	"github.com/kvbench/kvbench/lsm/version"
)

func decimal[T ~int | ~int64 | ~uint64 | ~uint32](n T) string { return fmt.Sprintf("%d", n) }

func level(n int) string { return "L" + strconv.Itoa(n) }

// levelTable has what compactions look at, for default settings: those that
// the tree was opened with are not recorded.
func (s *survey) levelTable() engine.LayoutTable {
	t := engine.LayoutTable{
		Title: "levels (targets and scores as of default settings)",
		Columns: []string{
			"level", "runs", "tables", "bytes", "target bytes", "score", "entries", "deletes", "range deletes", "keys",
		},
	}
	v := s.state.Version
	targets, scores := s.picker.Targets(v), s.picker.Scores(v)
	for i := range v.Levels {
		x := v.Levels[i].Totals()
		if x.Tables == 0 {
			continue
		}
		var all []*version.Table
		for _, r := range v.Levels[i].Runs {
			all = append(all, r.Tables...)
		}
		target := "-"
		if i > 0 && targets.Bytes[i] > 0 {
			target = decimal(targets.Bytes[i])
		}
		t.Rows = append(t.Rows, []string{
			level(i), decimal(x.Runs), decimal(x.Tables), decimal(x.Bytes), target, fmt.Sprintf("%.2f", scores[i]),
			decimal(x.Entries), decimal(x.Tombstones), decimal(x.RangeDeletes), span(version.UnionOf(all)),
		})
	}
	return t
}

func (s *survey) runTable() engine.LayoutTable {
	t := engine.LayoutTable{
		Title:   "runs, as they are searched (those of L0 are its sublevels)",
		Columns: []string{"level", "run", "tables", "bytes", "entries", "deletes", "range deletes", "sequences", "keys"},
	}
	v := s.state.Version
	for i := range v.Levels {
		for _, r := range v.Levels[i].Runs {
			x := r.Totals()
			from, to := ikey.MaxSeq, ikey.Seq(0)
			for _, meta := range r.Tables {
				from, to = min(from, meta.MinSeq), max(to, meta.MaxSeq)
			}
			t.Rows = append(t.Rows, []string{
				level(i), decimal(r.ID), decimal(x.Tables), decimal(x.Bytes), decimal(x.Entries), decimal(x.Tombstones),
				decimal(x.RangeDeletes), sequences(from, to), span(version.UnionOf(r.Tables)),
			})
		}
	}
	return t
}

func sequences(from, to ikey.Seq) string {
	if from == to {
		return decimal(from)
	}
	return fmt.Sprintf("%d to %d", from, to)
}

func (s *survey) tableTable() engine.LayoutTable {
	t := engine.LayoutTable{
		Title: "tables",
		Columns: []string{
			"id", "level", "run", "bytes", "entries", "deletes", "range deletes", "keys", "sequences", "age",
			"blocks", "layout", "block bytes", "compression", "stored/raw", "filter", "bits", "filter bytes", "index bytes",
			"bytes in blobs",
		},
	}
	v := s.state.Version
	for i := range v.Levels {
		for _, r := range v.Levels[i].Runs {
			for _, meta := range r.Tables {
				t.Rows = append(t.Rows, s.tableCells(i, r.ID, meta))
			}
		}
	}
	return t
}

func (s *survey) tableCells(n int, run uint64, meta *version.Table) []string {
	var blobs uint64
	for _, use := range meta.Blobs {
		blobs += use.Bytes
	}
	cells := []string{
		decimal(meta.ID), level(n), decimal(run), decimal(meta.Bytes), decimal(meta.Entries), decimal(meta.Tombstones),
		decimal(meta.RangeDeletes), span(meta.Bounds()), sequences(meta.MinSeq, meta.MaxSeq), s.age(meta.Created),
	}
	p, ok := s.tables[meta.ID]
	if !ok {
		for range 9 {
			cells = append(cells, "?")
		}
		return append(cells, decimal(blobs))
	}
	layout := p.Block.Layout.String()
	kept, bits := "-", "-"
	if p.Compression != compress.None {
		kept = ratio(float64(p.DataBytes), float64(p.RawBytes), 3)
	}
	if p.Filter.Kind != filter.None && p.Entries > 0 {
		bits = fmt.Sprintf("%.1f", 8*float64(p.FilterBytes)/float64(p.Entries))
	}
	return append(cells,
		decimal(p.Blocks), layout, decimal(p.BlockBytes), p.Compression.String(), kept,
		p.Filter.Kind.String(), bits, decimal(p.FilterBytes), decimal(p.IndexBytes), decimal(blobs),
	)
}

func (s *survey) blobTable() engine.LayoutTable {
	t := engine.LayoutTable{
		Title:   "blob files",
		Columns: []string{"id", "bytes", "bytes of values", "live values", "live bytes", "garbage bytes", "garbage"},
	}
	v := s.state.Version
	for i, b := range v.Blobs {
		live := v.Live(i)
		t.Rows = append(t.Rows, []string{
			decimal(b.ID), decimal(b.Bytes), decimal(b.ValueBytes), decimal(live.Values), decimal(live.Bytes),
			decimal(v.Garbage(i)), percent(v.Garbage(i), b.ValueBytes),
		})
	}
	return t
}

func (s *survey) segmentTable() engine.LayoutTable {
	t := engine.LayoutTable{Title: "log segments", Columns: []string{"id", "bytes", "from", "to", "replayed"}}
	for i := range s.segments {
		g := &s.segments[i]
		replayed := "yes"
		if s.state.LogFrom.Segment() > g.ID {
			replayed = "no"
		} else if g.Begin < s.state.LogFrom {
			replayed = fmt.Sprintf("from %v", s.state.LogFrom)
		}
		t.Rows = append(t.Rows, []string{decimal(g.ID), decimal(g.Size), g.Begin.String(), g.End.String(), replayed})
	}
	return t
}

// fileTable adds the files up by what they are.
func (s *survey) fileTable() engine.LayoutTable {
	t := engine.LayoutTable{Title: "files", Columns: []string{"kind", "files", "bytes"}}
	for _, kind := range []string{"marker", "manifests", "tables", "blob files", "log segments", putAside, "other"} {
		var n int
		var bytes int64
		for i := range s.files {
			if f := &s.files[i]; f.kind == kind {
				n++
				bytes += f.bytes
			}
		}
		if n > 0 {
			t.Rows = append(t.Rows, []string{kind, decimal(n), decimal(bytes)})
		}
	}
	return t
}

// putAside are files in lostDir.
const putAside = "put aside after a crash"

// orphanTable lists files that nobody needs: a crash may leave some, and the
// next Open removes most of them.
func (s *survey) orphanTable() engine.LayoutTable {
	t := engine.LayoutTable{Title: "files that nothing names", Columns: []string{"file", "bytes"}}
	if s.unknown {
		return t
	}
	named := map[string]bool{engine.MarkerName: true, manifest.Current: true}
	if s.scanned.Path != "" {
		named[filepath.Base(s.scanned.Path)] = true
	}
	for _, p := range s.state.Version.All() {
		named[tableDir+"/"+tableName(p.Table.ID)] = true
	}
	for _, b := range s.state.Version.Blobs {
		named[blobDir+"/"+blobName(b.ID)] = true
	}
	for _, f := range s.files {
		if name, ok := strings.CutPrefix(f.path, logDir+"/"); named[f.path] || ok && !wal.IsSegmentBefore(name, s.state.LogFrom.Segment()) {
			continue
		}
		t.Rows = append(t.Rows, []string{f.path, decimal(f.bytes)})
	}
	return t
}
