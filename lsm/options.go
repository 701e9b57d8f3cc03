package lsm

import (
	"fmt"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/lsm/block"
	"github.com/kvbench/kvbench/lsm/compaction"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/table"
	"github.com/kvbench/kvbench/lsm/version"
)

// choices are settings as the packages below want them.
type choices struct {
	block    block.Options
	filter   filter.Policy
	compress compress.Kind
	codec    *compress.Codec
	scratch  *table.Scratch
	io       table.IO
}

func (s *settings) choices() (c choices, err error) {
	c.block = block.Options{Layout: block.Heads, RestartInterval: s.RestartInterval}
	if s.BlockLayout == layoutRestarts {
		c.block.Layout = block.Restarts
	}
	kind := s.Filter
	if kind == "fuse" {
		kind = filter.Fuse8.String()
	}
	if c.filter.Kind, err = filter.ParseKind(kind); err != nil {
		return c, err
	}
	c.filter.BitsPerKey = s.FilterBits
	if s.FilterBits < 1 || s.FilterBits > 64 {
		return c, fmt.Errorf("setting filter_bits = %v: want 1 to 64", s.FilterBits)
	}
	if c.compress, err = compress.ParseKind(s.Compression); err != nil {
		return c, err
	}
	if c.codec, err = compress.New(compress.Options{Level: compress.Fastest}); err != nil {
		return c, err
	}
	c.scratch = new(table.Scratch)
	switch s.IO {
	case ioMmap:
		c.io = table.Mmap
	case ioDirect:
		c.io = table.Direct
	}
	return c, nil
}

// tableOptions are those of a table that is to be written to a level.
func (t *tree) tableOptions(id uint64, level int, created, oldest int64) table.Options {
	o := table.Options{
		ID: id, Block: t.choices.block, BlockBytes: t.settings.BlockBytes,
		Compression: t.choices.compress, Codec: t.choices.codec,
		Filter: t.filterFor(level), FilterPrefix: t.settings.FilterPrefix,
		Created: created, OldestTombstone: oldest, WriteBack: true,
	}
	if t.prepopulates(level) {
		o.Cache, o.Admission = t.blocks, cache.Normal.For(cache.Data)
	}
	return o
}

// fitShare: tables fit in the cache if they have no more than so many percent
// of its bytes.
const fitShare = 75

// prepopulates decides whether blocks of a table that is being written to a
// level enter the cache: what was written last is likely to be read soon, and
// what a compaction rewrites was in the cache if there is room for all.
func (t *tree) prepopulates(level int) bool {
	if t.choices.io == table.Mmap || t.settings.CacheBytes == 0 {
		return false
	}
	switch t.settings.Prepopulate {
	case prepopulateFlush:
		return level == 0
	case prepopulateFit:
		return level == 0 || t.manifest.State().Version.Totals().Bytes <= t.settings.CacheBytes/100*fitShare
	}
	return false
}

// readerOptions are those of a table. One that was loaded has been written
// before its number was known: only the manifest has it. Where all that a table
// has is of one number anyway, it does no harm to say so.
func (t *tree) readerOptions(meta *version.Table) table.ReaderOptions {
	o := table.ReaderOptions{
		Cache: t.blocks, IO: t.choices.io, Allocator: t.pinned,
		Codec: t.choices.codec, Scratch: t.choices.scratch,
	}
	if meta.MinSeq == meta.MaxSeq && meta.RangeDeletes == 0 {
		o.Seq = meta.MinSeq
	}
	return o
}

// filterFor is the filter of tables of a level.
func (t *tree) filterFor(level int) filter.Policy {
	p := t.choices.filter
	if t.settings.FilterAllocation != allocMonkey || p.Kind == filter.None {
		return p
	}
	l := t.holdLevels()
	if l == nil {
		return p
	}
	defer t.letGo(l)
	runs, at := []uint64{}, -1
	for _, r := range l.runs {
		var entries uint64
		for _, f := range r.tables {
			entries += f.meta.Entries
		}
		if r.level == level {
			at = len(runs)
		}
		runs = append(runs, entries)
	}
	if at < 0 { // the first of its level: as large as a memtable
		at = len(runs)
		runs = append(runs, uint64(t.settings.MemtableBytes/128))
	}
	p.BitsPerKey = filter.Monkey(p.BitsPerKey, runs)[at]
	if p.BitsPerKey == 0 {
		p.Kind = filter.None
	}
	return p
}

// pickerSettings are the policy of compactions.
func (s *settings) pickerSettings() compaction.Settings {
	c := compaction.Settings{
		Layout: s.Layout, Granularity: s.Granularity, Movement: s.Movement,
		SizeRatio: s.SizeRatio, L0Runs: s.L0Runs, BaseBytes: s.BaseBytes,
		TableBytes: s.TableBytes, TTL: s.TTL, TombstoneAge: s.TombstoneAge,
	}
	if s.Layout == "fifo" {
		c.MaxBytes = s.FIFOBytes
	}
	return c
}

// initWork makes what decides about work.
func (t *tree) initWork() (err error) {
	t.work.picker, err = compaction.New(t.settings.pickerSettings())
	return err
}
