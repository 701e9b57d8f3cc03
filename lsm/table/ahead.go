package table

import (
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/compress"
)

const (
	// A walk reads ahead from the second block on that it comes to, if the cache
	// does not have it: so much, and twice as much each time.
	leastAhead      = 16 << 10
	leastCompaction = 256 << 10
	mostAhead       = 1 << 20
)

// ahead reads blocks before a walk comes to them: several at once, in the
// direction of the walk.
//
// What users walk over does not go through the cache, but for the block that a
// seek comes to: what a walk comes to next is read in pieces, for which it
// would take longer to find room in the cache than to read them from the page
// cache, and would drive out what others need. Direct reads cost far more: of
// these the cache keeps what was scanned, until the walk has become so long
// that it reads mostAhead at once. Compactions always read past the cache.
type ahead struct {
	compaction bool
	window     int // bytes to read next; 0: not yet

	low, high int    // blocks that were read
	bytes     []byte // of them
	buf       []byte // bytes are in it; aligned for direct reads
	raw       []byte // a block that was compressed
}

func (a *ahead) reset(compaction bool) {
	a.compaction, a.window = compaction, 0
	a.low, a.high, a.bytes = 0, 0, nil
	if compaction {
		a.window = leastCompaction
	}
}

// trim lets go of what was read, and of memory that only giants need.
func (a *ahead) trim() {
	a.low, a.high, a.bytes = 0, 0, nil
	if cap(a.buf) > 2*mostAhead {
		a.buf = nil
	}
	if cap(a.raw) > mostAhead {
		a.raw = nil
	}
}

// has reports whether a block was read.
func (a *ahead) has(n int) bool { return n >= a.low && n < a.high }

// private reports whether what is read is for this walk alone.
func (a *ahead) private(r *Reader) bool {
	return a.compaction || r.io != Direct || a.window > mostAhead
}

// missed notes that a block is not in the cache, and reports whether it is
// time to read ahead: not where a seek comes to.
func (a *ahead) missed(onward bool) bool {
	switch {
	case !onward:
		a.window = 0
	case a.window == 0:
		a.window = leastAhead
	}
	return onward
}

// read reads block n and those that come after it in the direction, as far as
// they fit in the window.
func (a *ahead) read(r *Reader, n, direction int) error {
	low, high := n, n+1
	window := uint64(min(a.window, mostAhead))
	if direction == forward {
		for high < r.index.blocks && r.index.offsets[high+1]-r.index.offsets[low] <= window {
			high++
		}
	} else {
		for low > 0 && r.index.offsets[high]-r.index.offsets[low-1] <= window {
			low--
		}
	}
	a.low, a.high = 0, 0
	off, size := int64(r.index.offsets[low]), int(r.index.offsets[high]-r.index.offsets[low])
	if err := a.readAt(r, off, size); err != nil {
		return r.readError(off, err)
	}
	a.low, a.high = low, high
	if a.window <= mostAhead {
		a.window *= 2
	}
	return nil
}

func (a *ahead) readAt(r *Reader, off int64, n int) error {
	f := r.file
	if a.compaction {
		var err error
		if f, err = r.compactionFile(); err != nil {
			return err
		}
	}
	if r.io == Direct {
		var err error
		a.bytes, a.buf, err = readAligned(f, a.buf, off, n)
		return err
	}
	a.buf = slices.Grow(a.buf[:0], n)[:n]
	a.bytes = a.buf
	return readFull(f, a.bytes, off)
}

// compactionFile returns the file for reads of compactions. Where they would
// be mapped they are read, too: a page fault holds up more than its goroutine.
func (r *Reader) compactionFile() (vfs.File, error) {
	r.opening.Lock()
	defer r.opening.Unlock()
	if r.compaction != nil {
		return r.compaction, nil
	}
	fsys := vfs.Classed(r.fsys, vfs.Compaction)
	var err error
	if r.io == Direct {
		r.compaction, err = fsys.OpenDirect(r.path, false)
	} else if r.compaction, err = fsys.Open(r.path); err == nil {
		r.compaction.Advise(vfs.Sequential, 0, 0)
	}
	if err != nil {
		r.compaction = nil
		return nil, fmt.Errorf("open for compaction: %w", err)
	}
	return r.compaction, nil
}

// stored returns a block that was read, trailer included.
func (a *ahead) stored(r *Reader, n int) []byte {
	base := r.index.offsets[a.low]
	e := r.index.block(n)
	return a.bytes[e.offset-base : e.end()-base]
}

// unpack returns the content of a block that was read, checked. It is valid
// until the next read or unpack.
func (a *ahead) unpack(r *Reader, n int) ([]byte, error) {
	stored := a.stored(r, n)
	kind, err := r.unseal(n, stored)
	if err != nil {
		return nil, err
	}
	content := stored[:len(stored)-trailerBytes]
	if kind == compress.None {
		return content, nil
	}
	a.raw, err = r.codec.Decompress(kind, a.raw[:0], content, r.index.raw(n))
	if err != nil {
		return nil, r.Damaged(n, err)
	}
	return a.raw, nil
}
