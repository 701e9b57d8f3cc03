package badger

import (
	"fmt"
	"math"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

const (
	name    = "badger"
	format  = 1 // of our use of the directory, not Badger's own
	version = "v4.9.6"

	maxKey   = 65000 // Badger's
	maxValue = 256 << 20

	// reserved begins Badger's own keys.
	reserved = "!badger!"
)

// Driver returns the driver of Badger.
func Driver() engine.Driver {
	return engine.Driver{
		Name:      name,
		Family:    engine.FamilyLSM,
		Title:     "Badger, Dgraph's LSM tree with a value log in Go",
		Version:   version,
		Settings:  describe(),
		Asterisks: asterisks(),
		Open:      open,
		Verify:    verify,
		Inspect:   inspect,
	}
}

func describe() []engine.Setting {
	durability := engine.DurabilityOption(engine.OS, engine.Durabilities(engine.OS, engine.Sync))
	durability.Effect = "level of writes that do not ask for one; os is Badger's own default; sync is SyncWrites and has no other level"
	return []engine.Setting{
		durability,
		engine.CacheBytesOption("256MiB", "block cache (TinyLFU); indexes and filters are outside it, without a bound"),
		engine.ReadOnlyOption(),
		{
			Name: "memtable_bytes", Kind: engine.SizeSetting, Default: "64MiB", Min: 8 << 20, Max: 1 << 30,
			Effect: "size of a memtable; 15 % of it bound a batch",
		},
		{
			Name: "memtables", Kind: engine.IntSetting, Default: "4", Min: 1, Max: 64,
			Effect: "memtables in memory before writes stall",
		},
		{
			Name: "compactors", Kind: engine.IntSetting, Default: "2", Min: 2, Max: 64,
			Effect: "compactions at once",
		},
		{
			Name: "value_threshold_bytes", Kind: engine.SizeSetting, Default: "1MiB", Min: 32, Max: 1 << 20,
			Effect: "values from this size on go to the value log, which nothing collects here",
		},
		{
			Name: "block_bytes", Kind: engine.SizeSetting, Default: "4KiB", Min: 512, Max: 1 << 20,
			Effect: "size of a data block; larger favours scans, smaller favours gets",
		},
		{
			Name: "bloom_false_positive", Kind: engine.FloatSetting, Default: "0.01",
			Effect: "share of absent keys that a filter lets through, below 1; 0 means no filters",
		},
		{
			Name: "compression", Kind: engine.ChoiceSetting, Default: "none", Choices: []string{"none", "snappy", "zstd"},
			Effect: "of table blocks; needs a block cache",
		},
		{
			Name: "detect_conflicts", Kind: engine.BoolSetting, Default: "false",
			Effect: "keep what transactions read and wrote; ours only write, so that it is cost without use",
		},
		{
			Name: "checksums", Kind: engine.ChoiceSetting, Default: "none", Choices: []string{"none", "block"},
			Effect: "when to check tables: not at all (Badger's own default) or at every block read",
		},
	}
}

const getAsterisk = "Every get is a read transaction of the library's, which allocates."

func asterisks() []string {
	return []string{
		getAsterisk,
		"Every put is a transaction of its own, which is the only way to write that returns once the write is logged.",
		"A power loss may take writes of level os from the middle: a full log is not synced before the next one is begun.",
		"At durability sync every commit syncs the whole map of a memtable's log; with many writers that writes hundreds of times the user's bytes.",
		"Keys that begin with !badger! are the library's own and are refused.",
		"A batch may also have too many ops for a transaction, about one for each 100 bytes of max_batch: then it is refused as too large.",
		"Tables are read without checking checksums unless the setting checksums says so, and an iterator ends silently where it cannot read.",
		"After a kill -9 it does not open read-only before it was opened for writing once.",
		"On a full disk it may end the process by SIGBUS, since its logs are sparse mapped files; some internal failures end it by log.Fatal.",
		"Its expiry has seconds and the machine's clock, which cannot be injected, so it is not offered.",
		"Compression and conflict detection are off by default, unlike Badger's own defaults; there are 4 memtables and 2 compactors; the value log is not collected.",
		"Index and filter blocks lie in memory outside cache_bytes.",
		"Files are Badger's own: a file system handed in is refused.",
	}
}

// settings are the values of describe.
type settings struct {
	Durability    engine.Durability `setting:"durability"`
	CacheBytes    int64             `setting:"cache_bytes"`
	ReadOnly      bool              `setting:"read_only"`
	MemtableBytes int64             `setting:"memtable_bytes"`
	Memtables     int               `setting:"memtables"`
	Compactors    int               `setting:"compactors"`
	ValueBytes    int64             `setting:"value_threshold_bytes"`
	BlockBytes    int               `setting:"block_bytes"`
	FalsePositive float64           `setting:"bloom_false_positive"`
	Compression   string            `setting:"compression"`
	Conflicts     bool              `setting:"detect_conflicts"`
	Checksums     string            `setting:"checksums"`
}

func marker() engine.Marker { return engine.Marker{Engine: name, Format: format} }

func caps(s *settings, maxBatch int64) engine.Caps {
	levels := engine.Durabilities(engine.OS, engine.Sync)
	if s.Durability == engine.Sync {
		levels = engine.Durabilities(engine.Sync)
	}
	return engine.Caps{
		Family:  engine.FamilyLSM,
		Ordered: true, Reverse: true, Snapshots: true, IterSnapshot: true,
		AtomicBatch:      true,
		LargerThanMemory: true, Persistent: true,
		PowerLossPrefix: s.Durability == engine.Sync,
		VerifiesReads:   s.Checksums == "block",
		Durabilities:    levels,
		MaxKey:          maxKey, MaxValue: maxValue,
		MaxBatch: int(min(maxBatch/10*9, math.MaxInt32)),
	}
}

// check finds what Badger would panic or fail at.
func (s *settings) check() error {
	if s.CacheBytes == 0 && s.Compression != "none" {
		return fmt.Errorf("%w: compression needs cache_bytes", engine.ErrInvalid)
	}
	if s.FalsePositive < 0 || s.FalsePositive >= 1 {
		return fmt.Errorf("%w: setting bloom_false_positive = %v: want at least 0 and below 1", engine.ErrInvalid, s.FalsePositive)
	}
	return nil
}

// options are the settings as Badger's options.
func (s *settings) options(path string, log badger.Logger) badger.Options {
	o := badger.DefaultOptions(path).
		WithSyncWrites(s.Durability == engine.Sync).
		WithReadOnly(s.ReadOnly).
		WithBlockCacheSize(s.CacheBytes).
		WithMemTableSize(s.MemtableBytes).
		WithNumMemtables(s.Memtables).
		WithNumCompactors(s.Compactors).
		WithValueThreshold(s.ValueBytes).
		WithBlockSize(s.BlockBytes).
		WithBloomFalsePositive(s.FalsePositive).
		WithDetectConflicts(s.Conflicts).
		WithMetricsEnabled(false). // they are global: one set for all databases
		WithLogger(log)
	o.Compression = map[string]options.CompressionType{
		"none": options.None, "snappy": options.Snappy, "zstd": options.ZSTD,
	}[s.Compression]
	// Checks when a table is opened are not offered: at damage they panic in a
	// goroutine of the library's.
	o.ChecksumVerificationMode = options.NoVerification
	if s.Checksums == "block" {
		o.ChecksumVerificationMode = options.OnBlockRead
	}
	return o
}

func open(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
	var s settings
	_, err := engine.Decode(describe(), given, &s)
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return nil, fmt.Errorf("open badger: %w", err)
	}
	e, err := openStore(dir, s, env.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("open badger: %w", err)
	}
	return e, nil
}

func openStore(dir string, s settings, env engine.Env) (*store, error) {
	home, path, err := adapt.OpenHome(env, dir, marker(), s.ReadOnly)
	if err != nil {
		return nil, err
	}
	e := &store{home: home, path: path, fs: env.FS, settings: s, gate: adapt.NewGate()}
	e.writes.ReadOnly, e.writes.Default = s.ReadOnly, s.Durability
	if err := e.openDB(env); err != nil {
		home.Close()
		return nil, err
	}
	e.caps = caps(&s, e.db.MaxBatchSize())
	return e, nil
}
