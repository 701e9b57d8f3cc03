package block

import (
	"encoding/binary"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// room is how many bytes the buffer of a cursor is longer than its key: they
// are copied at once.
const room = 16

// A Cursor walks the entries of a block. Its zero value is ready for Init, and
// Init again is how it walks another block: its buffer stays. It belongs to one
// goroutine, and must not be copied once it was used.
//
// First, Last, SeekGE, SeekLT, Next and Prev move, and mean what they do for
// an ikey.Iterator: where there is no such entry, and where the block is
// damaged, they report false; then Next and Prev stay where they are.
type Cursor struct {
	data    []byte
	key     []byte // Key is its beginning, as long as length says
	length  int
	trailer ikey.Trailer
	err     error

	value, valueEnd int // in data

	on      bool
	shared  bool // the layout is Restarts
	uniform bool // all entries have the trailer that the cursor has

	columns columns
	i       int

	restarts restarts
	off, end int // of the entry in data
}

// Init takes the cursor to a block, which must stay as it is for as long as
// the cursor, or a value that it gave, is used. An error is a *DamageError.
func (c *Cursor) Init(data []byte) error {
	c.data, c.err, c.on, c.length = data, nil, false, 0
	c.value, c.valueEnd = 0, 0
	c.shared = len(data) > 0 && Layout(data[0]) == Restarts
	if c.shared {
		if !c.restarts.parse(data) {
			c.err = c.restarts.fault(data)
		}
		return c.err
	}
	if !c.columns.parse(data) {
		c.err = fault(data)
		return c.err
	}
	h := &c.columns
	if c.uniform = h.width == 0 && h.kind != manyKinds; c.uniform {
		kind := ikey.Kind(h.kind)
		if h.base > uint64(ikey.MaxSeq) || !kind.Valid() {
			c.err = h.badTrailer(0, h.base, kind)
			return c.err
		}
		c.trailer = ikey.Make(ikey.Seq(h.base), kind)
	}
	c.reserve(h.prefix)
	copy(c.key, data[headsHeader:][:h.prefix])
	return nil
}

// reserve makes c.key longer than n by room, or more.
func (c *Cursor) reserve(n int) {
	if n+room <= len(c.key) {
		return
	}
	grown := make([]byte, max(n+room, 2*len(c.key), 64))
	copy(grown, c.key)
	c.key = grown
}

// First moves to the first entry.
func (c *Cursor) First() bool {
	switch {
	case c.err != nil || c.data == nil:
		return false
	case c.shared:
		return c.restart(0)
	}
	return c.load(0)
}

// Last moves to the last entry.
func (c *Cursor) Last() bool {
	switch {
	case c.err != nil || c.data == nil:
		return false
	case c.shared:
		return c.upTo(c.restarts.count-1, len(c.data))
	}
	return c.load(c.columns.count - 1)
}

// SeekGE moves to the first entry whose key is >= key.
func (c *Cursor) SeekGE(key []byte) bool {
	switch {
	case c.err != nil || c.data == nil:
		return false
	case c.shared:
		return c.seekShared(key)
	}
	i, hit := c.columns.search(c.data, key, ikey.MaxSeq)
	if hit == damaged {
		return c.fail(c.columns.badPair(i))
	}
	return c.load(i)
}

// SeekLT moves to the last entry whose key is < key.
func (c *Cursor) SeekLT(key []byte) bool {
	switch {
	case c.err != nil || c.data == nil:
		return false
	case c.shared:
		if c.seekShared(key) {
			return c.prevShared()
		}
		return c.Last()
	}
	i, hit := c.columns.search(c.data, key, ikey.MaxSeq)
	if hit == damaged {
		return c.fail(c.columns.badPair(i))
	}
	return c.load(i - 1)
}

// Next moves to the next entry.
func (c *Cursor) Next() bool {
	switch {
	case !c.on:
		return false
	case c.shared:
		return c.nextShared()
	}
	return c.load(c.i + 1)
}

// Prev moves to the entry before.
func (c *Cursor) Prev() bool {
	switch {
	case !c.on:
		return false
	case c.shared:
		return c.prevShared()
	}
	return c.load(c.i - 1)
}

// Key returns the key, which is valid until the next move.
func (c *Cursor) Key() []byte { return c.key[:c.length] }

// Head returns ikey.Head of the key.
func (c *Cursor) Head() uint64 { return ikey.Head(c.key[:c.length]) }

// Trailer returns sequence number and kind; the kind is valid.
func (c *Cursor) Trailer() ikey.Trailer { return c.trailer }

// Value returns the value, a slice of the block.
func (c *Cursor) Value() []byte { return c.data[c.value:c.valueEnd:c.valueEnd] }

// Valid reports whether the cursor is on an entry.
func (c *Cursor) Valid() bool { return c.on }

// Err is what is wrong with the block, as far as the walk has noticed.
func (c *Cursor) Err() error { return c.err }

// fail ends the walk.
func (c *Cursor) fail(err error) bool {
	c.err, c.on = err, false
	return false
}

// load moves to entry i of a block in layout Heads; there may be none.
func (c *Cursor) load(i int) bool {
	h := &c.columns
	if uint(i) >= uint(h.count) {
		c.on = false
		return false
	}
	data := c.data
	var p pair
	switch {
	case h.even:
		p = h.evenPair(i)
	case !h.wide:
		p = h.narrowPair(data, i)
	default:
		p = h.pair(data, i)
	}
	if !h.holds(p) {
		return c.fail(h.badPair(i))
	}
	if !c.uniform {
		seq, kind := h.seq(data, i), h.kindOf(data, i)
		if seq > uint64(ikey.MaxSeq) || !kind.Valid() {
			return c.fail(h.badTrailer(i, seq, kind))
		}
		c.trailer = ikey.Make(ikey.Seq(seq), kind)
	}
	at, suffix := h.suffixes+p.suffix, p.suffixEnd-p.suffix
	n := h.prefix + h.split + suffix
	if n+room > len(c.key) {
		c.reserve(n)
	}
	to := c.key[h.prefix:]
	// The head may lie over the suffix, and what is copied beyond the suffix
	// is beyond the key.
	w := binary.LittleEndian.Uint32(data[headsHeader+h.prefix+headBytes*i:])
	binary.BigEndian.PutUint32(to, w)
	to = to[h.split:]
	if suffix <= room && at+room <= len(data) {
		*(*[room]byte)(to) = [room]byte(data[at:])
	} else {
		copy(to, data[at:at+suffix])
	}
	c.i, c.length = i, n
	c.value, c.valueEnd = h.values+p.value, h.values+p.valueEnd
	c.on = true
	return true
}
