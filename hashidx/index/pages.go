package index

import (
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/kvbench/kvbench/engine/offheap"
)

const (
	pageShift = 12
	pageLines = 1 << pageShift
	pageBytes = pageLines * lineBytes

	// A new region has at most one part in regionShare of what is there, so
	// that what no line uses yet stays small, and regions stay few.
	regionShare    = 64
	maxRegionPages = 64
	hugePages      = 2 << 20 / pageBytes
)

type page [pageLines]line

// Pages are lines that are numbered from 0. They never move, and none is given
// back before the end.
//
// Concurrency: at may run beside extend. There is one extend at a time.
type pages struct {
	directory atomic.Pointer[[]*page]
	regions   []*offheap.Region
	options   offheap.Options
	lines     atomic.Uint64 // that there are
}

// at is the line with a number below p.lines.
func (p *pages) at(i uint64) *line {
	return lineOf((*p.directory.Load())[i>>pageShift], i)
}

// lineOf is the line with a number, in its page. Indexing would have the
// compiler look whether the page is nil, at its first byte: another miss, since
// all of those share few sets of the processor's caches.
func lineOf(p *page, i uint64) *line {
	return (*line)(unsafe.Add(unsafe.Pointer(p), i&(pageLines-1)*uint64(lineBytes)))
}

// reach makes sure that there are n lines.
func (p *pages) reach(n uint64) error {
	for p.lines.Load() < n {
		more := 1
		if share := p.lines.Load() / pageLines / regionShare; share > 1 {
			more = min(maxRegionPages, 1<<(bits.Len64(share)-1))
		}
		if err := p.extend(more); err != nil {
			return err
		}
	}
	return nil
}

// extend adds n pages, which are one region.
func (p *pages) extend(n int) error {
	var d []*page
	if old := p.directory.Load(); old != nil {
		d = *old
	}
	if p.options.HugePages {
		n = (n + hugePages - 1) / hugePages * hugePages
	}
	r, err := offheap.Map(n*pageBytes, p.options)
	if err != nil {
		return err
	}
	p.regions = append(p.regions, r)
	first := (*page)(unsafe.Pointer(unsafe.SliceData(r.Bytes())))
	// Readers of the old directory do not look beyond its length, so both may
	// share their array.
	for i := range n {
		d = append(d, &unsafe.Slice(first, n)[i])
	}
	p.directory.Store(&d)
	p.lines.Store(uint64(len(d)) * pageLines)
	return nil
}

// bytes is what the pages and their directory take.
func (p *pages) bytes() int64 {
	d := p.directory.Load()
	if d == nil {
		return 0
	}
	return int64(len(*d))*int64(pageBytes) + int64(cap(*d))*8
}

// free gives everything back. It goes on after an error and returns the first.
func (p *pages) free() error {
	var first error
	for _, r := range p.regions {
		if err := r.Free(); err != nil && first == nil {
			first = err
		}
	}
	p.regions = nil
	p.directory.Store(nil)
	p.lines.Store(0)
	return first
}
