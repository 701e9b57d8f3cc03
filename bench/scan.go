package bench

import (
	"bytes"
	"fmt"
)

// scanCheck is the Visitor of a worker's scans. It counts bytes and, as far as
// the worker verifies, checks each record: the first key is the one asked for,
// keys run in order, the value is one that its key was given, and fewer records
// than were asked for come only at the end of the data.
type scanCheck struct {
	w       *worker
	reverse bool
	full    bool
	rows    int
	bytes   uint64
	last    []byte // copy of the key before, when full
	expect  []byte // scratch
}

func (c *scanCheck) begin(w *worker, reverse bool) {
	c.w, c.reverse = w, reverse
	c.rows, c.bytes = 0, 0
	switch {
	case w.blank || w.verify == VerifyOff || w.verify == VerifyHeader:
		c.full = false
	case w.verify == VerifyFull:
		c.full = true
	default:
		c.full = w.tick%fullEvery == 0
	}
}

// Visit takes one record.
func (c *scanCheck) Visit(key, value []byte) error {
	c.rows++
	c.bytes += uint64(len(key) + len(value))
	w := c.w
	if w.blank || w.verify == VerifyOff {
		return nil
	}
	if c.rows == 1 && !w.mayMiss && !bytes.Equal(key, w.key) {
		return fmt.Errorf("%w: the scan begins at %q, which is not the record it was started at", errWrongValue, key)
	}
	if c.full {
		return c.visitFull(key, value)
	}
	return nil
}

func (c *scanCheck) visitFull(key, value []byte) error {
	w := c.w
	if c.rows > 1 {
		if d := bytes.Compare(c.last, key); d == 0 || (d > 0) != c.reverse {
			return fmt.Errorf("%w: key %q follows %q in a scan", errWrongValue, key, c.last)
		}
	}
	c.last = append(c.last[:0], key...)
	number, ok := w.values.Number(value)
	if !ok {
		return nil // too short to carry its number
	}
	c.expect = w.keys.Append(c.expect[:0], number)
	if !bytes.Equal(c.expect, key) {
		return fmt.Errorf("%w: key %q has the value of key %q", errWrongValue, key, c.expect)
	}
	w.verified++
	w.verifiedFull++
	if err := w.values.Verify(number, value, true); err != nil {
		return fmt.Errorf("%w: %w", errWrongValue, err)
	}
	return nil
}

// checkEnd checks that a scan that found fewer records than it was to find had
// come to the end of the data.
func (c *scanCheck) checkEnd(e *edges) error {
	if c.reverse && bytes.Compare(c.last, e.low) > 0 {
		return fmt.Errorf("%w: the scan ends at %q after %d records, and %q comes before it", errWrongValue, c.last, c.rows, e.low)
	}
	if !c.reverse && bytes.Compare(c.last, e.high) < 0 {
		return fmt.Errorf("%w: the scan ends at %q after %d records, and %q comes after it", errWrongValue, c.last, c.rows, e.high)
	}
	return nil
}

// edges are a low and a high key of the loaded data, for workloads that scan
// data from which nothing vanishes: a scan that ends before it has met one of
// them is too short.
type edges struct{ low, high []byte }

// findEdges takes the lowest and highest of a thousand keys and the last one:
// good enough to tell, and quick whatever the number of records.
func (l *nativeLoop) findEdges() {
	w := l.o.Workload
	if !w.NeedsOrder() || w.MayMiss() || w.InsertCount == 0 {
		return
	}
	var key []byte
	take := func(i uint64) {
		key = l.keys.Append(key[:0], w.InsertStart+i)
		if l.edges.low == nil || bytes.Compare(key, l.edges.low) < 0 {
			l.edges.low = bytes.Clone(key)
		}
		if bytes.Compare(key, l.edges.high) > 0 {
			l.edges.high = bytes.Clone(key)
		}
	}
	for i := uint64(0); i < w.InsertCount; i += max(w.InsertCount>>10, 1) {
		take(i)
	}
	take(w.InsertCount - 1)
}
