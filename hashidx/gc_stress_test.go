package hashidx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// collecting are settings with which GC runs nearly all the time.
func collecting(more map[string]string) map[string]string {
	given := map[string]string{
		"segment_bytes": "8k", "cache_bytes": "64k", "tail_bytes": "16k", "durability": "buffered",
		"gc_garbage": "1", "gc_duty": "100", "image_ops": "500",
	}
	for name, value := range more {
		given[name] = value
	}
	return given
}

// Each writer has keys of its own, so that it knows what they have; readers
// look at all.
func TestGCBesideReadersWritersBatchesAndScans(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for _, policy := range []string{"cost-benefit", "greedy", "oldest"} {
		t.Run(policy, func(t *testing.T) {
			fsys := vfs.NewMem()
			given := collecting(map[string]string{"gc": policy})
			e := openIn(t, fsys, given)
			s := &gcStress{e: e, t: t}
			s.run(seed)
			var m engine.Metrics
			e.Metrics(&m)
			if m.Work.Merges.Or(0) == 0 {
				t.Error("nothing was dropped")
			}
			t.Logf("%d dropped, %d bytes copied", m.Work.Merges.Or(0), m.Work.GCWriteBytes.Or(0))
			s.check("at the end")
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			s.e = openIn(t, fsys, given)
			s.check("reopened")
		})
	}
}

type gcStress struct {
	t    *testing.T
	e    *store
	want [2][20]string // of each writer's keys; "" is none
	done atomic.Bool
}

func stressKey(w, k int) []byte { return fmt.Appendf(nil, "w%d-key%02d", w, k) }

func (s *gcStress) run(seed uint64) {
	var writers, others sync.WaitGroup
	for w := range s.want {
		writers.Go(func() { s.write(w, rand.New(rand.NewPCG(seed, uint64(w)))) })
	}
	others.Go(func() { s.read(rand.New(rand.NewPCG(seed, 10))) })
	others.Go(s.scan)
	others.Go(func() {
		for !s.done.Load() {
			if err := errors.Join(s.e.Settle(context.Background()), s.e.Compact(context.Background(), nil, nil)); err != nil {
				s.t.Errorf("settle and compact: %v", err)
				return
			}
		}
	})
	writers.Wait()
	s.done.Store(true)
	others.Wait()
}

func (s *gcStress) write(w int, r *rand.Rand) {
	mine := &s.want[w]
	for i := range 1500 {
		k := r.IntN(len(mine))
		key := stressKey(w, k)
		value := string(stamped(string(key), uint64(i), r))
		var err error
		switch r.IntN(8) {
		case 0:
			mine[k] = ""
			err = s.e.Delete(key, engine.Default)
		case 1:
			var b engine.Batch
			for k := range mine {
				if k%3 == i%3 {
					v := string(stamped(string(stressKey(w, k)), uint64(i), r))
					b.Put(stressKey(w, k), []byte(v))
					mine[k] = v
				}
			}
			err = s.e.Apply(&b, engine.Default)
		default:
			mine[k] = value
			err = s.e.Put(key, []byte(value), engine.Default)
		}
		if err != nil {
			s.t.Errorf("write: %v", err)
			return
		}
		got, err := s.e.Get(nil, key)
		if string(got) != mine[k] || (mine[k] == "") != errors.Is(err, engine.ErrNotFound) {
			s.t.Errorf("%s has %.30q, %v, want %.30q", key, got, err, mine[k])
			return
		}
	}
}

func (s *gcStress) read(r *rand.Rand) {
	for !s.done.Load() {
		key := stressKey(r.IntN(len(s.want)), r.IntN(len(s.want[0])))
		value, err := s.e.Get(nil, key)
		if err == nil && !ofKey(string(key), value) || err != nil && !errors.Is(err, engine.ErrNotFound) {
			s.t.Errorf("%s: %.30q, %v", key, value, err)
			return
		}
	}
}

func (s *gcStress) scan() {
	for !s.done.Load() {
		seen := map[string]bool{}
		err := s.e.Scan(context.Background(), func(key, value []byte) error {
			if seen[string(key)] || !ofKey(string(key), value) {
				return fmt.Errorf("scan: %s came twice, or with %.30q", key, value)
			}
			seen[string(key)] = true
			return nil
		})
		if err != nil {
			s.t.Error(err)
			return
		}
	}
}

func (s *gcStress) check(when string) {
	for w := range s.want {
		for k, want := range s.want[w] {
			got, err := s.e.Get(nil, stressKey(w, k))
			if string(got) != want || (want == "") != errors.Is(err, engine.ErrNotFound) {
				s.t.Errorf("%s: %s has %.30q, %v, want %.30q", when, stressKey(w, k), got, err, want)
			}
		}
	}
}
