package manifest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/version"
)

// decodeEdit is the inverse of appendEdit, and accepts nothing else. It checks
// the form only. What it returns shares no memory with p.
func decodeEdit(p []byte) (*version.Edit, error) {
	e := new(version.Edit)
	c := cursor{p: p}
	last := byte(0)
	for len(c.p) > 0 {
		tag := c.byte()
		if tag < last || tag == last && tag > tagBlob {
			return nil, fmt.Errorf("field of kind %d after one of kind %d", tag, last)
		}
		last = tag
		c.field(e, tag)
		if c.err != nil {
			return nil, fmt.Errorf("field of kind %d: %w", tag, c.err)
		}
	}
	return e, nil
}

// A cursor reads an encoding. After an error it reads zeros.
type cursor struct {
	p   []byte
	err error
}

var (
	errShort    = errors.New("it ends too early")
	errLongForm = errors.New("a number is not in its shortest form, or too large")
)

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.p = nil
}

func (c *cursor) byte() byte {
	if len(c.p) == 0 {
		c.fail(errShort)
		return 0
	}
	b := c.p[0]
	c.p = c.p[1:]
	return b
}

func (c *cursor) uvarint() uint64 { return c.most(math.MaxUint64) }

// most reads a number that is not more.
func (c *cursor) most(limit uint64) uint64 {
	x, n := binary.Uvarint(c.p)
	switch {
	case n == 0:
		c.fail(errShort)
		return 0
	case n < 0 || n > 1 && c.p[n-1] == 0:
		c.fail(errLongForm)
		return 0
	case x > limit:
		c.fail(fmt.Errorf("%d is more than %d", x, limit))
		return 0
	}
	c.p = c.p[n:]
	return x
}

// some reads a number that is not 0.
func (c *cursor) some() uint64 {
	x := c.uvarint()
	if x == 0 && c.err == nil {
		c.fail(errors.New("it is 0"))
	}
	return x
}

func (c *cursor) varint() int64 {
	x := c.uvarint()
	return int64(x>>1) ^ -int64(x&1)
}

func (c *cursor) bytes(limit int) []byte {
	n := int(c.most(uint64(limit)))
	if n > len(c.p) {
		c.fail(errShort)
		return nil
	}
	b := bytes.Clone(c.p[:n])
	c.p = c.p[n:]
	if n == 0 {
		return nil
	}
	return b
}

func (c *cursor) field(e *version.Edit, tag byte) {
	switch tag {
	case tagDeleted:
		e.Deleted = append(e.Deleted, version.Place{Level: int(c.most(version.Levels - 1)), ID: c.uvarint()})
	case tagAdded:
		a := version.Placed{Level: int(c.most(version.Levels - 1)), Run: c.uvarint()}
		a.Table = c.table()
		e.Added = append(e.Added, a)
	case tagBlob:
		b := &version.Blob{ID: c.uvarint(), Bytes: int64(c.most(math.MaxInt64)), ValueBytes: c.uvarint()}
		e.AddedBlobs = append(e.AddedBlobs, b)
	case tagLogFrom:
		e.LogFrom = wal.LSN(c.some())
	case tagThrough:
		e.Through = wal.LSN(c.some())
	case tagLastSeq:
		e.LastSeq = ikey.Seq(c.some())
	case tagNextID:
		e.NextID = c.some()
	case tagNextRun:
		e.NextRun = c.some()
	case tagNote:
		e.Note = string(c.bytes(version.MaxNote))
		if e.Note == "" {
			c.fail(errors.New("it is empty"))
		}
	default:
		c.fail(errors.New("there is no such kind"))
	}
}

func (c *cursor) table() *version.Table {
	t := &version.Table{ID: c.uvarint(), Bytes: int64(c.most(math.MaxInt64))}
	flags := c.byte()
	if flags&^flagExclusive != 0 {
		c.fail(fmt.Errorf("table %d: flags are %#x", t.ID, flags))
	}
	t.LargestExclusive = flags&flagExclusive != 0
	t.Smallest = c.bytes(version.MaxKey)
	t.Largest = c.bytes(version.MaxKey)
	t.MinSeq = ikey.Seq(c.most(uint64(ikey.MaxSeq)))
	t.MaxSeq = t.MinSeq + ikey.Seq(c.most(uint64(ikey.MaxSeq-t.MinSeq)))
	for _, at := range []*uint64{&t.Entries, &t.Tombstones, &t.RangeDeletes, &t.KeyBytes, &t.ValueBytes} {
		*at = c.uvarint()
	}
	for _, at := range []*int64{&t.Created, &t.OldestTombstone, &t.LastExpiry} {
		*at = c.varint()
	}
	t.ExpiringBytes = c.uvarint()
	for n := c.uvarint(); n > 0 && c.err == nil; n-- {
		t.Blobs = append(t.Blobs, version.BlobUse{File: c.uvarint(), Values: c.uvarint(), Bytes: c.uvarint()})
	}
	return t
}
