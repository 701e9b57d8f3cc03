package diskindex

import (
	"encoding/binary"
	"fmt"

	"github.com/kvbench/kvbench/engine/vfs"
)

// chunkPages is how many pages Merge reads and writes at once.
const chunkPages = 64

// A builder writes a bucket file from entries in order. Buckets are written one
// after the other; the few overflow pages at once where they belong, behind
// all buckets.
type builder struct {
	file    vfs.File
	pace    func(bytes int) // or nil
	head    *header
	buckets uint64

	chunk  []byte // pages of buckets
	first  uint64 // the number of the chunk's first page
	used   int    // bytes of the chunk that are done
	bucket uint64 // that is being filled

	page     *page  // of the bucket, the last one
	number   uint64 // of page
	overflow page   // what page is if it is not in the chunk
	pages    uint64 // numbers given out

	last    entry
	entries uint64
	named   numbers
}

// bucketsFor is how many buckets a file with so many entries should have.
func bucketsFor(entries uint64) uint64 { return max(1, (entries+fillEntries-1)/fillEntries) }

func newBuilder(f vfs.File, h Header, buckets uint64) (*builder, error) {
	if buckets >= maxPages-1 {
		return nil, fmt.Errorf("too many entries for %d buckets", uint64(maxPages))
	}
	w := &builder{file: f, head: encodeHeader(h, buckets), buckets: buckets}
	w.chunk = make([]byte, chunkPages*pageBytes)
	w.first, w.pages = 1, buckets+1
	w.begin()
	_, err := f.WriteAt(w.head[:], 0)
	return w, err
}

// begin begins with the page of w.bucket.
func (w *builder) begin() {
	w.page, w.number = (*page)(w.chunk[w.used:]), w.bucket+1
	clear(w.page[:])
}

// add takes the next entry.
func (w *builder) add(e entry) error {
	if compare(w.last, e) > 0 || e.place == 0 {
		return fmt.Errorf("impossible entry: ordinal %x, place %x, after %x, %x", e.ordinal, e.place, w.last.ordinal, w.last.place)
	}
	w.last = e
	for b, _ := e.ordinal.bucketOf(w.buckets); w.bucket < b; {
		if err := w.end(); err != nil {
			return err
		}
		w.begin()
	}
	if w.page.count() == pageEntries {
		if err := w.extend(); err != nil {
			return err
		}
	}
	w.page.add(e)
	w.named.add(e.place)
	w.entries++
	return nil
}

// extend goes on with the bucket in a page behind all others.
func (w *builder) extend() error {
	if w.pages == maxPages {
		return fmt.Errorf("more than %d pages", uint64(maxPages))
	}
	next := w.pages
	w.pages++
	if err := w.seal(next); err != nil {
		return err
	}
	w.page, w.number = &w.overflow, next
	clear(w.page[:])
	return nil
}

// seal ends a page.
func (w *builder) seal(next uint64) error {
	w.page.seal(w.number, next)
	if w.number <= w.buckets {
		return nil // it is in the chunk
	}
	_, err := w.file.WriteAt(w.page[:], int64(w.number)*pageBytes)
	return err
}

// end ends a bucket.
func (w *builder) end() error {
	if err := w.seal(0); err != nil {
		return err
	}
	w.bucket++
	w.used += pageBytes
	if w.used < len(w.chunk) && w.bucket < w.buckets {
		return nil
	}
	off := int64(w.first) * pageBytes
	if _, err := w.file.WriteAt(w.chunk[:w.used], off); err != nil {
		return err
	}
	w.file.Advise(vfs.WriteBack, off, int64(w.used))
	if w.pace != nil {
		w.pace(w.used)
	}
	w.first += uint64(w.used) / pageBytes
	w.used = 0
	return nil
}

// finish writes what is left, and makes the file durable. It returns its size.
func (w *builder) finish() (int64, error) {
	for {
		if err := w.end(); err != nil {
			return 0, err
		}
		if w.bucket == w.buckets {
			break
		}
		w.begin()
	}
	var table []byte
	for _, n := range w.named.list() {
		table = binary.LittleEndian.AppendUint16(table, n)
	}
	foot := encodeFooter(w.head, w.entries, w.pages, table)
	last := append(table, foot[:]...)
	at := int64(w.pages) * pageBytes
	if _, err := w.file.WriteAt(last, at); err != nil {
		return 0, err
	}
	return at + int64(len(last)), w.file.Sync()
}
