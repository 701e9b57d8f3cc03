package diskindex

import (
	"bytes"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/hashidx/index"
)

// admission is how pages are cached. There is nothing else in the cache, so
// none has priority.
func admission() cache.Admission { return cache.Normal.For(cache.Index) }

// Where a cursor is.
const (
	inActive = iota
	inFrozen
	inFile
	ended
)

// A Cursor yields the candidates for a hash: the places of all entries with
// its code, and now and then one of another. Whoever uses it reads the record
// at the place and compares the key.
//
// It holds no memory and needs no Close. From Find to the last Next its caller
// is pinned in the index's domain, or holds the hash's Lock.
type Cursor struct {
	x       *Index
	view    *view
	hash    uint64
	ordinal ordinal
	moves   uint64       // of the stripe, before the walk
	front   index.Cursor // of the active or the frozen front
	some    []byte       // entries of the file with the code, not yet yielded
	next    uint64       // the page where there may be more; 0 is none
	within  uint64       // where in a page to look first
	stage   uint8
	hidden  bool // something was passed over that the active front hides
}

// Find returns a cursor over the candidates for a hash.
//
// An entry that is there from Find until Next returns false is among them; if
// the index changes meanwhile, maybe more than once. Of equal entries there may
// be one or several.
func (x *Index) Find(hash uint64) Cursor {
	c := Cursor{x: x, hash: hash, ordinal: ordinalOf(hash)}
	c.start()
	return c
}

// Touch brings what changes say about many hashes into the processor's cache,
// all misses at once. It reads no pages. The caller is pinned.
func (x *Index) Touch(hashes []uint64) { x.view.Load().active.added.Touch(hashes) }

// start goes to the active front. The view and the moves come before what is
// looked at.
func (c *Cursor) start() {
	c.view = c.x.view.Load()
	c.moves = c.x.stripe(c.hash).moves.Load()
	c.front = c.view.active.added.Find(c.hash)
	c.hidden = false
	c.stage = inActive
}

// base goes to what is behind the active front.
func (c *Cursor) base() {
	if f := c.view.frozen; f != nil {
		c.front = f.added.Find(c.hash)
		c.stage = inFrozen
		return
	}
	c.bucket()
}

// bucket goes to the file.
func (c *Cursor) bucket() {
	c.stage = inFile
	c.some, c.next = nil, 0
	if f := c.view.file; f != nil {
		c.next, c.within = c.ordinal.bucketOf(f.buckets)
		c.next++
	}
}

// Next returns the next candidate; ok is false after the last, and with an
// error. An error says that a page could not be read, or is damaged: then it
// wraps engine.ErrCorrupt. It ends the cursor.
func (c *Cursor) Next() (place uint64, ok bool, err error) {
	for {
		switch c.stage {
		case inActive:
			if place, ok = c.front.Next(); ok {
				return place, true, nil
			}
			c.base()
		case inFrozen:
			if place, ok = c.front.Next(); !ok {
				c.bucket()
			} else if !c.hides(place) {
				return place, true, nil
			}
		case inFile:
			if len(c.some) == 0 && c.next != 0 {
				if err := c.look(); err != nil {
					c.stage = ended
					return 0, false, err
				}
				continue
			}
			if len(c.some) == 0 {
				c.end()
				continue
			}
			place = placeOf(c.some)
			c.some = c.some[entryBytes:]
			if !c.absent(place) {
				return place, true, nil
			}
		default:
			return 0, false, nil
		}
	}
}

// end ends the walk, or begins it anew: if something was hidden because it
// moved to the active front after that had been looked at.
func (c *Cursor) end() {
	if c.hidden && c.moves != c.x.stripe(c.hash).moves.Load() {
		c.start()
		return
	}
	c.stage = ended
}

// hides reports whether the active front hides an entry of the base.
func (c *Cursor) hides(place uint64) bool {
	if !c.view.active.hides(c.hash, place) {
		return false
	}
	c.hidden = true
	return true
}

// absent reports whether an entry of the file is not there any more.
func (c *Cursor) absent(place uint64) bool {
	return c.view.file.dead(place) ||
		c.view.frozen != nil && c.view.frozen.hides(c.hash, place) ||
		c.hides(place)
}

// look looks at page next of the bucket.
func (c *Cursor) look() error {
	f := c.view.file
	b, ok := c.x.cache.Get(cache.Key{File: f.id, Offset: c.next})
	if !ok {
		var err error
		c.some, c.next, err = c.x.fetch(f, c.next, c.ordinal, c.within)
		return err
	}
	c.some, c.next = (*page)(b).find(c.ordinal, c.within)
	return nil
}

// fetch is find for a page that is not in the cache, and puts it there.
func (x *Index) fetch(f *file, number uint64, o ordinal, within uint64) ([]byte, uint64, error) {
	k := cache.Key{File: f.id, Offset: number}
	h, err := x.cache.Insert(k, pageBytes, admission(), func(b []byte) error {
		return f.readPage((*page)(b), number)
	})
	if err != nil {
		return nil, 0, err
	}
	// The page may go with the handle.
	some, next := (*page)(h.Bytes()).find(o, within)
	some = bytes.Clone(some)
	h.Release()
	return some, next, nil
}

// find returns the entries of an ordinal, and the page where there may be more
// of them, or 0.
func (p *page) find(o ordinal, within uint64) (some []byte, next uint64) {
	i, n := p.search(o, within), p.count()
	j := i
	for j < n && p.ordinal(j) == o {
		j++
	}
	if j == n {
		next = p.next()
	}
	return p.entries(i, j), next
}
