package diskindex

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

// ErrName: a name that Merge or Discard cannot be given.
var ErrName = errors.New("name of the present index file")

// Options say where an index lives. Domain, FS and Dir are required.
type Options struct {
	// Domain is what readers are pinned in during Find and Next.
	Domain *epoch.Domain

	// FS has the files, in Dir, which exists. Their bytes count as vfs.Page.
	FS  vfs.FS
	Dir string

	// Budget counts and limits the memory of fronts and cache; nil neither
	// counts nor limits. Where it refuses, inserts fail, and Merge. It should
	// allow for CacheBytes, FrontBytes and 2 MiB.
	Budget *offheap.Budget

	// CacheBytes limits the cache of pages; 0 is none.
	CacheBytes int64

	// FrontBytes is about how much memory the changes may take that are not
	// in the file: Full tells when half of it is used, since a Merge needs
	// two fronts. 0 is 32 MiB. Larger means fewer merges, each of which
	// writes all of the index.
	FrontBytes int64

	// Pace, if not nil, is told by Merge of every few hundred KiB that it has
	// written, and may sleep: no lock is held but that of other merges.
	Pace func(bytes int)

	// Direct reads pages past the page cache of the system.
	Direct bool

	// HugePages asks the kernel for pages of 2 MiB.
	HugePages bool
}

const defaultFrontBytes = 32 << 20

// bytesPerChange is what an entry of a front takes; see package index.
const bytesPerChange = 17

// An Index maps hashes to places. It is a multiset of entries, which are a
// code (index.HashBits bits of a hash) and a place.
//
// Concurrency: everything but Close may be called from many goroutines at
// once. Finding takes no lock.
type Index struct {
	view    atomic.Pointer[view]
	cache   *cache.Cache
	domain  *epoch.Domain
	options Options // with defaults; FS is that of class Page

	merging  sync.Mutex // held by who merges
	files    uint64     // opened ever; guarded by merging, as is
	unsynced error      // of the sync of Dir that failed

	base       atomic.Int64 // Len without what stripes have counted
	merges     atomic.Uint64
	mergeBytes atomic.Uint64

	stripes [stripeCount]stripe

	probeHits, probeMisses atomic.Uint64 // of the cache, by no lookup
}

// A view is what a lookup looks at. It does not change, but its active front
// does.
type view struct {
	active *front // takes the writes
	frozen *front // of a merge that is under way, or has failed; or nil
	file   *file  // or nil
}

// A stripe is the lock of the hashes with its LockOrder.
type stripe struct {
	mu      sync.Mutex
	entries atomic.Int64  // inserted minus deleted
	moves   atomic.Uint64 // entries that came into a front before what they replace was hidden
	_       [40]byte
}

// New returns an empty index without a file.
func New(o Options) (*Index, error) { return open(o, "", nil) }

// Open returns the index that a file has. Entries of segments that do not live
// are not there; a nil lives takes all. It is called once for each number in
// the file. An error is ErrUnusable if the file is missing or damaged; damage
// to pages is found when they are read.
func Open(o Options, name string, lives func(number uint16) bool) (*Index, error) {
	return open(o, name, lives)
}

func open(o Options, name string, lives func(number uint16) bool) (*Index, error) {
	if o.Domain == nil {
		return nil, fmt.Errorf("disk index: %w", index.ErrDomain)
	}
	if o.FrontBytes <= 0 {
		o.FrontBytes = defaultFrontBytes
	}
	o.FS = vfs.Classed(o.FS, vfs.Page)
	x := &Index{domain: o.Domain, options: o}
	v := &view{}
	if name != "" {
		f, err := x.openFile(name)
		if err != nil {
			return nil, fmt.Errorf("disk index: %w", err)
		}
		f.keep(lives)
		v.file = f
		x.base.Store(int64(f.entries))
	}
	err := x.begin(v)
	if err != nil {
		if v.file != nil {
			err = errors.Join(err, v.file.handle.Close())
		}
		return nil, fmt.Errorf("disk index: %w", err)
	}
	x.view.Store(v)
	return x, nil
}

// begin makes the front and the cache.
func (x *Index) begin(v *view) error {
	active, err := x.newFront()
	if err != nil {
		return err
	}
	x.cache, err = cache.New(cache.Options{
		Bytes:      x.options.CacheBytes,
		Budget:     x.options.Budget,
		BlockBytes: pageBytes,
		HugePages:  x.options.HugePages,
		Domain:     x.domain,
	})
	if err != nil {
		return errors.Join(err, active.close())
	}
	v.active = active
	return nil
}

func (x *Index) openFile(name string) (*file, error) {
	f, err := openFile(x.options.FS, x.options.Dir, name, x.options.Direct)
	if err != nil {
		return nil, err
	}
	x.files++
	f.id = x.files
	return f, nil
}

// keep makes the entries of segments disappear that do not live.
func (f *file) keep(lives func(number uint16) bool) {
	if lives == nil {
		return
	}
	alive, all := new(numbers), true
	for _, n := range f.numbers {
		if lives(n) {
			alive.add(uint64(n) << segmentBits)
		} else {
			all = false
		}
	}
	if !all {
		f.alive = alive
	}
}

// Header is that of the file, and its name; empty without a file.
func (x *Index) Header() (name string, h Header) {
	f := x.view.Load().file
	if f == nil {
		return "", Header{}
	}
	return f.name, f.head.decode()
}

// Numbers are the segments that the file names, ascending, alive or not. The
// slice is the Index's.
func (x *Index) Numbers() []uint16 {
	f := x.view.Load().file
	if f == nil {
		return nil
	}
	return f.numbers
}

// Len is the number of entries. Entries of segments that do not live count
// until the next Merge.
func (x *Index) Len() int {
	n := x.base.Load()
	for i := range x.stripes {
		n += x.stripes[i].entries.Load()
	}
	return int(n)
}

// Full reports whether so many changes are not in the file that it is time to
// Merge. Nothing but memory limits what may come before that.
func (x *Index) Full() bool {
	n := x.view.Load().active.size.Load()
	return n > 0 && n*bytesPerChange >= x.options.FrontBytes/2
}

// Bytes is the memory that the index takes.
func (x *Index) Bytes() int64 {
	g := x.domain.Pin()
	defer g.Unpin()
	v := x.view.Load()
	n := int64(unsafe.Sizeof(*x)) + x.cache.Stats().UsedBytes + v.active.bytes()
	if v.frozen != nil {
		n += v.frozen.bytes()
	}
	return n
}

// Close frees all memory and closes the file. What is not in the file is
// forgotten. It must come after all other calls, and after every cursor's
// last, and waits for readers that are pinned in the domain.
func (x *Index) Close() error {
	// Old views are closed by the domain.
	if err := x.domain.Drain(context.Background()); err != nil {
		return fmt.Errorf("disk index: close: %w", err)
	}
	v := x.view.Swap(nil)
	if v == nil {
		return nil
	}
	err := v.active.close()
	if v.frozen != nil {
		err = errors.Join(err, v.frozen.close())
	}
	if v.file != nil {
		err = errors.Join(err, v.file.handle.Close())
	}
	if err = errors.Join(err, x.cache.Close()); err != nil {
		return fmt.Errorf("disk index: close: %w", err)
	}
	return nil
}
