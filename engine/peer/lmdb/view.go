//go:build lmdb

package lmdb

import (
	"fmt"
	"sync"

	"github.com/kvbench/kvbench/engine"
)

// view is a read transaction that stays: that of a snapshot, of an iterator,
// or of a snapshot and its iterators. The last user to release it ends it.
type view struct {
	e *store

	mu    sync.Mutex // around every use of r, whose scratch space users share
	r     *reader
	users int
}

// newView returns a view with one user, which is inside the gate.
func (e *store) newView() (*view, error) {
	r, err := e.readers.take()
	if err != nil {
		return nil, e.translate(err)
	}
	return &view{e: e, r: r, users: 1}, nil
}

// release is called once by each user, without v.mu. The engine is open, or
// waits in Close for this user.
func (v *view) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.users--; v.users == 0 {
		v.e.readers.put(v.r)
		v.r = nil
	}
}

// snapshot is an engine.Snapshot and a Scanner.
type snapshot struct {
	v     *view
	ended bool // guarded by v.mu
}

var _ engine.Scanner = (*snapshot)(nil)

func (e *store) NewSnapshot() (engine.Snapshot, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	v, err := e.newView()
	if err != nil {
		return nil, fmt.Errorf("snapshot: %w", err)
	}
	s := &snapshot{v: v}
	if err := e.views.Add(s); err != nil {
		s.End()
		return nil, err
	}
	return s, nil
}

func (s *snapshot) Get(dst, key []byte) ([]byte, error) {
	s.v.mu.Lock()
	defer s.v.mu.Unlock()
	if s.ended {
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
	if s.ended {
		s.v.mu.Unlock()
		return nil, engine.ErrClosed
	}
	s.v.users++
	s.v.mu.Unlock()
	return s.v.newIter(o)
}

func (s *snapshot) Close() error {
	s.End()
	s.v.e.views.Remove(s)
	return nil
}

// End gives up s's share in the transaction.
func (s *snapshot) End() {
	s.v.mu.Lock()
	first := !s.ended
	s.ended = true
	s.v.mu.Unlock()
	if first {
		s.v.release()
	}
}
