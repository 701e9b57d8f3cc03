//go:build rocksdb

package rocksdb

import (
	"fmt"
	"math"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

const (
	name   = "rocksdb"
	format = 1 // of our use of the directory, not RocksDB's own

	// maxKey bounds keys so that a range delete without an upper bound has an
	// upper end to name: one byte longer than any key and all 0xff.
	maxKey = 1<<16 - 1
	// maxValue keeps the length of an entry below the 32 bits that RocksDB's
	// memtable has for it.
	maxValue = math.MaxInt32
)

// Driver returns the driver of RocksDB.
func Driver() engine.Driver {
	return engine.Driver{
		Name:      name,
		Family:    engine.FamilyLSM,
		Title:     "RocksDB, the C++ LSM tree, through cgo",
		Version:   "7.8.3 through grocksdb v1.7.14",
		Settings:  describe(),
		Asterisks: asterisks(),
		Open:      open,
		Verify:    verify,
		Inspect:   inspect,
	}
}

func describe() []engine.Setting {
	durability := engine.DurabilityOption(engine.OS, engine.Durabilities(engine.None, engine.Buffered, engine.OS, engine.Sync))
	durability.Effect = "level of writes that do not ask for one (RocksDB's own default is os); none and buffered also decide which levels there are"
	return []engine.Setting{
		durability,
		engine.CacheBytesOption("256MiB", "block cache (LRU); index and filter blocks are outside it unless index_in_cache"),
		engine.ReadOnlyOption(),
		{
			Name: "write_buffer_bytes", Kind: engine.SizeSetting, Default: "64MiB", Min: 64 << 10,
			Effect: "size of a memtable; larger means fewer flushes and more memory",
		},
		{
			Name: "write_buffers", Kind: engine.IntSetting, Default: "4", Min: 2, Max: 64,
			Effect: "memtables in memory before writes stall",
		},
		{
			Name: "background_jobs", Kind: engine.IntSetting, Default: "3", Min: 2, Max: 256,
			Effect: "flushes and compactions at once; about the number of cores plus one",
		},
		{
			Name: "level_base_bytes", Kind: engine.SizeSetting, Default: "256MiB", Min: 1 << 20,
			Effect: "target size of the first level below L0",
		},
		{
			Name: "block_bytes", Kind: engine.SizeSetting, Default: "4KiB", Min: 512, Max: 1 << 20,
			Effect: "uncompressed size of a data block; larger favours scans, smaller favours gets",
		},
		{
			Name: "bloom_bits", Kind: engine.IntSetting, Default: "10", Min: 0, Max: 64,
			Effect: "filter bits per key; 0 means no filters",
		},
		{
			Name: "compression", Kind: engine.ChoiceSetting, Default: "none",
			Choices: []string{"none", "snappy", "lz4", "zstd"},
			Effect:  "of table blocks at every level",
		},
		{
			Name: "index_in_cache", Kind: engine.BoolSetting, Default: "false",
			Effect: "keep index and filter blocks in the block cache, which then bounds the memory of reads",
		},
		{
			Name: "direct_io", Kind: engine.BoolSetting, Default: "false",
			Effect: "read, flush and compact past the page cache; for data larger than memory",
		},
		{
			Name: "compaction", Kind: engine.ChoiceSetting, Default: "leveled", Fixed: true,
			Choices: []string{"leveled", "universal"},
			Effect:  "leveled favours reads and space, universal (tiered) favours writes",
		},
		{
			Name: "statistics", Kind: engine.BoolSetting, Default: "false",
			Effect: "let RocksDB count cache hits, filter checks, log syncs and compaction bytes; costs some percent of speed",
		},
	}
}

const allocsAsterisk = "Gets, iterator steps and Metrics allocate a few small objects in the binding."

func asterisks() []string {
	return []string{
		"Every call crosses cgo, a get three times and an iterator step two to four times; a C++ program would not pay that.",
		allocsAsterisk,
		"Compression is off by default, unlike RocksDB's own default, so that all engines store the same bytes.",
		"Block cache, memtables and pinned index blocks lie outside the Go heap and its memory limit.",
		"Files are RocksDB's own: a file system handed in is refused.",
		"The level none is offered only to an engine opened with durability=none, and excludes the others; buffered needs durability=buffered.",
		"Keys are limited to 65535 bytes, which is our limit and not RocksDB's.",
	}
}

// settings are the values of describe.
type settings struct {
	Durability     engine.Durability `setting:"durability"`
	CacheBytes     int64             `setting:"cache_bytes"`
	ReadOnly       bool              `setting:"read_only"`
	WriteBuffer    int64             `setting:"write_buffer_bytes"`
	WriteBuffers   int               `setting:"write_buffers"`
	BackgroundJobs int               `setting:"background_jobs"`
	LevelBase      int64             `setting:"level_base_bytes"`
	BlockBytes     int               `setting:"block_bytes"`
	BloomBits      int               `setting:"bloom_bits"`
	Compression    string            `setting:"compression"`
	IndexInCache   bool              `setting:"index_in_cache"`
	DirectIO       bool              `setting:"direct_io"`
	Compaction     string            `setting:"compaction"`
	Statistics     bool              `setting:"statistics"`
}

// levels returns what writes may ask for; see the package comment.
func (s *settings) levels() engine.DurabilitySet {
	switch s.Durability {
	case engine.None:
		return engine.Durabilities(engine.None)
	case engine.Buffered:
		return engine.Durabilities(engine.Buffered, engine.OS, engine.Sync)
	}
	return engine.Durabilities(engine.OS, engine.Sync)
}

func (s *settings) marker() engine.Marker {
	return engine.Marker{
		Engine: name, Format: format,
		Fixed: map[string]string{"compaction": s.Compaction},
	}
}

func caps(s *settings) engine.Caps {
	return engine.Caps{
		Family:  engine.FamilyLSM,
		Ordered: true, Reverse: true, Snapshots: true, IterSnapshot: true,
		AtomicBatch: true, RangeDelete: true, Checkpoint: true,
		LargerThanMemory: true, Persistent: true,
		PowerLossPrefix: true, VerifiesReads: true,
		Durabilities: s.levels(),
		MaxKey:       maxKey,
		MaxValue:     maxValue,
	}
}

func open(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
	var s settings
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, fmt.Errorf("open rocksdb: %w", err)
	}
	e, err := openStore(dir, s, env.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("open rocksdb: %w", err)
	}
	return e, nil
}

func openStore(dir string, s settings, env engine.Env) (*store, error) {
	home, path, err := adapt.OpenHome(env, dir, s.marker(), s.ReadOnly)
	if err != nil {
		return nil, err
	}
	e, err := newStore(home, path, s, env)
	if err != nil {
		home.Close()
		return nil, err
	}
	return e, nil
}
