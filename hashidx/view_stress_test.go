package hashidx

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A cutWriter counts, such that a view that is no cut of its history shows:
// in one batch all keys of a family get the same number, and then first and
// last, one put each, the next.
type cutWriter struct {
	name   string
	cycles atomic.Int64 // that have returned
}

const cutKeys = 30

func (w *cutWriter) write(e *store, r *rand.Rand) error {
	n := w.cycles.Load() + 1
	var b engine.Batch
	for k := range cutKeys {
		if n%3 == 0 && k%2 == 0 {
			b.Delete(fmt.Appendf(nil, "%s.%d", w.name, k))
			continue
		}
		b.Put(fmt.Appendf(nil, "%s.%d", w.name, k), fmt.Appendf(nil, "%d %0*d", n, r.IntN(200), 0))
	}
	err := e.Apply(&b, engine.Buffered)
	for _, key := range []string{"first", "last"} {
		if err == nil {
			err = e.Put(fmt.Appendf(nil, "%s.%s", w.name, key), fmt.Appendf(nil, "%d", n), engine.Buffered)
		}
	}
	w.cycles.Store(n)
	return err
}

// check compares what a view has of the writer with its history.
func (w *cutWriter) check(got map[string]string, low int64) error {
	var batch, first, last int64
	fmt.Sscan(got[w.name+".1"], &batch) // is never deleted
	fmt.Sscan(got[w.name+".first"], &first)
	fmt.Sscan(got[w.name+".last"], &last)
	if last < low || first < last || batch < first || batch > last+1 {
		return fmt.Errorf("%s: batch %d, first %d, last %d, though %d had returned", w.name, batch, first, last, low)
	}
	for k := range cutKeys {
		value, ok := got[fmt.Sprintf("%s.%d", w.name, k)]
		var n int64
		fmt.Sscan(value, &n)
		if gone := batch == 0 || batch%3 == 0 && k%2 == 0; gone == ok || ok && n != batch {
			return fmt.Errorf("%s: key %d is %.10q, %v, of batch %d", w.name, k, value, ok, batch)
		}
	}
	return nil
}

// look checks a view, by scans and gets.
func look(e *store, writers []*cutWriter, r *rand.Rand) error {
	low := make([]int64, len(writers))
	for i, w := range writers {
		low[i] = w.cycles.Load()
	}
	s, err := e.NewSnapshot()
	if err != nil {
		return err
	}
	defer s.Close()
	var seen map[string]string
	for range 2 {
		got := map[string]string{}
		err := s.(engine.UnorderedScanner).Scan(context.Background(), func(key, value []byte) error {
			if _, twice := got[string(key)]; twice {
				return fmt.Errorf("%s comes twice", key)
			}
			got[string(key)] = string(value)
			return nil
		})
		if err != nil {
			return err
		}
		if seen != nil && !maps.Equal(got, seen) {
			return fmt.Errorf("the second scan differs: %s", difference(got, seen))
		}
		seen = got
	}
	for i, w := range writers {
		if err := w.check(seen, low[i]); err != nil {
			return err
		}
	}
	for range 50 {
		key := fmt.Sprintf("%s.%d", writers[r.IntN(len(writers))].name, r.IntN(cutKeys))
		got, err := s.Get(nil, []byte(key))
		want, ok := seen[key]
		if ok != (err == nil) || ok && string(got) != want {
			return fmt.Errorf("%s is %.10q, %v, and was %.10q, %v", key, got, err, want, ok)
		}
	}
	return nil
}

func TestEachSnapshotIsACutOfWhatManyWrite(t *testing.T) {
	withEachIndex(t, eachSnapshotIsACutOfWhatManyWrite)
}

func eachSnapshotIsACutOfWhatManyWrite(t *testing.T, given map[string]string) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	given["gc_garbage"] = "10"
	given["image_ops"] = "1000"
	e := openIn(t, vfs.NewMem(), given)
	looks, cycles := 15, int64(300) // at least
	if raceEnabled {
		looks, cycles = 6, 60
	}
	writers := []*cutWriter{{name: "a"}, {name: "b"}}
	var done atomic.Bool
	var lookers, others sync.WaitGroup
	for i, w := range writers {
		others.Go(func() {
			for r := rand.New(rand.NewPCG(seed, uint64(i))); !done.Load(); {
				if err := w.write(e, r); err != nil {
					t.Errorf("write: %v", err)
					return
				}
			}
		})
	}
	others.Go(func() { // new keys, so that buckets are split
		for i := 0; !done.Load(); i++ {
			if err := e.Put(fmt.Appendf(nil, "new%d", i%3000), nil, engine.OS); err != nil {
				t.Errorf("put: %v", err)
				return
			}
		}
	})
	others.Go(func() {
		for i := 0; !done.Load(); i++ {
			if err := e.Compact(context.Background(), nil, nil); err != nil {
				t.Errorf("compact: %v", err)
				return
			}
		}
	})
	for i := range 2 {
		lookers.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(10+i)))
			for n := 0; !t.Failed() && (n < looks || writers[i].cycles.Load() < cycles); n++ {
				if err := look(e, writers, r); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	lookers.Wait()
	done.Store(true)
	others.Wait()
	if copied := e.gc.copies.Load(); copied == 0 {
		t.Error("GC has moved nothing")
	}
}
