package bench

import (
	"testing"

	"github.com/kvbench/kvbench/workloads"
)

// counting counts the calls that reach an engine.
func counting(gets, puts *uint64) *toy {
	e := newToy()
	e.get = func(_, value []byte) ([]byte, error) { *gets++; return value, nil }
	e.put = func(_, _ []byte) error { *puts++; return nil }
	return e
}

func TestAReadModifyWriteCountsOnce(t *testing.T) {
	var gets, puts uint64
	w := spec(t, "F", "recordcount=300", "operationcount=2000", "updatemode=blind")
	p := loadAndRun(t, openToy(t, counting(&gets, &puts), w, func(o *LoopOptions) { o.Threads = 1 }), 2000, Timing{Every: 1})
	rmw := p.Ops[workloads.ReadModifyWrite].N
	if p.N() != 2000 || p.Ops[workloads.Read].N+rmw != 2000 || p.Ops[workloads.Update] != nil {
		t.Errorf("%d operations: %d reads, %d read-modify-writes", p.N(), p.Ops[workloads.Read].N, rmw)
	}
	if gets != 2000 || puts != 300+rmw {
		t.Errorf("%d gets and %d puts for %d operations, %d of them read-modify-writes", gets, puts, p.N(), rmw)
	}
}

func TestEqualSeedsOfOneWorkerGiveEqualCounts(t *testing.T) {
	type counts struct{ n, in, out, rows, gets, puts uint64 }
	const ops = 1000
	run := func(name string) (c counts) {
		w := spec(t, name, "recordcount=100", "operationcount=1000", "maxscanlength=5")
		l := openToy(t, counting(&c.gets, &c.puts), w, func(o *LoopOptions) { o.Threads = 1 })
		p := loadAndRun(t, l, ops, Timing{Every: 16})
		for _, op := range p.Ops {
			c.n += op.N
			c.in += op.BytesIn
			c.out += op.BytesOut
			c.rows += op.Rows
		}
		return c
	}
	for _, name := range []string{"A", "D", "E", "F"} {
		if a, b := run(name), run(name); a != b || a.n != ops {
			t.Errorf("%s: %+v and %+v", name, a, b)
		}
	}
}
