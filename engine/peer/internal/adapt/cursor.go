package adapt

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/kvbench/kvbench/engine"
)

// Raw is an iterator as a library has it. Each move returns whether it now
// stands on a key; Next and Prev are called only while it does. False with a
// nil Err is an end. Key and Value hold until the next move.
type Raw interface {
	First() bool
	Last() bool
	SeekGE(key []byte) bool
	SeekLT(key []byte) bool // key is not empty
	Next() bool
	Prev() bool
	Key() []byte
	Value() ([]byte, error)
	Err() error
	Close() error // called once
}

// Bounds are the bounds of a Cursor, copied.
type Bounds struct {
	Lower, Upper []byte // nil means none
}

// BoundsOf copies the bounds of o.
func BoundsOf(o engine.IterOptions) Bounds {
	return Bounds{Lower: bytes.Clone(o.Lower), Upper: bytes.Clone(o.Upper)}
}

// Empty reports whether no key is within.
func (b *Bounds) Empty() bool {
	return b.Upper != nil && bytes.Compare(b.Lower, b.Upper) >= 0
}

// place says where a cursor stands.
type place uint8

const (
	nowhere place = iota // as born
	before               // ran off the front
	after                // ran off the end
	on                   // on a key
)

// A Cursor is an engine.Iterator over a Raw one: it knows the bounds and the
// ends, which libraries do not or not alike.
type Cursor struct {
	bounds  Bounds
	empty   bool // the bounds leave no room
	views   *Views
	reverse bool

	mu     sync.Mutex // against EndAll
	raw    Raw        // nil once closed
	place  place
	key    []byte
	err    error
	closed bool // by the owner
}

var _ engine.Iterator = (*Cursor)(nil)

// NewCursor returns an unpositioned iterator that owns raw and is known to
// views. On error raw is closed.
func NewCursor(raw Raw, b Bounds, reverse bool, views *Views) (*Cursor, error) {
	c := &Cursor{bounds: b, empty: b.Empty(), views: views, reverse: reverse, raw: raw}
	if err := views.Add(c); err != nil {
		raw.Close()
		return nil, err
	}
	return c, nil
}

// ready begins a positioning call, with c.mu held. False means that there is
// nothing to move; off is where the call then leads.
func (c *Cursor) ready(off place) bool {
	if c.raw == nil {
		c.err = engine.ErrClosed
		return false
	}
	c.err = nil
	if c.empty {
		c.place, c.key = off, nil
		return false
	}
	return true
}

// settle records where a move has led: onto a key, unless that is out of
// bounds on the side off.
func (c *Cursor) settle(found bool, off place) bool {
	if found {
		key := c.raw.Key()
		switch {
		case off == after && c.bounds.Upper != nil && bytes.Compare(key, c.bounds.Upper) >= 0:
		case off == before && bytes.Compare(key, c.bounds.Lower) < 0:
		default:
			c.place, c.key = on, key
			return true
		}
	} else {
		c.err = c.raw.Err()
	}
	c.place, c.key = off, nil
	return false
}

func (c *Cursor) seekGE(key []byte) bool {
	if bytes.Compare(key, c.bounds.Lower) < 0 {
		key = c.bounds.Lower
	}
	if len(key) == 0 {
		return c.settle(c.raw.First(), after)
	}
	return c.settle(c.raw.SeekGE(key), after)
}

func (c *Cursor) seekLT(key []byte) bool {
	if c.bounds.Upper != nil && bytes.Compare(key, c.bounds.Upper) > 0 {
		key = c.bounds.Upper
	}
	if len(key) == 0 {
		c.place, c.key = before, nil
		return false
	}
	return c.settle(c.raw.SeekLT(key), before)
}

func (c *Cursor) last() bool {
	if c.bounds.Upper != nil {
		return c.seekLT(c.bounds.Upper)
	}
	return c.settle(c.raw.Last(), before)
}

// readyBack is ready for calls that go backwards.
func (c *Cursor) readyBack() bool {
	if !c.reverse && c.raw != nil {
		c.err = fmt.Errorf("iterate backwards: %w", engine.ErrUnsupported)
		return false
	}
	return c.ready(before)
}

// First moves to the first key.
func (c *Cursor) First() bool { return c.SeekGE(nil) }

// Last moves to the last key.
func (c *Cursor) Last() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.readyBack() && c.last()
}

// SeekGE moves to the first key >= key.
func (c *Cursor) SeekGE(key []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready(after) && c.seekGE(key)
}

// SeekLT moves to the last key < key.
func (c *Cursor) SeekLT(key []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.readyBack() && c.seekLT(key)
}

// Next moves to the following key.
func (c *Cursor) Next() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ready(after) {
		return false
	}
	switch c.place {
	case on:
		return c.settle(c.raw.Next(), after)
	case after:
		return false
	}
	return c.seekGE(nil)
}

// Prev moves to the preceding key.
func (c *Cursor) Prev() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.readyBack() {
		return false
	}
	switch c.place {
	case on:
		return c.settle(c.raw.Prev(), before)
	case before:
		return false
	}
	return c.last()
}

// Key returns the key, or nil when there is none.
func (c *Cursor) Key() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key
}

// Value returns the value of the key.
func (c *Cursor) Value() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.raw == nil {
		return nil, engine.ErrClosed
	}
	if c.place != on {
		return nil, fmt.Errorf("%w: value of an iterator that is on no key", engine.ErrInvalid)
	}
	return c.raw.Value()
}

// Err returns what ended the last positioning call, nil for an end.
func (c *Cursor) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close frees the library's iterator.
func (c *Cursor) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	err := c.err
	if closeErr := c.free(); err == nil {
		err = closeErr
	}
	c.mu.Unlock()
	c.views.Remove(c)
	return err
}

// End is Close by the engine.
func (c *Cursor) End() {
	c.mu.Lock()
	c.free()
	c.mu.Unlock()
}

// free needs c.mu.
func (c *Cursor) free() error {
	if c.raw == nil {
		return nil
	}
	err := c.raw.Close()
	c.raw, c.place, c.key = nil, nowhere, nil
	return err
}
