package btree

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A scribe writes keys that nobody else writes, and knows them.
type scribe struct {
	name  string
	model map[string]string
}

func (s *scribe) write(t *tree, rng *rand.Rand) error {
	key := fmt.Sprintf("%s/%05d", s.name, rng.IntN(1500))
	if rng.IntN(3) == 0 {
		delete(s.model, key)
		return t.Delete([]byte(key), engine.Default)
	}
	n := rng.IntN(400)
	if rng.IntN(20) == 0 {
		n += 9000
	}
	value := strings.Repeat(string(rune('a'+rng.IntN(26))), n)
	s.model[key] = value
	return t.Put([]byte(key), []byte(value), engine.Default)
}

// all are what the scribes have written.
func all(scribes []*scribe) map[string]string {
	m := map[string]string{}
	for _, s := range scribes {
		maps.Copy(m, s.model)
	}
	return m
}

func TestNothingIsLostWhileAllGoesOnAtOnce(t *testing.T) {
	for _, more := range []map[string]string{
		{"durability": "os"},
		{"durability": "none", "cache_bytes": "1m"},
		{"io": "mmap", "eviction": "clock"},
		{"mode": "cow", "durability": "none"},
	} {
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			seed := seedOf(t)
			mem := vfs.NewMem()
			given := small(map[string]string{"checkpoint_pace": "0.4", "checkpoint_interval": "20ms"})
			maps.Copy(given, more)
			e, err := Driver().Open("db", given, engine.Env{FS: mem})
			if err != nil {
				t.Fatal(err)
			}
			tr := e.(*tree)
			var writing, others sync.WaitGroup
			var over atomic.Bool
			scribes := make([]*scribe, 3)
			until := time.Now().Add(budget(300 * time.Millisecond))
			for i := range scribes {
				s := &scribe{fmt.Sprint(i), map[string]string{}}
				scribes[i] = s
				rng := rand.New(rand.NewPCG(seed, uint64(i)))
				writing.Go(func() {
					for time.Now().Before(until) {
						if err := s.write(tr, rng); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			others.Go(func() { // long readers
				for !over.Load() {
					s, err := tr.NewSnapshot()
					if err != nil {
						t.Error(err)
						return
					}
					a, b := count(t, s), 0
					for range 3 {
						if b = count(t, s); a != b {
							t.Errorf("a snapshot had %d keys, and then %d", a, b)
						}
					}
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
			})
			others.Go(func() {
				for n := 0; !over.Load(); n++ {
					call := tr.checkpointNow
					if n%4 == 3 {
						call = tr.Settle
					}
					if err := call(context.Background()); err != nil {
						t.Error(err)
						return
					}
				}
			})
			writing.Wait()
			over.Store(true)
			others.Wait()
			tr.endWork()
			w := &workbench{TB: t, tree: tr, mem: mem, given: given, model: all(scribes), fs: &hooked{}}
			w.check(tr.checkpointNow(context.Background()))
			tr.work.ctx = context.Background()
			w.check(tr.cleanEnough(&w.room))
			w.close()
		})
	}
}

func count(t *testing.T, s engine.Snapshot) (n int) {
	scanner := s.(engine.Scanner)
	it, err := scanner.NewIter(engine.IterOptions{})
	if err != nil {
		t.Error(err)
		return 0
	}
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	if err := errors.Join(it.Err(), it.Close()); err != nil {
		t.Error(err)
	}
	return n
}

func TestACheckpointThatIsDueTakesItsTimeUntilSomebodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c tally
		e, err := Driver().Open("db", map[string]string{
			"page_bytes": "4k", "cache_bytes": "16m", "log_bytes": "1g", "durability": "buffered",
			"checkpoint_interval": "100s", "checkpoint_pace": "0.5",
		}, engine.Env{FS: vfs.NewMem(), Events: &c})
		if err != nil {
			t.Fatal(err)
		}
		tr := e.(*tree)
		generation := tr.work.generation
		put := func(n int) {
			for i := range n {
				if err := tr.Put(fmt.Appendf(nil, "%06d", i*7919%100000), make([]byte, 100), engine.Default); err != nil {
					t.Fatal(err)
				}
			}
		}
		durable := func() uint64 {
			tr.work.exclusive.Lock()
			defer tr.work.exclusive.Unlock()
			return tr.work.generation - generation
		}
		underWay := func() bool {
			tr.mu.Lock()
			defer tr.mu.Unlock()
			return tr.ckpt != nil
		}
		put(20000)
		time.Sleep(99 * time.Second)
		if underWay() || c.kinds[checkpointEvent] > 0 {
			t.Fatal("a checkpoint began early")
		}
		time.Sleep(2 * time.Second)
		if !underWay() {
			t.Fatal("no checkpoint began after checkpoint_interval")
		}
		time.Sleep(25 * time.Second)
		half := tr.work.written.Load()
		if !underWay() || half == 0 {
			t.Fatalf("half of the time is over, and %d bytes were written", half)
		}
		time.Sleep(26 * time.Second)
		if underWay() {
			t.Fatal("the checkpoint takes longer than it should")
		}
		if n := durable(); n != 1 {
			t.Fatalf("%d checkpoints", n)
		}
		if full := tr.work.written.Load(); half < full/3 || half > full*2/3 {
			t.Errorf("%d of %d bytes were written in half of the time", half, full)
		}

		put(20000)
		time.Sleep(60 * time.Second)
		if !underWay() {
			t.Fatal("no second checkpoint began")
		}
		before := time.Now()
		if err := tr.checkpointNow(context.Background()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took > 0 {
			t.Errorf("who waits for a checkpoint waited %v", took)
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWithoutChangesNothingIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c tally
		e, err := Driver().Open("db", map[string]string{"checkpoint_interval": "1s"}, engine.Env{FS: vfs.NewMem(), Events: &c})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		if c.kinds[checkpointEvent] != 0 {
			t.Fatalf("%d checkpoints of an empty tree", c.kinds[checkpointEvent])
		}
	})
}

func TestTheCleanerKeepsFramesReadyForReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := Driver().Open("db", map[string]string{
			"page_bytes": "4k", "cache_bytes": "1m", "durability": "none", "clean_share": "0.5",
			"dirty_share": "1", "checkpoint_interval": "0s", "throttle": "off",
		}, engine.Env{FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		tr := e.(*tree)
		for i := range 4000 {
			if err := tr.Put(fmt.Appendf(nil, "%06d", i), make([]byte, 100), engine.Default); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		if c := tr.pool.Counts(); c.Free+c.Clean < tr.frames/2 {
			t.Errorf("%+v, and half of the frames should be free or clean", c)
		}
		tr.endWork()
		if err := errors.Join(tr.checkSpace(), tr.Close()); err != nil {
			t.Fatal(err)
		}
	})
}
