package bench

import (
	"bytes"
	"fmt"
)

// scanCheck is the Visitor of a worker's scans. It counts bytes and, as far as
// the worker verifies, checks each record: the first key is the one asked for,
// keys run in order, and the value is one that its key was given.
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
