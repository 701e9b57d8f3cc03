package hashidx

import (
	"errors"
	"io"
	"iter"
	"math"
	"path/filepath"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/hint"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
)

// mostComplaints is how many disagreements with a segment are reported one by
// one; of more the number is.
const mostComplaints = 20

// A segmentCheck goes through the ops of one segment, in its order, beside the rows
// of its hint and the entries of the image that name it.
type segmentCheck struct {
	v    *verifier
	log  manifest.Log
	id   uint32
	path string

	hint    *hint.Reader
	rows    *hintRows
	entries *imageEntries

	ops, bytes      uint64
	lowest, highest uint64

	damaged  bool // not all ops were seen
	disputes int  // with hint and image
}

func (v *verifier) newCheck(log manifest.Log, id uint32) *segmentCheck {
	c := &segmentCheck{v: v, log: log, id: id, path: wal.SegmentPath(v.logDir(log), id), lowest: math.MaxUint64}
	if n, ok := v.numbers[owner{log, id}]; ok {
		c.entries = v.image.of(n)
	}
	return c
}

// record checks a record, whose own checksum is right.
func (c *segmentCheck) record(rec wal.Record) error {
	if err := c.v.Err(); err != nil {
		return err
	}
	off := rec.LSN.Offset() + wal.PayloadOffset
	ops := 0
	for p := rec.Payload; len(p) > 0; ops++ {
		n, err := c.frame(p, off)
		if err != nil {
			c.v.Problem(c.path, off, "%v", err)
			return nil
		}
		p = p[n:]
		off += int64(n)
	}
	if rec.Kind > manyOps || rec.Kind == oneOp && ops != 1 {
		c.v.Problem(c.path, rec.LSN.Offset(), "a record of kind %d with %d ops", rec.Kind, ops)
	}
	return nil
}

// frame checks the op that p begins with, and returns the length of its frame.
func (c *segmentCheck) frame(p []byte, off int64) (int, error) {
	op, n, err := record.Parse(p)
	if err != nil {
		return 0, err
	}
	if op.Sequenced != (c.log == manifest.Cold) {
		c.v.Problem(c.path, off, "an op that belongs into the other log")
	}
	seen := hint.Op{
		Hash: xxh3.HashSeed(op.Key, c.v.state.Seed), Offset: uint32(off), Length: uint32(n),
		Kind: record.KindByte(p), Sequence: uint64(c.id)<<offsetBits | uint64(off),
	}
	if op.Sequenced {
		seen.Sequence = op.Sequence
	}
	c.ops++
	c.bytes += uint64(n)
	c.lowest, c.highest = min(c.lowest, seen.Sequence), max(c.highest, seen.Sequence)
	c.compareRow(&seen)
	c.compareEntry(&seen, op.Kind)
	return n, nil
}

// dispute reports a disagreement, unless there were many.
func (c *segmentCheck) dispute(path string, off int64, format string, args ...any) {
	if c.disputes++; c.disputes <= mostComplaints {
		c.v.Problem(path, off, format, args...)
	}
}

// compareRow holds the next row of the hint against an op.
func (c *segmentCheck) compareRow(seen *hint.Op) {
	if c.rows == nil {
		return
	}
	row, ok := c.rows.peek()
	for ; ok && row.Offset < seen.Offset; row, ok = c.rows.peek() {
		c.dispute(c.rows.path, -1, "it has an op at offset %d, which the segment has not", row.Offset)
		c.rows.skip()
	}
	if !ok || row.Offset != seen.Offset {
		if c.rows.err == nil {
			c.dispute(c.rows.path, -1, "it lacks the op at offset %d", seen.Offset)
		}
		return
	}
	c.rows.skip()
	switch {
	case row.Length != seen.Length:
		c.dispute(c.rows.path, -1, "the op at offset %d has %d bytes, not %d", seen.Offset, seen.Length, row.Length)
	case row.Kind != seen.Kind:
		c.dispute(c.rows.path, -1, "the op at offset %d is of kind %d, not %d", seen.Offset, seen.Kind, row.Kind)
	case row.Sequence != seen.Sequence:
		c.dispute(c.rows.path, -1, "the op at offset %d has sequence %d, not %d", seen.Offset, seen.Sequence, row.Sequence)
	case !index.Same(row.Hash, seen.Hash):
		c.dispute(c.rows.path, -1, "the op at offset %d has hash %x, not %x", seen.Offset, seen.Hash, row.Hash)
	}
}

// compareEntry holds the next entries of the image against an op.
func (c *segmentCheck) compareEntry(seen *hint.Op, kind record.Kind) {
	if c.entries == nil {
		return
	}
	image := c.v.image.path
	for e := c.entries.peek(); e != nil && e.offset <= seen.Offset; e = c.entries.peek() {
		c.entries.skip()
		switch {
		case e.offset < seen.Offset:
			c.dispute(image, -1, "there is no op at offset %d of %s, where an entry says", e.offset, c.path)
		case !index.Same(e.hash(), seen.Hash):
			c.dispute(image, -1, "the op at offset %d of %s has hash %x, not %x, which an entry says", seen.Offset, c.path, seen.Hash, e.hash())
		case kind == record.Delete:
			c.dispute(image, -1, "the op at offset %d of %s is a delete, and an entry names it", seen.Offset, c.path)
		}
	}
}

