package table

import (
	"bytes"
	"sort"

	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/version"
)

// A RunIter walks the entries of the tables of a run. It is an ikey.Iterator
// that opens a table when it comes to it; seeks open no others. Tables that
// have only range deletes are passed by.
type RunIter struct {
	it     Iter
	at     int // the table that it is in; -1 is none
	on     bool
	tables []*version.Table
	open   func(i int) (*Reader, error)
	o      IterOptions
	err    error
}

// NewRunIter returns an iterator over tables in the order of their keys, whose
// bounds do not overlap. open returns the reader of tables[i], which stays
// open until after Close.
func NewRunIter(tables []*version.Table, open func(i int) (*Reader, error), o IterOptions) *RunIter {
	x := new(RunIter)
	x.Init(tables, open, o)
	return x
}

// Init is as if x was closed and NewRunIter returned it. It keeps the memory.
func (x *RunIter) Init(tables []*version.Table, open func(i int) (*Reader, error), o IterOptions) {
	_ = x.Close() // its error was that of another walk
	x.tables, x.open, x.o, x.err = tables, open, o, nil
	x.at, x.on = -1, false
	x.it.err = nil // what onward and back look at
}

// First is that of ikey.Iterator, as are all that follow.
func (x *RunIter) First() bool { return x.onward(0) }

// Last moves to the last entry.
func (x *RunIter) Last() bool { return x.back(len(x.tables) - 1) }

// SeekGE moves to the first entry whose key is >= key.
func (x *RunIter) SeekGE(key []byte) bool {
	i := sort.Search(len(x.tables), func(i int) bool { return !endsBefore(x.tables[i], key) })
	if i == len(x.tables) || x.tables[i].Entries == 0 {
		return x.onward(i)
	}
	x.on = x.enter(i) && x.it.SeekGE(key)
	return x.on || x.onward(i+1)
}

// SeekLT moves to the last entry whose key is < key.
func (x *RunIter) SeekLT(key []byte) bool {
	i := sort.Search(len(x.tables), func(i int) bool { return bytes.Compare(x.tables[i].Smallest, key) >= 0 }) - 1
	if i < 0 || x.tables[i].Entries == 0 {
		return x.back(i)
	}
	x.on = x.enter(i) && x.it.SeekLT(key)
	return x.on || x.back(i-1)
}

// endsBefore reports whether all of a table is before key.
func endsBefore(t *version.Table, key []byte) bool {
	if len(t.Largest) == 0 {
		return false // no bound
	}
	c := bytes.Compare(t.Largest, key)
	return c < 0 || c == 0 && t.LargestExclusive
}

// Next moves to the next entry.
func (x *RunIter) Next() bool {
	return x.on && (x.it.Next() || x.onward(x.at+1))
}

// Prev moves to the entry before.
func (x *RunIter) Prev() bool {
	return x.on && (x.it.Prev() || x.back(x.at-1))
}

// onward moves to the first entry of table i or later.
func (x *RunIter) onward(i int) bool {
	for x.on = false; i < len(x.tables) && x.it.err == nil && x.err == nil; i++ {
		if x.tables[i].Entries > 0 && x.enter(i) && x.it.First() {
			x.on = true
			return true
		}
	}
	return false
}

// back moves to the last entry of table i or before.
func (x *RunIter) back(i int) bool {
	for x.on = false; i >= 0 && x.it.err == nil && x.err == nil; i-- {
		if x.tables[i].Entries > 0 && x.enter(i) && x.it.Last() {
			x.on = true
			return true
		}
	}
	return false
}

// enter takes the iterator to a table.
func (x *RunIter) enter(i int) bool {
	if x.err != nil {
		return false
	}
	if x.at == i {
		return true
	}
	x.at = -1
	r, err := x.open(i)
	if err != nil {
		x.err = err
		return false
	}
	x.it.Init(r, x.o)
	x.at = i
	return true
}

// Table returns which of the tables the entry is of.
func (x *RunIter) Table() int { return x.at }

// Key returns the key.
func (x *RunIter) Key() []byte { return x.it.Key() }

// Trailer returns sequence number and kind.
func (x *RunIter) Trailer() ikey.Trailer { return x.it.Trailer() }

// Value returns the value.
func (x *RunIter) Value() []byte { return x.it.Value() }

// Err is what ended the walk early, or nil.
func (x *RunIter) Err() error {
	if x.err != nil {
		return x.err
	}
	return x.it.err
}

// Close releases what it holds, and returns Err. Init may follow.
func (x *RunIter) Close() error {
	_ = x.it.Close() // Err has its error
	x.on, x.at = false, -1
	x.tables = nil
	return x.Err()
}
