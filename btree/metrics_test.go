package btree

import (
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// measured opens a tree in memory, with small pages, and without a clock's
// checkpoints.
func measured(t *testing.T, given map[string]string) (engine.Engine, *told) {
	t.Helper()
	events := new(told)
	settings := map[string]string{"page_bytes": "4k", "cache_bytes": "4m", "log_bytes": "1g", "checkpoint_interval": "0"}
	for k, v := range given {
		settings[k] = v
	}
	e, err := Driver().Open("/data/tree", settings, engine.Env{FS: vfs.NewMem(), Events: events})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, events
}

// filled writes so many keys of 12 bytes with values of 100.
func filled(t *testing.T, e engine.Engine, n int) {
	t.Helper()
	value := make([]byte, 100)
	for i := range n {
		if err := e.Put(fmt.Appendf(nil, "key-%08d", i*7919%n), value, engine.Default); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMetricsTellWhatWasAskedForAndWhatItTook(t *testing.T) {
	e, _ := measured(t, nil)
	const n = 10000
	filled(t, e, n)
	for i := range 1000 {
		if _, err := e.Get(nil, fmt.Appendf(nil, "key-%08d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.Get(nil, []byte("no key")); err != engine.ErrNotFound {
		t.Fatal(err)
	}
	if err := e.Delete([]byte("key-00000000"), engine.Default); err != nil {
		t.Fatal(err)
	}
	if err := e.Sync(); err != nil {
		t.Fatal(err)
	}
	var m engine.Metrics
	e.Metrics(&m)
	want := engine.UserMetrics{
		Gets: engine.Known(1001), Puts: engine.Known(n), Deletes: engine.Known(1), Scans: engine.Known(0),
		Batches: engine.Known(0), BytesIn: engine.Known(n*112 + 12), BytesOut: engine.Known(1000 * 100),
	}
	if m.User != want {
		t.Errorf("%+v, want %+v", m.User, want)
	}
	if m.Space.LiveKeys != engine.Known(n-1) {
		t.Errorf("%v live keys", m.Space.LiveKeys)
	}
	if m.Read.RunsProbed != engine.Known(1001) || m.Read.BlocksTouched.Or(0) < 2*1001 {
		t.Errorf("%+v", m.Read)
	}
	if m.Log.BytesIn.Or(0) < n*112 || m.Log.Syncs.Or(0) == 0 {
		t.Errorf("%+v", m.Log)
	}
	if m.Work.Splits.Or(0) < n*112/4096 {
		t.Errorf("%v splits", m.Work.Splits)
	}
	if m.Work.DebtBytes.Or(0) < n*112 || m.Memory.Off.Or(0) < n*112 || m.Cache.Bytes.Or(0) < n*112 {
		t.Errorf("%+v, %+v, %+v", m.Work, m.Memory, m.Cache)
	}
	if m.Health.SyncErrors != engine.Known(0) || m.Health.CorruptionFound != engine.Known(0) {
		t.Errorf("%+v", m.Health)
	}
}

func TestSettlingWritesPagesAndLeavesNoDebt(t *testing.T) {
	e, events := measured(t, nil)
	filled(t, e, 10000)
	if err := e.(engine.Settler).Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	var m engine.Metrics
	e.Metrics(&m)
	if m.Work.DebtBytes != engine.Known(0) {
		t.Errorf("a debt of %v", m.Work.DebtBytes)
	}
	written := m.Work.PageWriteBytes.Or(0)
	if written < 10000*112 || written != 4096*m.Work.PageWrites.Or(0) || m.Work.MetaBytes.Or(0) == 0 {
		t.Errorf("%+v", m.Work)
	}
	if disk := m.Space.DiskBytes.Or(0); disk < written || m.Space.Files.Or(0) < 2 {
		t.Errorf("%+v, %d bytes written", m.Space, written)
	}
	if len(events.of(checkpointEvent)) == 0 {
		t.Errorf("no event of a checkpoint among %v", events.all)
	}
}

func TestPagesThatDoNotFitAreMissedAndEvicted(t *testing.T) {
	e, _ := measured(t, map[string]string{"cache_bytes": "256k"})
	filled(t, e, 10000)
	for i := range 2000 {
		if _, err := e.Get(nil, fmt.Appendf(nil, "key-%08d", i*7919%10000)); err != nil {
			t.Fatal(err)
		}
	}
	var m engine.Metrics
	e.Metrics(&m)
	c := m.Cache
	if c.LeafMisses.Or(0) == 0 || c.Evictions.Or(0) == 0 || m.Read.IOs.Or(0) < c.Misses.Or(0) {
		t.Errorf("%+v, %+v", c, m.Read)
	}
	if c.Hits != c.LeafHits.Plus(c.InnerHits) || c.Misses != c.LeafMisses.Plus(c.InnerMisses) {
		t.Errorf("kinds do not add up: %+v", c)
	}
	if c.InnerHits.Or(0) == 0 {
		t.Errorf("no inner page is kept: %+v", c)
	}
	if c.Bytes.Or(0) > 256<<10+64<<12 {
		t.Errorf("%v bytes of cache", c.Bytes)
	}
}

func TestMetricsOfAClosedTreeAreThoseThatStay(t *testing.T) {
	e, _ := measured(t, nil)
	filled(t, e, 100)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	var m engine.Metrics
	e.Metrics(&m)
	if m.User.Puts != engine.Known(100) || m.Work.PageWrites.Or(0) == 0 {
		t.Errorf("%+v, %+v", m.User, m.Work)
	}
	if _, known := m.Memory.Off.Value(); known {
		t.Errorf("memory that is free is %v bytes", m.Memory.Off)
	}
}

func TestMetricsAllocateNothing(t *testing.T) {
	e, _ := measured(t, nil)
	filled(t, e, 100)
	var m engine.Metrics
	if n := testing.AllocsPerRun(100, func() { e.Metrics(&m) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
