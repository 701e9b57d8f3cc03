package pebble

import (
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// rawIter is a Pebble iterator.
type rawIter struct {
	e  *store
	it *pebble.Iterator
}

func (r *rawIter) First() bool            { return r.it.First() }
func (r *rawIter) Last() bool             { return r.it.Last() }
func (r *rawIter) SeekGE(key []byte) bool { return r.it.SeekGE(key) }
func (r *rawIter) SeekLT(key []byte) bool { return r.it.SeekLT(key) }
func (r *rawIter) Next() bool             { return r.it.Next() }
func (r *rawIter) Prev() bool             { return r.it.Prev() }
func (r *rawIter) Key() []byte            { return r.it.Key() }
func (r *rawIter) Err() error             { return r.failed(r.it.Error()) }
func (r *rawIter) Close() error           { return r.failed(r.it.Close()) }

func (r *rawIter) Value() ([]byte, error) {
	value, err := r.it.ValueAndErr()
	return value, r.failed(err)
}

func (r *rawIter) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("iterate: %w", r.e.translate(err))
}

func (e *store) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	return e.newIter(e.db, o)
}

// newIter makes an iterator over from. Pebble keeps the bounds.
func (e *store) newIter(from pebble.Reader, o engine.IterOptions) (engine.Iterator, error) {
	b := adapt.BoundsOf(o)
	var po pebble.IterOptions
	if !b.Empty() {
		po.LowerBound, po.UpperBound = b.Lower, b.Upper
		b = adapt.Bounds{}
	}
	it, err := from.NewIter(&po)
	if err != nil {
		return nil, fmt.Errorf("iterator: %w", e.translate(err))
	}
	c, err := adapt.NewCursor(&rawIter{e, it}, b, true, &e.views)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// snapshot is a Pebble snapshot.
type snapshot struct {
	e    *store
	mu   sync.RWMutex     // alone to end
	snap *pebble.Snapshot // nil once ended
}

var _ engine.Scanner = (*snapshot)(nil)

func (e *store) NewSnapshot() (engine.Snapshot, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	s := &snapshot{e: e, snap: e.db.NewSnapshot()}
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
	err := s.end()
	s.e.views.Remove(s)
	return err
}

func (s *snapshot) End() { _ = s.end() }

func (s *snapshot) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snap == nil {
		return nil
	}
	err := s.snap.Close()
	s.snap = nil
	return s.e.translate(err)
}
