package btree

import (
	"encoding/binary"
	"fmt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
)

// A logCheck looks at the records of the log.
type logCheck struct {
	caps       engine.Caps
	generation uint64 // the highest that a record tells of
	batch      engine.Batch

	records, ops int
	bytes        int64
	segments     []wal.Segment
}

// checkLog reads what recovery replays: its end may be torn.
func (v *verifier) checkLog() error {
	c, err := v.readLog(func(rec wal.Record, err error) {
		v.Problem(wal.SegmentPath(v.Path(logDir), rec.LSN.Segment()), rec.LSN.Offset(), "%v", err)
	})
	if err == nil && v.known && c.generation > v.sb.Generation {
		v.Problem(v.path, 0, "the newest superblock is of generation %d, and there was one of %d", v.sb.Generation, c.generation)
	}
	return err
}

// readLog reads the log as recovery does, and calls wrong for records that make
// no sense. Without a superblock nobody knows where it should begin.
func (v *verifier) readLog(wrong func(rec wal.Record, err error)) (*logCheck, error) {
	c := &logCheck{}
	dir := v.Path(logDir)
	if v.known && v.sb.Cow {
		return c, nil
	}
	if len(v.List(logDir)) == 0 {
		if v.known && (v.sb.LogFrom != 0 || v.sb.LogThrough != 0) {
			v.Problem(dir, 0, "the log is missing")
		}
		return c, nil
	}
	pageBytes, o := maxPageBytes, wal.Options{ReadOnly: true}
	if v.known {
		pageBytes = v.sb.PageBytes
		o.From, o.Through, o.Complete = wal.LSN(v.sb.LogFrom), wal.LSN(v.sb.LogThrough), v.sb.LogFrom == 0
	}
	c.caps = (&settings{Mode: modeWAL, Durability: engine.Sync, PageBytes: pageBytes}).caps()
	l, err := wal.Open(v.FS, dir, o, func(rec wal.Record) error {
		if err := c.record(rec); err != nil {
			wrong(rec, err)
		}
		return v.Err()
	})
	if err != nil {
		return c, v.Found(dir, err, "; what is behind was not looked at")
	}
	c.segments = l.Segments()
	return c, l.Close()
}

// record says what is wrong with a record.
func (c *logCheck) record(rec wal.Record) error {
	c.records++
	c.bytes += int64(len(rec.Payload))
	switch rec.Kind {
	case batchRecord:
		if err := c.batch.Load(rec.Payload); err != nil {
			return fmt.Errorf("a batch makes no sense: %w", err)
		}
		if err := c.caps.CheckBatch(&c.batch); err != nil {
			return fmt.Errorf("a batch was never taken: %w", err)
		}
		c.ops += c.batch.Len()
	case putTTLRecord:
		var q request
		if err := q.parsePutTTL(rec.Payload); err != nil {
			return fmt.Errorf("%w: %d bytes", err, len(rec.Payload))
		}
		if err := c.caps.CheckKey(q.key); err != nil {
			return fmt.Errorf("a put was never taken: %w", err)
		}
		c.ops++
	case checkpointRecord:
		if len(rec.Payload) != generationBytes {
			return fmt.Errorf("a record of a checkpoint has %d bytes", len(rec.Payload))
		}
		c.generation = max(c.generation, binary.LittleEndian.Uint64(rec.Payload))
	default:
		return fmt.Errorf("a record is of unknown kind %d", rec.Kind)
	}
	return nil
}
