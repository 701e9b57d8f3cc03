package goleveldb

import (
	"fmt"
	"sync"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/iterator"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/util"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// rawIter is an iterator of the library.
type rawIter struct {
	e  *store
	it iterator.Iterator
}

func (r *rawIter) First() bool            { return r.it.First() }
func (r *rawIter) Last() bool             { return r.it.Last() }
func (r *rawIter) SeekGE(key []byte) bool { return r.it.Seek(key) }
func (r *rawIter) Next() bool             { return r.it.Next() }
func (r *rawIter) Prev() bool             { return r.it.Prev() }
func (r *rawIter) Key() []byte            { return r.it.Key() }
func (r *rawIter) Value() ([]byte, error) { return r.it.Value(), nil }

func (r *rawIter) SeekLT(key []byte) bool {
	if r.it.Seek(key) {
		return r.it.Prev()
	}
	return r.it.Error() == nil && r.it.Last()
}

func (r *rawIter) Err() error {
	if err := r.it.Error(); err != nil {
		return fmt.Errorf("iterate: %w", translate(r.e.path, err))
	}
	return nil
}

func (r *rawIter) Close() error {
	r.it.Release()
	return nil
}

// source is a database or a snapshot.
type source interface {
	NewIterator(slice *util.Range, ro *opt.ReadOptions) iterator.Iterator
}

func (e *store) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	return e.newIter(e.db, o)
}

// newIter makes an iterator over from. The library keeps the bounds.
func (e *store) newIter(from source, o engine.IterOptions) (engine.Iterator, error) {
	b := adapt.BoundsOf(o)
	var slice *util.Range
	if !b.Empty() {
		slice = &util.Range{Start: b.Lower, Limit: b.Upper}
		b = adapt.Bounds{}
	}
	it := from.NewIterator(slice, nil)
	if err := it.Error(); err != nil {
		it.Release()
		return nil, fmt.Errorf("iterator: %w", translate(e.path, err))
	}
	c, err := adapt.NewCursor(&rawIter{e, it}, b, true, &e.views)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// snapshot is a snapshot of the library's.
type snapshot struct {
	e    *store
	mu   sync.RWMutex      // alone to end
	snap *leveldb.Snapshot // nil once ended
}

var _ engine.Scanner = (*snapshot)(nil)

func (e *store) NewSnapshot() (engine.Snapshot, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	snap, err := e.db.GetSnapshot()
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", translate(e.path, err))
	}
	s := &snapshot{e: e, snap: snap}
	if err := e.views.Add(s); err != nil {
		s.End()
		return nil, err
	}
	return s, nil
}

func (s *snapshot) Get(dst, key []byte) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.snap == nil {
		return dst, engine.ErrClosed
	}
	return s.e.get(s.snap, dst, key)
}

func (s *snapshot) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.snap == nil {
		return nil, engine.ErrClosed
	}
	return s.e.newIter(s.snap, o)
}

func (s *snapshot) Close() error {
	s.End()
	s.e.views.Remove(s)
	return nil
}

func (s *snapshot) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snap != nil {
		s.snap.Release()
		s.snap = nil
	}
}
