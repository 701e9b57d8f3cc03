//go:build lmdb

package lmdb

import (
	"bytes"
	"fmt"

	"github.com/PowerDNS/lmdb-go/lmdb"

	"github.com/kvbench/kvbench/engine"
)

// place says where an iterator stands.
type place uint8

const (
	nowhere place = iota // as born
	before               // ran off the front
	after                // ran off the end
	on                   // on a key
)

// iterator is an engine.Iterator: a cursor and the bounds, which LMDB does not
// know. Everything in it is guarded by v.mu.
type iterator struct {
	v            *view
	cursor       *lmdb.Cursor // nil once closed
	lower, upper []byte
	empty        bool // the bounds leave no room

	place      place
	key, value []byte // in the map; valid as long as the transaction
	err        error
	closed     bool // by the caller
}

func (e *store) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.mu.RUnlock()
	v, err := e.newView()
	if err != nil {
		return nil, fmt.Errorf("iterator: %w", err)
	}
	v.mu.Lock()
	it, err := v.newIter(o)
	v.mu.Unlock()
	if err != nil {
		v.release()
		return nil, err
	}
	return it, nil
}

// newIter needs v.mu and does not count the iterator as a user.
func (v *view) newIter(o engine.IterOptions) (*iterator, error) {
	c, err := v.r.open(v.e.dbi)
	if err != nil {
		return nil, fmt.Errorf("iterator: %w", v.e.translate(err))
	}
	it := &iterator{
		v: v, cursor: c,
		lower: bytes.Clone(o.Lower), upper: bytes.Clone(o.Upper),
		empty: o.Upper != nil && bytes.Compare(o.Lower, o.Upper) >= 0,
	}
	v.iters[it] = struct{}{}
	return it, nil
}

// move does one step of the cursor. False leaves it.err, if it is no end.
func (it *iterator) move(op uint, key []byte) bool {
	var err error
	it.key, it.value, err = it.cursor.Get(key, nil, op)
	if err == nil {
		return true
	}
	if !lmdb.IsNotFound(err) {
		it.err = fmt.Errorf("iterate: %w", it.v.e.translate(err))
	}
	return false
}

// settle records where a move has led; off is where a miss leaves the
// iterator.
func (it *iterator) settle(found bool, off place) bool {
	switch {
	case !found:
	case off == after && it.upper != nil && bytes.Compare(it.key, it.upper) >= 0:
	case off == before && bytes.Compare(it.key, it.lower) < 0:
	default:
		it.place = on
		return true
	}
	it.place = off
	it.key, it.value = nil, nil
	return false
}

// ready begins a positioning call; false means that there is nothing to move.
func (it *iterator) ready(off place) bool {
	if it.cursor == nil {
		it.err = engine.ErrClosed
		return false
	}
	it.err = nil
	if it.empty {
		it.place = off
		return false
	}
	return true
}

// seekGE moves to the first key >= key that is in the bounds.
func (it *iterator) seekGE(key []byte) bool {
	if bytes.Compare(key, it.lower) < 0 {
		key = it.lower
	}
	if len(key) == 0 {
		return it.settle(it.move(lmdb.First, nil), after)
	}
	return it.settle(it.move(lmdb.SetRange, key), after)
}

// seekLT moves to the last key < key that is in the bounds.
func (it *iterator) seekLT(key []byte) bool {
	if it.upper != nil && bytes.Compare(key, it.upper) > 0 {
		key = it.upper
	}
	if len(key) == 0 {
		return it.settle(false, before)
	}
	if it.move(lmdb.SetRange, key) {
		return it.settle(it.move(lmdb.Prev, nil), before)
	}
	return it.settle(it.err == nil && it.move(lmdb.Last, nil), before)
}

func (it *iterator) last() bool {
	if it.upper != nil {
		return it.seekLT(it.upper)
	}
	return it.settle(it.move(lmdb.Last, nil), before)
}

func (it *iterator) First() bool { return it.SeekGE(nil) }

func (it *iterator) Last() bool {
	it.v.mu.Lock()
	defer it.v.mu.Unlock()
	return it.ready(before) && it.last()
}

func (it *iterator) SeekGE(key []byte) bool {
	it.v.mu.Lock()
	defer it.v.mu.Unlock()
	return it.ready(after) && it.seekGE(key)
}

func (it *iterator) SeekLT(key []byte) bool {
	it.v.mu.Lock()
	defer it.v.mu.Unlock()
	return it.ready(before) && it.seekLT(key)
}

func (it *iterator) Next() bool {
	it.v.mu.Lock()
	defer it.v.mu.Unlock()
	if !it.ready(after) {
		return false
	}
	switch it.place {
	case on:
		return it.settle(it.move(lmdb.Next, nil), after)
	case after:
		return false
	}
	return it.seekGE(nil)
}

func (it *iterator) Prev() bool {
	it.v.mu.Lock()
	defer it.v.mu.Unlock()
	if !it.ready(before) {
		return false
	}
	switch it.place {
	case on:
		return it.settle(it.move(lmdb.Prev, nil), before)
	case before:
		return false
	}
	return it.last()
}

func (it *iterator) Key() []byte {
	it.v.mu.Lock()
	defer it.v.mu.Unlock()
	if it.cursor == nil {
		return nil
	}
	return it.key
}

func (it *iterator) Value() ([]byte, error) {
	it.v.mu.Lock()
	defer it.v.mu.Unlock()
	if it.cursor == nil {
		return nil, engine.ErrClosed
	}
	if it.place != on {
		return nil, fmt.Errorf("%w: value of an iterator that is on no key", engine.ErrInvalid)
	}
	return it.value, nil
}

func (it *iterator) Err() error {
	it.v.mu.Lock()
	defer it.v.mu.Unlock()
	return it.err
}

func (it *iterator) Close() error {
	it.v.mu.Lock()
	if it.closed {
		it.v.mu.Unlock()
		return nil
	}
	it.closed = true
	err := it.err
	it.key, it.value = nil, nil
	if it.cursor != nil {
		it.v.r.done(it.cursor)
		it.cursor = nil
		delete(it.v.iters, it)
	}
	it.v.mu.Unlock()
	it.v.release()
	return err
}
