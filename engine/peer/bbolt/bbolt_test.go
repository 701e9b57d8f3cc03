package bbolt

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/enginetest"
	"github.com/kvbench/kvbench/engine/peer/internal/peertest"
)

func TestBboltKeepsTheContract(t *testing.T) {
	for name, given := range map[string]map[string]string{
		"sync": nil,
		"os":   {"durability": "os", "freelist": "array", "freelist_sync": "true", "statistics": "true"},
	} {
		t.Run(name, func(t *testing.T) {
			enginetest.Run(t, Driver(), enginetest.Settings(given), enginetest.AllowGetAllocs(getAsterisk),
				enginetest.Excuse("Metrics does not allocate", metricsAsterisk))
		})
	}
}

func TestTheVersionIsTheOneInGoMod(t *testing.T) {
	peertest.Version(t, Driver(), "../../../go.mod", "go.etcd.io/bbolt")
}

func TestOtherFileSystemsAreRefused(t *testing.T) { peertest.OnlyMachineFiles(t, Driver()) }

func TestCloseEndsTheViewsThatAreLeftOpen(t *testing.T) { peertest.CloseEndsViews(t, Driver()) }

func mustOpen(t *testing.T, given map[string]string) *store {
	t.Helper()
	return peertest.Open(t, Driver(), t.TempDir(), given).(*store)
}

func TestAnEngineHasTheOneLevelOfItsSetting(t *testing.T) {
	for _, level := range []engine.Durability{engine.OS, engine.Sync} {
		e := mustOpen(t, map[string]string{"durability": level.String()})
		if e.db.NoSync != (level == engine.OS) || e.Caps().PowerLossPrefix != (level == engine.Sync) {
			t.Errorf("%v: NoSync %v, PowerLossPrefix %v", level, e.db.NoSync, e.Caps().PowerLossPrefix)
		}
		for d := engine.Default; d <= engine.Sync; d++ {
			err := e.Put([]byte{1, byte(d)}, nil, d)
			if allowed := d == engine.Default || d == level; allowed != (err == nil) ||
				!allowed && !errors.Is(err, engine.ErrUnsupported) {
				t.Errorf("%v: put at %v: %v", level, d, err)
			}
		}
		if err := e.Sync(); err != nil {
			t.Errorf("%v: sync: %v", level, err)
		}
	}
}

func TestSettingsReachTheLibrary(t *testing.T) {
	e := mustOpen(t, map[string]string{
		"freelist": "array", "freelist_sync": "true", "write_mode": "batch",
		"max_batch_size": "7", "max_batch_delay": "3ms", "page_bytes": "8KiB",
	})
	db := e.db
	if db.FreelistType != bbolt.FreelistArrayType || db.NoFreelistSync || db.MaxBatchSize != 7 ||
		db.MaxBatchDelay.Milliseconds() != 3 || db.Info().PageSize != 8<<10 {
		t.Errorf("%+v", db)
	}
	if db := mustOpen(t, nil).db; db.FreelistType != bbolt.FreelistMapType || !db.NoFreelistSync {
		t.Errorf("defaults: %+v", db)
	}
	_, err := Driver().Open(t.TempDir(), map[string]string{"page_bytes": "5000"}, engine.Env{})
	if !errors.Is(err, engine.ErrInvalid) {
		t.Error("a page size that is no power of two:", err)
	}
}

func TestConcurrentCallsShareATransactionInBatchMode(t *testing.T) {
	e := mustOpen(t, map[string]string{"write_mode": "batch", "max_batch_size": "8", "max_batch_delay": "10s", "statistics": "true"})
	was := e.txid(t)
	var writers sync.WaitGroup
	for i := range 8 { // as many as fill a batch, which then does not wait
		writers.Go(func() { peertest.Put(t, e, fmt.Sprint(i), "v") })
	}
	writers.Wait()
	if got := e.txid(t) - was; got != 1 {
		t.Errorf("%d transactions, want one", got)
	}
	for i := range 8 {
		peertest.Want(t, e, fmt.Sprint(i), "v")
	}
}

// txid returns the number of the last commit.
func (e *store) txid(t *testing.T) (id int) {
	t.Helper()
	err := e.db.View(func(tx *bbolt.Tx) error {
		id = tx.ID()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestThePageSizeBelongsToTheDirectory(t *testing.T) {
	dir := t.TempDir()
	peertest.Open(t, Driver(), dir, map[string]string{"page_bytes": "8KiB"}).Close()
	if _, err := Driver().Open(dir, nil, engine.Env{}); !errors.Is(err, engine.ErrInvalid) {
		t.Error(err)
	}
	if found := peertest.Problems(t, Driver(), dir); len(found) > 0 {
		t.Errorf("verify: %+v", found)
	}
}

func TestAFailedCommitMakesTheEngineReadOnly(t *testing.T) {
	e := mustOpen(t, nil)
	peertest.Put(t, e, "k", "v")
	full := errors.New("disk full")
	if err := e.update("put", engine.Default, func(*bbolt.Bucket) error { return full }); !errors.Is(err, full) {
		t.Error(err)
	}
	if err := e.Put([]byte("k"), nil, engine.Default); !errors.Is(err, engine.ErrReadOnly) || !errors.Is(err, full) {
		t.Error(err)
	}
	peertest.Want(t, e, "k", "v")
}

func TestAPanicInACommitEndsWritesAndCloseDoesNotHang(t *testing.T) {
	e := mustOpen(t, nil)
	err := e.update("put", engine.Default, func(*bbolt.Bucket) error { panic("page 7 makes no sense") })
	if !errors.Is(err, engine.ErrCorrupt) {
		t.Error(err)
	}
	if err := e.Put([]byte("k"), nil, engine.Default); !errors.Is(err, engine.ErrReadOnly) {
		t.Error(err)
	}
	if err := e.Close(); !errors.Is(err, engine.ErrCorrupt) {
		t.Error("close:", err)
	}
	if err := errors.Join(e.db.Close(), e.home.Close()); err != nil { // nothing was really held
		t.Error(err)
	}
}

func TestVerifyFindsPagesThatMakeNoSense(t *testing.T) {
	dir := peertest.Filled(t, Driver())
	if found := peertest.Problems(t, Driver(), dir); len(found) > 0 {
		t.Fatalf("a sound directory has problems: %+v", found)
	}
	f, err := os.OpenFile(dir+"/db/"+dataFile, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const page = 4 << 10
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(2 * page); at < info.Size(); at += page { // all but the metas
		if _, err := f.WriteAt(make([]byte, page), at); err != nil {
			t.Fatal(err)
		}
	}
	if found := peertest.Problems(t, Driver(), dir); len(found) == 0 {
		t.Error("a file of empty pages has no problems")
	}
}
