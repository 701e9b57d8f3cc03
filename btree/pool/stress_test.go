package pool

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine/epoch"
)

const (
	stressPages    = 64
	stressResident = uint64(1) << 63
)

// A stressTree is the least that a pool needs around it: a mapping, a disk on
// which a page is one number, and a writer's lock. A page holds its id and its
// value over and over again; values only grow.
type stressTree struct {
	t       *testing.T
	p       *Pool
	domain  *epoch.Domain
	mapping [stressPages + 1]atomic.Uint64 // resident and frame, or value on disk
	floor   [stressPages + 1]atomic.Uint64 // value that every reader must see, or a later one

	mu  sync.Mutex // the writer's
	old []uint32   // superseded frames, not yet retired

	reads, torn, restarts, loads atomic.Int64
}

func newStressTree(t *testing.T, policy string) *stressTree {
	s := &stressTree{t: t, domain: epoch.NewDomain()}
	s.p = newPool(t, Options{PageBytes: 512, Frames: 24, Reserve: 4, Policy: policy, Domain: s.domain})
	for id := range s.mapping {
		s.mapping[id].Store(1)
	}
	return s
}

func fill(page []byte, id uint32, value uint64) {
	for i := 0; i < len(page); i += 16 {
		binary.LittleEndian.PutUint64(page[i:], uint64(id))
		binary.LittleEndian.PutUint64(page[i+8:], value)
	}
}

// change writes a new value in two halves, with time to look at it between them.
func change(page []byte, id uint32, value uint64) {
	fill(page[:len(page)/2], id, value)
	runtime.Gosched()
	fill(page[len(page)/2:], id, value)
}

// scan returns id and value of a page, and whether it is one page of one value.
func scan(page []byte) (id, value uint64, whole bool) {
	id, value = binary.LittleEndian.Uint64(page), binary.LittleEndian.Uint64(page[8:])
	whole = true
	for i := 16; i < len(page); i += 16 {
		whole = whole && binary.LittleEndian.Uint64(page[i:]) == id && binary.LittleEndian.Uint64(page[i+8:]) == value
	}
	return id, value, whole
}

// read reads a page once, as the package's comment says. It is done unless
// somebody was in the way.
func (s *stressTree) read(id uint32) (done bool) {
	g := s.domain.Pin()
	defer g.Unpin()
	floor := s.floor[id].Load()
	e := s.mapping[id].Load()
	if e&stressResident == 0 {
		s.load(id, e)
		return false
	}
	f := uint32(e)
	v, ok := s.p.Enter(f)
	if !ok {
		return false
	}
	page := s.p.Page(f)
	_, first, _ := scan(page[:16])
	if first%4 == 0 {
		runtime.Gosched()
	}
	gotID, value, whole := scan(page)
	if whole = whole && value == first; !s.p.Leave(f, v) {
		if !whole {
			s.torn.Add(1)
		}
		return false
	}
	s.p.Touch(f)
	if gotID != uint64(id) || !whole || value < floor {
		s.t.Errorf("page %d in frame %d: read page %d, whole %v, value %d; %d was there before",
			id, f, gotID, whole, value, floor)
	}
	return true
}

// load brings a page from disk into a frame, if one is free.
func (s *stressTree) load(id uint32, e uint64) {
	f, ok := s.p.Take()
	if !ok {
		s.p.Evict(2, s.unlink)
		return
	}
	fill(s.p.Page(f), id, e)
	d := s.p.Frame(f)
	d.Page.Store(id)
	d.Home.Store(e)
	if !s.mapping[id].CompareAndSwap(e, stressResident|uint64(f)) {
		s.p.Give(f)
		return
	}
	s.p.Admit(f, Clean, id%8 == 0)
	s.loads.Add(1)
}

func (s *stressTree) unlink(f, page uint32) bool {
	return s.mapping[page].CompareAndSwap(stressResident|uint64(f), s.p.Frame(f).Home.Load())
}

// write raises a page's value by one, in place or in a copy.
func (s *stressTree) write(id uint32, clone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		f, ok := s.dirty(id)
		if !ok {
			s.clean()
			runtime.Gosched()
			continue
		}
		_, value, _ := scan(s.p.Page(f))
		if !clone || !s.clone(id, f, value+1) {
			s.p.Lock(f)
			change(s.p.Page(f), id, value+1)
			s.p.Unlock(f)
		}
		s.floor[id].Store(value + 1)
		return
	}
}

