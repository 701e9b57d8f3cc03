//go:build rocksdb

package rocksdb

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"

	"github.com/linxGnu/grocksdb"

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

// iterator is an engine.Iterator. RocksDB keeps the bounds.
type iterator struct {
	e     *store
	ro    *grocksdb.ReadOptions
	pins  runtime.Pinner // holds the bounds, to which C keeps pointers
	empty bool           // the bounds leave no room

	mu    sync.Mutex // against Close of the engine
	it    *grocksdb.Iterator
	place place
	err   error
}

func (e *store) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.mu.RUnlock()
	return e.newIter(o, nil), nil
}

// newIter makes an iterator over snap, or over the present when it is nil.
// e.mu is held.
func (e *store) newIter(o engine.IterOptions, snap *grocksdb.Snapshot) *iterator {
	it := &iterator{e: e, ro: grocksdb.NewDefaultReadOptions()}
	it.empty = o.Upper != nil && bytes.Compare(o.Lower, o.Upper) >= 0
	if len(o.Lower) > 0 && !it.empty {
		it.ro.SetIterateLowerBound(it.pin(o.Lower))
	}
	if len(o.Upper) > 0 && !it.empty {
		it.ro.SetIterateUpperBound(it.pin(o.Upper))
	}
	if snap != nil {
		it.ro.SetSnapshot(snap)
	}
	it.it = e.db.NewIterator(it.ro)
	e.addView(it)
	return it
}

// pin copies a bound to where C may point at it until end.
func (it *iterator) pin(bound []byte) []byte {
	bound = bytes.Clone(bound)
	it.pins.Pin(&bound[0])
	return bound
}

// settle records where a move has led; off is where a miss leaves the
// iterator.
func (it *iterator) settle(off place) bool {
	if it.it.Valid() {
		it.place = on
		return true
	}
	it.place = off
	if err := it.it.Err(); err != nil {
		it.err = fmt.Errorf("iterate: %w", it.e.translate(err))
	}
	return false
}

// lock begins a positioning call; false means that there is nothing to move.
func (it *iterator) lock(off place) bool {
	it.mu.Lock()
	if it.it == nil {
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

func (it *iterator) First() bool {
	defer it.mu.Unlock()
	return it.lock(after) && it.first()
}

func (it *iterator) first() bool {
	it.it.SeekToFirst()
	return it.settle(after)
}

func (it *iterator) Last() bool {
	defer it.mu.Unlock()
	return it.lock(before) && it.last()
}

func (it *iterator) last() bool {
	it.it.SeekToLast()
	return it.settle(before)
}

func (it *iterator) SeekGE(key []byte) bool {
	defer it.mu.Unlock()
	if !it.lock(after) {
		return false
	}
	it.it.Seek(key)
	return it.settle(after)
}

func (it *iterator) SeekLT(key []byte) bool {
	defer it.mu.Unlock()
	if !it.lock(before) {
		return false
	}
	if len(key) == 0 {
		it.place = before
		return false
	}
	it.it.SeekForPrev(key)
	if it.it.Valid() && bytes.Equal(it.key(), key) {
		it.it.Prev()
	}
	return it.settle(before)
}

func (it *iterator) Next() bool {
	defer it.mu.Unlock()
	if !it.lock(after) {
		return false
	}
	switch it.place {
	case on:
		it.it.Next()
		return it.settle(after)
	case after:
		return false
	}
	return it.first()
}

func (it *iterator) Prev() bool {
	defer it.mu.Unlock()
	if !it.lock(before) {
		return false
	}
	switch it.place {
	case on:
		it.it.Prev()
		return it.settle(before)
	case before:
		return false
	}
	return it.last()
}

// key needs a valid C iterator. A view of an empty slice may be nil.
func (it *iterator) key() []byte {
	if s := it.it.Key(); s != nil {
		return s.Data()
	}
	return nil
}

func (it *iterator) Key() []byte {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.it == nil || it.place != on {
		return nil
	}
	return it.key()
}

func (it *iterator) Value() ([]byte, error) {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.it == nil {
		return nil, engine.ErrClosed
	}
	if it.place != on {
		return nil, fmt.Errorf("%w: value of an iterator that is on no key", engine.ErrInvalid)
	}
	if s := it.it.Value(); s != nil {
		return s.Data(), nil
	}
	return nil, nil
}

func (it *iterator) Err() error {
	it.mu.Lock()
	defer it.mu.Unlock()
	return it.err
}

func (it *iterator) Close() error {
	it.mu.Lock()
	err := it.err
	open := it.it != nil
	it.free()
	it.mu.Unlock()
	if open {
		it.e.dropView(it)
		return err
	}
	return nil
}

// end is Close by the engine.
func (it *iterator) end() {
	it.mu.Lock()
	it.free()
	it.mu.Unlock()
}

// free needs it.mu and an open database.
func (it *iterator) free() {
	if it.it == nil {
		return
	}
	it.it.Close()
	it.it = nil
	it.ro.Destroy()
	it.pins.Unpin()
	it.place = nowhere
}
