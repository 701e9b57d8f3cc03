package lsm

import (
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

const (
	name   = "lsm"
	format = 1

	// MaxKey is the longest key in bytes.
	maxKey   = 1<<16 - 1
	maxValue = 256 << 20
	maxBatch = 512 << 20
)

func marker() engine.Marker { return engine.Marker{Engine: name, Format: format} }

// Driver returns the driver of the LSM tree.
func Driver() engine.Driver {
	return engine.Driver{
		Name:     name,
		Family:   engine.FamilyLSM,
		Title:    "memtables, and tables in levels that compactions merge",
		Settings: describe(),
		Open:     open,
		Verify:   verify,
		Inspect:  inspect,
	}
}

func open(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
	var s settings
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, fmt.Errorf("open lsm: %w", err)
	}
	t, err := openTree(dir, s, env.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("open lsm: %w", err)
	}
	return t, nil
}

// caps are what a tree can do that is opened with such settings.
func (s *settings) caps() engine.Caps {
	levels := engine.Durabilities(engine.None, engine.Buffered, engine.OS, engine.Sync)
	if s.Durability == engine.None {
		levels = engine.Durabilities(engine.None)
	}
	return engine.Caps{
		Family:  engine.FamilyLSM,
		Ordered: true, Reverse: true, Snapshots: true, IterSnapshot: true,
		AtomicBatch: true, RangeDelete: true, BulkLoad: true, TTL: true,
		Checkpoint: true, UnorderedScan: true, LargerThanMemory: true,
		Persistent: true, PowerLossPrefix: true, VerifiesReads: true,
		Durabilities: levels,
		MaxKey:       maxKey, MaxValue: maxValue, MaxBatch: maxBatch,
	}
}