// dirty makes a page's frame dirty, if it has one. Without the pin, the frame
// could hold another page by the time it is marked.
func (s *stressTree) dirty(id uint32) (f uint32, ok bool) {
	g := s.domain.Pin()
	defer g.Unpin()
	e := s.mapping[id].Load()
	if e&stressResident == 0 {
		s.load(id, e)
		return 0, false
	}
	return uint32(e), s.p.MarkDirty(uint32(e))
}

func (s *stressTree) clone(id, old uint32, value uint64) bool {
	f, ok := s.p.TakeReserve()
	if !ok {
		return false
	}
	fill(s.p.Page(f), id, value)
	s.p.Frame(f).Page.Store(id)
	if !s.p.Supplant(old, f) {
		s.t.Errorf("frame %d is dirty and cannot be supplanted", old)
	}
	s.mapping[id].Store(stressResident | uint64(f))
	s.p.Supersede(old)
	if s.old = append(s.old, old); len(s.old) >= 3 {
		s.p.Retire(s.old)
		s.old = s.old[:0]
	}
	return true
}

// clean writes some dirty pages. The caller holds mu.
func (s *stressTree) clean() {
	for _, f := range s.p.DirtyVictims(nil, 4) {
		_, value, _ := scan(s.p.Page(f))
		s.p.Frame(f).Home.Store(value)
		s.p.SetClean(f)
	}
}

// rounds scales a stress test: up, to a duration, for a soak.
func rounds(t *testing.T, n int) func(i int) bool {
	budget := os.Getenv("KVBENCH_SOAK")
	if budget == "" {
		return func(i int) bool { return i < n }
	}
	d, err := time.ParseDuration(budget)
	if err != nil {
		t.Fatalf("KVBENCH_SOAK: %v", err)
	}
	end := time.Now().Add(d)
	return func(i int) bool { return i%64 != 0 || time.Now().Before(end) }
}

func TestReadersSeeWholePagesOfTheirOwnAndNoOldOnes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	eachPolicy(t, func(t *testing.T, policy string) {
		s := newStressTree(t, policy)
		n := 10_000
		if !Optimistic { // slow
			n = 2_000
		}
		more := rounds(t, n)
		ctx, cancel := context.WithCancel(context.Background())
		var stop atomic.Bool
		var reading, changing sync.WaitGroup
		for r := range uint64(3) {
			reading.Go(func() {
				rng := rand.New(rand.NewPCG(seed, r))
				for i := 0; more(i); i++ {
					id := 1 + min(rng.Uint32N(stressPages), rng.Uint32N(stressPages))
					for !s.read(id) {
						s.restarts.Add(1)
						runtime.Gosched()
					}
					s.reads.Add(1)
				}
			})
		}
		changing.Go(func() { // writes and cleans
			rng := rand.New(rand.NewPCG(seed, 10))
			for !stop.Load() {
				s.write(1+rng.Uint32N(stressPages), rng.IntN(3) == 0)
				if rng.IntN(4) == 0 {
					s.mu.Lock()
					s.clean()
					s.mu.Unlock()
				}
				runtime.Gosched()
			}
		})
		changing.Go(func() { // evicts ahead, waits
			for i := 0; !stop.Load(); i++ {
				if s.p.Evict(3, s.unlink); i%8 == 0 {
					if err := s.p.AwaitFree(ctx); err != nil && !stop.Load() {
						t.Error(err)
					}
				}
				s.domain.Reclaim()
				runtime.Gosched()
			}
		})
		reading.Wait()
		stop.Store(true)
		cancel()
		changing.Wait()
		s.p.Retire(s.old)
		s.verify()
		t.Logf("%d reads, %d restarts, %d torn, %d loads, %+v", s.reads.Load(), s.restarts.Load(),
			s.torn.Load(), s.loads.Load(), s.p.Stats())
	})
}

// verify looks for every page after all are gone.
func (s *stressTree) verify() {
	for id := uint32(1); id <= stressPages; id++ {
		e, want := s.mapping[id].Load(), max(1, s.floor[id].Load())
		value := e
		if e&stressResident != 0 {
			_, value, _ = scan(s.p.Page(uint32(e)))
		}
		if value != want {
			s.t.Errorf("page %d has value %d at the end, not %d", id, value, want)
		}
	}
}
