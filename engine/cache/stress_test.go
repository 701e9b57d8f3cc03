package cache

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
)

// A crowd is what many goroutines share that use one cache at once. Each file
// has a version, which rises when the file is erased: from then on nobody may
// find a block of an earlier one.
type crowd struct {
	c       *Cache
	current [4]atomic.Uint64 // what fills write
	floor   [4]atomic.Uint64 // what readers must at least find
	over    atomic.Int64     // most bytes used beyond the limit
}

func (w *crowd) work(seed uint64, steps int) error {
	r := rand.New(rand.NewPCG(seed, 1))
	z := newZipf(300, 0.9)
	var handles []held
	defer func() {
		for i := range handles {
			handles[i].h.Release()
		}
	}()
	for range steps {
		file := r.Uint64N(4)
		k := Key{file, z.draw(r) << 12}
		floor := w.floor[file].Load()
		if err := w.read(k, floor); err != nil {
			return err
		}
		h, ok := w.c.Acquire(k)
		if !ok {
			var err error
			a := Admission(r.IntN(3)).For(Class(r.IntN(Classes)))
			h, err = w.c.Insert(k, 64+int(k.hash()%6000), a, func(b []byte) error {
				if r.IntN(20) == 0 {
					return errFill
				}
				fillBlock(b, k, w.current[file].Load())
				return nil
			})
			if err != nil {
				continue
			}
		}
		if err := w.look(h.Bytes(), k, floor); err != nil {
			return err
		}
		handles = append(handles, held{h: h, k: k})
		if len(handles) > 6 {
			i := r.IntN(len(handles))
			if err := checkBlock(handles[i].h.Bytes(), handles[i].k); err != nil {
				return fmt.Errorf("held: %w", err)
			}
			handles[i].h.Release()
			handles = append(handles[:i], handles[i+1:]...)
		}
		switch r.IntN(100) {
		case 0:
			w.c.Erase(k)
		case 1:
			w.raise()
		}
		if over := w.c.budget.Used() - w.c.budget.Limit(); over > w.over.Load() {
			w.over.Store(over)
		}
	}
	return nil
}

func (w *crowd) read(k Key, floor uint64) error {
	g := w.c.Domain().Pin()
	defer g.Unpin()
	b, ok := w.c.Get(k)
	if !ok {
		return nil
	}
	return w.look(b, k, floor)
}

// look checks a block, its bytes last, as the block may go at any moment.
func (w *crowd) look(b []byte, k Key, floor uint64) error {
	if v := version(b); len(b) >= blockHead && v < floor {
		return fmt.Errorf("block %v has version %d, erased before %d", k, v, floor)
	}
	return checkBlock(b, k)
}

// raise gives all files their next version, one after the other.
func (w *crowd) raise() {
	for file := range w.current {
		v := w.current[file].Add(1)
		w.c.EraseFile(uint64(file))
		for {
			f := w.floor[file].Load()
			if f >= v || w.floor[file].CompareAndSwap(f, v) {
				break
			}
		}
	}
}

func TestManyReadersAndWritersSeeOnlyTheirBlocks(t *testing.T) {
	const seed, workers = 7, 6
	steps := 4000
	if offheap.OnHeap {
		steps = 1000
	}
	eachPolicy(t, func(t *testing.T, policy string) {
		for _, coalesce := range []bool{false, true} {
			c := newCache(t, Options{
				Bytes: 512 << 10, Shards: 2, Policy: policy, Coalesce: coalesce,
				SampleRate: 0.1, Domain: epoch.NewDomain(),
			})
			w := &crowd{c: c}
			errs := make([]error, workers)
			var wg sync.WaitGroup
			for i := range workers {
				wg.Go(func() { errs[i] = w.work(seed+uint64(i), steps) })
			}
			wg.Wait()
			for i, err := range errs {
				if err != nil {
					t.Errorf("seed %d: %v", seed+i, err)
				}
			}
			if over := w.over.Load(); over > 0 {
				t.Errorf("%d bytes beyond the limit", over)
			}
			c.Domain().Reclaim()
			if err := c.check(); err != nil {
				t.Error(err)
			}
			st := c.Stats()
			if st.PinnedBytes != 0 || st.HeldBytes != 0 {
				t.Errorf("without handles: %+v", st)
			}
			if total(st.Hits) == 0 || total(st.Evictions) == 0 || total(st.Inserts) == 0 {
				t.Errorf("too little happened: %+v", st)
			}
		}
	})
}

func total(counts [Classes]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func TestResizeAndCloseMayRunBesideEverything(t *testing.T) {
	const seed, workers = 17, 4
	c, err := New(Options{Bytes: 1 << 20, Shards: 2})
	if err != nil {
		t.Fatal(err)
	}
	w := &crowd{c: c}
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { errs[i] = w.work(seed+uint64(i), 500) })
	}
	r := rand.New(rand.NewPCG(seed, 2))
	for range 100 {
		if err := c.Resize(r.Int64N(1 << 20)); err != nil {
			t.Error(err)
		}
		_ = c.Stats()
		_ = c.MissRatioCurve()
	}
	_ = c.Close() // handles may be out
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("seed %d: %v", seed+i, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestInsertsOfOneBlockWaitForTheFirst(t *testing.T) {
	const workers = 8
	c := newCache(t, Options{Bytes: 1 << 20, Coalesce: true})
	k := Key{1, 1}
	var fills atomic.Int32
	inside, release := make(chan struct{}), make(chan struct{})
	fill := func(b []byte) error {
		if fills.Add(1) == 1 {
			close(inside)
			<-release
		}
		fillBlock(b, k, 0)
		return nil
	}
	var wg sync.WaitGroup
	one := func() {
		h, err := c.Insert(k, 4096, Normal, fill)
		if err != nil {
			t.Error(err)
			return
		}
		if err := checkBlock(h.Bytes(), k); err != nil {
			t.Error(err)
		}
		h.Release()
	}
	wg.Go(one)
	<-inside
	for range workers {
		wg.Go(one)
	}
	// Some may still be on their way, and will find the block.
	close(release)
	wg.Wait()
	if n := fills.Load(); n != 1 {
		t.Errorf("%d fills", n)
	}
}

func TestAWaiterReadsForItselfWhenTheFirstFails(t *testing.T) {
	c := newCache(t, Options{Bytes: 1 << 20, Coalesce: true})
	k := Key{1, 1}
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := c.Insert(k, 4096, Normal, func([]byte) error {
			close(inside)
			<-release
			return errFill
		})
		if err == nil {
			t.Error("no error")
		}
	})
	<-inside
	wg.Go(func() { insert(t, c, k, 4096, Normal) })
	close(release)
	wg.Wait()
	if !has(t, c, k) {
		t.Error("the second one's block is not there")
	}
}
