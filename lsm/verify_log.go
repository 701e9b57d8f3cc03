package lsm

import (
	"encoding/binary"
	"fmt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/ikey"
)

// A logCheck looks at the records of the log.
type logCheck struct {
	caps  engine.Caps
	last  ikey.Seq // the highest so far
	known ikey.Seq // how far the manifest had come at least
	batch engine.Batch

	records, ops uint64
	bytes        int64
}

func newLogCheck() *logCheck { return &logCheck{caps: (&settings{Durability: engine.Sync}).caps()} }

// checkLog reads what recovery replays: its end may be torn.
func (v *verifier) checkLog() error {
	dir, s := v.Path(logDir), v.state
	if len(v.List(logDir)) == 0 {
		if !v.unknown && (s.LogFrom != 0 || s.Through != 0) {
			v.Problem(dir, 0, "the log is missing")
		}
		return nil
	}
	c := newLogCheck()
	l, err := wal.Open(v.FS, dir, v.logOptions(), func(rec wal.Record) error {
		if err := c.record(rec); err != nil {
			v.Problem(wal.SegmentPath(dir, rec.LSN.Segment()), rec.LSN.Offset(), "%v", err)
		}
		return v.Err()
	})
	if err != nil {
		return v.Found(dir, err, "; what is behind was not looked at")
	}
	if !v.unknown && c.known > s.LastSeq {
		v.Problem(v.Root, -1, "the manifest ends at sequence number %d, and had come to %d", s.LastSeq, c.known)
	}
	return l.Close()
}

// logOptions open the log as recovery does, to be read. Without a manifest
// nobody knows where it should begin.
func (v *verifier) logOptions() wal.Options {
	if v.unknown {
		return wal.Options{ReadOnly: true}
	}
	s := v.state
	return wal.Options{ReadOnly: true, From: s.LogFrom, Through: s.Through, Complete: s.LogFrom == 0}
}

// record says what is wrong with a record.
func (c *logCheck) record(rec wal.Record) error {
	c.records++
	c.bytes += int64(len(rec.Payload))
	if len(rec.Payload) < sequenceBytes {
		return fmt.Errorf("a record of %d bytes has no sequence number", len(rec.Payload))
	}
	n := 1
	switch rec.Kind {
	case flushedRecord:
		c.known = ikey.Seq(binary.LittleEndian.Uint64(rec.Payload))
		return nil
	case batchRecord:
		if err := c.batch.Load(rec.Payload); err != nil {
			return fmt.Errorf("a batch makes no sense: %w", err)
		}
		if err := c.caps.CheckBatch(&c.batch); err != nil {
			return fmt.Errorf("a batch was never taken: %w", err)
		}
		n = c.batch.Len()
	case putTTLRecord:
		if _, _, ok := splitPutTTL(rec.Payload); !ok {
			return fmt.Errorf("a put of %d bytes is cut short", len(rec.Payload))
		}
	default:
		return fmt.Errorf("a record is of unknown kind %d", rec.Kind)
	}
	c.ops += uint64(n)
	seq := ikey.Seq(binary.LittleEndian.Uint64(rec.Payload))
	end := seq + ikey.Seq(n) - 1
	if seq <= c.last || seq > ikey.MaxSeq || end > ikey.MaxSeq {
		return fmt.Errorf("sequence numbers %d to %d come after %d", seq, end, c.last)
	}
	if n > 0 {
		c.last = end
	}
	return nil
}

// splitPutTTL returns key and value, which begins with the expiry, of a record.
func splitPutTTL(p []byte) (key, value []byte, ok bool) {
	p = p[sequenceBytes:]
	n, w := binary.Uvarint(p)
	if w <= 0 || n == 0 || n > maxKey || uint64(len(p)-w) < n+ikey.ExpiryBytes {
		return nil, nil, false
	}
	return p[w:][:n], p[uint64(w)+n:], true
}
