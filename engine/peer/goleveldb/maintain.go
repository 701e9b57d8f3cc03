package goleveldb

import (
	"context"
	"fmt"
	"strconv"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/util"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

// Settle waits until no level is over its limit and no bytes move. The library
// does not say whether it is at work, so that we look again and again.
func (e *store) Settle(ctx context.Context) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if e.writes.ReadOnly {
		return nil
	}
	var moved uint64
	return adapt.Poll(ctx, func() (settled, busy bool) {
		e.statsMu.Lock()
		defer e.statsMu.Unlock()
		if e.db.Stats(&e.stats) != nil {
			return true, false
		}
		busy = e.stats.IOWrite != moved
		moved = e.stats.IOWrite
		return !busy && e.withinLimits(), busy
	})
}

// withinLimits needs e.statsMu and fresh stats.
func (e *store) withinLimits() bool {
	limit := int64(e.settings.LevelBase)
	for level, size := range e.stats.LevelSizes {
		switch {
		case level == 0:
			if e.stats.LevelTablesCounts[0] >= e.settings.L0Trigger {
				return false
			}
		case size > limit:
			return false
		default:
			limit *= 10
		}
	}
	return true
}

// Compact cannot be cancelled once it runs.
func (e *store) Compact(ctx context.Context, lower, upper []byte) error {
	call := e.gate.Enter()
	if call == nil {
		return engine.ErrClosed
	}
	defer call.Leave()
	if err := e.writes.Allowed(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if upper != nil && string(lower) >= string(upper) {
		return nil
	}
	if err := e.db.CompactRange(util.Range{Start: lower, Limit: upper}); err != nil {
		return fmt.Errorf("compact: %w", translate(e.path, err))
	}
	return nil
}

// Metrics fills in what the library counts. It does not tell bytes of flushes
// from those of compactions: CompactWriteBytes has both.
func (e *store) Metrics(m *engine.Metrics) {
	call := e.gate.Enter()
	if call == nil {
		return
	}
	defer call.Leave()
	e.statsMu.Lock()
	defer e.statsMu.Unlock()
	s := &e.stats
	if e.db.Stats(s) != nil {
		return
	}
	m.Log.Syncs = engine.Known(e.journals.syncs.Load())
	m.Log.SyncTime = engine.Known(e.journals.syncTime.Load())
	m.Work.Flushes = engine.Known(uint64(s.MemComp))
	m.Work.Compactions = engine.Known(uint64(s.Level0Comp) + uint64(s.NonLevel0Comp) + uint64(s.SeekComp))
	m.Work.CompactReadBytes = total(s.LevelRead)
	m.Work.CompactWriteBytes = total(s.LevelWrite)
	m.Space.DiskBytes = total(s.LevelSizes)
	m.Space.Files = engine.Known(tables(s))
	m.Read.IOBytes = engine.Known(s.IORead)
	if e.settings.CacheBytes > 0 {
		m.Cache.Hits = engine.Known(uint64(max(s.BlockCache.HitCount, 0)))
		m.Cache.Misses = engine.Known(uint64(max(s.BlockCache.MissCount, 0)))
		m.Cache.Bytes = engine.Known(uint64(max(s.BlockCacheSize, 0)))
	}
	m.Stall.Stalls = engine.Known(uint64(s.WriteDelayCount))
	m.Stall.Time = engine.Known(uint64(s.WriteDelayDuration))
	m.Health.SyncErrors = engine.Known(e.journals.syncErrors.Load())
}

func total(sizes leveldb.Sizes) engine.Count { return engine.Known(uint64(max(sizes.Sum(), 0))) }

func tables(s *leveldb.DBStats) (n uint64) {
	for _, count := range s.LevelTablesCounts {
		n += uint64(count)
	}
	return n
}

// openToLook opens a directory read-only.
func openToLook(dir string, env engine.Env) (*store, error) {
	var s settings
	given := map[string]string{engine.ReadOnlyName: "true"}
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, err
	}
	return openStore(dir, s, env.WithDefaults())
}

func verify(ctx context.Context, dir string, env engine.Env, report func(engine.Problem)) error {
	e, err := openToLook(dir, env)
	if err != nil {
		return adapt.ReportDamage(err, report)
	}
	defer e.Close()
	return adapt.VerifyByReading(ctx, e, report)
}

func inspect(_ context.Context, dir string, env engine.Env) (engine.Layout, error) {
	e, err := openToLook(dir, env)
	if err != nil {
		return engine.Layout{}, fmt.Errorf("inspect goleveldb: %w", err)
	}
	defer e.Close()
	if err := e.db.Stats(&e.stats); err != nil {
		return engine.Layout{}, fmt.Errorf("inspect goleveldb: %w", translate(e.path, err))
	}
	table := engine.LayoutTable{Title: "levels", Columns: []string{"level", "tables", "bytes"}}
	for level, n := range e.stats.LevelTablesCounts {
		table.Rows = append(table.Rows, []string{
			strconv.Itoa(level), strconv.Itoa(n), strconv.FormatInt(e.stats.LevelSizes[level], 10),
		})
	}
	return engine.Layout{
		Facts:  []engine.Fact{{Name: "tables", Value: strconv.FormatUint(tables(&e.stats), 10)}},
		Tables: []engine.LayoutTable{table},
	}, nil
}
