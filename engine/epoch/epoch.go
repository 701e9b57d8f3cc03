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
	e := d.epoch.Load()
	count := &d.stripes[here()].pinned[e&1]
	count.Add(1)
	if d.epoch.Load() == e {
		return Guard{count}
	}
	return d.pinAgain(count)
}

// pinAgain is Pin after the epoch moved on between reading and publishing.
//
//go:noinline
func (d *Domain) pinAgain(stale *atomic.Int64) Guard {
	for {
		stale.Add(-1)
		e := d.epoch.Load()
		count := &d.stripes[here()].pinned[e&1]
		count.Add(1)
		if d.epoch.Load() == e {
			return Guard{count}
		}
		stale = count
	}
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

// advance moves from epoch e to e+1 if nobody is pinned in e-1. It reports
// whether the epoch is now beyond e.
func (d *Domain) advance() bool {
	e := d.epoch.Load()
	for i := range d.stripes {
		if d.stripes[i].pinned[(e+1)&1].Load() != 0 {
			return d.epoch.Load() != e
		}
	}
	d.epoch.CompareAndSwap(e, e+1) // or another was faster
	return true
}
