package lsm

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

// state guards what views are made of: who holds mu may install one.
type state struct {
	mu sync.Mutex

	// changed is closed, and replaced, when a flush or compaction has ended, or
	// writing has. Guarded by waiters.
	waiters sync.Mutex
	changed chan struct{}
}

// awaitChange returns what is closed at the next change. Who waits for one
// looks after that, and before it waits.
func (s *state) awaitChange() <-chan struct{} {
	s.waiters.Lock()
	defer s.waiters.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// announce wakes all who wait for a change.
func (s *state) announce() {
	s.waiters.Lock()
	defer s.waiters.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// maxRanges: a memtable with so many range deletes is full. Where they overlap
// in ever new bounds, their fragments are as many as the square of them.
const maxRanges = 512

// room returns the memtable for ops that need so much, and has reserved it.
// commits.mu is held, but not while room waits for memory.
func (t *tree) room(need, ops int) (*memory, error) {
	for rotated := 0; ; {
		if err := t.writable(); err != nil {
			return nil, err
		}
		if t.ending.Load() {
			return nil, engine.ErrClosed
		}
		m := t.fresh
		if m.ranges.Load() < maxRanges && m.table.Reserve(need, ops) {
			return m, nil
		}
		size, _ := t.memory.sizeFor(need, ops)
		if t.fullMemory(size) {
			t.stall(size)
			continue
		}
		if rotated++; rotated > 2 { // others may have been faster, but not for ever
			return nil, fmt.Errorf("%w: no memtable has room for %d ops of %d bytes", engine.ErrTooLarge, ops, need)
		}
		if err := t.rotate(need, ops); err != nil {
			return nil, err
		}
	}
}

// fullMemory reports whether a memtable more, with room for so much, would be
// too much beside those that are to be flushed. Where there is nothing to flush
// it never is.
func (t *tree) fullMemory(size int64) bool {
	g := t.domain.Pin()
	defer g.Unpin()
	v := t.view.Load()
	if v == nil || t.closed.Load() {
		return false
	}
	return len(v.frozen) > 0 && v.memoryBytes()+size > t.settings.MemoryBytes
}

// memoryBytes is the memory of the memtables.
func (v *view) memoryBytes() int64 {
	bytes := v.fresh.bytes
	for _, m := range v.frozen {
		bytes += m.bytes
	}
	return bytes
}

// stall waits for a flush to free memory. commits.mu is held, but not meanwhile.
func (t *tree) stall(size int64) {
	c := &t.commits
	c.mu.Unlock()
	end := t.brake.stall(t)
	for {
		changed := t.state.awaitChange()
		if t.writable() != nil || !t.fullMemory(size) {
			break
		}
		<-changed
	}
	end()
	c.mu.Lock()
}

// rotate freezes the memtable that takes writes, and makes one with room for
// ops that need so much. commits.mu is held.
func (t *tree) rotate(need, ops int) error {
	m, err := t.memory.take(need, ops)
	if err != nil {
		return err
	}
	if t.log != nil {
		m.from = t.log.End()
	}
	old := t.fresh
	old.sealed = t.commits.tickets
	t.state.mu.Lock()
	v := t.view.Load()
	frozen := append([]*memory{old}, v.frozen...)
	t.show(t.newView(m, frozen, v.levels))
	t.state.mu.Unlock()
	t.fresh = m
	t.work.poke()
	t.brake.poke()
	return nil
}

// apply puts the ops of a batch into a memtable, in which there is room.
func (m *memory) apply(b *engine.Batch, seq ikey.Seq) (puts, deletes, bytes int) {
	var op engine.Op
	r := b.Reader()
	for r.Next(&op) {
		switch op.Kind {
		case engine.KindPut:
			m.table.Add(xxh3.Hash(op.Key), ikey.Make(seq, ikey.Put), op.Key, op.Value)
			puts++
			bytes += len(op.Key) + len(op.Value)
		case engine.KindDelete:
			m.table.Add(xxh3.Hash(op.Key), ikey.Make(seq, ikey.Delete), op.Key, nil)
			deletes++
			bytes += len(op.Key)
		case engine.KindDeleteRange:
			m.ranges.Add(1)
			m.table.AddRange(rangeOf(&op, seq))
			deletes++
			bytes += len(op.Key) + len(op.Value)
		}
		seq++
	}
	return puts, deletes, bytes
}

// rangeOf is the range delete that an op is, with bounds that keys can have.
// Bounds of ops may be longer: those of who deletes one key, up to what comes
// next.
func rangeOf(op *engine.Op, seq ikey.Seq) tombstone.Range {
	r := tombstone.Range{Lower: op.Key, Upper: op.Value, Seq: seq}
	if len(r.Upper) > maxKey {
		r.Upper = nextKey(r.Upper)
	}
	if len(r.Lower) > maxKey {
		if r.Lower = nextKey(r.Lower); r.Lower == nil {
			r.Upper = []byte{} // no key is so high
		}
	}
	return r
}

// nextKey returns the lowest key above a bound that is too long for one, or nil
// if there is none.
func nextKey(bound []byte) []byte {
	key := bytes.TrimRight(bound[:maxKey], "\xff")
	if len(key) == 0 {
		return nil
	}
	key = bytes.Clone(key)
	key[len(key)-1]++
	return key
}
