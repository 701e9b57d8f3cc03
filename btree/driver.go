package btree

import (
	"fmt"
	"maps"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

const (
	name   = "btree"
	format = 1

	maxValue = 256 << 20
	maxBatch = 512 << 20
)

// Driver returns the driver of the B+tree.
func Driver() engine.Driver {
	return engine.Driver{
		Name:     name,
		Family:   engine.FamilyBTree,
		Title:    "pages in a pool, a log, and checkpoints out of place",
		Settings: describe(),
		Asterisks: []string{
			"mode=cow has the durabilities none and sync only.",
			"With io=mmap an error of the disk under a page that is read ends the process (SIGBUS).",
		},
		Open:    open,
		Verify:  verify,
		Inspect: inspect,
	}
}

func open(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
	env = env.WithDefaults()
	s, err := settle(env.FS, dir, given)
	if err != nil {
		return nil, fmt.Errorf("open btree: %w", err)
	}
	t, err := openTree(dir, s, env)
	if err != nil {
		return nil, fmt.Errorf("open btree: %w", err)
	}
	return t, nil
}

// settle makes the settings of an engine that is to be opened in dir. What is
// fixed and not given is as dir has it; what is given otherwise is for
// engine.OpenHome to refuse, as is a marker that cannot be read.
func settle(fsys vfs.FS, dir string, given map[string]string) (s settings, err error) {
	described, full := describe(), maps.Clone(given)
	if full == nil {
		full = make(map[string]string)
	}
	if m, err := engine.ReadMarker(fsys, dir); err == nil && m.Engine == name {
		for _, d := range described {
			had, ok := m.Fixed[d.Name]
			if _, named := given[d.Name]; ok && d.Fixed && !named {
				full[d.Name] = had
			}
		}
	}
	if _, err := engine.Decode(described, full, &s); err != nil {
		return s, err
	}
	if _, named := given[engine.DurabilityName]; !named && s.Mode == modeCOW {
		s.Durability = engine.Sync
	}
	return s, s.check()
}

func walLevels() engine.DurabilitySet {
	return engine.Durabilities(engine.None, engine.Buffered, engine.OS, engine.Sync)
}

// levels are those that a tree may be opened at.
func (s *settings) levels() engine.DurabilitySet {
	if s.Mode == modeCOW {
		return engine.Durabilities(engine.None, engine.Sync)
	}
	return walLevels()
}

// caps are what a tree can do that is opened with such settings.
func (s *settings) caps() engine.Caps {
	levels := s.levels()
	if s.Durability == engine.None {
		levels = engine.Durabilities(engine.None)
	}
	return engine.Caps{
		Family:  engine.FamilyBTree,
		Ordered: true, Reverse: true, Snapshots: true, IterSnapshot: true,
		AtomicBatch: true, RangeDelete: true, BulkLoad: true, TTL: true,
		Checkpoint: true, UnorderedScan: true, LargerThanMemory: true,
		Persistent: true, PowerLossPrefix: true, VerifiesReads: true,
		Durabilities: levels,
		MaxKey:       page.MaxKey(s.PageBytes), MaxValue: maxValue, MaxBatch: maxBatch,
	}
}
