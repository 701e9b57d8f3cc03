package enginetest

import (
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func metricsClauses() []clause {
	return []clause{
		{name: "user counts move by exactly what was done", run: userCountsAreExact},
		{name: "live keys are counted exactly or not at all", run: liveKeysAreExact},
		{name: "Metrics does not allocate", run: metricsDoNotAllocate},
		{name: getAllocs, run: getsDoNotAllocate},
	}
}

const getAllocs = "Get does not allocate when dst has room"

func (e *opened) metrics() *engine.Metrics {
	m := new(engine.Metrics)
	e.Metrics(m)
	return m
}

// moved expects a counter that the engine knows to have moved by n.
func (b *rig) moved(what string, c engine.Count, n uint64) {
	b.Helper()
	if got, known := c.Value(); known && got != n {
		b.Errorf("%s moved by %d, want %d", what, got, n)
	}
}

func userCountsAreExact(b *rig) {
	e := b.open()
	e.put("before", "v")
	was := e.metrics()
	for range 3 {
		e.put("k", "12345") // 3 * 6 bytes
	}
	e.remove("k")      // 1
	e.remove("absent") // 6
	var batch engine.Batch
	batch.Put([]byte("ab"), []byte("cd")) // 4
	batch.Put([]byte("k"), []byte("12"))  // 3
	batch.Delete([]byte("ab"))            // 2
	e.apply(&batch)
	for range 4 {
		e.wants("k", "12") // 2 out
	}
	e.misses("ab")
	if b.caps.Ordered {
		// Gets below must not be confused with what iterators return.
		it := e.iter(engine.IterOptions{})
		it.First()
		it.Close()
	}
	moved := e.metrics().Since(was)
	u := moved.User
	b.moved("puts", u.Puts, 5)
	b.moved("deletes", u.Deletes, 3)
	b.moved("batches", u.Batches, 1)
	b.moved("bytes in", u.BytesIn, 18+1+6+4+3+2)
	b.moved("gets", u.Gets, 5)
	if b.caps.Ordered {
		b.moved("scans", u.Scans, 1)
	} else {
		b.moved("bytes out", u.BytesOut, 8)
	}
}

func liveKeysAreExact(b *rig) {
	e := b.open()
	live := func(n uint64) {
		b.Helper()
		if got, known := e.metrics().Space.LiveKeys.Value(); known && got != n {
			b.Errorf("%d live keys, want %d", got, n)
		}
	}
	live(0)
	e.put("a", "1")
	e.put("b", "1")
	live(2)
	e.put("a", "2")
	live(2)
	e.remove("absent")
	live(2)
	e.remove("a")
	e.remove("a")
	live(1)
	var batch engine.Batch
	batch.Put([]byte("c"), nil)
	batch.Put([]byte("c"), nil)
	batch.Put([]byte("d"), nil)
	batch.Delete([]byte("d"))
	e.apply(&batch)
	live(2)
	if b.caps.Persistent {
		e = e.reopen()
		live(2)
	}
}

// allocs returns the least that f allocated in a few tries: a background
// goroutine of the engine may allocate during any one of them.
func allocs(f func()) float64 {
	least := testing.AllocsPerRun(200, f)
	for range 4 {
		if least > 0 {
			least = min(least, testing.AllocsPerRun(200, f))
		}
	}
	return least
}

func metricsDoNotAllocate(b *rig) {
	e := b.open()
	e.put("k", "v")
	m := new(engine.Metrics)
	if n := allocs(func() { e.Metrics(m) }); n > 0 {
		b.Errorf("%v allocations", n)
	}
}

func getsDoNotAllocate(b *rig) {
	if raceEnabled { // it makes pools forget
		return
	}
	e := b.open()
	for _, k := range awkward() {
		e.put(k, filled(1000))
	}
	dst := make([]byte, 0, 2000)
	present, absent := []byte("key"), []byte("keyabsent")
	e.Get(dst, present)
	if n := allocs(func() { e.Get(dst, present) }); n > 0 {
		b.Errorf("%v allocations on a hit", n)
	}
	if n := allocs(func() { e.Get(dst, absent) }); n > 0 {
		b.Errorf("%v allocations on a miss", n)
	}
}
