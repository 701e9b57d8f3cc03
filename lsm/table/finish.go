package table

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/compress"
)

// Finish writes what is left, and syncs the file: the table is durable, though
// the name of the file is the caller's to sync. The file stays open.
func (w *Writer) Finish() (Properties, error) {
	if w.err == nil && w.Empty() {
		w.err = fmt.Errorf("write table %d: %w: it has neither entries nor range deletes", w.o.ID, engine.ErrInvalid)
	}
	if w.err != nil {
		return Properties{}, w.err
	}
	if !w.block.Empty() {
		w.cut(nil)
	}
	p := &w.props
	p.Blocks, p.DataBytes = len(w.rows), int64(w.offset())
	w.finishProperties()
	var e extents
	if w.ranges != nil {
		e.ranges = w.append(w.ranges.Encode)
		p.RangeBytes = int64(e.ranges.length)
	}
	if w.filter.Len() > 0 {
		e.filter = w.append(w.filter.Finish)
		p.FilterBytes = int64(e.filter.length)
	}
	e.index = w.append(w.appendIndex)
	p.IndexBytes = int64(e.index.length)
	last := w.append(func(dst []byte) []byte { return appendProperties(dst, p, e) })
	w.buf = append(w.buf, encodeFooter(w.o.ID, last)[:]...)
	p.Bytes = int64(w.offset())
	if w.err == nil && max(e.filter.length, e.index.length, last.length) > math.MaxUint32 {
		w.err = fmt.Errorf("write table %d: %w: it has too many keys", w.o.ID, engine.ErrInvalid)
	}
	w.flush(0)
	if w.err == nil {
		if err := w.file.SyncData(); err != nil {
			w.err = fmt.Errorf("sync table %d: %w", w.o.ID, err)
		}
	}
	if w.err != nil {
		return Properties{}, w.err
	}
	return *p, nil
}

// append writes a block that content appends.
func (w *Writer) append(content func([]byte) []byte) extent {
	offset, start := w.offset(), len(w.buf)
	w.buf = content(w.buf)
	w.buf = seal(w.buf, start, uint8(compress.None), w.o.ID, offset)
	e := extent{offset, uint64(len(w.buf) - start)}
	w.flush(w.o.WriteBytes)
	return e
}

func (w *Writer) appendIndex(dst []byte) []byte {
	prefix := w.seps.prefix()
	dst = appendIndex(dst, len(w.rows), prefix)
	for i, row := range w.rows {
		row.separator = w.seps.at(i)[len(prefix):]
		dst = appendRow(dst, row)
	}
	return dst
}

// finishProperties fills in what is only known at the end, but lengths.
func (w *Writer) finishProperties() {
	p := &w.props
	if p.Entries > 0 {
		p.Largest = slices.Clone(w.last)
	}
	if !w.forever {
		p.LastExpiry = w.expiry
	}
	p.Blobs = w.blobs
	w.boundRanges()
	if p.Tombstones > 0 || p.RangeDeletes > 0 {
		p.OldestTombstone = w.o.OldestTombstone
	}
}

// boundRanges extends the bounds to the range deletes.
func (w *Writer) boundRanges() {
	if w.ranges == nil {
		return
	}
	p := &w.props
	p.RangeDeletes = uint64(w.ranges.Len())
	p.MinSeq = min(p.MinSeq, w.ranges.MinSeq())
	p.MaxSeq = max(p.MaxSeq, w.ranges.MaxSeq())
	lower, upper := w.ranges.Bounds()
	if p.Entries == 0 || bytes.Compare(lower, p.Smallest) < 0 {
		p.Smallest = slices.Clone(lower)
	}
	switch {
	case upper == nil:
		p.Largest, p.LargestExclusive = nil, true
	case p.Entries == 0 || bytes.Compare(upper, p.Largest) > 0:
		p.Largest, p.LargestExclusive = slices.Clone(upper), true
	}
}
