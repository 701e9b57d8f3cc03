package pool

import (
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
)

// newPool returns a pool of the test's own, whose memory must be given back at
// the end, as its budget says.
func newPool(t testing.TB, o Options) *Pool {
	t.Helper()
	if o.PageBytes == 0 {
		o.PageBytes = 512
	}
	if o.Domain == nil {
		o.Domain = epoch.NewDomain()
	}
	if o.Memory.Budget == nil {
		o.Memory.Budget = offheap.NewBudget(0)
	}
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		o.Domain.Close()
		checkPool(t, p)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if n := o.Memory.Budget.Used(); n != 0 {
			t.Errorf("%d bytes of page memory were not given back", n)
		}
	})
	return p
}

// failer is the part of testing.TB and rapid.T that checks need.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkPool verifies what holds whenever nobody is in a call.
func checkPool(t failer, p *Pool) {
	t.Helper()
	p.ordering.Lock()
	defer p.ordering.Unlock()
	p.freeing.Lock()
	defer p.freeing.Unlock()
	var byState [states]int64
	for i := range p.frames {
		byState[p.frames[i].State()]++
	}
	for s, n := range byState {
		if got := p.count[s].Load(); got != n {
			t.Fatalf("%d frames are counted as %v, %d are", got, State(s), n)
		}
	}
	c := p.Counts()
	if sum := c.Free + c.Private + c.Clean + c.Dirty + c.Frozen + c.Limbo; sum != c.Frames || sum != len(p.frames) {
		t.Fatalf("counts do not add up: %+v", c)
	}
	if got := len(p.frames) - c.Free; got != p.used {
		t.Fatalf("%d frames are used, the free list counts %d", got, p.used)
	}
	checkFree(t, p)
	checkOrder(t, p)
}

// checkFree verifies the free list. The caller holds freeing.
func checkFree(t failer, p *Pool) {
	t.Helper()
	free := map[uint32]bool{}
	for _, f := range p.free {
		free[f] = true
	}
	for f := range p.frames {
		listed := free[uint32(f)] || f >= p.fresh
		d := &p.frames[f]
		if listed != (d.State() == Free) {
			t.Fatalf("frame %d is %v; in the free list: %v", f, d.State(), listed)
		}
		gone := d.State() == Leaving || d.State() == Limbo
		if odd := d.version.Load()&1 != 0; odd != gone {
			t.Fatalf("frame %d is %v with version %d", f, d.State(), d.version.Load())
		}
		if listed && (d.Page.Load() != 0 || d.Stamp.Load() != 0 || d.Home.Load() != 0 || d.Gen.Load() != 0 || d.ref.Load() != 0) {
			t.Fatalf("frame %d is free and still describes a page", f)
		}
		if d.ref.Load() > p.most {
			t.Fatalf("frame %d has %d hits of at most %d", f, d.ref.Load(), p.most)
		}
	}
	if len(free) != len(p.free) || p.fresh > p.mapped {
		t.Fatalf("the free list has duplicates, or frames without memory")
	}
}

// checkOrder verifies the queues. The caller holds ordering.
func checkOrder(t failer, p *Pool) {
	t.Helper()
	queued := map[uint32]queueID{}
	for id := probation; int(id) < queues; id++ {
		n, before := 0, uint32(none)
		for f := p.order.queues[id].tail; f != none; f = p.order.nodes[f].newer {
			d := p.order.nodes[f]
			if d.queue != id || d.older != before || queued[f] != nowhere {
				t.Fatalf("frame %d is in queue %d as %+v", f, id, d)
			}
			if s := p.frames[f].State(); s != Dirty && (s != Clean || id == held) {
				t.Fatalf("frame %d is in queue %d and %v", f, id, s)
			}
			queued[f], before = id, f
			n++
		}
		if q := p.order.queues[id]; q.n != n || q.head != before {
			t.Fatalf("queue %d counts %d frames and has %d", id, q.n, n)
		}
	}
	if c := p.Counts(); len(queued) != c.Clean+c.Dirty {
		t.Fatalf("%d frames are in queues: %+v", len(queued), c)
	}
}

// eachPolicy runs a test once per policy.
func eachPolicy(t *testing.T, test func(t *testing.T, policy string)) {
	for _, policy := range Policies() {
		t.Run("policy="+policy, func(t *testing.T) { test(t, policy) })
	}
}
