package goleveldb

import (
	"errors"
	"fmt"
	"path/filepath"

	leveldberrors "github.com/syndtr/goleveldb/leveldb/errors"
	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/storage"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

const (
	name    = "goleveldb"
	format  = 1 // of our use of the directory, not LevelDB's own
	version = "v1.0.1-0.20220721030215-126854af5e6d"

	// maxBatch keeps lengths within what the library's int arithmetic on
	// blocks and batches was made for.
	maxBatch = 1 << 30
)

// Driver returns the driver of goleveldb.
func Driver() engine.Driver {
	return engine.Driver{
		Name:      name,
		Family:    engine.FamilyLSM,
		Title:     "goleveldb, LevelDB rewritten in Go",
		Version:   version,
		Settings:  describe(),
		Asterisks: asterisks(),
		Open:      open,
		Verify:    verify,
		Inspect:   inspect,
	}
}

func describe() []engine.Setting {
	durability := engine.DurabilityOption(engine.OS, levels())
	durability.Effect = "level of writes that do not ask for one; os is the library's own default"
	return []engine.Setting{
		durability,
		engine.CacheBytesOption("256MiB", "block cache (LRU) of uncompressed blocks; the library's own default is 8 MiB"),
		engine.ReadOnlyOption(),
		{
			Name: "write_buffer_bytes", Kind: engine.SizeSetting, Default: "64MiB", Min: 64 << 10, Max: 1 << 30,
			Effect: "size of a memtable, of which there are two; larger means fewer flushes and more memory",
		},
		{
			Name: "table_bytes", Kind: engine.SizeSetting, Default: "32MiB", Min: 64 << 10, Max: 1 << 30,
			Effect: "size of a table",
		},
		{
			Name: "level_base_bytes", Kind: engine.SizeSetting, Default: "256MiB", Min: 1 << 20, Max: 1 << 30,
			Effect: "target size of the first level below L0; each further one is ten times as large",
		},
		{
			Name: "l0_trigger", Kind: engine.IntSetting, Default: "4", Min: 1, Max: 1000,
			Effect: "tables of L0 that start a compaction",
		},
		{
			Name: "block_bytes", Kind: engine.SizeSetting, Default: "4KiB", Min: 512, Max: 1 << 20,
			Effect: "uncompressed size of a data block; larger favours scans, smaller favours gets",
		},
		{
			Name: "bloom_bits", Kind: engine.IntSetting, Default: "10", Max: 64,
			Effect: "filter bits per key; 0 means no filters",
		},
		{
			Name: "compression", Kind: engine.ChoiceSetting, Default: "none", Choices: []string{"none", "snappy"},
			Effect: "of table blocks",
		},
		{
			Name: "seek_compaction", Kind: engine.BoolSetting, Default: "false",
			Effect: "compact tables that gets have often searched in vain, as LevelDB does",
		},
		{
			Name: "open_files", Kind: engine.IntSetting, Default: "4096", Min: 16, Max: 1 << 20,
			Effect: "table files kept open; the library's own default is 500",
		},
	}
}

const getAsterisk = "Every get allocates: the library returns a copy of the value."

func asterisks() []string {
	return []string{
		getAsterisk,
		"A power loss may take writes of level os from the middle: a full journal is closed without a sync, while the next one may be synced.",
		"Recovery skips what is damaged in a journal and goes on behind it, as the library does by default.",
		"The adapter syncs the directory after a new journal, which the library leaves to the file system.",
		"Compression and seek compaction are off by default, unlike the library's own defaults; buffers, tables and levels are larger.",
		"Files are the library's own: a file system handed in is refused.",
	}
}

// settings are the values of describe.
type settings struct {
	Durability  engine.Durability `setting:"durability"`
	CacheBytes  int               `setting:"cache_bytes"`
	ReadOnly    bool              `setting:"read_only"`
	WriteBuffer int               `setting:"write_buffer_bytes"`
	TableBytes  int               `setting:"table_bytes"`
	LevelBase   int               `setting:"level_base_bytes"`
	L0Trigger   int               `setting:"l0_trigger"`
	BlockBytes  int               `setting:"block_bytes"`
	BloomBits   int               `setting:"bloom_bits"`
	Compression string            `setting:"compression"`
	SeekCompact bool              `setting:"seek_compaction"`
	OpenFiles   int               `setting:"open_files"`
}

func marker() engine.Marker { return engine.Marker{Engine: name, Format: format} }

func levels() engine.DurabilitySet { return engine.Durabilities(engine.OS, engine.Sync) }

func caps() engine.Caps {
	return engine.Caps{
		Family:  engine.FamilyLSM,
		Ordered: true, Reverse: true, Snapshots: true, IterSnapshot: true,
		AtomicBatch:      true,
		LargerThanMemory: true, Persistent: true, VerifiesReads: true,
		Durabilities: levels(),
		MaxValue:     maxBatch, MaxBatch: maxBatch,
	}
}

// options are the settings as the library's options.
func (s *settings) options() *opt.Options {
	o := &opt.Options{
		BlockCacheCapacity:     s.CacheBytes,
		BlockSize:              s.BlockBytes,
		CompactionL0Trigger:    s.L0Trigger,
		CompactionTableSize:    s.TableBytes,
		CompactionTotalSize:    s.LevelBase,
		Compression:            opt.NoCompression,
		DisableSeeksCompaction: !s.SeekCompact,
		OpenFilesCacheCapacity: s.OpenFiles,
		ReadOnly:               s.ReadOnly,
		ErrorIfMissing:         s.ReadOnly,
		WriteBuffer:            s.WriteBuffer,
		WriteL0SlowdownTrigger: 2 * s.L0Trigger,
		WriteL0PauseTrigger:    3 * s.L0Trigger,
	}
	if s.CacheBytes == 0 {
		o.DisableBlockCache = true
	}
	if s.Compression == "snappy" {
		o.Compression = opt.SnappyCompression
	}
	if s.BloomBits > 0 {
		o.Filter = filter.NewBloomFilter(s.BloomBits)
	}
	return o
}

func open(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
	var s settings
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, fmt.Errorf("open goleveldb: %w", err)
	}
	e, err := openStore(dir, s, env.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("open goleveldb: %w", err)
	}
	return e, nil
}

func openStore(dir string, s settings, env engine.Env) (*store, error) {
	home, path, err := adapt.OpenHome(env, dir, marker(), s.ReadOnly)
	if err != nil {
		return nil, err
	}
	e := &store{home: home, path: path, caps: caps(), settings: s, gate: adapt.NewGate()}
	e.writes.ReadOnly, e.writes.Default = s.ReadOnly, s.Durability
	if err := e.openDB(env); err != nil {
		home.Close()
		return nil, translate(path, err)
	}
	return e, nil
}

// translate makes the library's errors the contract's. nil stays nil.
func translate(path string, err error) error {
	var damage *leveldberrors.ErrCorrupted
	var file *storage.ErrCorrupted
	switch {
	case err == nil:
		return nil
	case errors.As(err, &damage):
		if !damage.Fd.Zero() {
			path = filepath.Join(path, damage.Fd.String())
		}
		return engine.Corrupt(path, -1, "", err)
	case errors.As(err, &file):
		if !file.Fd.Zero() {
			path = filepath.Join(path, file.Fd.String())
		}
		return engine.Corrupt(path, -1, "", err)
	case errors.Is(err, storage.ErrLocked):
		return fmt.Errorf("%w: %w", engine.ErrLocked, err)
	}
	return err
}
