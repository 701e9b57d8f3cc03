package btree

import (
	"fmt"
	"strconv"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// Choices that the tree itself interprets.
const (
	modeWAL = "wal"
	modeCOW = "cow"

	ioPread  = "pread"
	ioMmap   = "mmap"
	ioDirect = "direct"

	evictClock  = "clock"
	evictS3FIFO = "s3fifo"

	throttleSmooth = "smooth"
	throttleOff    = "off"
)

// Settings that a directory keeps from its creation on.
const (
	modeName      = "mode"
	pageBytesName = "page_bytes"
)

const (
	minPageBytes = 4 << 10
	maxPageBytes = 32 << 10
)

// settings are those of an open tree. describe says what each does.
type settings struct {
	Durability engine.Durability `setting:"durability"`
	ReadOnly   bool              `setting:"read_only"`

	Mode      string `setting:"mode"`
	PageBytes int    `setting:"page_bytes"`

	CacheBytes int64   `setting:"cache_bytes"`
	Eviction   string  `setting:"eviction"`
	CleanShare float64 `setting:"clean_share"`
	DirtyShare float64 `setting:"dirty_share"`
	IO         string  `setting:"io"`
	HugePages  bool    `setting:"huge_pages"`

	Fill       float64 `setting:"fill"`
	MergeBelow float64 `setting:"merge_below"`
	GroupOps   int     `setting:"group_ops"`

	LogBytes           int64         `setting:"log_bytes"`
	CheckpointInterval time.Duration `setting:"checkpoint_interval"`
	CheckpointPace     float64       `setting:"checkpoint_pace"`
	Throttle           string        `setting:"throttle"`

	ShrinkSlack float64 `setting:"shrink_slack"`
}

func describe() []engine.Setting {
	durability := engine.DurabilityOption(engine.OS, walLevels())
	durability.Effect = "level of writes that do not ask for one; an engine opened at none writes no log, and has no other level; mode=cow has none and sync, and is opened at sync unless told otherwise"
	s := []engine.Setting{
		durability,
		engine.CacheBytesOption("256m", "memory for pages, read and written, but at least 64 of them; inner pages are in it too, the mapping (16 bytes a page) is not"),
		engine.ReadOnlyOption(),
	}
	s = append(s, describeFile()...)
	s = append(s, describePool()...)
	s = append(s, describePages()...)
	return append(s, describeWork()...)
}

// describeFile has what the directory is made with.
func describeFile() []engine.Setting {
	return []engine.Setting{
		{
			Name: modeName, Kind: engine.ChoiceSetting, Default: modeWAL, Choices: []string{modeWAL, modeCOW}, Fixed: true,
			Effect: "what makes writes durable: wal, a log that checkpoints follow; cow, each commit writes the pages that it changed, elsewhere, and then a superblock, with two syncs and no log, to compare; an existing directory has its own",
		},
		{
			Name: pageBytesName, Kind: engine.SizeSetting, Default: "8k", Min: minPageBytes, Max: maxPageBytes, Fixed: true,
			Effect: "size of a page: 4k, 8k, 16k or 32k; smaller for random reads and writes of data larger than memory, larger for scans and large values; keys may have an eighth of it; an existing directory has its own",
		},
	}
}

func describePool() []engine.Setting {
	return []engine.Setting{
		{
			Name: "io", Kind: engine.ChoiceSetting, Default: ioPread, Choices: []string{ioPread, ioMmap, ioDirect},
			Effect: "how pages are read: pread goes through the page cache of the system; mmap for data that fits in memory; direct past that cache, for data that is far larger",
		},
		{
			Name: "eviction", Kind: engine.ChoiceSetting, Default: evictS3FIFO, Choices: []string{evictClock, evictS3FIFO},
			Effect: "which page leaves memory first: s3fifo withstands scans, clock is the simplest, to compare",
		},
		{
			Name: "clean_share", Kind: engine.FloatSetting, Unit: "of the pool", Default: "0.1",
			Effect: "part of the pool that is kept free or clean, so that a page that is read finds room at once; below it changed pages are written before their checkpoint; more for reads among writes to data larger than memory; 0..0.9",
		},
		{
			Name: "dirty_share", Kind: engine.FloatSetting, Unit: "of the pool", Default: "0.85",
			Effect: "part of the pool that changed pages may take before that begins a checkpoint and slows writes down; less leaves more room to reads, more merges more changes of a page into one write; 0.1..1",
		},
		{
			Name: "huge_pages", Kind: engine.BoolSetting, Default: "true",
			Effect: "keep the pool in pages of 2 MiB, where the system has them: fewer misses of the TLB when it is large, and memory that is resident earlier",
		},
	}
}

func describePages() []engine.Setting {
	return []engine.Setting{
		{
			Name: "fill", Kind: engine.FloatSetting, Unit: "of a page", Default: "0.9",
			Effect: "how full bulk loads, compactions and splits by keys that come in order leave a page; 1 for data that will not change, less for room to insert without a split; 0.5..1",
		},
		{
			Name: "merge_below", Kind: engine.FloatSetting, Unit: "of a page", Default: "0.3",
			Effect: "leaves that deletes leave emptier than this are merged with a neighbour, in the background; more saves space, and costs writes; 0: only empty ones go; 0..0.45",
		},
		{
			Name: "group_ops", Kind: engine.IntSetting, Unit: "writes", Default: "4096", Min: 1, Max: 1 << 20,
			Effect: "writes that have queued up, a batch being one, that are applied together, sorted; more share more of the walks through the tree, fewer bound how long readers may wait for a batch among them",
		},
	}
}

func describeWork() []engine.Setting {
	return []engine.Setting{
		{
			Name: "log_bytes", Kind: engine.SizeSetting, Default: "256m", Min: 64 << 10, Max: 1 << 40,
			Effect: "log that there may be since the last checkpoint when the next one ends; more writes fewer pages, less opens sooner after a crash; writes are slowed down from half as much again on, and wait at twice as much",
		},
		{
			Name: "checkpoint_interval", Kind: engine.DurationSetting, Default: "30s",
			Effect: "a checkpoint begins so long after the last one, if anything has changed; 0: by log_bytes and dirty_share only, so that counters do not depend on the clock",
		},
		{
			Name: "checkpoint_pace", Kind: engine.FloatSetting, Unit: "of log_bytes", Default: "0.4",
			Effect: "over how much of the log, or of checkpoint_interval if that is over first, a checkpoint spreads its writes; more is smoother, and begins earlier, hence writes more pages; 0: as fast as possible; 0..1",
		},
		{
			Name: "throttle", Kind: engine.ChoiceSetting, Default: throttleSmooth, Choices: []string{throttleSmooth, throttleOff},
			Effect: "smooth: writes are slowed down, little by little, to what checkpoints keep up with; off: they wait only where there is no room at all",
		},
		{
			Name: "shrink_slack", Kind: engine.FloatSetting, Unit: "of the file", Default: "0.25",
			Effect: "part of the file that may be free before pages at its end are moved down and it is cut; less saves space, and costs writes; 1: it never shrinks but by Compact; 0..1",
		},
	}
}

// A bound is what a share must be within, inclusive.
type bound struct {
	name     string
	value    float64
	min, max float64
}

// check refuses what the kinds of settings do not.
func (s *settings) check() error {
	if s.PageBytes&(s.PageBytes-1) != 0 || s.PageBytes < minPageBytes || s.PageBytes > maxPageBytes {
		return fmt.Errorf("%w: setting %s = %d: want 4096, 8192, 16384 or 32768", engine.ErrInvalid, pageBytesName, s.PageBytes)
	}
	for _, b := range []bound{
		{"clean_share", s.CleanShare, 0, 0.9},
		{"dirty_share", s.DirtyShare, 0.1, 1},
		{"fill", s.Fill, 0.5, 1},
		{"merge_below", s.MergeBelow, 0, 0.45},
		{"checkpoint_pace", s.CheckpointPace, 0, 1},
		{"shrink_slack", s.ShrinkSlack, 0, 1},
	} {
		if !(b.value >= b.min && b.value <= b.max) {
			return fmt.Errorf("%w: setting %s = %v: want %v to %v", engine.ErrInvalid, b.name, b.value, b.min, b.max)
		}
	}
	if levels := s.levels(); !levels.Has(s.Durability) {
		_, err := levels.Resolve(s.Durability, s.Durability)
		return fmt.Errorf("with mode=%s: %w", s.Mode, err)
	}
	return nil
}

// marker is that of a directory made with these settings.
func (s *settings) marker() engine.Marker {
	return engine.Marker{
		Engine: name, Format: format,
		Fixed: map[string]string{
			modeName:      s.Mode,
			pageBytesName: strconv.Itoa(s.PageBytes),
		},
	}
}
