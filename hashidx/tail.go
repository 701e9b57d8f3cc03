package hashidx

import (
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/wal"
)

// The tail is a copy in memory of what was appended last, page by page: reads
// of it need no file, which may not even have it yet. Who reads or fills a
// page is pinned.
//
// A page goes when the budget is exceeded, oldest first, and only once all
// before its end is written: from then on its ops are read from the file. It
// is never made anew, so a page that is there holds all that was appended to
// it from segment.base on.
type tail struct {
	domain *epoch.Domain
	memory *offheap.Allocator
	budget int64
	shift  uint // pages are of 1<<shift bytes

	bytes atomic.Int64

	mu    sync.Mutex // guards making and dropping of pages
	queue []queued   // oldest first
}

// A pageTable has the first bytes of the pages of a segment, by offset: nil for
// one that never was, &noPage for one that has been dropped. A table that is
// too short is replaced by a longer copy.
type pageTable []atomic.Pointer[byte]

var noPage byte

type queued struct {
	seg   *segment
	index int
	end   wal.LSN // behind the page
}

const (
	minPageBytes = 4 << 10
	maxPageBytes = 1 << 20
	tailPages    = 64 // that a budget is divided into
)

func newTail(d *epoch.Domain, budget int64, huge bool) *tail {
	size := min(max(budget/tailPages, minPageBytes), maxPageBytes)
	return &tail{
		domain: d, memory: offheap.NewAllocator(offheap.Options{HugePages: huge}),
		budget: budget, shift: uint(bits.Len64(uint64(size)) - 1),
	}
}

// find returns a page from an offset of its segment on; nil if the file has to
// be read.
func (t *tail) find(s *segment, off int64) []byte {
	i := int(off >> t.shift)
	table := s.pages.Load()
	if off < s.base || table == nil || i >= len(*table) {
		return nil
	}
	first := (*table)[i].Load()
	if first == nil || first == &noPage {
		return nil
	}
	return unsafe.Slice(first, 1<<t.shift)[off&(1<<t.shift-1):]
}

// put copies what was appended at an offset. After an error the tail is not
// complete, and nothing may be appended any more.
func (t *tail) put(s *segment, off int64, data []byte) error {
	for len(data) > 0 {
		first, err := t.page(s, int(off>>t.shift))
		if err != nil {
			return fmt.Errorf("copy to the tail: %w", err)
		}
		room := 1<<t.shift - int(off&(1<<t.shift-1))
		n := min(room, len(data))
		if first != &noPage {
			copy(unsafe.Slice(first, 1<<t.shift)[1<<t.shift-room:], data[:n])
		}
		off += int64(n)
		data = data[n:]
	}
	return nil
}

// page returns the first byte of a page, making it if it never was.
func (t *tail) page(s *segment, i int) (*byte, error) {
	if table := s.pages.Load(); table != nil && i < len(*table) {
		if p := (*table)[i].Load(); p != nil {
			return p, nil
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	table := s.pages.Load()
	if table == nil || i >= len(*table) {
		longer := make(pageTable, 2*i+8)
		if table != nil {
			for j := range *table {
				longer[j].Store((*table)[j].Load())
			}
		}
		table = &longer
		s.pages.Store(table)
	}
	if p := (*table)[i].Load(); p != nil {
		return p, nil
	}
	memory, err := t.memory.Alloc(1 << t.shift)
	if err != nil {
		return nil, err
	}
	first := unsafe.SliceData(memory)
	(*table)[i].Store(first)
	t.bytes.Add(1 << t.shift)
	end := wal.LSN(s.id)<<offsetBits + wal.LSN(i+1)<<t.shift
	t.queue = append(t.queue, queued{s, i, end})
	return first, nil
}

// trim drops the oldest pages while there are too many, as far as they end at
// or before lsn, which has been appended. written waits until all before a
// position can be read from the files.
func (t *tail) trim(lsn wal.LSN, written func(wal.LSN) error) error {
	if t.bytes.Load() <= t.budget {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.bytes.Load() > t.budget && len(t.queue) > 0 && t.queue[0].end <= lsn {
		q := t.queue[0]
		if err := written(q.end - 1); err != nil {
			return err
		}
		t.queue = t.queue[1:]
		first := (*q.seg.pages.Load())[q.index].Swap(&noPage)
		t.bytes.Add(-1 << t.shift)
		t.domain.Retire(1<<t.shift, func() { t.free(first) })
	}
	return nil
}

func (t *tail) free(first *byte) error { return t.memory.Free(unsafe.Slice(first, 1<<t.shift)) }

// close frees all memory. Nobody may be pinned, or come to be.
func (t *tail) close() error {
	for _, q := range t.queue {
		if err := t.free((*q.seg.pages.Load())[q.index].Load()); err != nil {
			return err
		}
	}
	t.queue = nil
	return t.memory.Close()
}
