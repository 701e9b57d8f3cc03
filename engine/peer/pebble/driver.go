package pebble

import (
	"fmt"
	"math"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

const (
	name    = "pebble"
	format  = 1 // of our use of the directory, not Pebble's own
	version = "v2.1.7"

	// maxKey bounds keys so that a range delete without an upper bound has an
	// upper end to name: one byte longer than any key and all 0xff.
	maxKey = 1<<16 - 1
	// maxBatch keeps a batch well below 4 GiB, where Pebble panics.
	maxBatch = math.MaxInt32
	maxValue = 1 << 30
)

// Driver returns the driver of Pebble.
func Driver() engine.Driver {
	return engine.Driver{
		Name:      name,
		Family:    engine.FamilyLSM,
		Title:     "Pebble, CockroachDB's LSM tree in Go",
		Version:   version,
		Settings:  describe(),
		Asterisks: asterisks(),
		Open:      open,
		Verify:    verify,
		Inspect:   inspect,
	}
}

func describe() []engine.Setting {
	durability := engine.DurabilityOption(engine.Sync, engine.Durabilities(engine.None, engine.Buffered, engine.Sync))
	durability.Effect = "level of writes that do not ask for one (Pebble's own default is sync); none opens without a log and has no other level"
	return []engine.Setting{
		durability,
		engine.CacheBytesOption("256MiB", "block cache (Clock-PRO); Pebble's own default is 8 MiB"),
		engine.ReadOnlyOption(),
		{
			Name: "memtable_bytes", Kind: engine.SizeSetting, Default: "64MiB", Min: 64 << 10, Max: 2 << 30,
			Effect: "size of a memtable; larger means fewer flushes and more memory",
		},
		{
			Name: "memtables", Kind: engine.IntSetting, Default: "4", Min: 2, Max: 64,
			Effect: "memtables in memory before writes stall",
		},
		{
			Name: "l0_compaction_threshold", Kind: engine.IntSetting, Default: "2", Min: 1, Max: 1000,
			Effect: "sublevels of L0 that start a compaction; lower favours reads, higher writes",
		},
		{
			Name: "lbase_bytes", Kind: engine.SizeSetting, Default: "64MiB", Min: 1 << 20,
			Effect: "target size of the first level below L0",
		},
		{
			Name: "max_concurrent_compactions", Kind: engine.IntSetting, Default: "2", Min: 1, Max: 256,
			Effect: "compactions at once at most; the least is one",
		},
		{
			Name: "block_bytes", Kind: engine.SizeSetting, Default: "4KiB", Min: 512, Max: 1 << 20,
			Effect: "uncompressed size of a data block; larger favours scans, smaller favours gets",
		},
		{
			Name: "bloom_bits", Kind: engine.IntSetting, Default: "10", Min: 0, Max: 64,
			Effect: "filter bits per key, at every level; 0 means no filters",
		},
		{
			Name: "compression", Kind: engine.ChoiceSetting, Default: "none",
			Choices: []string{"none", "snappy", "zstd"},
			Effect:  "of table blocks at every level",
		},
		{
			Name: "separate_values_bytes", Kind: engine.SizeSetting, Default: "0", Max: 1 << 30,
			Effect: "values from this size on go to blob files at flush; 0 keeps all in tables",
		},
	}
}

const metricsAsterisk = "Metrics allocates in the library."

func asterisks() []string {
	return []string{
		"Its level without fsync is buffered, and a kill -9 loses such writes: Pebble keeps log bytes in the process until 32 KiB are full.",
		"The level none is offered only to an engine opened with durability=none, and excludes the others.",
		"Without cgo the block cache and the memtables lie on the Go heap, which makes the garbage collector work; with cgo they do not.",
		"It is tuned as its authors' own benchmark is, not as the library's defaults: newest format, bloom filters at 10 bits, memtables of 64 MiB, L0 threshold 2; values are not separated unless asked for.",
		"Compression is off by default, unlike Pebble's own default, so that all engines store the same bytes.",
		"It ends the process on a failed commit by itself; here it becomes read-only, and after some failures it cannot be closed before the process ends.",
		"Keys are limited to 65535 bytes, which is our limit and not Pebble's.",
		"Files are Pebble's own: a file system handed in is refused.",
		metricsAsterisk,
	}
}

// settings are the values of describe.
type settings struct {
	Durability     engine.Durability `setting:"durability"`
	CacheBytes     int64             `setting:"cache_bytes"`
	ReadOnly       bool              `setting:"read_only"`
	MemtableBytes  int64             `setting:"memtable_bytes"`
	Memtables      int               `setting:"memtables"`
	L0Threshold    int               `setting:"l0_compaction_threshold"`
	LBaseBytes     int64             `setting:"lbase_bytes"`
	MaxCompactions int               `setting:"max_concurrent_compactions"`
	BlockBytes     int               `setting:"block_bytes"`
	BloomBits      int               `setting:"bloom_bits"`
	Compression    string            `setting:"compression"`
	SeparateBytes  int               `setting:"separate_values_bytes"`
}

func marker() engine.Marker { return engine.Marker{Engine: name, Format: format} }

// levels returns what writes may ask for; see the package comment.
func (s *settings) levels() engine.DurabilitySet {
	if s.Durability == engine.None {
		return engine.Durabilities(engine.None)
	}
	return engine.Durabilities(engine.Buffered, engine.Sync)
}

func caps(s *settings) engine.Caps {
	return engine.Caps{
		Family:  engine.FamilyLSM,
		Ordered: true, Reverse: true, Snapshots: true, IterSnapshot: true,
		AtomicBatch: true, RangeDelete: true, BulkLoad: true, Checkpoint: true,
		LargerThanMemory: true, Persistent: true,
		PowerLossPrefix: true, VerifiesReads: true,
		Durabilities: s.levels(),
		MaxKey:       maxKey, MaxValue: maxValue, MaxBatch: maxBatch,
	}
}

func open(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
	var s settings
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, fmt.Errorf("open pebble: %w", err)
	}
	e, err := openStore(dir, s, env.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("open pebble: %w", err)
	}
	return e, nil
}

func openStore(dir string, s settings, env engine.Env) (*store, error) {
	home, path, err := adapt.OpenHome(env, dir, marker(), s.ReadOnly)
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
