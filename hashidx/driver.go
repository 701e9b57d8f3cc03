package hashidx

import (
	"fmt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
)

const (
	name   = "hash"
	format = 1
)

func marker() engine.Marker { return engine.Marker{Engine: name, Format: format} }

// Driver returns the driver of the hash engine.
func Driver() engine.Driver {
	return engine.Driver{
		Name:     name,
		Family:   engine.FamilyHash,
		Title:    "a log of all writes, and an index of it in memory",
		Settings: describe(),
		Open:     open,
		Verify:   verify,
		Inspect:  inspect,
	}
}

func describe() []engine.Setting {
	return []engine.Setting{
		engine.DurabilityOption(engine.OS, caps().Durabilities),
		engine.CacheBytesOption("256m", "memory for reads: the tail and the record cache"),
		engine.ReadOnlyOption(),
		{
			Name: "segment_bytes", Kind: engine.SizeSetting, Default: "64m", Min: 8 << 10, Max: 2 << 30,
			Effect: "size of the log's files; there are at most 65535 of them",
		},
		{
			Name: "tail_bytes", Kind: engine.SizeSetting, Default: "0",
			Effect: "of cache_bytes, memory for a copy of what was written last, which is read without a file; 0: a quarter",
		},
		{
			Name: "resident", Kind: engine.BoolSetting, Default: "true",
			Effect: "keep whole segments in what the tail leaves of cache_bytes while all of them fit in there",
		},
		{
			Name: "record_cache", Kind: engine.ChoiceSetting, Default: cacheAuto, Choices: []string{cacheAuto, cacheOn, cacheOff},
			Effect: "keep records that were read from files in what the tail leaves of cache_bytes; auto: unless io=mmap",
		},
		{
			Name: "cache_policy", Kind: engine.ChoiceSetting, Default: cache.S3FIFO, Choices: cache.Policies(),
			Effect: "which record leaves the cache first",
		},
		{
			Name: "io", Kind: engine.ChoiceSetting, Default: ioPread, Choices: []string{ioPread, ioMmap, ioDirect},
			Effect: "how files are read once they are sealed: mmap for data that fits in memory, direct for data that is far larger",
		},
		{
			Name: "index", Kind: engine.ChoiceSetting, Default: indexMemory, Choices: []string{indexMemory, indexDisk},
			Effect: "where the index is; disk, for more keys than memory has room for (17 bytes each), reads a page per key that is not in its cache, and writes all of the index now and then",
		},
		{
			Name: "index_cache_bytes", Kind: engine.SizeSetting, Default: "64m",
			Effect: "with index=disk: memory for pages of the index",
		},
		{
			Name: "index_front_bytes", Kind: engine.SizeSetting, Default: "32m", Min: 64 << 10,
			Effect: "with index=disk: memory for changes of the index; more, and it is written more rarely",
		},
		{
			Name: "image_ops", Kind: engine.IntSetting, Default: "0",
			Effect: "write an image of the index, for fast opening, each time that so many ops have come; 0: when it pays",
		},
		{
			Name: "gc", Kind: engine.ChoiceSetting, Default: string(costBenefit), Choices: policies(),
			Effect: "which garbage is collected first; off: none but by Compact",
		},
		{
			Name: "gc_garbage", Kind: engine.IntSetting, Unit: "percent", Default: "35", Min: 1, Max: 90,
			Effect: "garbage that sealed segments may have: less saves space, more saves writes",
		},
		{
			Name: "gc_duty", Kind: engine.IntSetting, Unit: "percent", Default: "30", Min: 1, Max: 100,
			Effect: "part of the time that GC works while there is hardly too much garbage; it grows to 100 with that",
		},
		{
			Name: "huge_pages", Kind: engine.BoolSetting, Default: "false",
			Effect: "keep the index in pages of 2 MiB, where the system has them; for more than a few hundred thousand keys",
		},
	}
}

type settings struct {
	Durability   engine.Durability `setting:"durability"`
	ReadOnly     bool              `setting:"read_only"`
	SegmentBytes int64             `setting:"segment_bytes"`
	CacheBytes   int64             `setting:"cache_bytes"`
	TailBytes    int64             `setting:"tail_bytes"`
	RecordCache  string            `setting:"record_cache"`
	Resident     bool              `setting:"resident"`
	CachePolicy  string            `setting:"cache_policy"`
	IO           string            `setting:"io"`
	HugePages    bool              `setting:"huge_pages"`
	ImageOps     int64             `setting:"image_ops"`

	Index           string `setting:"index"`
	IndexCacheBytes int64  `setting:"index_cache_bytes"`
	IndexFrontBytes int64  `setting:"index_front_bytes"`
	GC              string `setting:"gc"`
	GCGarbage       int    `setting:"gc_garbage"`
	GCDuty          int    `setting:"gc_duty"`
}

func open(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
	var s settings
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, fmt.Errorf("open hash: %w", err)
	}
	e, err := openStore(dir, s, env.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("open hash: %w", err)
	}
	return e, nil
}
