package lsm

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func metricsOf(e *tree) (m engine.Metrics) {
	e.Metrics(&m)
	return m
}

func TestMetricsCountWhatTheFileSystemSaw(t *testing.T) {
	for _, given := range []map[string]string{
		{"separate_bytes": "0"},
		{"separate_bytes": "200", "blob_garbage": "10"},
		{"durability": "none", "compression": "zstd"},
	} {
		outer := vfs.NewCounting(vfs.NewMem())
		s := smallest()
		for name, value := range given {
			s[name] = value
		}
		e := openIn(t, outer, s)
		opened := outer.Counts(vfs.Meta).Minus(e.counting.Counts(vfs.Meta)).WriteBytes // the marker
		for round := range 4 {
			overwrite(t, e, 2, 700)
			for i := range 200 {
				if err := e.Delete(fmt.Appendf(nil, "key0-%04d", i+round), engine.Default); err != nil {
					t.Fatal(err)
				}
			}
			if err := e.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if e.log != nil {
			if err := e.log.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		m := metricsOf(e)
		for _, c := range []struct {
			what  string
			got   engine.Count
			class vfs.Class
		}{
			{"flush", m.Work.FlushBytes, vfs.Flush},
			{"compaction", m.Work.CompactWriteBytes, vfs.Compaction},
			{"garbage collection", m.Work.GCWriteBytes, vfs.GC},
		} {
			if want := outer.Counts(c.class).WriteBytes; c.got != engine.Known(want) {
				t.Errorf("%v: %s wrote %v, want %d", given, c.what, c.got, want)
			}
		}
		if got, want := m.Work.MetaBytes.Or(0)+opened, outer.Counts(vfs.Meta).WriteBytes; got != want {
			t.Errorf("%v: meta %d, want %d", given, got, want)
		}
		// Heads of segments are in neither of the log's own counts.
		if got, want := m.Log.BytesWritten.Or(0), outer.Counts(vfs.Log).WriteBytes; got > want || got < want*9/10 {
			t.Errorf("%v: log %d, want %d", given, got, want)
		}
		if n := outer.Counts(vfs.Other).WriteBytes; n > 0 {
			t.Errorf("%v: %d bytes of no class", given, n)
		}
		if got, want := m.Work.CompactReadBytes, outer.Counts(vfs.Compaction).ReadBytes; got != engine.Known(want) || want == 0 {
			t.Errorf("%v: compactions read %v, want %d", given, got, want)
		}
		if in := m.User.BytesIn.Or(0); in != 4*(2*700*(9+1000)+200*9) {
			t.Errorf("%v: %d bytes in", given, in)
		}
	}
}

// What is put once, flushed once and never merged is written twice: to the
// log and to a table.
func TestTheWriteAmplificationOfOneFlushIsTwo(t *testing.T) {
	e := openIn(t, vfs.NewMem(), map[string]string{"memtable_bytes": "16m", "base_bytes": "64m", "filter": "none"})
	value := make([]byte, 1000)
	const n = 5000
	for i := range n {
		if err := e.Put(fmt.Appendf(nil, "key%07d", i), value, engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := metricsOf(e)
	user := float64(m.User.BytesIn.Or(0))
	if user != n*1010 {
		t.Fatalf("%v bytes in", user)
	}
	for what, c := range map[string]engine.Count{"log": m.Log.BytesWritten, "flush": m.Work.FlushBytes} {
		if share := float64(c.Or(0)) / user; share < 0.99 || share > 1.1 {
			t.Errorf("%s: %.3f of what came in", what, share)
		}
	}
	if m.Work.CompactWriteBytes != engine.Known(0) || m.Work.Compactions != engine.Known(0) || m.Work.Flushes != engine.Known(1) {
		t.Errorf("%+v", m.Work)
	}
	if m.Work.DebtBytes != engine.Known(0) || m.Work.Running != engine.Known(0) {
		t.Errorf("settled: %+v", m.Work)
	}
	if disk := m.Space.DiskBytes.Or(0); disk < n*1010 {
		t.Errorf("%d bytes on disk", disk)
	}
	if m.Space.PinnedBytes != engine.Known(0) {
		t.Errorf("pinned %v", m.Space.PinnedBytes)
	}
}

func TestReadsAreCounted(t *testing.T) {
	e := openIn(t, vfs.NewMem(), smallest())
	for i := range 300 {
		if err := e.Put(fmt.Appendf(nil, "key%04d", 2*i), make([]byte, 100), engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := metricsOf(e)
	for i := range 599 {
		if _, err := e.Get(nil, fmt.Appendf(nil, "key%04d", i)); (err != nil) != (i%2 == 1) || err != nil && !errors.Is(err, engine.ErrNotFound) {
			t.Fatal(i, err)
		}
	}
	after := metricsOf(e)
	m := after.Since(&before)
	r := m.Read
	if m.User.Gets != engine.Known(599) || m.User.BytesOut != engine.Known(300*100) {
		t.Errorf("%+v", m.User)
	}
	if r.FilterChecks != r.RunsProbed || r.RunsProbed.Or(0) < 300 || r.RunsProbed.Or(0) > 599 {
		t.Errorf("%+v", r)
	}
	// One run: each probe is a hit, or the filter's no, or its false yes.
	if r.FilterNegatives.Or(0)+r.FilterFalsePositives.Or(0)+300 != r.RunsProbed.Or(0) {
		t.Errorf("%+v", r)
	}
	if m.Cache.Hits.Or(0) == 0 || m.Memory.Filter.Or(0) == 0 || m.Memory.Index.Or(0) == 0 {
		t.Errorf("%+v %+v", m.Cache, m.Memory)
	}
	if m.Memory.Off.Or(0) < m.Memory.Memtable.Or(0)+m.Memory.Index.Or(0)+m.Memory.Filter.Or(0)+m.Cache.Bytes.Or(0) {
		t.Errorf("%+v", m.Memory)
	}
	e.Close()
	if m = metricsOf(e); m.User.Gets.Or(0) != 599 {
		t.Errorf("closed: %+v", m.User)
	}
}

func TestTablesThatAnIteratorHoldsArePinned(t *testing.T) {
	e := openIn(t, vfs.NewMem(), smallest())
	overwrite(t, e, 1, 500)
	if err := e.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	it, err := e.NewIter(engine.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, e, 1, 500)
	if err := e.Compact(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	m := metricsOf(e)
	if m.Space.PinnedBytes.Or(0) < 500*1000 {
		t.Errorf("pinned %v of\n%v", m.Space.PinnedBytes, e.view.Load().levels.version)
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	after := m
	for began := time.Now(); time.Since(began) < 10*time.Second; runtime.Gosched() { // nobody waits for who still looks at a view
		if err := e.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		if after = metricsOf(e); after.Space.PinnedBytes == engine.Known(0) {
			break
		}
	}
	if after.Space.PinnedBytes != engine.Known(0) {
		t.Errorf("pinned %v", after.Space.PinnedBytes)
	}
	if after.Space.DiskBytes.Or(0) >= m.Space.DiskBytes.Or(0) || after.Space.Files.Or(0) >= m.Space.Files.Or(0) {
		t.Errorf("%+v, then %+v", m.Space, after.Space)
	}
}

func TestASyncThatFailedIsCounted(t *testing.T) {
	fsys := vfs.NewFault(vfs.NewMem())
	e := openIn(t, fsys, nil)
	fsys.Set(vfs.Rule{Kind: vfs.KindSync, Err: errors.New("no")})
	if err := e.Put([]byte("k"), nil, engine.Sync); err == nil {
		t.Fatal("no error")
	}
	m := metricsOf(e)
	if m.Health.SyncErrors != engine.Known(1) {
		t.Errorf("%v sync errors", m.Health.SyncErrors)
	}
}

func TestRecoveryIsCounted(t *testing.T) {
	fsys := vfs.NewMem()
	e := openIn(t, fsys, nil)
	if err := e.Put([]byte("k"), make([]byte, 10_000), engine.Default); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openIn(t, fsys, nil)
	if m := metricsOf(e); m.Health.RecoveryBytes.Or(0) < 10_000 || m.Health.RecoveryTime.Or(0) == 0 {
		t.Errorf("%+v", m.Health)
	}
}
