//go:build rocksdb

package rocksdb

import (
	"bytes"

	"github.com/linxGnu/grocksdb"

	"github.com/kvbench/kvbench/engine"
)

func (e *store) Apply(b *engine.Batch, d engine.Durability) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.caps.CheckBatch(b); err != nil {
		return err
	}
	level, wo, err := e.writable(d)
	if err != nil || b.Len() == 0 {
		return err
	}
	wb := writeBatch(b)
	defer wb.Destroy()
	return e.wrote("apply", level, e.db.Write(wo, wb))
}

// writeBatch copies a checked batch for RocksDB. Ours has RocksDB's layout and
// numbers of kinds, except that a range delete may be empty or unbounded here,
// so that one with range deletes goes over op by op.
func writeBatch(b *engine.Batch) *grocksdb.WriteBatch {
	var op engine.Op
	ranges := false
	for r := b.Reader(); !ranges && r.Next(&op); {
		ranges = op.Kind == engine.KindDeleteRange
	}
	if !ranges {
		return grocksdb.WriteBatchFrom(b.Bytes())
	}
	wb := grocksdb.NewWriteBatch()
	for r := b.Reader(); r.Next(&op); {
		switch op.Kind {
		case engine.KindPut:
			wb.Put(op.Key, op.Value)
		case engine.KindDelete:
			wb.Delete(op.Key)
		case engine.KindDeleteRange:
			deleteRange(wb, op.Key, op.Value)
		}
	}
	return wb
}

func (e *store) DeleteRange(lower, upper []byte, d engine.Durability) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	level, wo, err := e.writable(d)
	if err != nil {
		return err
	}
	wb := grocksdb.NewWriteBatch()
	defer wb.Destroy()
	deleteRange(wb, lower, upper)
	return e.wrote("delete range", level, e.db.Write(wo, wb))
}

// deleteRange adds a range delete to wb unless the range is empty, for which
// RocksDB returns an error only after it has logged the batch.
func deleteRange(wb *grocksdb.WriteBatch, lower, upper []byte) {
	if upper == nil {
		upper = bytes.Repeat([]byte{0xff}, maxKey+1) // beyond every key
	}
	if bytes.Compare(lower, upper) < 0 {
		wb.DeleteRange(lower, upper)
	}
}
