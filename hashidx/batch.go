package hashidx

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/record"
)

// A change is what a batch does to one key: the last op that it has on it.
type change struct {
	hash uint64
	op   record.Op
	at   int     // of the op's frame in the record
	end  int     // behind it
	was  present // what the index had for the key
	lock lock    // of the hash
	dead bool    // a later op has the same key
}

// Apply implements engine.Engine.
//
// It takes the locks of all its keys in their order, so that no two batches
// wait for each other, and looks up all places first: what can fail without
// harm has failed before anything is logged. One record makes it atomic for
// crashes. For readers, flags do: from the moment that all its locks' flags
// are set until the index is changed, readers of keys under these locks wait.
// One that was not stopped by them began before, and may see either state.
func (e *store) Apply(b *engine.Batch, d engine.Durability) error {
	level, err := e.caps.Durabilities.Resolve(d, e.level)
	if err == nil {
		err = e.caps.CheckBatch(b)
	}
	if err != nil {
		return err
	}
	if b.Len() == 0 {
		return e.applyNothing(level)
	}
	s := e.scratch()
	g := e.domain.Pin()
	lsn, err := e.applyPinned(b, s)
	if err == nil {
		err = e.trim(lsn)
	}
	g.Unpin()
	e.release(s)
	if err != nil {
		return err
	}
	e.counts.of(0).batches.Add(1)
	e.slow(b.Size())
	return e.wait(lsn, level)
}

// applyNothing makes what came before an empty batch survive what its level
// says: what a crash leaves is a prefix.
func (e *store) applyNothing(level engine.Durability) error {
	err := e.writable()
	if err != nil {
		return err
	}
	switch level {
	case engine.OS:
		err = e.hot.Flush()
	case engine.Sync:
		err = e.hot.Sync()
	}
	if err != nil {
		return e.fail("apply an empty batch", err)
	}
	e.counts.of(0).batches.Add(1)
	return nil
}

func (e *store) applyPinned(b *engine.Batch, s *scratch) (wal.LSN, error) {
	if err := e.hasRoom(); err != nil {
		return 0, err
	}
	changes := e.plan(b, s)
	defer func() { // without the locks
		for i := range changes {
			e.forget(&changes[i].was)
		}
	}()
	locked := e.lockAll(changes)
	defer func() {
		for i := len(locked) - 1; i >= 0; i-- {
			locked[i].Unlock()
		}
	}()
	if err := e.lookUp(changes, s.buf); err != nil {
		return 0, err
	}
	lsn, seg, off, err := e.append(manyOps, s.buf)
	if err != nil {
		return 0, err
	}
	e.flag(changes, 1)
	defer e.flag(changes, ^uint32(0))
	for i := range changes {
		c := &changes[i]
		e.counts.of(c.hash).wrote(c.op.Kind, len(c.op.Key)+len(c.op.Value))
		at := off + int64(c.at)
		seg.hold(c.hash, at, s.buf[c.at:c.end])
		if c.dead {
			continue
		}
		if err := e.move(c.lock, c.was, &c.op, seg, at, c.end-c.at); err != nil {
			return 0, e.fail("index a batch", err)
		}
	}
	return lsn, nil
}

// lookUp finds out what the index has for the changes, whose locks are held,
// and marks those that meet other keys of their code: there or in the batch.
func (e *store) lookUp(changes []change, frames []byte) (err error) {
	for first := 0; first < len(changes); {
		end, colliding := first, false
		for ; end < len(changes) && index.Same(changes[first].hash, changes[end].hash); end++ {
			c := &changes[end]
			if c.dead {
				continue
			}
			if c.was, err = e.presentIn(c.lock, c.op.Key); err != nil {
				return err
			}
			colliding = colliding || c.was.colliding || string(c.op.Key) != string(changes[first].op.Key)
		}
		for ; first < end; first++ {
			if c := &changes[first]; colliding {
				record.MarkColliding(frames[c.at:c.end])
			}
		}
	}
	return nil
}

// plan encodes the ops into s and lists them in the order of their locks.
func (e *store) plan(b *engine.Batch, s *scratch) []change {
	changes := make([]change, 0, b.Len())
	s.buf = s.buf[:0]
	var op engine.Op
	for r := b.Reader(); r.Next(&op); {
		o := record.Op{Kind: record.Put, Key: op.Key, Value: op.Value}
		if op.Kind == engine.KindDelete {
			o.Kind = record.Delete
		}
		hash := e.hash(op.Key)
		at := len(s.buf)
		s.buf = record.Append(s.buf, &o)
		changes = append(changes, change{hash: hash, op: o, at: at, end: len(s.buf)})
	}
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(
			cmp.Compare(index.LockOrder(a.hash), index.LockOrder(b.hash)),
			index.Compare(a.hash, b.hash),
			bytes.Compare(a.op.Key, b.op.Key),
			cmp.Compare(a.at, b.at),
		)
	})
	for i := 1; i < len(changes); i++ {
		changes[i-1].dead = bytes.Equal(changes[i-1].op.Key, changes[i].op.Key)
	}
	return changes
}

// lockAll takes the locks of all changes, in their order, each once.
func (e *store) lockAll(changes []change) (locked []lock) {
	held := -1
	for i := range changes {
		c := &changes[i]
		if order := index.LockOrder(c.hash); order != held {
			c.lock = e.index.Lock(c.hash)
			locked = append(locked, c.lock)
			held = order
			continue
		}
		c.lock = locked[len(locked)-1].For(c.hash)
	}
	return locked
}

// flag adds to the flag of each lock that the changes have.
func (e *store) flag(changes []change, delta uint32) {
	held := -1
	for i := range changes {
		if order := index.LockOrder(changes[i].hash); order != held {
			e.flags[order].Add(delta)
			held = order
		}
	}
}
