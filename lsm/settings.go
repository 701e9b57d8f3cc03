package lsm

import (
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
)

// The choices of io: how tables are read.
const (
	ioPread  = "pread"
	ioMmap   = "mmap"
	ioDirect = "direct"
)

// settings are those of an open tree. describe says what each does.
type settings struct {
	Durability engine.Durability `setting:"durability"`
	ReadOnly   bool              `setting:"read_only"`

	CacheBytes  int64  `setting:"cache_bytes"`
	CachePolicy string `setting:"cache_policy"`
	IO          string `setting:"io"`
	Prepopulate string `setting:"prepopulate"`

	MemtableBytes int64  `setting:"memtable_bytes"`
	MemoryBytes   int64  `setting:"memory_bytes"`
	MemtableOrder string `setting:"memtable_order"`

	BlockBytes       int     `setting:"block_bytes"`
	BlockLayout      string  `setting:"block_layout"`
	RestartInterval  int     `setting:"restart_interval"`
	Filter           string  `setting:"filter"`
	FilterBits       float64 `setting:"filter_bits"`
	FilterAllocation string  `setting:"filter_allocation"`
	FilterPrefix     int     `setting:"filter_prefix"`
	Compression      string  `setting:"compression"`
	TableBytes       int64   `setting:"table_bytes"`

	Layout       string        `setting:"layout"`
	SizeRatio    int           `setting:"size_ratio"`
	L0Runs       int           `setting:"l0_runs"`
	BaseBytes    int64         `setting:"base_bytes"`
	Granularity  string        `setting:"granularity"`
	Movement     string        `setting:"movement"`
	TombstoneAge time.Duration `setting:"tombstone_age"`
	TTL          time.Duration `setting:"ttl"`
	FIFOBytes    int64         `setting:"fifo_bytes"`

	Compactions int    `setting:"compactions"`
	Scheduler   string `setting:"scheduler"`
	Pipeline    bool   `setting:"pipeline"`
	Throttle    string `setting:"throttle"`

	SeparateBytes int64 `setting:"separate_bytes"`
	BlobGarbage   int   `setting:"blob_garbage"`
}

func describe() []engine.Setting {
	all := engine.Durabilities(engine.None, engine.Buffered, engine.OS, engine.Sync)
	durability := engine.DurabilityOption(engine.OS, all)
	durability.Effect = "level of writes that do not ask for one; an engine opened at none writes no log, and has no other level"
	s := []engine.Setting{
		durability,
		engine.CacheBytesOption("256m", "memory for blocks of tables; indexes and filters come on top, and are always in memory"),
		engine.ReadOnlyOption(),
		{
			Name: "cache_policy", Kind: engine.ChoiceSetting, Default: cache.S3FIFO, Choices: cache.Policies(),
			Effect: "which block leaves the cache first",
		},
		{
			Name: "io", Kind: engine.ChoiceSetting, Default: ioPread, Choices: []string{ioPread, ioMmap, ioDirect},
			Effect: "how tables are read: mmap for data that fits in memory, direct for data that is far larger",
		},
		{
			Name: "prepopulate", Kind: engine.ChoiceSetting, Default: prepopulateFit,
			Choices: []string{prepopulateOff, prepopulateFlush, prepopulateFit},
			Effect:  "which blocks enter the cache as they are written: flush, those of flushes; fit, those of compactions too while all tables fit in the cache; off, none",
		},
	}
	s = append(s, describeMemory()...)
	s = append(s, describeTables()...)
	s = append(s, describeTree()...)
	return append(s, describeWork()...)
}

func describeMemory() []engine.Setting {
	return []engine.Setting{
		{
			Name: "memtable_bytes", Kind: engine.SizeSetting, Default: "64m", Min: 64 << 10, Max: 2 << 30,
			Effect: "size of a memtable; larger means fewer and larger flushes, and a longer recovery",
		},
		{
			Name: "memory_bytes", Kind: engine.SizeSetting, Default: "256m", Min: 128 << 10,
			Effect: "all memtables together, those that wait for their flush among them; writes slow down as it fills, and wait where it is full",
		},
		{
			Name: "memtable_order", Kind: engine.ChoiceSetting, Default: orderLazy, Choices: []string{orderLazy, orderEager},
			Effect: "when entries of a memtable are put in order: lazy, when somebody scans or flushes it, or eager, by the writer",
		},
	}
}

