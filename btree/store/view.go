package store

import (
	"fmt"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine/vfs"
)

// Pieces are what the file grows by, and what is mapped of it. They begin and
// end at fixed offsets: 8 of 32 KiB, then 8 for each doubling of the length,
// up to 64 MiB, and from there 64 MiB each. So a file is an eighth longer than
// what is in it, at most, and even a large one has few mappings.
//
// A piece that has been mapped stays so until Close. What Truncate cuts off is
// not touched by anybody, and where the file grows again the mapping shows it.
const (
	leastPieceBits = 15
	mostPieceBits  = 26
	perDoubling    = 3 // bits
)

// pieceAt returns the number of the piece that has an offset, where it starts
// and how long it is.
func pieceAt(off uint64) (i int, start, length uint64) {
	const first, last = leastPieceBits + perDoubling, mostPieceBits + perDoubling
	k := bits.Len64(off) - 1
	switch {
	case k < first:
		i = int(off >> leastPieceBits)
		return i, uint64(i) << leastPieceBits, 1 << leastPieceBits
	case k >= last:
		n := off >> mostPieceBits
		before := (last - first + 1) << perDoubling
		return before + int(n-1<<perDoubling), n << mostPieceBits, 1 << mostPieceBits
	}
	size := k - perDoubling
	n := off >> size
	return (k-first+1)<<perDoubling + int(n-1<<perDoubling), n << size, 1 << size
}

// A piece is a part of the file in memory.
type piece struct {
	mapping  vfs.Mapping
	bytes    []byte
	verified []atomic.Uint64 // a bit for each page
}

// View returns the page that e refers to, where it is mapped, which it is not
// where this is not io=mmap or the file is short. It was not verified. It stays
// as it is until the slot is written again or cut off, and may be looked at
// until Close.
func (f *File) View(e Ref) ([]byte, bool) {
	p, _, _, ok := f.view(e)
	return p, ok
}

// VerifyView is View of page id, which is verified the first time that it is
// looked at after it was written, or after Open.
func (f *File) VerifyView(id page.ID, e Ref) (p []byte, ok bool, err error) {
	p, x, at, ok := f.view(e)
	if !ok {
		return nil, false, nil
	}
	word, bit := &x.verified[at/64], uint64(1)<<(at%64)
	if word.Load()&bit != 0 && page.IDOf(p) == id {
		return p, true, nil
	}
	if err := f.verify(p, id, e); err != nil {
		return nil, false, err
	}
	word.Or(bit)
	return p, true, nil
}

// view returns a page, its piece and its number there.
func (f *File) view(e Ref) (p []byte, x *piece, at uint64, ok bool) {
	pieces := f.pieces.Load()
	if pieces == nil || e.Resident() || e.Slot() < Reserved(f.pageBytes) || e.Slot() >= f.length.Load() {
		return nil, nil, 0, false
	}
	off := uint64(f.offset(e.Slot()))
	i, start, _ := pieceAt(off)
	if i >= len(*pieces) {
		return nil, nil, 0, false
	}
	x = (*pieces)[i]
	rel, n := off-start, uint64(f.pageBytes)
	if rel+n > uint64(len(x.bytes)) {
		return nil, nil, 0, false
	}
	return x.bytes[rel:][:n:n], x, rel / n, true
}

// forget has the next VerifyView of slots verify them. They are being written,
// and hence nobody looks at them.
func (f *File) forget(slot, n uint64) {
	if !f.mapped {
		return
	}
	for s := slot; s < slot+n; s++ {
		if _, x, at, ok := f.view(Ref(s)); ok {
			x.verified[at/64].And(^(uint64(1) << (at % 64)))
		}
	}
}

// reserve makes the file long enough, where it is to be so before it is
// written.
func (f *File) reserve(slots uint64) error {
	if !f.mapped && !f.direct || slots <= f.length.Load() {
		return nil
	}
	f.growing.Lock()
	defer f.growing.Unlock()
	if slots <= f.length.Load() {
		return nil
	}
	_, start, length := pieceAt(uint64(f.offset(slots)) - 1)
	if err := f.pages.Truncate(int64(start + length)); err != nil {
		return fmt.Errorf("grow the file: %w", err)
	}
	if f.mapped {
		if err := f.mapTo(start + length); err != nil {
			return err
		}
	}
	f.length.Store((start + length) / uint64(f.pageBytes))
	return nil
}

// grown notes that the file has become longer by being written.
func (f *File) grown(slots uint64) {
	for {
		n := f.length.Load()
		if slots <= n || f.length.CompareAndSwap(n, slots) {
			return
		}
	}
}

// mapTo maps the file up to its size, in bytes. Of the last piece it maps what
// there is; that is replaced when there is more. growing is held, or nobody
// else has f yet.
func (f *File) mapTo(size uint64) error {
	var pieces []*piece
	if p := f.pieces.Load(); p != nil {
		pieces = slices.Clone(*p)
	}
	size -= size % uint64(f.pageBytes)
	for off := uint64(0); off < size; {
		i, start, length := pieceAt(off)
		end := min(start+length, size)
		off = end
		if i < len(pieces) && uint64(len(pieces[i].bytes)) >= end-start {
			continue
		}
		m, err := f.reads.Mmap(int64(start), int(end-start))
		if err != nil {
			f.pieces.Store(&pieces)
			return fmt.Errorf("map the file of pages: %w", err)
		}
		x := &piece{mapping: m, bytes: m.Bytes()}
		x.verified = make([]atomic.Uint64, (len(x.bytes)/f.pageBytes+63)/64)
		if i < len(pieces) {
			f.old = append(f.old, pieces[i])
			pieces[i] = x
		} else {
			pieces = append(pieces, x)
		}
	}
	f.pieces.Store(&pieces)
	return nil
}

// unmap ends all views.
func (f *File) unmap() (err error) {
	f.growing.Lock()
	defer f.growing.Unlock()
	if pieces := f.pieces.Swap(nil); pieces != nil {
		f.old = append(f.old, *pieces...)
	}
	for _, x := range f.old {
		if e := x.mapping.Close(); e != nil {
			err = fmt.Errorf("unmap the file of pages: %w", e)
		}
	}
	f.old = nil
	return err
}
