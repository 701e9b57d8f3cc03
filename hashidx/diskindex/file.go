package diskindex

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"unsafe"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// ErrUnusable: a bucket file is missing or damaged. No data is lost: recover
// without it. Of a missing one the error is also fs.ErrNotExist, of a damaged
// one engine.ErrCorrupt.
var ErrUnusable = errors.New("index file is unusable, no data is lost: recover without it")

// A file is a bucket file that is open. Nothing of it ever changes.
type file struct {
	name, path string
	id         uint64 // of its pages in the cache
	handle     vfs.File
	direct     bool // buffers must be aligned

	head    header
	buckets uint64
	pages   uint64
	entries uint64
	size    int64
	numbers []uint16 // of segments, ascending

	// alive are the segments whose entries are there; nil is all.
	alive *numbers
}

// openFile opens a bucket file and checks all but its pages.
func openFile(fsys vfs.FS, dir, name string, direct bool) (*file, error) {
	f := &file{name: name, path: filepath.Join(dir, name)}
	h, err := fsys.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open index file: %w: %w", ErrUnusable, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open index file: %w", err)
	}
	f.handle = h
	err = f.begin()
	if err == nil && direct {
		if f.handle, err = fsys.OpenDirect(f.path, false); err != nil {
			f.handle = nil
		}
		f.direct = true
		err = errors.Join(err, h.Close())
	}
	if err != nil {
		if f.handle != nil {
			err = errors.Join(err, f.handle.Close())
		}
		return nil, fmt.Errorf("open index file: %w", err)
	}
	f.handle.Advise(vfs.Random, 0, 0)
	return f, nil
}

func (f *file) damage(off int64, err error) error {
	return fmt.Errorf("%w: %w", ErrUnusable, engine.Corrupt(f.path, off, err.Error(), nil))
}

func (f *file) begin() error {
	size, err := f.handle.Size()
	if err != nil {
		return err
	}
	if size < pageBytes+footerBytes {
		return f.damage(0, fmt.Errorf("file of %d bytes", size))
	}
	if err := f.read(f.head[:], 0); err != nil {
		return err
	}
	if err := f.head.check(); err != nil {
		return f.damage(0, err)
	}
	var foot footer
	if err := f.read(foot[:], size-footerBytes); err != nil {
		return err
	}
	if err := foot.check(&f.head, size); err != nil {
		return f.damage(size-footerBytes, err)
	}
	f.size, f.buckets, f.pages, f.entries = size, f.head.buckets(), foot.pages(), foot.entries()
	table := make([]byte, 2*foot.table())
	at := int64(f.pages) * pageBytes
	if err := f.read(table, at); err != nil {
		return err
	}
	if crc32.Checksum(table, castagnoli) != foot.tableCRC() {
		return f.damage(at, errors.New("checksum of the table is wrong"))
	}
	for ; len(table) > 0; table = table[2:] {
		f.numbers = append(f.numbers, binary.LittleEndian.Uint16(table))
	}
	return nil
}

func (f *file) read(p []byte, off int64) error {
	n, err := f.handle.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return f.damage(off+int64(n), errors.New("the file ends"))
	}
	return fmt.Errorf("read index file: %w", err)
}

// readPage reads and checks a page of a bucket. p is any memory.
func (f *file) readPage(p *page, number uint64) error {
	to := p
	if f.direct && uintptr(unsafe.Pointer(p))%vfs.DirectAlign != 0 {
		to = (*page)(vfs.AlignedBuffer(pageBytes))
	}
	if err := f.read(to[:], int64(number)*pageBytes); err != nil {
		return err
	}
	if to != p {
		*p = *to
	}
	return f.check(p, number)
}

func (f *file) check(p *page, number uint64) error {
	if err := p.check(number, f.buckets, f.pages); err != nil {
		return f.damage(int64(number)*pageBytes, err)
	}
	return nil
}

// dead reports whether an entry is of a segment that does not live.
func (f *file) dead(place uint64) bool { return f.alive != nil && !f.alive.has(place) }

// A reader reads buckets in order, past the cache.
type reader struct {
	file     *file
	chunk    []byte // whole pages, aligned
	overflow *page  // aligned
	entries  uint64 // that were read
	dropped  uint64 // those of them left out: their segments do not live
}

func newReader(f *file, pages int) *reader {
	return &reader{
		file:     f,
		chunk:    vfs.AlignedBuffer(pages * pageBytes),
		overflow: (*page)(vfs.AlignedBuffer(pageBytes)),
	}
}

// buckets appends the entries of the buckets from first on, as many as a chunk
// has room for, but none from end on, and returns the next one's number.
func (r *reader) buckets(to []entry, first, end uint64) ([]entry, uint64, error) {
	f := r.file
	end = min(end, first+uint64(len(r.chunk)/pageBytes), f.buckets)
	chunk := r.chunk[:(end-first)*pageBytes]
	if err := f.read(chunk, int64(first+1)*pageBytes); err != nil {
		return to, first, err
	}
	for b := first; b < end; b, chunk = b+1, chunk[pageBytes:] {
		p, number := (*page)(chunk), b+1
		err := f.check(p, number)
		for ; err == nil; err = f.readPage(p, number) {
			to = r.append(to, p)
			if number = p.next(); number == 0 {
				break
			}
			p = r.overflow
		}
		if err != nil {
			return to, first, err
		}
	}
	return to, end, nil
}

func (r *reader) append(to []entry, p *page) []entry {
	r.entries += uint64(p.count())
	for i := range p.count() {
		e := p.at(i)
		if r.file.dead(e.place) {
			r.dropped++
			continue
		}
		to = append(to, e)
	}
	return to
}