// byRows goes on where the segment's records cannot be read any more: from row
// to row of the hint.
func (c *segmentCheck) byRows() error {
	if c.rows == nil {
		return nil
	}
	f, err := c.v.FS.Open(c.path)
	if err != nil {
		return c.v.found(c.path, err, "")
	}
	defer f.Close()
	var p []byte
	for {
		row, ok := c.rows.peek()
		if !ok {
			return nil
		}
		if err := c.v.Err(); err != nil {
			return err
		}
		p = slices.Grow(p[:0], int(row.Length))[:row.Length]
		n, err := f.ReadAt(p, int64(row.Offset))
		if err != nil && !errors.Is(err, io.EOF) {
			if err := c.v.found(c.path, err, ""); err != nil {
				return err
			}
			c.rows.skip()
			continue
		}
		if _, err := c.frame(p[:n], int64(row.Offset)); err != nil {
			c.v.Problem(c.path, int64(row.Offset), "%v", err)
			c.rows.skip()
			c.entries.skipTo(row.Offset + 1)
		}
	}
}

// end reports rows and entries that are left over.
func (c *segmentCheck) end() {
	for c.rows != nil {
		row, ok := c.rows.peek()
		if !ok {
			break
		}
		c.rows.skip()
		c.dispute(c.rows.path, -1, "it has an op at offset %d, which the segment has not", row.Offset)
	}
	if c.rows != nil && c.rows.err != nil {
		c.v.found(c.rows.path, c.rows.err, "") //nolint:errcheck // the next step finds the context ended
	}
	for c.entries != nil {
		e := c.entries.peek()
		if e == nil {
			break
		}
		c.entries.skip()
		if !c.damaged {
			c.dispute(c.v.image.path, -1, "there is no op at offset %d of %s, where an entry says", e.offset, c.path)
		}
	}
	if more := c.disputes - mostComplaints; more > 0 {
		c.v.Problem(c.path, -1, "%d more disagreements with its hint or the index image", more)
	}
}

// compare holds what the manifest says of a segment against its ops.
func (c *segmentCheck) compare(g *manifest.Segment) {
	path := filepath.Join(c.v.Root, manifest.Name)
	if g.Ops != c.ops {
		c.v.Problem(path, -1, "segment %d (%s) has %d ops, not %d", g.Number, c.path, c.ops, g.Ops)
	}
	if c.ops > 0 && g.Lowest > c.lowest {
		c.v.Problem(path, -1, "segment %d (%s) has an op of sequence %d, and should have none below %d", g.Number, c.path, c.lowest, g.Lowest)
	}
	if g.Highest != 0 && g.Highest < c.highest {
		c.v.Problem(path, -1, "segment %d (%s) has an op of sequence %d, and should have none above %d", g.Number, c.path, c.highest, g.Highest)
	}
}

// openHint opens the hint of a segment. That it is of no use is a problem,
// though no data is lost.
func (c *segmentCheck) openHint(g *manifest.Segment) error {
	s := hint.Segment{Log: uint8(g.Log), ID: g.ID, Bytes: g.Bytes}
	dir := filepath.Join(c.v.Root, hintDir)
	r, err := hint.Open(c.v.FS, dir, s)
	if err != nil {
		return c.v.found(filepath.Join(dir, s.Name()), err, "")
	}
	c.hint, c.rows = r, newHintRows(filepath.Join(dir, s.Name()), r)
	if _, err := r.Filter(); err != nil {
		return c.v.found(c.rows.path, err, "")
	}
	return nil
}

func (c *segmentCheck) closeHint() {
	if c.hint != nil {
		c.rows.stop()
		c.hint.Close()
	}
}

// hintRows are those of a hint, one after the other.
type hintRows struct {
	path string
	pull func() ([]hint.Op, error, bool)
	stop func()
	ops  []hint.Op // that were not skipped
	err  error     // that ended them
}

var errEnough = errors.New("no more is wanted")

func newHintRows(path string, r *hint.Reader) *hintRows {
	w := &hintRows{path: path}
	w.pull, w.stop = iter.Pull2(func(yield func([]hint.Op, error) bool) {
		err := r.Each(func(ops []hint.Op) error {
			if !yield(ops, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	})
	return w
}

// peek returns the next row, if there is one.
func (w *hintRows) peek() (hint.Op, bool) {
	for len(w.ops) == 0 {
		if w.err != nil {
			return hint.Op{}, false
		}
		ops, err, ok := w.pull()
		if !ok {
			return hint.Op{}, false
		}
		w.ops, w.err = ops, err
	}
	return w.ops[0], true
}

func (w *hintRows) skip() { w.ops = w.ops[1:] }
