package mem

import (
	"bytes"
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

// A descent of the tree fills a buffer: few items at first, since most scans
// are short, then more each time.
const (
	leastBuffer = 32
	mostBuffer  = 512
)

// place says where an iterator stands.
type place uint8

const (
	nowhere place = iota // as born
	before               // ran off the front
	after                // ran off the end
	on                   // on items[at]
)

// iterator walks a frozen tree. The tree offers walks by callback only, so it
// collects the next items into a buffer, which serves steps both ways.
type iterator struct {
	tree         *tree // nil once closed
	lower, upper []byte

	place     place
	items     []item // neighbours, in the order of the walk that found them
	at        int
	backwards bool // the walk was descending
	complete  bool // the walk ended at a bound: nothing follows the last item

	want    int             // size of the next walk's buffer
	skip    []byte          // a key to leave out, or nil
	collect func(item) bool // it.take, bound once
	err     error
}

func newIterator(t *tree, o engine.IterOptions) *iterator {
	it := &iterator{tree: t, lower: bytes.Clone(o.Lower), upper: bytes.Clone(o.Upper), want: leastBuffer}
	it.collect = it.take
	return it
}

// take is the callback of walks. It leaves out the key it.skip, which may only
// be the first.
func (it *iterator) take(i item) bool {
	key := i.key()
	if it.outside(key) {
		it.complete = true
		return false
	}
	if skip := it.skip; skip != nil {
		it.skip = nil // only the first item can be it
		if bytes.Equal(key, skip) {
			return true
		}
	}
	it.items = append(it.items, i)
	return len(it.items) < it.want
}

// outside reports whether key lies beyond the bound that the walk heads for.
func (it *iterator) outside(key []byte) bool {
	if it.backwards {
		return bytes.Compare(key, it.lower) < 0
	}
	return it.upper != nil && bytes.Compare(key, it.upper) >= 0
}

// ascend fills the buffer from the first key >= from on, without skip.
func (it *iterator) ascend(from, skip []byte) bool {
	if bytes.Compare(from, it.lower) < 0 {
		from = it.lower
	}
	it.begin(false, skip)
	it.tree.AscendGreaterOrEqual(probe(from), it.collect)
	return it.end(after)
}

// descend fills the buffer from the last key < from on; nil is the very last.
func (it *iterator) descend(from []byte) bool {
	if from == nil || it.upper != nil && bytes.Compare(from, it.upper) > 0 {
		from = it.upper
	}
	it.begin(true, from)
	if from == nil {
		it.tree.Descend(it.collect)
	} else {
		it.tree.DescendLessOrEqual(probe(from), it.collect)
	}
	return it.end(before)
}

func (it *iterator) begin(backwards bool, skip []byte) {
	it.backwards, it.skip, it.complete = backwards, skip, false
	it.at = 0
	if cap(it.items) < it.want {
		it.items = make([]item, 0, it.want)
	}
	it.items = it.items[:0]
}

func (it *iterator) end(off place) bool {
	if len(it.items) < it.want {
		it.complete = true
	}
	if len(it.items) == 0 {
		it.place = off
		return false
	}
	it.place = on
	return true
}

// ready begins a positioning call.
func (it *iterator) ready() bool {
	if it.tree == nil {
		it.err = engine.ErrClosed
		return false
	}
	return true
}

func (it *iterator) First() bool { return it.SeekGE(nil) }

func (it *iterator) Last() bool {
	it.want = leastBuffer
	return it.ready() && it.descend(nil)
}

func (it *iterator) SeekGE(key []byte) bool {
	it.want = leastBuffer
	return it.ready() && it.ascend(key, nil)
}

func (it *iterator) SeekLT(key []byte) bool {
	if !it.ready() {
		return false
	}
	it.want = leastBuffer
	if len(key) == 0 { // no key is less
		it.begin(true, nil)
		return it.end(before)
	}
	return it.descend(key)
}

func (it *iterator) Next() bool {
	if !it.ready() {
		return false
	}
	switch it.place {
	case on:
		return it.step(!it.backwards, after)
	case after:
		return false
	}
	return it.First()
}

func (it *iterator) Prev() bool {
	if !it.ready() {
		return false
	}
	switch it.place {
	case on:
		return it.step(it.backwards, before)
	case before:
		return false
	}
	return it.Last()
}

// step moves along the buffer, or against it, and off its end to a new walk.
func (it *iterator) step(along bool, off place) bool {
	if along && it.at+1 < len(it.items) {
		it.at++
		return true
	}
	if !along && it.at > 0 {
		it.at--
		return true
	}
	if along && it.complete {
		it.place = off
		return false
	}
	key := it.items[it.at].key()
	if along {
		it.want = min(2*it.want, mostBuffer)
	} else {
		it.want = leastBuffer
	}
	if off == after {
		return it.ascend(key, key)
	}
	return it.descend(key)
}

func (it *iterator) Key() []byte {
	if it.tree == nil || it.place != on {
		return nil
	}
	return it.items[it.at].key()
}

func (it *iterator) Value() ([]byte, error) {
	if it.tree == nil {
		return nil, engine.ErrClosed
	}
	if it.place != on {
		return nil, fmt.Errorf("%w: value of an iterator that is on no key", engine.ErrInvalid)
	}
	return it.items[it.at].value(), nil
}

func (it *iterator) Err() error { return it.err }

// Close lets go of the tree.
func (it *iterator) Close() error {
	it.tree, it.items = nil, nil
	return nil
}
