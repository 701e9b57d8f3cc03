package index

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
)

// A crowd is readers beside writers: steady keys are always there, at one of
// two places; the others come and go and make the index grow.
type crowd struct {
	x      *Index
	d      *epoch.Domain
	steady uint64
	hash   func(uint64) uint64
	stop   atomic.Bool
	lost   atomic.Uint64 // 1 + a steady key that was not found
	wrong  atomic.Uint64 // 1 + one that was found where it never was
}

func (c *crowd) read(seed uint64) {
	for k := seed; !c.stop.Load(); k++ {
		key := scramble(k) % c.steady
		g := c.d.Pin()
		found := false
		cur := c.x.Find(c.hash(key))
		for p, ok := cur.Next(); ok; p, ok = cur.Next() {
			found = found || p&^(1<<40) == key+1
			if p > 1<<41 || p == 0 {
				c.wrong.Store(key + 1)
			}
		}
		g.Unpin()
		if !found {
			c.lost.Store(key + 1)
			return
		}
	}
}

// churn inserts a writer's own keys, moves steady ones, and deletes what it
// inserted.
func (c *crowd) churn(t *testing.T, writer, keys, rounds uint64) {
	own := func(i uint64) (hash, place uint64) {
		n := c.steady + writer*keys + i
		return c.hash(n), n + 1
	}
	for round := range rounds {
		for i := range keys {
			h, p := own(i)
			if err := c.x.Insert(h, p); err != nil {
				t.Error(err)
				return
			}
			key := (i*2 + writer) % c.steady / 2 * 2
			key += writer % 2
			if key >= c.steady {
				continue
			}
			l := c.x.Lock(c.hash(key))
			if !l.Replace(key+1, key+1|1<<40) && !l.Replace(key+1|1<<40, key+1) {
				t.Errorf("steady key %d is at neither place", key)
			}
			l.Unlock()
		}
		for i := range keys {
			if round+1 == rounds && i%2 == 0 {
				continue
			}
			if h, p := own(i); !c.x.Delete(h, p) {
				t.Errorf("own key %d is lost", i)
				return
			}
		}
	}
}

// walk checks that each steady key is seen once.
func (c *crowd) walk(t *testing.T) {
	seen := make([]uint8, c.steady)
	for !c.stop.Load() {
		clear(seen)
		c.x.Walk(func(e Entry) bool {
			if key := e.Place&^(1<<40) - 1; key < c.steady {
				seen[key]++
				if codeOf(e.Hash) != codeOf(c.hash(key)) {
					t.Errorf("steady key %d was walked with hash %#x", key, e.Hash)
				}
			}
			return true
		})
		for key, n := range seen {
			if n != 1 {
				t.Errorf("Walk saw steady key %d %d times", key, n)
				return
			}
		}
	}
}

func (c *crowd) run(t *testing.T, keys, rounds uint64) {
	for key := range c.steady {
		insert(t, c.x, c.hash(key), key+1)
	}
	var readers, writers sync.WaitGroup
	for i := range uint64(3) {
		readers.Go(func() { c.read(i << 32) })
	}
	readers.Go(func() { c.walk(t) })
	for w := range uint64(2) {
		writers.Go(func() { c.churn(t, w, keys, rounds) })
	}
	writers.Wait()
	c.stop.Store(true)
	readers.Wait()
	if key := c.lost.Load(); key != 0 {
		t.Errorf("steady key %d was not found", key-1)
	}
	if key := c.wrong.Load(); key != 0 {
		t.Errorf("a lookup of steady key %d found a torn place", key-1)
	}
	checkDense(t, c.x)
	t.Logf("%+v", c.x.Stats())
}

func TestAKeyThatStaysIsFoundWhileTheIndexGrows(t *testing.T) {
	keys := uint64(200_000)
	if offheap.OnHeap || testing.Short() {
		keys = 30_000
	}
	d := epoch.NewDomain()
	c := &crowd{x: newIndex(t, Options{Domain: d}), d: d, steady: 2000, hash: scramble}
	c.run(t, keys, 3)
}

// Hashes in a few buckets make long chains whose entries move all the time.
func TestAKeyThatStaysIsFoundWhileItsChainChanges(t *testing.T) {
	d := epoch.NewDomain()
	few := func(n uint64) uint64 { return scramble(n) &^ (1<<20 - 1 - 3<<16) }
	c := &crowd{x: newIndex(t, Options{Domain: d}), d: d, steady: 40, hash: few}
	c.run(t, 60, 400)
}
