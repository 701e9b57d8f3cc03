package bbolt

import (
	"bytes"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// view is a read transaction with its users: a snapshot and its iterators, or
// one iterator.
type view struct {
	e  *store
	mu sync.Mutex
	tx *bbolt.Tx
	b  *bbolt.Bucket // nil when the file has none
	n  int           // users
}

// newView begins a transaction with one user.
func (e *store) newView() (v *view, err error) {
	defer adapt.Rescue(e.path, &err)
	tx, err := e.db.Begin(false)
	if err != nil {
		return nil, translate(e.path, err)
	}
	defer func() {
		if v == nil { // a panic passes
			tx.Rollback()
		}
	}()
	return &view{e: e, tx: tx, b: tx.Bucket([]byte(bucket)), n: 1}, nil
}

func (v *view) release() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.n--; v.n > 0 {
		return nil
	}
	return v.tx.Rollback()
}

// rawIter is a cursor, and a user of its view.
type rawIter struct {
	v          *view
	c          *bbolt.Cursor // nil when the file has no bucket
	key, value []byte
	err        error
}

// move does one step of the cursor, which panics at damage.
func (r *rawIter) move(step func(*bbolt.Cursor) (key, value []byte)) bool {
	r.key, r.value, r.err = nil, nil, nil
	if r.c == nil {
		return false
	}
	func() {
		defer adapt.Rescue(r.v.e.path, &r.err)
		r.key, r.value = step(r.c)
	}()
	return r.key != nil && r.err == nil
}

func (r *rawIter) First() bool { return r.move((*bbolt.Cursor).First) }
func (r *rawIter) Last() bool  { return r.move((*bbolt.Cursor).Last) }
func (r *rawIter) Next() bool  { return r.move((*bbolt.Cursor).Next) }
func (r *rawIter) Prev() bool  { return r.move((*bbolt.Cursor).Prev) }

func (r *rawIter) SeekGE(key []byte) bool {
	return r.move(func(c *bbolt.Cursor) ([]byte, []byte) { return c.Seek(key) })
}

func (r *rawIter) SeekLT(key []byte) bool {
	return r.move(func(c *bbolt.Cursor) ([]byte, []byte) {
		if at, _ := c.Seek(key); at == nil {
			k, v := c.Last()
			if bytes.Compare(k, key) >= 0 {
				return nil, nil
			}
			return k, v
		}
		return c.Prev()
	})
}

func (r *rawIter) Key() []byte            { return r.key }
func (r *rawIter) Value() ([]byte, error) { return r.value, nil }
func (r *rawIter) Err() error             { return r.err }
func (r *rawIter) Close() error           { return r.v.release() }

func (e *store) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	v, err := e.newView()
	if err != nil {
		return nil, fmt.Errorf("iterator: %w", err)
	}
	return v.newIter(o)
}

// newIter makes an iterator that takes over one user of v.
func (v *view) newIter(o engine.IterOptions) (engine.Iterator, error) {
	r := &rawIter{v: v}
	if v.b != nil {
		r.c = v.b.Cursor()
	}
	c, err := adapt.NewCursor(r, adapt.BoundsOf(o), true, &v.e.views)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// snapshot is a user of a view.
type snapshot struct {
	v      *view
	mu     sync.Mutex
	closed bool
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

func (s *snapshot) Get(dst, key []byte) (value []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return dst, engine.ErrClosed
	}
	if err := s.v.e.caps.CheckKey(key); err != nil {
		return dst, err
	}
	defer func() {
		if err != nil {
			value = dst
		}
	}()
	defer adapt.Rescue(s.v.e.path, &err)
	return lookup(s.v.b, dst, key)
}

func (s *snapshot) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, engine.ErrClosed
	}
	s.v.mu.Lock()
	s.v.n++
	s.v.mu.Unlock()
	return s.v.newIter(o)
}

func (s *snapshot) Close() error {
	err := s.end()
	s.v.e.views.Remove(s)
	return err
}

func (s *snapshot) End() { _ = s.end() }

func (s *snapshot) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.v.release()
}
