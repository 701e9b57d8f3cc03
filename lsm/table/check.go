package table

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/ikey"
)

// Check reads all of the table, past the cache, and returns the first thing
// that is wrong with it: a checksum, the order of entries, separators, a key
// that its filter does not have, properties. It is ErrCorrupt, or what reading
// ended with.
func (r *Reader) Check() error {
	it := r.NewIter(IterOptions{Compaction: true})
	c := checker{r: r}
	for ok := it.First(); ok; ok = it.Next() {
		if err := c.entry(it); err != nil {
			return errors.Join(r.Damaged(it.n, err), it.Close())
		}
	}
	if err := it.Close(); err != nil {
		return err
	}
	if err := c.end(); err != nil {
		return engine.Corrupt(r.path, r.props.DataBytes, fmt.Sprintf("table %d", r.id), err)
	}
	return nil
}

// checker is what was seen of a table.
type checker struct {
	r       *Reader
	last    []byte
	trailer ikey.Trailer

	entries, tombstones, keyBytes uint64
}

func (c *checker) entry(it *Iter) error {
	r, key, t := c.r, it.Key(), it.cur.Trailer()
	if c.entries > 0 && ikey.Compare(c.last, c.trailer, key, t) >= 0 {
		return fmt.Errorf("entry %.64q %v comes after %.64q %v", key, t, c.last, c.trailer)
	}
	switch n, ok := r.BlockFor(key); {
	case !ok:
		return fmt.Errorf("key %.64q is larger than all separators", key)
	case n != it.n && (n > it.n || !r.BlockMayContinue(it.n-1, key)):
		return fmt.Errorf("key %.64q is in block %d, and the index says %d", key, it.n, n)
	}
	p := &r.props
	if !p.Bounds().Contains(key) {
		return fmt.Errorf("key %.64q is not within the bounds %.64q to %.64q of the table", key, p.Smallest, p.Largest)
	}
	if s := it.Trailer().Seq(); s < p.MinSeq || s > p.MaxSeq {
		return fmt.Errorf("sequence number %d is not from %d to %d", s, p.MinSeq, p.MaxSeq)
	}
	if !bytes.Equal(key, c.last) && !r.MayContain(xxh3.Hash(key)) {
		return fmt.Errorf("the filter does not have the key %.64q", key)
	}
	c.last = append(c.last[:0], key...)
	c.trailer = t
	c.entries++
	c.keyBytes += uint64(len(key))
	if t.Kind() == ikey.Delete {
		c.tombstones++
	}
	return nil
}

func (c *checker) end() error {
	p := &c.r.props
	switch {
	case c.entries != p.Entries:
		return fmt.Errorf("there are %d entries, want %d", c.entries, p.Entries)
	case c.tombstones != p.Tombstones:
		return fmt.Errorf("there are %d tombstones, want %d", c.tombstones, p.Tombstones)
	case c.keyBytes != p.KeyBytes:
		return fmt.Errorf("keys have %d bytes, want %d", c.keyBytes, p.KeyBytes)
	case uint64(c.r.ranges.Len()) != p.RangeDeletes:
		return fmt.Errorf("there are %d range deletes, want %d", c.r.ranges.Len(), p.RangeDeletes)
	}
	return nil
}