func describeTables() []engine.Setting {
	return []engine.Setting{
		{
			Name: "block_bytes", Kind: engine.SizeSetting, Default: "4k", Min: 128, Max: 1 << 20,
			Effect: "size of a data block before compression; larger favours scans and compression, smaller gets of data that is not cached",
		},
		{
			Name: "block_layout", Kind: engine.ChoiceSetting, Default: layoutHeads, Choices: []string{layoutHeads, layoutRestarts},
			Effect: "how keys lie in a block: heads is searched faster, restarts is LevelDB's, to compare",
		},
		{
			Name: "restart_interval", Kind: engine.IntSetting, Unit: "entries", Default: "16", Min: 1, Max: 1 << 16,
			Effect: "with block_layout=restarts: after how many entries a key stands whole",
		},
		{
			Name: "filter", Kind: engine.ChoiceSetting, Default: "blocked", Choices: []string{"none", "bloom", "blocked", "fuse"},
			Effect: "what answers for most absent keys without reading a table: blocked costs one cache miss, bloom needs fewer bits, fuse the fewest (about 9) and more time to build",
		},
		{
			Name: "filter_bits", Kind: engine.FloatSetting, Unit: "bits per key", Default: "10", Min: 1, Max: 64,
			Effect: "size of filters; more means fewer reads in vain, and more memory; fuse has its own",
		},
		{
			Name: "filter_allocation", Kind: engine.ChoiceSetting, Default: allocUniform, Choices: []string{allocUniform, allocMonkey},
			Effect: "how filter_bits are spread: uniform, or monkey, more for upper levels and fewer for the last, for the fewest reads in vain",
		},
		{
			Name: "filter_prefix", Kind: engine.IntSetting, Unit: "bytes", Default: "0", Max: 255,
			Effect: "filters also know prefixes of keys of this length: a scan whose bounds share one passes tables that lack it; each prefix takes the bits of a key; 0: they do not",
		},
		{
			Name: "compression", Kind: engine.ChoiceSetting, Default: "none", Choices: []string{"none", "snappy", "lz4", "zstd"},
			Effect: "of data blocks; a block that does not shrink by an eighth stays as it is",
		},
		{
			Name: "table_bytes", Kind: engine.SizeSetting, Default: "16m", Min: 4 << 10, Max: 2 << 30,
			Effect: "size of a table's file; smaller means smaller compactions, and more files",
		},
	}
}

func describeTree() []engine.Setting {
	return []engine.Setting{
		{
			Name: "layout", Kind: engine.ChoiceSetting, Default: "leveled", Choices: []string{"leveled", "tiered", "lazy", "one-leveled", "fluid", "fifo"},
			Effect: "how many runs levels have: leveled, one each, reads least; tiered, up to size_ratio each, writes least; lazy, tiered but for the last; one-leveled, tiered in the first only; fluid, lazy where the last may have more; fifo merges nothing and drops the oldest",
		},
		{
			Name: "size_ratio", Kind: engine.IntSetting, Default: "10", Min: 2, Max: 100,
			Effect: "how much larger each level is than the one above; with tiered levels how many runs make one below",
		},
		{
			Name: "l0_runs", Kind: engine.IntSetting, Default: "4", Min: 1, Max: 1000,
			Effect: "runs of level 0 that start a compaction while writes come; fewer favour reads, more favour writes",
		},
		{
			Name: "base_bytes", Kind: engine.SizeSetting, Default: "64m", Min: 4 << 10,
			Effect: "least target size of the first level below 0",
		},
		{
			Name: "granularity", Kind: engine.ChoiceSetting, Default: "files", Choices: []string{"file", "files", "level"},
			Effect: "how much of a level one compaction takes",
		},
		{
			Name: "movement", Kind: engine.ChoiceSetting, Default: "min-overlap",
			Choices: []string{"min-overlap", "round-robin", "oldest", "coldest", "most-tombstones", "expired-first"},
			Effect:  "which tables of a level a compaction takes",
		},
		{
			Name: "tombstone_age", Kind: engine.DurationSetting, Default: "0s",
			Effect: "how old a delete may become before compactions have carried it out; 0: any age",
		},
		{
			Name: "ttl", Kind: engine.DurationSetting, Default: "0s",
			Effect: "with layout=fifo: tables are dropped when they are so old; otherwise they are rewritten; 0: never",
		},
		{
			Name: "fifo_bytes", Kind: engine.SizeSetting, Default: "1g", Min: 64 << 10,
			Effect: "with layout=fifo: the oldest tables are dropped when all are larger",
		},
	}
}

func describeWork() []engine.Setting {
	return []engine.Setting{
		{
			Name: "compactions", Kind: engine.IntSetting, Default: "2", Min: 1, Max: 64,
			Effect: "compactions at once",
		},
		{
			Name: "scheduler", Kind: engine.ChoiceSetting, Default: schedulerSILK, Choices: []string{schedulerSILK, schedulerFIFO},
			Effect: "silk: flushes and compactions of level 0 stop deeper ones while they run; fifo: all share",
		},
		{
			Name: "pipeline", Kind: engine.BoolSetting, Default: "true",
			Effect: "a compaction merges and writes at the same time, on two processors",
		},
		{
			Name: "throttle", Kind: engine.ChoiceSetting, Default: throttleSmooth, Choices: []string{throttleSmooth, throttleOff},
			Effect: "smooth: writes are slowed down, little by little, to what flushes and compactions can keep up with; off: they wait only when memory is full",
		},
		{
			Name: "separate_bytes", Kind: engine.SizeSetting, Default: "0", Max: 1 << 30,
			Effect: "values from this size on go to blob files, which compactions do not rewrite; 0: all stay in tables",
		},
		{
			Name: "blob_garbage", Kind: engine.IntSetting, Unit: "percent", Default: "50", Min: 1, Max: 99,
			Effect: "part of a blob file that is garbage before its live values are moved",
		},
	}
}

// Choices that the tree itself interprets.
const (
	orderLazy      = "lazy"
	orderEager     = "eager"
	layoutHeads    = "heads"
	layoutRestarts = "restarts"
	allocUniform   = "uniform"
	allocMonkey    = "monkey"
	schedulerSILK  = "silk"
	schedulerFIFO  = "fifo"
	throttleSmooth = "smooth"
	throttleOff    = "off"

	prepopulateOff   = "off"
	prepopulateFlush = "flush"
	prepopulateFit   = "fit"
)
