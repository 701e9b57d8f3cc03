package index

// A Cursor yields the candidates for a hash: the places of all entries with
// its code, and now and then one of another. Whoever uses it reads the record
// at the place and compares the key.
//
// It holds no memory and needs no Close. From Find to the last Next its caller
// is pinned in the index's domain, or holds the hash's Lock.
type Cursor struct {
	x       *Index
	code    code
	bucket  uint64
	line    *line  // nil before the first Next
	moves   uint64 // of the stripe, before the walk; if watched
	rest    match  // slots of line that are to be looked at
	next    uint32 // of line, read before its lows and slots
	watched bool
}

// Find returns a cursor over the candidates for a hash.
//
// An entry that is there from Find until Next returns false is among them; if
// the index changes meanwhile, maybe more than once.
func (x *Index) Find(hash uint64) Cursor { return Cursor{x: x, code: codeOf(hash)} }

// Next returns the next candidate; ok is false after the last.
func (c *Cursor) Next() (place uint64, ok bool) {
	l, rest, tag := c.line, c.rest, c.code.tag()
	if l == nil {
		l, rest = c.start()
	}
	for {
		for rest != 0 {
			w := l.slots[rest.first()].Load()
			rest &= rest - 1
			if w>>placeBits == tag && w != 0 {
				c.rest = rest
				return w & placeMask, true
			}
		}
		switch {
		case c.next != 0:
			l = c.x.over.at(uint64(c.next))
			tail := l.tail.Load()
			c.line, c.next = l, nextOf(tail)
			rest = l.match(tail, c.code.low())
		case c.settled():
			c.rest = 0
			return 0, false
		default:
			l, rest = c.start()
		}
	}
}

// start goes to the beginning of the bucket's chain: the home line, and those
// of its slots that are to be looked at.
func (c *Cursor) start() (*line, match) {
	c.bucket = bucketOf(c.code, c.x.count.Load())
	l := c.x.home.at(c.bucket)
	tail := l.tail.Load()
	c.watched = nextOf(tail) != 0
	if c.watched {
		// Entries may move within the chain. The count of moves comes before
		// the link that the walk follows.
		c.moves = c.x.stripe(c.code).moves.Load()
		tail = l.tail.Load()
	}
	c.line, c.next = l, nextOf(tail)
	return l, l.match(tail, c.code.low())
}

// settled reports whether nothing moved that the walk could have missed.
func (c *Cursor) settled() bool {
	if c.watched && c.moves != c.x.stripe(c.code).moves.Load() {
		return false
	}
	return bucketOf(c.code, c.x.count.Load()) == c.bucket
}

// Touch brings the lines of many hashes into the processor's cache, all misses
// at once: Find for each of them is quick then. 16 to 64 at a time are best.
func (x *Index) Touch(hashes []uint64) {
	// The fewer instructions there are between misses, the more of them are
	// under way: so this is bucketOf and at, with all that stays kept outside.
	n := x.count.Load()
	mask, pages := maskOf(n), *x.home.directory.Load()
	for _, h := range hashes {
		b := bucketAmong(codeOf(h), n, mask)
		lineOf(pages[b>>pageShift], b).tail.Load()
	}
}
