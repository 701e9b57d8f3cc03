package diskindex

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// Verify reads all of a bucket file and reports each problem. An error means
// that it could not look.
func Verify(ctx context.Context, fsys vfs.FS, dir, name string, report func(engine.Problem)) (err error) {
	f, err := openFile(vfs.Classed(fsys, vfs.Page), dir, name, false)
	var damage *engine.CorruptionError
	if errors.As(err, &damage) {
		report(engine.Problem{File: damage.File, Offset: damage.Offset, Detail: damage.Detail})
		return nil
	}
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer func() { err = errors.Join(err, f.handle.Close()) }()
	c := checker{file: f, report: report, seen: make([]uint64, (f.pages-f.buckets-1+63)/64)}
	for _, n := range f.numbers {
		c.known.add(uint64(n) << segmentBits)
	}
	for b := range f.buckets {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.bucket(b); err != nil {
			return fmt.Errorf("verify: %w", err)
		}
	}
	c.totals()
	return nil
}

// A checker checks a file bucket by bucket.
type checker struct {
	file   *file
	report func(engine.Problem)
	page   page

	last    entry // of the bucket, before the present one
	entries uint64
	known   numbers
	named   numbers
	seen    []uint64 // overflow pages
	damaged bool     // a page: totals mean nothing
}

func (c *checker) problem(number uint64, format string, args ...any) {
	c.report(engine.Problem{
		File:   c.file.path,
		Offset: int64(number) * pageBytes,
		Detail: fmt.Sprintf(format, args...),
	})
}

// bucket checks the pages of a bucket.
func (c *checker) bucket(b uint64) error {
	c.last = entry{}
	for number := b + 1; number != 0; number = c.page.next() {
		if i := number - c.file.buckets - 1; number > c.file.buckets {
			if c.seen[i/64]>>(i%64)&1 != 0 {
				c.problem(number, "two pages go on in page %d", number)
				return nil
			}
			c.seen[i/64] |= 1 << (i % 64)
		}
		err := c.file.readPage(&c.page, number)
		var damage *engine.CorruptionError
		if errors.As(err, &damage) {
			c.damaged = true
			c.problem(number, "%s", damage.Detail)
			return nil
		}
		if err != nil {
			return err
		}
		c.content(b, number)
	}
	return nil
}

// content checks the entries of a page, of which the checksum is right.
func (c *checker) content(bucket, number uint64) {
	p, n := &c.page, c.page.count()
	rest := p[pageHeader+n*entryBytes:]
	switch {
	case p.next() != 0 && n < pageEntries:
		c.problem(number, "page of %d entries goes on, before it is full", n)
	case number > c.file.buckets && n == 0:
		c.problem(number, "overflow page is empty")
	case p[10]|p[11] != 0 || !bytes.Equal(rest, make([]byte, len(rest))):
		c.problem(number, "what is not used is not zero")
	}
	for i := range n {
		e := p.at(i)
		b, _ := e.ordinal.bucketOf(c.file.buckets)
		switch {
		case e.place == 0 || e.ordinal >= endOfOrdinal:
			c.problem(number, "entry %d is impossible: ordinal %x, place %x", i, e.ordinal, e.place)
		case b != bucket:
			c.problem(number, "entry %d is of bucket %d, in bucket %d", i, b, bucket)
		case compare(c.last, e) > 0:
			c.problem(number, "entry %d is out of order", i)
		case !c.known.has(e.place):
			c.problem(number, "entry %d is in segment %d, which the table does not name", i, e.place>>segmentBits)
		}
		c.named.add(e.place)
		c.last = e
		c.entries++
	}
}

// totals checks what the footer says.
func (c *checker) totals() {
	if c.damaged {
		return
	}
	f := c.file
	if c.entries != f.entries {
		c.problem(f.pages, "%d entries, the footer says %d", c.entries, f.entries)
	}
	if c.named != c.known {
		c.problem(f.pages, "entries name %d segments, the table %d", len(c.named.list()), len(f.numbers))
	}
	for i := range f.pages - f.buckets - 1 {
		if c.seen[i/64]>>(i%64)&1 == 0 {
			c.problem(f.buckets+1+i, "no bucket goes on in page %d", f.buckets+1+i)
		}
	}
}
