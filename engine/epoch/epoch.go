package epoch

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

const (
	// stripeBits: 128 stripes make it unlikely that two running goroutines
	// share one; a scan of all of them is well below a microsecond.
	stripeBits = 7
	stripes    = 1 << stripeBits

	// lineBytes keeps neighbours apart: two cache lines, since processors
	// prefetch in pairs.
	lineBytes = 128

	// ripeAfter is how many advances separate Retire from free.
	ripeAfter = 2
)

// A stripe counts the guards that were taken through it, by the parity of the
// epoch that they were taken in.
type stripe struct {
	pinned [2]atomic.Int64
	_      [lineBytes - 16]byte
}

// A Domain decides when what readers can no longer reach may be freed. See the
// package's comment for the rules of readers and writers.
//
// Concurrency: every method may be called from many goroutines at once. A
// Domain must not be copied.
type Domain struct {
	epoch atomic.Uint64 // monotone
	_     [lineBytes - 8]byte

	stripes [stripes]stripe

	// reclaiming is held by the one goroutine that runs free functions.
	reclaiming atomic.Bool
	_          [lineBytes - 4]byte

	mu    sync.Mutex
	queue queue // retired and not yet taken for freeing, in epoch order

	// sinceCount and sinceBytes count what came since the last attempt to
	// reclaim.
	sinceCount int
	sinceBytes int64

	retired, retiredBytes uint64 // since birth
	freed, freedBytes     uint64 // since birth; their functions have returned
}

// NewDomain returns a domain without readers and without garbage. It starts
// no goroutine.
func NewDomain() *Domain { return &Domain{} }

// A Guard is one reader's pin. It may be passed to another goroutine, as long
// as it is unpinned exactly once. The zero Guard pins nothing and must not be
// unpinned.
type Guard struct {
	count *atomic.Int64
}

// Pin makes sure that nothing that is reachable from now on is freed before
// the guard is unpinned. It takes no lock, waits for nobody and allocates
// nothing. Pins may nest.
//
// A pin holds up all garbage of the domain, so it should last for one
// operation; what needs longer takes a reference of its own.
func (d *Domain) Pin() Guard {
	for {
		g := d.publish(d.epoch.Load())
		if g.count != nil {
			return g
		}
	}
}

// publish counts a guard of epoch e, unless the epoch is another by then: then
// it takes the count back and returns the zero Guard. Meanwhile the count may
// have held up an advance, no more.
func (d *Domain) publish(e uint64) Guard {
	g := Guard{&d.stripes[here()].pinned[e&1]}
	g.count.Add(1)
	if d.epoch.Load() != e {
		g.count.Add(-1)
		g.count = nil
	}
	return g
}

// Unpin ends the pin: what was reached under it must not be touched any more.
// It frees nothing itself. Unpinning twice breaks the promise to other
// readers.
func (g Guard) Unpin() { g.count.Add(-1) }

// here chooses a stripe: by the address of the stack that it runs on, which
// differs between goroutines and mostly stays. A stack that moves only means
// another stripe for the next pin, since a Guard carries its own.
func here() uint64 {
	var x byte
	const golden = 0x9E3779B97F4A7C15
	const minStackBits = 11 // no two stacks share 2 KiB
	return uint64(uintptr(unsafe.Pointer(&x))>>minStackBits) * golden >> (64 - stripeBits)
}

// advance moves on by one epoch, unless readers of the one before the present
// are left. It reports whether the epoch is beyond the one it found.
func (d *Domain) advance() bool {
	e := d.epoch.Load()
	if !d.left(e) {
		return d.epoch.Load() != e
	}
	d.move(e)
	return true
}

// left reports whether nobody is pinned in epoch e-1. It must be called when
// e has begun.
func (d *Domain) left(e uint64) bool {
	for i := range d.stripes {
		if d.stripes[i].pinned[(e+1)&1].Load() != 0 {
			return false
		}
	}
	return true
}

// move begins epoch e+1, if e is still the present one. The caller has seen
// left(e).
func (d *Domain) move(e uint64) { d.epoch.CompareAndSwap(e, e+1) }
