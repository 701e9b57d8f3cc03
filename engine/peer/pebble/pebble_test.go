package pebble

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/enginetest"
	"github.com/kvbench/kvbench/engine/peer/internal/peertest"
)

func TestPebbleKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.Excuse("Metrics does not allocate", metricsAsterisk))
}

func TestPebbleWithoutALogKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(),
		enginetest.Settings(map[string]string{"durability": "none", "separate_values_bytes": "64"}),
		enginetest.Excuse("Metrics does not allocate", metricsAsterisk))
}

func TestTheVersionIsTheOneInGoMod(t *testing.T) {
	peertest.Version(t, Driver(), "../../../go.mod", "github.com/cockroachdb/pebble/v2")
}

func TestOtherFileSystemsAreRefused(t *testing.T) { peertest.OnlyMachineFiles(t, Driver()) }

func TestCloseEndsTheViewsThatAreLeftOpen(t *testing.T) { peertest.CloseEndsViews(t, Driver()) }

func TestVerifyFindsDamageInTables(t *testing.T) { peertest.VerifyFindsDamage(t, Driver(), ".sst") }

func mustOpen(t *testing.T, given map[string]string) *store {
	t.Helper()
	return peertest.Open(t, Driver(), t.TempDir(), given).(*store)
}

func TestASyncWriteSyncsTheLogAndABufferedOneDoesNot(t *testing.T) {
	e := mustOpen(t, nil)
	for _, c := range []struct {
		d     engine.Durability
		syncs uint64
	}{{engine.Sync, 1}, {engine.Buffered, 0}, {engine.Default, 1}} {
		was := peertest.Syncs(t, e)
		if err := e.Put([]byte("k"), nil, c.d); err != nil {
			t.Fatal(err)
		}
		if got := peertest.Syncs(t, e) - was; got != c.syncs {
			t.Errorf("put at %v: %d syncs, want %d", c.d, got, c.syncs)
		}
	}
	was := peertest.Syncs(t, e)
	if err := e.Sync(); err != nil || peertest.Syncs(t, e) == was {
		t.Errorf("sync: no sync of the log, %v", err)
	}
}

func TestAnEngineWithoutALogHasNoOtherLevel(t *testing.T) {
	e := mustOpen(t, map[string]string{"durability": "none"})
	if !e.opts.DisableWAL || e.Caps().Durabilities != engine.Durabilities(engine.None) {
		t.Errorf("DisableWAL %v, levels %v", e.opts.DisableWAL, e.Caps().Durabilities)
	}
	if err := e.Put([]byte("k"), nil, engine.Sync); !errors.Is(err, engine.ErrUnsupported) {
		t.Error(err)
	}
	if e := mustOpen(t, nil); e.opts.DisableWAL {
		t.Error("the log is off by default")
	}
}

func TestSettingsReachTheLibrary(t *testing.T) {
	e := mustOpen(t, map[string]string{
		"cache_bytes": "8MiB", "memtable_bytes": "1MiB", "memtables": "3", "l0_compaction_threshold": "5",
		"lbase_bytes": "7MiB", "max_concurrent_compactions": "6", "block_bytes": "8KiB",
		"bloom_bits": "0", "compression": "zstd", "separate_values_bytes": "100",
	})
	o := e.opts
	if o.CacheSize != 8<<20 || o.MemTableSize != 1<<20 || o.MemTableStopWritesThreshold != 3 ||
		o.L0CompactionThreshold != 5 || o.LBaseMaxBytes != 7<<20 {
		t.Errorf("%+v", o)
	}
	if _, upper := o.CompactionConcurrencyRange(); upper != 6 {
		t.Errorf("compactions %d", upper)
	}
	if p := o.Experimental.ValueSeparationPolicy(); !p.Enabled || p.MinimumSize != 100 {
		t.Errorf("value separation %+v", p)
	}
	for i, l := range o.Levels {
		if l.BlockSize != 8<<10 || l.FilterPolicy != pebble.NoFilterPolicy || l.Compression().Name != "ZSTD" {
			t.Errorf("level %d: %+v, %s", i, l, l.Compression().Name)
		}
	}
	if o := mustOpen(t, nil).opts; o.Levels[6].FilterPolicy.Name() != "rocksdb.BuiltinBloomFilter" ||
		o.Levels[6].Compression().Name != "NoCompression" || e.db.FormatMajorVersion() != pebble.FormatNewest {
		t.Errorf("defaults: %+v", o.Levels[6])
	}
}

