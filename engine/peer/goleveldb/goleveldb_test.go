package goleveldb

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/storage"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/enginetest"
	"github.com/kvbench/kvbench/engine/peer/internal/peertest"
)

func TestGoleveldbKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.AllowGetAllocs(getAsterisk))
}

func TestGoleveldbWithSmallTablesKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.AllowGetAllocs(getAsterisk), enginetest.Settings(map[string]string{
		"write_buffer_bytes": "64KiB", "table_bytes": "64KiB", "level_base_bytes": "1MiB",
		"cache_bytes": "0", "bloom_bits": "0", "compression": "snappy", "seek_compaction": "true",
	}))
}

func TestTheVersionIsTheOneInGoMod(t *testing.T) {
	peertest.Version(t, Driver(), "../../../go.mod", "github.com/syndtr/goleveldb")
}

func TestOtherFileSystemsAreRefused(t *testing.T) { peertest.OnlyMachineFiles(t, Driver()) }

func TestCloseEndsTheViewsThatAreLeftOpen(t *testing.T) { peertest.CloseEndsViews(t, Driver()) }

func TestVerifyFindsDamageInTables(t *testing.T) { peertest.VerifyFindsDamage(t, Driver(), ".ldb") }

func mustOpen(t *testing.T, given map[string]string) *store {
	t.Helper()
	return peertest.Open(t, Driver(), t.TempDir(), given).(*store)
}

func TestASyncWriteSyncsTheJournalAndAnOtherDoesNot(t *testing.T) {
	e := mustOpen(t, nil)
	for _, c := range []struct {
		d     engine.Durability
		syncs uint64
	}{{engine.Sync, 1}, {engine.OS, 0}, {engine.Default, 0}} {
		was := peertest.Syncs(t, e)
		if err := e.Put([]byte("k"), nil, c.d); err != nil {
			t.Fatal(err)
		}
		if got := peertest.Syncs(t, e) - was; got != c.syncs {
			t.Errorf("put at %v: %d syncs, want %d", c.d, got, c.syncs)
		}
	}
}

func TestSyncAlsoSyncsJournalsThatWereClosed(t *testing.T) {
	e := mustOpen(t, nil)
	w, err := e.journals.Create(storage.FileDesc{Type: storage.TypeJournal, Num: 9999})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("record")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if len(e.journals.loose) != 1 {
		t.Fatalf("%d journals are closed and unsynced", len(e.journals.loose))
	}
	was := peertest.Syncs(t, e)
	if err := e.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := peertest.Syncs(t, e) - was; got != 2 || len(e.journals.loose) != 0 {
		t.Errorf("%d syncs, want those of the open and the closed journal; %d left", got, len(e.journals.loose))
	}
}

func TestSyncWorksWhileJournalsAreRotated(t *testing.T) {
	e := mustOpen(t, map[string]string{"write_buffer_bytes": "64KiB"})
	value := []byte(strings.Repeat("v", 4<<10))
	for i := range 200 {
		if err := e.Put(fmt.Appendf(nil, "k%d", i), value, engine.OS); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			if err := e.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestSettingsReachTheLibrary(t *testing.T) {
	var s settings
	_, err := engine.Decode(describe(), map[string]string{
		"cache_bytes": "0", "write_buffer_bytes": "1MiB", "table_bytes": "2MiB", "level_base_bytes": "3MiB",
		"l0_trigger": "5", "block_bytes": "8KiB", "bloom_bits": "0", "compression": "snappy",
		"seek_compaction": "true", "open_files": "77",
	}, &s)
	if err != nil {
		t.Fatal(err)
	}
	o := s.options()
	if !o.DisableBlockCache || o.WriteBuffer != 1<<20 || o.CompactionTableSize != 2<<20 || o.CompactionTotalSize != 3<<20 ||
		o.CompactionL0Trigger != 5 || o.BlockSize != 8<<10 || o.Filter != nil || o.Compression != opt.SnappyCompression ||
		o.DisableSeeksCompaction || o.OpenFilesCacheCapacity != 77 {
		t.Errorf("%+v", o)
	}
}

func TestAFailedWriteMakesTheEngineReadOnly(t *testing.T) {
	e := mustOpen(t, nil)
	peertest.Put(t, e, "k", "v")
	full := errors.New("disk full")
	if err := e.wrote("put", full); !errors.Is(err, full) {
		t.Error(err)
	}
	if err := e.Put([]byte("k"), nil, engine.Default); !errors.Is(err, engine.ErrReadOnly) || !errors.Is(err, full) {
		t.Error(err)
	}
	peertest.Want(t, e, "k", "v")
}
