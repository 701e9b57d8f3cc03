package table

import (
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/lsm/block"
	"github.com/kvbench/kvbench/lsm/ikey"
)

// IterOptions say what a walk is for.
type IterOptions struct {
	// Compaction reads large pieces, past the cache, and counts them as
	// vfs.Compaction.
	Compaction bool
}

// An Iter walks the entries of a table. It is an ikey.Iterator that holds one
// block, or memory that it read ahead into; Init again is how it walks another
// table: its memory stays.
type Iter struct {
	cur block.Cursor
	r   *Reader
	seq ikey.Seq // of the reader
	on  bool     // cur is on an entry, or on its way to one
	n   int      // the block that cur is in; -1 is none
	err error

	held  Held
	ahead ahead
}

// NewIter returns an iterator over the table, which stays open until after
// Close.
func (r *Reader) NewIter(o IterOptions) *Iter {
	it := new(Iter)
	it.Init(r, o)
	return it
}

// Init is as if it was closed and r.NewIter returned it.
func (it *Iter) Init(r *Reader, o IterOptions) {
	it.leave()
	it.r, it.seq, it.err = r, r.seq, nil
	it.ahead.reset(o.Compaction)
}

// First is that of ikey.Iterator, as are all that follow.
func (it *Iter) First() bool {
	return it.load(0, forward) && (it.cur.First() || it.step(forward))
}

// Last moves to the last entry.
func (it *Iter) Last() bool {
	return it.load(it.blocks()-1, backward) && (it.cur.Last() || it.step(backward))
}

// SeekGE moves to the first entry whose key is >= key.
func (it *Iter) SeekGE(key []byte) bool {
	if it.r == nil {
		return false
	}
	// A separator may be larger than all keys of its block.
	return it.load(it.r.index.search(key), forward) && (it.cur.SeekGE(key) || it.step(forward))
}

// SeekLT moves to the last entry whose key is < key.
func (it *Iter) SeekLT(key []byte) bool {
	if it.r == nil {
		return false
	}
	n := min(it.r.index.search(key), it.r.index.blocks-1)
	return it.load(n, backward) && (it.cur.SeekLT(key) || it.step(backward))
}

// Next moves to the next entry.
func (it *Iter) Next() bool {
	return it.on && (it.cur.Next() || it.step(forward))
}

// Prev moves to the entry before.
func (it *Iter) Prev() bool {
	return it.on && (it.cur.Prev() || it.step(backward))
}

// Key returns the key.
func (it *Iter) Key() []byte { return it.cur.Key() }

// Trailer returns sequence number and kind.
func (it *Iter) Trailer() ikey.Trailer {
	t := it.cur.Trailer()
	if it.seq != 0 {
		t = ikey.Make(it.seq, t.Kind())
	}
	return t
}

// Value returns the value.
func (it *Iter) Value() []byte { return it.cur.Value() }

// Err is what ended the walk early, or nil.
func (it *Iter) Err() error { return it.err }

// Close releases the block, and returns Err. Init may follow.
func (it *Iter) Close() error {
	it.leave()
	it.r = nil
	it.ahead.trim()
	return it.err
}

func (it *Iter) blocks() int {
	if it.r == nil {
		return 0
	}
	return it.r.index.blocks
}

// Directions of a walk.
const (
	forward  = 1
	backward = -1
)

// step leaves the block that the walk came to an end of, for the next with an
// entry in the direction.
func (it *Iter) step(direction int) bool {
	for {
		if err := it.cur.Err(); err != nil {
			return it.fail(it.r.Damaged(it.n, err))
		}
		if !it.load(it.n+direction, direction) {
			return false
		}
		if direction == forward && it.cur.First() || direction == backward && it.cur.Last() {
			return true
		}
	}
}

// load takes cur to a block, without an entry yet. After an error it does
// nothing.
func (it *Iter) load(n, direction int) bool {
	if it.err != nil || n < 0 || n >= it.blocks() {
		it.leave()
		return false
	}
	if n == it.n {
		it.on = true
		return true
	}
	it.held.Release()
	data, err := it.fetch(n, direction)
	if err != nil {
		return it.fail(err)
	}
	if err := it.cur.Init(data); err != nil {
		return it.fail(it.r.Damaged(n, err))
	}
	it.n, it.on = n, true
	return true
}

func (it *Iter) fail(err error) bool {
	it.leave()
	it.err = err
	return false
}

// leave takes the walk off its entry and its block.
func (it *Iter) leave() {
	it.held.Release()
	it.on, it.n = false, -1
}

// fetch returns a block, which is held or read ahead.
func (it *Iter) fetch(n, direction int) ([]byte, error) {
	r, a := it.r, &it.ahead
	if !a.compaction && (r.mapped == nil || !r.plain(n)) && !a.has(n) {
		if h, ok := r.acquire(n); ok {
			it.held = h
			return h.Bytes(), nil
		}
	}
	if a.compaction || r.mapped == nil && (a.has(n) || a.missed(it.n >= 0 && n == it.n+direction)) {
		if !a.has(n) {
			if err := a.read(r, n, direction); err != nil {
				return nil, err
			}
		}
		if a.private(r) {
			return a.unpack(r, n)
		}
		return it.hold(r.loadFrom(n, cache.Scan.For(cache.Data), a.stored(r, n)))
	}
	return it.hold(r.Load(n, cache.Normal.For(cache.Data)))
}

func (it *Iter) hold(h Held, err error) ([]byte, error) {
	it.held = h
	return h.Bytes(), err
}
