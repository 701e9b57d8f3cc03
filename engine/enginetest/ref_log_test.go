package enginetest

import (
	"context"
	"errors"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
)

// walLog is the log of a sound ref.
type walLog struct{ *wal.Log }

const refRecord = 1 // the only kind of records

func openWAL(fsys vfs.FS, dir string, o logOptions, each func(uint64, []byte) error) (recordLog, error) {
	options := wal.Options{
		SegmentBytes: o.segmentBytes, Recycle: o.recycle, From: wal.LSN(o.from), ReadOnly: o.readOnly,
		Complete: o.from == 0, // there is no snapshot, before which it would have been pruned
	}
	l, err := wal.Open(fsys, dir, options, func(r wal.Record) error { return each(uint64(r.LSN), r.Payload) })
	var damage *wal.DamageError
	if errors.As(err, &damage) {
		return nil, engine.Corrupt(damage.Path, damage.Offset, damage.Detail, err)
	}
	if err != nil {
		return nil, err
	}
	return walLog{l}, nil
}

func (l walLog) Append(payload []byte) (uint64, error) {
	at, err := l.Log.Append(refRecord, payload)
	return uint64(at), err
}

func (l walLog) Wait(at uint64, durable bool) error {
	level := wal.Written
	if durable {
		level = wal.Durable
	}
	return l.Log.Wait(context.Background(), wal.LSN(at), level)
}

func (l walLog) Prune(before uint64) error { return l.Log.Prune(wal.LSN(before)) }

func (l walLog) Syncs() uint64 { return l.Stats().Syncs }
