package badger

import (
	"errors"
	"fmt"
	"testing"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/enginetest"
	"github.com/kvbench/kvbench/engine/peer/internal/peertest"
)

func TestBadgerKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.AllowGetAllocs(getAsterisk))
}

func TestBadgerThatSyncsEveryWriteKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.AllowGetAllocs(getAsterisk), enginetest.Settings(map[string]string{
		"durability": "sync", "memtable_bytes": "8MiB", "value_threshold_bytes": "64", "checksums": "block",
	}))
}

func TestTheVersionIsTheOneInGoMod(t *testing.T) {
	peertest.Version(t, Driver(), "../../../go.mod", "github.com/dgraph-io/badger/v4")
}

func TestOtherFileSystemsAreRefused(t *testing.T) { peertest.OnlyMachineFiles(t, Driver()) }

func TestCloseEndsTheViewsThatAreLeftOpen(t *testing.T) { peertest.CloseEndsViews(t, Driver()) }

func TestVerifyFindsDamageInTables(t *testing.T) { peertest.VerifyFindsDamage(t, Driver(), ".sst") }

func mustOpen(t *testing.T, given map[string]string) *store {
	t.Helper()
	return peertest.Open(t, Driver(), t.TempDir(), given).(*store)
}

func TestASyncWriteSyncsTheLogsAndAnOtherDoesNot(t *testing.T) {
	e := mustOpen(t, nil)
	for _, c := range []struct {
		d     engine.Durability
		syncs bool
	}{{engine.Sync, true}, {engine.OS, false}, {engine.Default, false}} {
		was := peertest.Syncs(t, e)
		if err := e.Put([]byte("k"), nil, c.d); err != nil {
			t.Fatal(err)
		}
		if got := peertest.Syncs(t, e) > was; got != c.syncs {
			t.Errorf("put at %v: synced %v", c.d, got)
		}
	}
	was := peertest.Syncs(t, e)
	if err := e.Sync(); err != nil || peertest.Syncs(t, e) == was {
		t.Errorf("sync: no log was synced, %v", err)
	}
}

func TestAnEngineOpenedAtSyncHasTheLibrarySyncEveryCommit(t *testing.T) {
	e := mustOpen(t, map[string]string{"durability": "sync"})
	if !e.db.Opts().SyncWrites || e.Caps().Durabilities != engine.Durabilities(engine.Sync) {
		t.Errorf("SyncWrites %v, levels %v", e.db.Opts().SyncWrites, e.Caps().Durabilities)
	}
	if mustOpen(t, nil).db.Opts().SyncWrites {
		t.Error("SyncWrites is on by default")
	}
}

func TestKeysOfTheLibrarysOwnAreRefused(t *testing.T) {
	e := mustOpen(t, nil)
	key := []byte(reserved + "head")
	var b engine.Batch
	b.Put([]byte("a"), nil)
	b.Delete(key)
	for name, err := range map[string]error{
		"put": e.Put(key, nil, engine.Default), "delete": e.Delete(key, engine.Default), "apply": e.Apply(&b, engine.Default),
	} {
		if !errors.Is(err, engine.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := e.Get(nil, []byte("a")); err != engine.ErrNotFound {
		t.Error("a refused batch has left a key:", err)
	}
	peertest.Put(t, e, reserved[:len(reserved)-1], "a shorter one is free")
}

func TestABatchOfTooManyOpsIsRefusedWhole(t *testing.T) {
	e := mustOpen(t, map[string]string{"memtable_bytes": "8MiB"})
	var b engine.Batch
	for i := range e.db.MaxBatchCount() {
		b.Put(fmt.Appendf(nil, "%07d", i), nil)
	}
	if b.Size() > e.Caps().MaxBatch {
		t.Fatal("the bytes alone are too many: this tests the count")
	}
	if err := e.Apply(&b, engine.Default); !errors.Is(err, engine.ErrTooLarge) || !errors.Is(err, badger.ErrTxnTooBig) {
		t.Error(err)
	}
	if _, err := e.Get(nil, []byte("0000000")); err != engine.ErrNotFound {
		t.Error("a refused batch has left a key:", err)
	}
	peertest.Put(t, e, "k", "the engine still writes")
}

func TestSettingsReachTheLibrary(t *testing.T) {
	o := mustOpen(t, map[string]string{
		"cache_bytes": "8MiB", "memtable_bytes": "16MiB", "memtables": "2", "compactors": "3",
		"value_threshold_bytes": "1k", "block_bytes": "8KiB", "bloom_false_positive": "0.1",
		"compression": "zstd", "detect_conflicts": "true", "checksums": "block",
	}).db.Opts()
	if o.BlockCacheSize != 8<<20 || o.MemTableSize != 16<<20 || o.NumMemtables != 2 || o.NumCompactors != 3 ||
		o.ValueThreshold != 1<<10 || o.BlockSize != 8<<10 || o.BloomFalsePositive != 0.1 ||
		o.Compression != options.ZSTD || !o.DetectConflicts || o.ChecksumVerificationMode != options.OnBlockRead {
		t.Errorf("%+v", o)
	}
	_, err := Driver().Open(t.TempDir(), map[string]string{"cache_bytes": "0", "compression": "zstd"}, engine.Env{})
	if !errors.Is(err, engine.ErrInvalid) {
		t.Error("compression without a cache:", err)
	}
}