func TestABatchWithAWrongCountNeverReachesTheLibrary(t *testing.T) {
	var good engine.Batch
	good.Put([]byte("a"), []byte("1"))
	good.Put([]byte("b"), []byte("2"))
	for _, count := range []byte{0, 1, 3, 255} {
		encoded := bytes.Clone(good.Bytes())
		encoded[8] = count
		var b engine.Batch
		if err := b.Load(encoded); !errors.Is(err, engine.ErrCorrupt) {
			t.Errorf("count %d: %v", count, err)
		}
	}
	e := mustOpen(t, nil)
	for range 2 { // the batch is copied: it can be applied again
		if err := e.Apply(&good, engine.Buffered); err != nil {
			t.Fatal(err)
		}
	}
	if good.Sequence() != 0 {
		t.Error("the library has stamped the caller's batch")
	}
	peertest.Want(t, e, "b", "2")
}

func TestARangeDeleteInABatchMayBeOpenOrEmpty(t *testing.T) {
	e := mustOpen(t, nil)
	for _, key := range []string{"a", "b", "c", "\xff\xff"} {
		peertest.Put(t, e, key, "v")
	}
	var b engine.Batch
	b.DeleteRange([]byte("c"), []byte("b")) // empty: wrong way round
	b.DeleteRange([]byte("b"), nil)
	b.Put([]byte("c"), []byte("later"))
	if err := e.Apply(&b, engine.Buffered); err != nil {
		t.Fatal(err)
	}
	peertest.Want(t, e, "a", "v")
	peertest.Want(t, e, "c", "later")
	for _, key := range []string{"b", "\xff\xff"} {
		if _, err := e.Get(nil, []byte(key)); err != engine.ErrNotFound {
			t.Errorf("get %q: %v", key, err)
		}
	}
}

func TestAFatalErrorOfTheLibraryEndsWritesAndNotTheProcess(t *testing.T) {
	e := mustOpen(t, nil)
	peertest.Put(t, e, "k", "v")
	e.opts.Logger.Fatalf("MANIFEST sync failed: %w", syscall.EIO)
	err := e.Put([]byte("k"), nil, engine.Default)
	if !errors.Is(err, engine.ErrReadOnly) || !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	peertest.Want(t, e, "k", "v")
}

func TestAPanicInACommitEndsWritesAndCloseDoesNotHang(t *testing.T) {
	e := mustOpen(t, nil)
	peertest.Put(t, e, "k", "v")
	err := e.write("put", func() error { panic(syscall.ENOSPC) })
	if !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	if err := e.Put([]byte("k"), nil, engine.Default); !errors.Is(err, engine.ErrReadOnly) {
		t.Error(err)
	}
	if err := e.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Error("close:", err)
	}
	if _, err := Driver().Open(e.home.Dir, nil, engine.Env{}); !errors.Is(err, engine.ErrLocked) {
		t.Error("open while the library may still write:", err)
	}
	if err := errors.Join(e.closeDB(), e.home.Close()); err != nil { // nothing was really held
		t.Error(err)
	}
}

func TestALoadThatACrashLeftIsGoneAfterOpen(t *testing.T) {
	dir := t.TempDir()
	e := peertest.Open(t, Driver(), dir, nil)
	l, err := e.(engine.BulkLoader).NewBulkLoad()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Add([]byte("k"), []byte("v")); err != nil {
		t.Fatal(err)
	}
	e.Close()
	e = peertest.Open(t, Driver(), dir, nil)
	if _, err := os.Stat(filepath.Join(dir, "load")); !errors.Is(err, os.ErrNotExist) {
		t.Error("the load is still there:", err)
	}
	if _, err := e.Get(nil, []byte("k")); err != engine.ErrNotFound {
		t.Error(err)
	}
}

type sink struct {
	mu    sync.Mutex
	kinds []string
}

func (s *sink) Event(e engine.Event) {
	s.mu.Lock()
	s.kinds = append(s.kinds, e.Kind)
	s.mu.Unlock()
}

func TestFlushesAndCompactionsAreEventsAndCounted(t *testing.T) {
	s := new(sink)
	e, err := Driver().Open(t.TempDir(), map[string]string{"memtable_bytes": "256KiB"}, engine.Env{Events: s})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for i := range 40 {
		key := []byte{byte(i % 7)}
		if err := e.Put(key, bytes.Repeat([]byte{byte(i)}, 32<<10), engine.Buffered); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.(engine.Compactor).Compact(context.Background(), nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.(engine.Settler).Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	var m engine.Metrics
	e.Metrics(&m)
	for name, c := range map[string]engine.Count{
		"flushes": m.Work.Flushes, "flush bytes": m.Work.FlushBytes, "log bytes": m.Log.BytesIn,
		"disk bytes": m.Space.DiskBytes, "compactions": m.Work.Compactions,
	} {
		if c.Or(0) == 0 {
			t.Errorf("%s: %v", name, c)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if all := strings.Join(s.kinds, " "); !strings.Contains(all, "flush") || !strings.Contains(all, "compaction") {
		t.Errorf("events: %s", all)
	}
}
