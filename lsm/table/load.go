package table

import (
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/compress"
)

// keptBytes is how large memory may be that is kept for the next read.
const keptBytes = 1 << 20

// A Held is a block that stays until Release. It belongs to one goroutine.
type Held struct {
	handle cache.Handle
	bytes  []byte
}

// Bytes is the content of the block.
func (h *Held) Bytes() []byte { return h.bytes }

// Release ends the hold. A second call does nothing.
func (h *Held) Release() {
	h.bytes = nil
	h.handle.Release()
}

// A loader reads one block.
type loader struct {
	r    *Reader
	n    int
	from []byte // where the block was read already, trailer included

	buf     []byte // of the block as it is in the file
	aligned []byte // for direct reads
	fill    func([]byte) error
}

func (r *Reader) loader(n int) *loader {
	l, _ := r.scratch.pool.Get().(*loader)
	if l == nil {
		l = new(loader)
		l.fill = l.read
	}
	l.r, l.n, l.from = r, n, nil
	return l
}

func (r *Reader) done(l *loader) {
	l.r, l.from = nil, nil
	if cap(l.buf) <= keptBytes && cap(l.aligned) <= keptBytes {
		r.scratch.pool.Put(l)
	}
}

// Load returns a block, from the cache if it is there, and else from the file:
// checked, and kept by the cache as it sees fit. The caller is not pinned.
func (r *Reader) Load(n int, a cache.Admission) (Held, error) {
	if r.mapped != nil && r.plain(n) {
		return r.loadMapped(n)
	}
	return r.loadFrom(n, a, nil)
}

// loadFrom is Load of a block whose bytes were read already, unless stored is
// nil.
func (r *Reader) loadFrom(n int, a cache.Admission, stored []byte) (Held, error) {
	l := r.loader(n)
	l.from = stored
	h, err := r.insert(l, a)
	r.done(l)
	return h, err
}

// plain reports whether a block is not compressed.
func (r *Reader) plain(n int) bool {
	return r.index.raws == nil || uint64(r.index.raws[n]) == r.index.block(n).length-trailerBytes
}

// kept is how long a block is in the cache.
func (r *Reader) kept(n int) int {
	if r.plain(n) {
		return int(r.index.block(n).length)
	}
	return int(r.index.raws[n])
}

func (r *Reader) insert(l *loader, a cache.Admission) (Held, error) {
	e, size, raw := r.index.block(l.n), r.kept(l.n), r.index.raw(l.n)
	if r.cache == nil || size > cache.MaxBlock {
		p := make([]byte, size)
		if err := l.read(p); err != nil {
			return Held{}, err
		}
		return Held{bytes: p[:raw]}, nil
	}
	h, err := r.cache.Insert(cache.Key{File: r.id, Offset: e.offset}, size, a, l.fill)
	if err != nil {
		return Held{}, err
	}
	return Held{handle: h, bytes: h.Bytes()[:raw]}, nil
}

// acquire is Load of what the cache has.
func (r *Reader) acquire(n int) (Held, bool) {
	if r.cache == nil {
		return Held{}, false
	}
	h, ok := r.cache.Acquire(cache.Key{File: r.id, Offset: r.index.block(n).offset})
	if !ok {
		return Held{}, false
	}
	return Held{handle: h, bytes: h.Bytes()[:r.index.raw(n)]}, true
}

// loadMapped checks a block where it is mapped, once.
func (r *Reader) loadMapped(n int) (Held, error) {
	e := r.index.block(n)
	stored := r.mapped[e.offset:e.end()]
	if !r.isChecked(n) {
		if _, err := r.unseal(n, stored); err != nil {
			return Held{}, err
		}
		r.checked[n/32].Or(1 << (n % 32))
	}
	return Held{bytes: stored[:len(stored)-trailerBytes]}, nil
}

// unseal checks a block as it is in the file, and returns how it is
// compressed.
func (r *Reader) unseal(n int, stored []byte) (compress.Kind, error) {
	e := r.index.block(n)
	_, c, err := unseal(stored, r.id, e.offset)
	kind := compress.Kind(c)
	if err == nil && (kind == compress.None) != r.plain(n) {
		err = fmt.Errorf("it is compressed by %v, which the index does not say", kind)
	}
	if err != nil {
		return 0, r.Damaged(n, err)
	}
	return kind, nil
}

// read fills p with the block, in the form in which the cache keeps it.
func (l *loader) read(p []byte) error {
	r := l.r
	e := r.index.block(l.n)
	stored := l.from
	switch {
	case stored != nil:
	case r.mapped != nil:
		stored = r.mapped[e.offset:e.end()]
	case r.io == Direct:
		var err error
		if stored, l.aligned, err = readAligned(r.file, l.aligned, int64(e.offset), int(e.length)); err != nil {
			return r.readError(int64(e.offset), err)
		}
	default:
		stored = p
		if !r.plain(l.n) {
			l.buf = slices.Grow(l.buf[:0], int(e.length))[:e.length]
			stored = l.buf
		}
		if err := readFull(r.file, stored, int64(e.offset)); err != nil {
			return r.readError(int64(e.offset), err)
		}
	}
	return r.unpack(l.n, p, stored)
}

// unpack checks a block as it is in the file, and brings it into the form in
// which the cache keeps it, in p. The two may be the same.
func (r *Reader) unpack(n int, p, stored []byte) error {
	kind, err := r.unseal(n, stored)
	if err != nil {
		return err
	}
	if kind == compress.None {
		if &p[0] != &stored[0] {
			copy(p, stored)
		}
		return nil
	}
	raw, err := r.codec.Decompress(kind, p[:0], stored[:len(stored)-trailerBytes], len(p))
	if err != nil {
		return r.Damaged(n, err)
	}
	if &raw[0] != &p[0] {
		copy(p, raw)
	}
	return nil
}

// readAligned reads whole pages into buf, which grows, and returns what was
// asked for.
func readAligned(f vfs.File, buf []byte, off int64, n int) (p, grown []byte, err error) {
	const mask = vfs.DirectAlign - 1
	start := off &^ mask
	want := int((off+int64(n)+mask)&^mask - start)
	if len(buf) < want {
		buf = vfs.AlignedBuffer(want)
	}
	got, err := f.ReadAt(buf[:want], start)
	at := int(off - start)
	if got < at+n { // the last page may be cut off
		return nil, buf, shortRead(err)
	}
	return buf[at : at+n], buf, nil
}
