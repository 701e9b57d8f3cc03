package pebble

import (
	"bytes"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kvbench/kvbench/engine"
)

// Apply hands Pebble a copy of b, whose format is Pebble's own. Pebble stamps
// the header of what it gets, keeps it, and ends the process when the count is
// wrong, so that the copy is made from a batch that was checked to the last
// byte. Range deletes are translated op by op: Pebble knows no open bound.
func (e *store) Apply(b *engine.Batch, d engine.Durability) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	err := e.plain.CheckBatch(b)
	ranges := errors.Is(err, engine.ErrUnsupported)
	if ranges {
		err = e.caps.CheckBatch(b)
	}
	if err != nil {
		return err
	}
	o, err := e.level(d)
	if err != nil || b.Len() == 0 {
		return err
	}
	return e.write("apply", func() error {
		pb := e.db.NewBatchWithSize(b.Size())
		err := e.fill(pb, b, ranges)
		if err == nil {
			err = pb.Commit(o)
		}
		if err != nil {
			return err // a batch that failed is not for the pool
		}
		return pb.Close()
	})
}

// fill copies the ops of b, which is checked, into pb.
func (e *store) fill(pb *pebble.Batch, b *engine.Batch, ranges bool) error {
	if !ranges {
		return pb.SetRepr(bytes.Clone(b.Bytes()))
	}
	var op engine.Op
	r := b.Reader()
	for r.Next(&op) {
		var err error
		switch op.Kind {
		case engine.KindPut:
			err = pb.Set(op.Key, op.Value, nil)
		case engine.KindDelete:
			err = pb.Delete(op.Key, nil)
		case engine.KindDeleteRange:
			err = e.deleteRange(pb, op.Key, op.Value)
		}
		if err != nil {
			return err
		}
	}
	return r.Err()
}

// deleteRange adds a range delete. An empty range adds nothing: Pebble wants
// bounds in order.
func (e *store) deleteRange(pb *pebble.Batch, lower, upper []byte) error {
	if len(upper) == 0 {
		upper = e.upperEnd
	}
	if bytes.Compare(lower, upper) >= 0 {
		return nil
	}
	return pb.DeleteRange(lower, upper, nil)
}

func (e *store) DeleteRange(lower, upper []byte, d engine.Durability) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	o, err := e.level(d)
	if err != nil {
		return err
	}
	if upper != nil && bytes.Compare(lower, upper) >= 0 {
		return nil
	}
	return e.write("delete range", func() error {
		pb := e.db.NewBatch()
		err := e.deleteRange(pb, lower, upper)
		if err == nil {
			err = pb.Commit(o)
		}
		if err != nil {
			return err
		}
		return pb.Close()
	})
}
