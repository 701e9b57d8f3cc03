package index

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
)

// Errors that callers tell apart. Those of [offheap.Map] are wrapped too.
var (
	// ErrPlace: a place is 1 to MaxPlace.
	ErrPlace = errors.New("impossible place")

	// ErrDomain: an index needs the domain that its readers are pinned in.
	ErrDomain = errors.New("no epoch domain")
)

// MaxPlace is the greatest place. 0 is none.
const MaxPlace = placeMask

// Options say where an index lives. Domain is required.
type Options struct {
	// Domain is what readers are pinned in during Find and Next.
	Domain *epoch.Domain

	// Budget counts and limits the memory; nil neither counts nor limits.
	// Where it refuses, the index stops to grow and becomes slower, until an
	// insert needs a line and fails.
	Budget *offheap.Budget

	// HugePages asks the kernel for pages of 2 MiB: fewer misses of the TLB,
	// for an index of more than a few MiB.
	HugePages bool

	// Keys is how many keys are expected, so that loading them splits little;
	// 0 starts small.
	Keys int

	// Buckets is how many buckets to start with, if not 0, whatever Keys says:
	// as many as Walk.Buckets tells, for a Filler.
	Buckets uint64
}

// An Index maps hashes to places. It is a multiset of entries, which are a
// code (HashBits bits of a hash) and a place.
//
// Concurrency: everything but Close may be called from many goroutines at
// once. Readers take no lock and wait for nobody.
type Index struct {
	count atomic.Uint64 // of buckets: all that readers need to find theirs
	home  pages
	_     [64]byte

	over    pool
	domain  *epoch.Domain
	keys    atomic.Int64 // roughly: without what stripes have not yet reported
	growing sync.Mutex   // held by who splits
	splits  atomic.Uint64
	refused atomic.Uint64
	stripes [stripeCount]stripe
}

// stripeCount divides firstLines, so that a bucket and all that it is ever
// split into have the same stripe.
const stripeCount = firstLines

// A stripe guards the chains of the buckets whose numbers end in its number.
type stripe struct {
	mu       sync.Mutex
	keys     atomic.Int64
	reported int64         // of keys, guarded by mu
	moves    atomic.Uint64 // of entries from one line of a chain to another
	_        [32]byte
}

// New returns an empty index.
func New(o Options) (*Index, error) {
	if o.Domain == nil {
		return nil, fmt.Errorf("hash index: %w", ErrDomain)
	}
	memory := offheap.Options{Budget: o.Budget, HugePages: o.HugePages}
	x := &Index{domain: o.Domain}
	x.home.options, x.over.options = memory, memory
	n := uint64(firstLines)
	switch lines := uint64(max(o.Keys, 0)) / presizeKeys; {
	case o.Buckets != 0:
		n = min(max(n, o.Buckets), 1<<HashBits)
	case lines > n:
		n = lines
	}
	if err := x.home.extend(int((n + pageLines - 1) / pageLines)); err != nil {
		err = errors.Join(err, x.home.free())
		return nil, fmt.Errorf("hash index: map %d lines: %w", n, err)
	}
	x.count.Store(n)
	return x, nil
}

// bucketOf is the bucket of a code where there are n of them: its lowest bits,
// one fewer if that bucket is not there yet.
func bucketOf(c code, n uint64) uint64 { return bucketAmong(c, n, maskOf(n)) }

// maskOf is the lowest bits that number n buckets.
func maskOf(n uint64) uint64 { return ^uint64(0) >> (bits.LeadingZeros64(n-1) & 63) }

// bucketAmong is bucketOf for who has the mask already. It has no jump, which
// the processor would often guess wrong: the shift makes all ones where the
// bucket is there.
func bucketAmong(c code, n, mask uint64) uint64 {
	b := uint64(c) & mask
	return b & (mask>>1 | uint64(int64(b-n)>>63))
}

func (x *Index) stripe(c code) *stripe { return &x.stripes[c%stripeCount] }

// Len is the number of entries.
func (x *Index) Len() int {
	var n int64
	for i := range x.stripes {
		n += x.stripes[i].keys.Load()
	}
	return int(n)
}

// Close frees all memory. It must come after all other calls, and after every
// cursor's last.
func (x *Index) Close() error {
	x.count.Store(0)
	if err := errors.Join(x.home.free(), x.over.close()); err != nil {
		return fmt.Errorf("hash index: %w", err)
	}
	return nil
}
