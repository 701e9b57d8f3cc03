package diskindex

import (
	"errors"
	"slices"
	"sync/atomic"

	"github.com/kvbench/kvbench/hashidx/index"
)

// A front is what has changed since the file, and the front before it, if there
// is one: together they are the base.
//
// Its own entries are never hidden by itself. An entry of the base that is in
// removed is gone, however often it is there: who takes one of several equal
// ones away adds the others.
type front struct {
	added   *index.Index
	removed *index.Index
	size    atomic.Int64 // entries of both

	// covers is of the image that this front and its base are; known once the
	// front is frozen.
	covers Header
}

func (x *Index) newFront() (*front, error) {
	o := index.Options{Domain: x.domain, Budget: x.options.Budget, HugePages: x.options.HugePages}
	added, err := index.New(o)
	if err != nil {
		return nil, err
	}
	removed, err := index.New(o)
	if err != nil {
		return nil, errors.Join(err, added.Close())
	}
	return &front{added: added, removed: removed}, nil
}

func (f *front) close() error { return errors.Join(f.added.Close(), f.removed.Close()) }

func (f *front) bytes() int64 { return f.added.Bytes() + f.removed.Bytes() }

// hides reports whether an entry of the base is gone. The caller is pinned.
func (f *front) hides(hash, place uint64) bool {
	c := f.removed.Find(hash)
	for p, ok := c.Next(); ok; p, ok = c.Next() {
		if p == place {
			return true
		}
	}
	return false
}

// changes is a part of a front, in order.
type changes struct {
	added, removed []entry
	some           []index.Entry
}

// read reads a stripe of a front.
func (c *changes) read(f *front, stripe int) {
	c.some = f.added.Stripe(c.some[:0], stripe)
	c.added = sorted(c.added[:0], c.some)
	c.some = f.removed.Stripe(c.some[:0], stripe)
	c.removed = sorted(c.removed[:0], c.some)
}

func sorted(to []entry, some []index.Entry) []entry {
	for _, e := range some {
		to = append(to, entryOf(e))
	}
	slices.SortFunc(to, compare)
	return to
}

// has reports whether e is in removed. It must be asked about entries in order.
func (c *changes) has(e entry) bool {
	for len(c.removed) > 0 && compare(c.removed[0], e) < 0 {
		c.removed = c.removed[1:]
	}
	return len(c.removed) > 0 && c.removed[0] == e
}
