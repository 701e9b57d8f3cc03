package cache

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
)

// pure drives a policy by itself, over a slab without a cache.
type pure struct {
	slab   *slab
	policy policy
	form   form
	at     map[uint64]uint32
	bytes  int64
}

func newPure(t testing.TB, name string) *pure {
	f, err := formOf(name)
	if err != nil {
		t.Fatal(err)
	}
	s := newPureSlab()
	p := &pure{slab: s, policy: newPolicy(name, s), form: f, at: map[uint64]uint32{}}
	t.Cleanup(func() {
		p.policy.release()
		s.release()
		offheap.CheckLeaks(t, s.mem.Allocator)
	})
	return p
}

func (p *pure) access(r reference, limit int64) bool {
	if id, ok := p.at[r.key]; ok {
		e := p.slab.at(id)
		e.freq.Store(min(e.freq.Load()+1, p.form.cap))
		if p.form.touched {
			p.policy.touch(id)
		}
		return true
	}
	n := chargeOf(r.size)
	if n > limit {
		return false
	}
	for p.bytes+n > limit {
		id := p.policy.victim()
		e := p.slab.at(id)
		delete(p.at, e.key.File)
		p.bytes -= e.charge()
		p.slab.put(id)
	}
	id := p.slab.take()
	e := p.slab.at(id)
	e.key, e.size = simulatedKey(r), uint32(r.size)
	e.freq.Store(0)
	p.policy.admit(id, e.key.hash())
	p.at[r.key] = id
	p.bytes += n
	return false
}

func simulatedKey(r reference) Key { return Key{File: r.key} }

// real drives a Cache. Its limit is its own.
type real struct {
	t     testing.TB
	c     *Cache
	d     *epoch.Domain
	fails int
}

func (c *real) access(r reference, _ int64) bool {
	k := simulatedKey(r)
	g := c.d.Pin()
	_, ok := c.c.Get(k)
	g.Unpin()
	if ok {
		return true
	}
	h, err := c.c.Insert(k, r.size, Normal, func([]byte) error { return nil })
	if err != nil {
		c.fails++
	}
	h.Release()
	return false
}

func newReal(t testing.TB, o Options) *real {
	c := newCache(t, o)
	return &real{t: t, c: c, d: c.Domain()}
}

// room is what a cache of one shard has for blocks.
func (c *real) room() int64 {
	s := &c.c.shards[0]
	return s.limit - s.fixed() - s.reserve
}

func TestEachPolicyHitsWhereItsTextbookHits(t *testing.T) {
	all := append(traces(), trace{"sizes", sizedTrace(6)})
	if offheap.OnHeap { // each block that goes is overwritten: slow
		for i := range all {
			all[i].refs = all[i].refs[:len(all[i].refs)/10]
		}
	}
	eachPolicy(t, func(t *testing.T, policy string) {
		for _, tr := range all {
			// The real cache decides how much room there is: its tables
			// take some, too.
			c := newReal(t, Options{Bytes: 4 << 20, Shards: 1, Policy: policy, BlockBytes: traceBlock})
			p, book := newPure(t, policy), textbook(policy)
			hits, bookHits := 0, 0
			for i, r := range tr.refs {
				limit := c.room()
				if table := c.c.shards[0].table.Load(); table != nil {
					p.policy.expect(table.most()) // as much as the cache's
				}
				got, want, read := c.access(r, 0), p.access(r, limit), book.access(r, limit)
				if got != want {
					t.Fatalf("%s, reference %d of block %d: the cache hits: %v, the policy alone: %v",
						tr.name, i, r.key, got, want)
				}
				// S3-FIFO's ghost is not quite a list.
				if got != read && policy != S3FIFO {
					t.Fatalf("%s, reference %d of block %d: the cache hits: %v, the textbook: %v",
						tr.name, i, r.key, got, read)
				}
				hits += count(got)
				bookHits += count(read)
			}
			n := float64(len(tr.refs))
			if d := math.Abs(float64(hits-bookHits)) / n; d > 0.005 {
				t.Errorf("%s: hit ratio %.4f, the textbook's %.4f", tr.name, float64(hits)/n, float64(bookHits)/n)
			}
		}
	})
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// hitRatio replays a trace through a cache as it would be used.
func hitRatio(t testing.TB, refs []reference, o Options) float64 {
	c := newReal(t, o)
	hits := 0
	for _, r := range refs {
		hits += count(c.access(r, 0))
	}
	if used := c.c.budget.Report()[0].Peak; used > o.Bytes {
		t.Errorf("%d of %d bytes used", used, o.Bytes)
	}
	return float64(hits) / float64(len(refs))
}

func TestPoliciesKeepTheirOrderOnTraces(t *testing.T) {
	if offheap.OnHeap {
		t.Skip("one goroutine, long traces: nothing for a build that looks for misuse")
	}
	const bytes = 4 << 20
	var table strings.Builder
	fmt.Fprintf(&table, "hit ratios, %d MiB of %d B blocks\n%-12s", bytes>>20, traceBlock, "trace")
	for _, p := range Policies() {
		fmt.Fprintf(&table, "%9s", p)
	}
	fmt.Fprintf(&table, "%9s%9s%9s\n", "s3fifo/4", "textLRU", "optimum")
	ratios := map[string]map[string]float64{}
	for _, tr := range traces() {
		best := float64(optimum(tr.refs, bytes/traceBlock)) / float64(len(tr.refs))
		r := map[string]float64{}
		ratios[tr.name] = r
		fmt.Fprintf(&table, "%-12s", tr.name)
		for _, p := range Policies() {
			r[p] = hitRatio(t, tr.refs, Options{Bytes: bytes, Shards: 1, Policy: p})
			fmt.Fprintf(&table, "%9.4f", r[p])
			if r[p] > best {
				t.Errorf("%s, %s: hit ratio %.4f is above the optimum, %.4f", tr.name, p, r[p], best)
			}
		}
		sharded := hitRatio(t, tr.refs, Options{Bytes: bytes, Shards: 4})
		book, hits := textbook(LRU), 0
		for _, ref := range tr.refs {
			hits += count(book.access(ref, bytes))
		}
		fmt.Fprintf(&table, "%9.4f%9.4f%9.4f\n", sharded, float64(hits)/float64(len(tr.refs)), best)
		if tr.name != "loop" && math.Abs(sharded-r[S3FIFO]) > 0.03 {
			t.Errorf("%s: hit ratio %.4f with 4 shards, %.4f with one", tr.name, sharded, r[S3FIFO])
		}
	}
	t.Log(table.String())
	for _, want := range []struct {
		trace, better, worse string
		by                   float64
	}{
		{"scan-mixed", S3FIFO, LRU, 0.03},
		{"scan-mixed", S3FIFO, Clock, 0.02},
		{"zipf0.80", S3FIFO, LRU, 0.02},
		{"zipf0.99", S3FIFO, LRU, 0.02},
		{"zipf1.10", S3FIFO, LRU, 0.01},
		{"zipf0.99", Clock, LRU, 0},
		{"shifting", S3FIFO, LRU, 0},
		{"loop", S3FIFO, LRU, 0.1},
	} {
		r := ratios[want.trace]
		if r[want.better] < r[want.worse]+want.by {
			t.Errorf("%s: %s has %.4f, %s %.4f: less than %.2f better",
				want.trace, want.better, r[want.better], want.worse, r[want.worse], want.by)
		}
	}
}
