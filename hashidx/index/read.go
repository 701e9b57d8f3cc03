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
	line    *line
	moves   uint64 // of the stripe, before the walk; if watched
	i       int    // the slot to look at next
	next    uint32 // of line, read before its slots
	watched bool
}

// Find returns a cursor over the candidates for a hash.
//
// An entry that is there from Find until Next returns false is among them; if
// the index changes meanwhile, maybe more than once.
func (x *Index) Find(hash uint64) Cursor {
	c := Cursor{x: x, code: codeOf(hash)}
	c.start()
	return c
}

// start goes to the first slot of the bucket's chain.
func (c *Cursor) start() {
	c.bucket = bucketOf(c.code, c.x.count.Load())
	c.line = c.x.home.at(c.bucket)
	c.i = 0
	c.watched = false
	c.next = c.line.next.Load()
	if c.next != 0 {
		// Entries may move within the chain. The count of moves comes before
		// the link that the walk follows.
		c.watched = true
		c.moves = c.x.stripe(c.code).moves.Load()
		c.next = c.line.next.Load()
	}
}

// Next returns the next candidate; ok is false after the last.
func (c *Cursor) Next() (place uint64, ok bool) {
	tag, l := c.code.tag(), c.line
	for {
		for i := c.i; i < lineSlots; i++ {
			w := l.slots[i].Load()
			if w>>placeBits == tag && w != 0 && l.low(i) == c.code.low() {
				c.i = i + 1
				return w & placeMask, true
			}
		}
		c.i = 0
		if c.next != 0 {
			l = c.x.over.at(uint64(c.next))
			c.line, c.next = l, l.next.Load()
			continue
		}
		if c.settled() {
			c.i = lineSlots
			return 0, false
		}
		c.start()
		l = c.line
	}
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
	n := x.count.Load()
	for _, h := range hashes {
		x.home.at(bucketOf(codeOf(h), n)).next.Load()
	}
}
