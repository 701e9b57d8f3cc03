package badger

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// view is a read transaction with its users: a snapshot and its iterators, or
// one iterator.
type view struct {
	e   *store
	txn *badger.Txn
	mu  sync.Mutex
	n   int // users
}

// newView begins a transaction with one user.
func (e *store) newView() *view {
	return &view{e: e, txn: e.db.NewTransaction(false), n: 1}
}

func (v *view) use() {
	v.mu.Lock()
	v.n++
	v.mu.Unlock()
}

func (v *view) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.n--; v.n == 0 {
		v.txn.Discard()
	}
}

// rawIter is a user of a view. Badger's iterators go one way, so that it has
// two, of which the backward one is made when it is first needed.
type rawIter struct {
	v     *view
	way   [2]*badger.Iterator // forward and backward; nil until needed
	at    *badger.Iterator    // the one that stands on key
	key   []byte
	value []byte
	err   error
}

const (
	forward  = 0
	backward = 1
)

// on returns the iterator of one way.
func (r *rawIter) on(way int) *badger.Iterator {
	if r.way[way] == nil {
		o := badger.DefaultIteratorOptions
		o.PrefetchValues = false
		o.Reverse = way == backward
		r.way[way] = r.v.txn.NewIterator(o)
	}
	return r.way[way]
}

// move does one step and copies the key, which the iterator reuses.
func (r *rawIter) move(way int, step func(*badger.Iterator)) bool {
	r.err = nil
	defer adapt.Rescue(r.v.e.path, &r.err)
	it := r.on(way)
	step(it)
	if !it.Valid() {
		r.at = nil
		return false
	}
	r.at = it
	r.key = append(r.key[:0], it.Item().Key()...)
	return true
}

func rewind(it *badger.Iterator) { it.Rewind() }

// past moves it beyond key, in its own way.
func past(key []byte) func(*badger.Iterator) {
	return func(it *badger.Iterator) {
		it.Seek(key)
		if it.Valid() && bytes.Equal(it.Item().Key(), key) {
			it.Next()
		}
	}
}

func (r *rawIter) First() bool { return r.move(forward, rewind) }
func (r *rawIter) Last() bool  { return r.move(backward, rewind) }

func (r *rawIter) SeekGE(key []byte) bool {
	return r.move(forward, func(it *badger.Iterator) { it.Seek(key) })
}

func (r *rawIter) SeekLT(key []byte) bool { return r.move(backward, past(key)) }

func (r *rawIter) Next() bool { return r.turn(forward) }
func (r *rawIter) Prev() bool { return r.turn(backward) }

// turn steps one way, from the key where either iterator stands.
func (r *rawIter) turn(way int) bool {
	if r.at == r.way[way] {
		return r.move(way, (*badger.Iterator).Next)
	}
	return r.move(way, past(r.key))
}

func (r *rawIter) Key() []byte { return r.key }

func (r *rawIter) Value() ([]byte, error) {
	err := r.at.Item().Value(func(v []byte) error {
		r.value = append(r.value[:0], v...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("iterate: %w", r.v.e.translate(err))
	}
	return r.value, nil
}

func (r *rawIter) Err() error { return r.err }

func (r *rawIter) Close() error {
	for _, it := range r.way {
		if it != nil {
			it.Close()
		}
	}
	r.v.release()
	return nil
}

func (e *store) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	return e.newView().newIter(o)
}

// newIter makes an iterator that takes over one user of v.
func (v *view) newIter(o engine.IterOptions) (engine.Iterator, error) {
	c, err := adapt.NewCursor(&rawIter{v: v}, adapt.BoundsOf(o), true, &v.e.views)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// snapshot is a user of a view.
type snapshot struct {
	v      *view
	mu     sync.RWMutex // alone to end
	closed bool
}

var _ engine.Scanner = (*snapshot)(nil)

func (e *store) NewSnapshot() (engine.Snapshot, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	s := &snapshot{v: e.newView()}
	if err := e.views.Add(s); err != nil {
		s.End()
		return nil, err
	}
	return s, nil
}

func (s *snapshot) Get(dst, key []byte) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return dst, engine.ErrClosed
	}
	return s.v.e.get(s.v.txn, dst, key)
}

func (s *snapshot) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, engine.ErrClosed
	}
	s.v.use()
	return s.v.newIter(o)
}

func (s *snapshot) Close() error {
	s.End()
	s.v.e.views.Remove(s)
	return nil
}

func (s *snapshot) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.v.release()
	}
}
