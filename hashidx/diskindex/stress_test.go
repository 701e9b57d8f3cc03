package diskindex

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/hashidx/index"
)

// A crowd is readers beside writers and merges: steady keys are always there,
// at one of two places; the others come and go.
type crowd struct {
	x      *Index
	steady uint64
	stop   atomic.Bool
}

const moved = 1 << 40

func (c *crowd) read(t *testing.T, seed uint64) {
	for k := seed; !c.stop.Load(); k++ {
		key := scramble(k) % c.steady
		g := c.x.domain.Pin()
		cur := c.x.Find(scramble(key))
		found := false
		for {
			p, ok, err := cur.Next()
			if err != nil {
				t.Error(err)
			}
			if !ok {
				break
			}
			found = found || p&^moved == key+1
		}
		g.Unpin()
		if !found {
			t.Errorf("steady key %d was not found", key)
			return
		}
	}
}

// write moves steady keys that only it moves, and inserts and deletes others.
func (c *crowd) write(t *testing.T, writer uint64) {
	next := c.steady + writer<<32
	for i := uint64(0); !c.stop.Load(); i++ {
		key := scramble(i)%(c.steady/2)*2 + writer
		l := c.x.Lock(scramble(key))
		places, err := drain(l.Find())
		if err != nil || len(places) != 1 || places[0]&^moved != key+1 {
			t.Errorf("steady key %d is at %x: %v", key, places, err)
			l.Unlock()
			return
		}
		if ok, err := l.Replace(places[0], places[0]^moved); !ok || err != nil {
			t.Errorf("steady key %d was not moved: %v", key, err)
		}
		l.Unlock()
		if err := c.x.Insert(scramble(next+i), i+moved<<1); err != nil {
			t.Error(err)
		}
		if i < 1000 {
			continue
		}
		if ok, err := c.x.Delete(scramble(next+i-1000), i-1000+moved<<1); !ok || err != nil {
			t.Errorf("own key %d is lost: %v", i-1000, err)
		}
	}
}

// walk checks that each steady key is seen once: writers move it in the walk
// only if the walk passed it or will.
func (c *crowd) walk(t *testing.T) {
	seen := make([]uint8, c.steady)
	for !c.stop.Load() {
		clear(seen)
		err := c.x.Walk(func(e index.Entry) bool {
			if key := e.Place&^moved - 1; key < c.steady {
				seen[key]++
			}
			return true
		})
		if err != nil {
			t.Error(err)
		}
		for key, n := range seen {
			if n != 1 {
				t.Errorf("steady key %d was walked %d times", key, n)
				return
			}
		}
	}
}

func (c *crowd) merge(t *testing.T, merges int) {
	for i := range merges {
		info, err := c.x.Merge(ctx, fmt.Sprint(i), Header{})
		if err == nil && i > 0 {
			err = c.x.Discard(info.Previous)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

func TestAKeyThatStaysIsFoundWhileOthersMerge(t *testing.T) {
	merges := 60
	if offheap.OnHeap || testing.Short() {
		merges = 15
	}
	for _, steady := range []uint64{60, 20_000} {
		m := newDir(t)
		o := options(m)
		o.CacheBytes = 256 << 10 // some pages, not all
		c := &crowd{x: newIndex(t, o), steady: steady}
		for key := range steady {
			load(t, c.x, []index.Entry{{Hash: scramble(key), Place: key + 1}})
		}
		var others sync.WaitGroup
		for i := range uint64(2) {
			others.Go(func() { c.read(t, i<<32) })
			others.Go(func() { c.write(t, i) })
		}
		others.Go(func() { c.walk(t) })
		c.merge(t, merges)
		c.stop.Store(true)
		others.Wait()
		merge(t, c.x, "last")
		if got, want := entries(t, reopen(t, options(m), "last")), entries(t, c.x); !slices.Equal(got, want) {
			t.Errorf("%d entries in the file, %d in the index", len(got), len(want))
		}
		if found := problems(t, m, "last"); len(found) > 0 {
			t.Error(found)
		}
		t.Logf("%+v", c.x.Stats())
	}
}
