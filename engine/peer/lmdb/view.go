//go:build lmdb

package lmdb

import (
	"fmt"
	"sync"

	"github.com/kvbench/kvbench/engine"
)

// view is a read transaction that stays: a snapshot, an iterator, or a
// snapshot with its iterators. It ends when the last of them is closed.
type view struct {
	e *store

	mu    sync.Mutex // around every use of r
	r     *reader    // nil once ended
	users int        // open snapshot and iterators
	iters map[*iterator]struct{}
}

// newView returns a view with one user. e.mu is held.
func (e *store) newView() (*view, error) {
	r, err := e.readers.take()
	if err != nil {
		return nil, e.translate(err)
	}
	v := &view{e: e, r: r, users: 1, iters: make(map[*iterator]struct{}, 1)}
	e.addView(v)
	return v, nil
}

// release is called once by each user, without v.mu.
func (v *view) release() {
	v.mu.Lock()
	v.users--
	last := v.users == 0 && v.r != nil
	if last {
		v.e.readers.put(v.r)
		v.r = nil
	}
	v.mu.Unlock()
	if last {
		v.e.dropView(v)
	}
}

// end takes the transaction away from all users.
func (v *view) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.r == nil {
		return
	}
	for it := range v.iters {
		it.cursor.Close()
		it.cursor = nil
	}
	clear(v.iters)
	v.r.free()
	v.r = nil
}

// snapshot is an engine.Snapshot and a Scanner.
type snapshot struct {
	v      *view
	closed bool // guarded by v.mu
}

var _ engine.Scanner = (*snapshot)(nil)

func (e *store) NewSnapshot() (engine.Snapshot, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.mu.RUnlock()
	v, err := e.newView()
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	return &snapshot{v: v}, nil
}

func (s *snapshot) Get(dst, key []byte) ([]byte, error) {
	s.v.mu.Lock()
	defer s.v.mu.Unlock()
	if s.closed || s.v.r == nil {
		return dst, engine.ErrClosed
	}
	if err := s.v.e.caps.CheckKey(key); err != nil {
		return dst, err
	}
	return s.v.e.get(s.v.r.txn, dst, key)
}

// NewIter makes an iterator that may outlive s.
func (s *snapshot) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	s.v.mu.Lock()
	defer s.v.mu.Unlock()
	if s.closed || s.v.r == nil {
		return nil, engine.ErrClosed
	}
	it, err := s.v.newIter(o)
	if err != nil {
		return nil, err
	}
	s.v.users++
	return it, nil
}

func (s *snapshot) Close() error {
	s.v.mu.Lock()
	first := !s.closed
	s.closed = true
	s.v.mu.Unlock()
	if first {
		s.v.release()
	}
	return nil
}
