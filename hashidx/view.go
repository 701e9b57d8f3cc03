package hashidx

import (
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
)

// A frozen is a snapshot: what the index named when it was taken, but for what
// has ceased to be at that moment's clock.
//
// All ops with a sequence below limit were in the index then, or superseded.
// What the index ceases to name since, undo names: who replaces or deletes an
// entry that a snapshot sees enters it there before, under the key's lock. So
// at every moment when nobody holds that lock, the op of a key that was live is
// either in the index or in undo: once. GC moves entries and keeps sequences.
//
// Each snapshot has an undo of its own: it takes 17 bytes for each key that it
// sees and that was changed, at its first change only, and goes with it. Where
// many are open, a change costs a note in each that sees the old op.
type frozen struct {
	e       *store
	limit   uint64 // of the sequences that it sees
	release func() // of files
	closed  atomic.Bool

	undo   atomic.Pointer[index.Index] // nil while it is empty
	making sync.Mutex                  // held by who makes it
}

// views are the snapshots that are open.
type views struct {
	open atomic.Pointer[[]*frozen] // nil if there are none

	mu sync.Mutex // guards changes of open
}

// NewSnapshot implements engine.Snapshotter. Writers wait for as long as it
// takes to lock all of the index; files of segments stay until Close.
func (e *store) NewSnapshot() (engine.Snapshot, error) {
	if !e.scans.TryRLock() { // only Close locks it
		return nil, engine.ErrClosed
	}
	defer e.scans.RUnlock()
	if e.closed.Load() {
		return nil, engine.ErrClosed
	}
	v := &frozen{e: e, limit: math.MaxUint64, release: e.pinFiles()}
	e.index.LockAll()
	defer e.index.UnlockAll()
	if !e.readOnly {
		v.limit = uint64(e.hot.End()) // above all that is in the index
	}
	e.views.add(v)
	return v, nil
}

func (t *views) add(v *frozen) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []*frozen{v}
	if old := t.open.Load(); old != nil {
		all = append(slices.Clone(*old), v)
	}
	t.open.Store(&all)
}

func (t *views) remove(v *frozen) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(*t.open.Load()), func(o *frozen) bool { return o == v })
	if len(all) == 0 {
		t.open.Store(nil)
		return
	}
	t.open.Store(&all)
}

// Close implements engine.Snapshot. While the engine closes it leaves the rest
// to that.
func (v *frozen) Close() error {
	if v.closed.Swap(true) {
		return nil
	}
	e := v.e
	if !e.scans.TryRLock() { // only the engine's Close locks it
		return nil
	}
	defer e.scans.RUnlock()
	e.views.remove(v)
	v.release()
	// Who has seen it open, or in the list, is pinned.
	e.domain.Retire(0, func() { v.free() })
	e.domain.Reclaim()
	return nil
}

// free frees what it has in memory. Nobody uses it any more.
func (v *frozen) free() error {
	if u := v.undo.Load(); u != nil {
		return u.Close()
	}
	return nil
}

// free frees what snapshots have that were not closed before the engine. Nobody
// uses them.
func (t *views) free() (err error) {
	if all := t.open.Swap(nil); all != nil {
		for _, v := range *all {
			err = errors.Join(err, v.free())
		}
	}
	return err
}

// bytes is the memory of all undos. The caller is pinned.
func (t *views) bytes() (n int64) {
	if all := t.open.Load(); all != nil {
		for _, v := range *all {
			if u := v.undo.Load(); u != nil {
				n += u.Bytes()
			}
		}
	}
	return n
}

// preserve keeps an op for the snapshots that see it, which the index names and
// is about to name no more. The caller has the key's lock and is pinned.
func (e *store) preserve(key []byte, was present) error {
	all := e.views.open.Load()
	if all == nil {
		return nil
	}
	hash := e.hash(key)
	for _, v := range *all {
		if was.sequence >= v.limit {
			continue
		}
		u, err := v.writableUndo()
		if err == nil {
			err = u.Insert(hash, was.place)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writableUndo returns undo, and makes it first if need be.
func (v *frozen) writableUndo() (*index.Index, error) {
	if u := v.undo.Load(); u != nil {
		return u, nil
	}
	v.making.Lock()
	defer v.making.Unlock()
	if u := v.undo.Load(); u != nil {
		return u, nil
	}
	u, err := index.New(index.Options{Domain: v.e.domain, HugePages: false})
	if err == nil {
		v.undo.Store(u)
	}
	return u, err
}

// sequenceAt is the sequence of the op at a place.
func (e *store) sequenceAt(place uint64, op *record.Op) uint64 {
	s, off := e.segments.at(place)
	if s.log == manifest.Hot {
		return sequenceOf(s.id, off)
	}
	return op.Sequence
}

// tooNew reports whether the op at a place is known to be newer than the
// snapshot without a look at it.
func (v *frozen) tooNew(place uint64) bool {
	s, off := v.e.segments.at(place)
	return s.log == manifest.Hot && sequenceOf(s.id, off) >= v.limit
}

// over reports whether the snapshot or its engine is closed. The caller is
// pinned, and what it may reach stays until it unpins.
func (v *frozen) over() bool { return v.closed.Load() || v.e.closed.Load() }

// Get implements engine.Snapshot.
//
// It takes no lock. It looks at the index first, then at undo: if the index
// does not name the key's op any more, undo had it before.
func (v *frozen) Get(dst, key []byte) ([]byte, error) {
	e := v.e
	if err := e.caps.CheckKey(key); err != nil {
		return dst, err
	}
	hash := e.hash(key)
	g := e.domain.Pin()
	if v.over() {
		g.Unpin()
		return dst, engine.ErrClosed
	}
	var s *scratch
	op, found, err := v.find(e.index.Find(hash), key, &s)
	if u := v.undo.Load(); err == nil && !found && u != nil {
		op, found, err = v.find(cursor{mem: u.Find(hash)}, key, &s)
	}
	switch {
	case err != nil:
	case found:
		dst, err = e.answer(dst, hash, &op)
	default:
		e.counts.of(hash).absent()
		err = engine.ErrNotFound
	}
	g.Unpin()
	e.release(s)
	return dst, err
}

// find looks for the key's op that the snapshot sees.
func (v *frozen) find(c cursor, key []byte, s **scratch) (op record.Op, found bool, err error) {
	for {
		place, ok := c.Next()
		if !ok {
			return record.Op{}, false, c.err
		}
		if v.tooNew(place) {
			continue
		}
		op, _, err := v.e.view(place, s)
		if err != nil {
			return record.Op{}, false, err
		}
		if string(op.Key) == string(key) && v.e.sequenceAt(place, &op) < v.limit {
			return op, true, nil
		}
	}
}
