package mem

import (
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

const name = "mem"

// Driver returns the driver of the engine in memory. Its directory is not
// looked at: two engines opened with one directory share nothing.
func Driver() engine.Driver {
	return engine.Driver{
		Name:     name,
		Family:   engine.FamilyMemory,
		Title:    "google/btree in memory behind one lock",
		Version:  "v1.1.3",
		Settings: describe(),
		Asterisks: []string{
			"It stores nothing on disk: data are gone when it is closed.",
			"It counts no reads: the counters would cost every get more than they tell.",
		},
		Rail: true,
		Open: open,
	}
}

func describe() []engine.Setting {
	return []engine.Setting{
		engine.DurabilityOption(engine.None, engine.Durabilities(engine.None)),
		engine.NoCacheBytes("all data are in memory anyway"),
		engine.NoReadOnly("what it opens is always empty"),
		{
			Name: "degree", Kind: engine.IntSetting, Default: "32", Min: 2, Max: 4096,
			Effect: "a node of the tree has degree-1 to 2*degree-1 keys; fewer make writes after a snapshot cheaper",
		},
	}
}

type settings struct {
	Durability engine.Durability `setting:"durability"`
	Degree     int               `setting:"degree"`
}

func open(_ string, given map[string]string, _ engine.Env) (engine.Engine, error) {
	var s settings
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, fmt.Errorf("open mem: %w", err)
	}
	return newStore(s.Degree), nil
}

func caps() engine.Caps {
	return engine.Caps{
		Family:  engine.FamilyMemory,
		Ordered: true, Reverse: true, Snapshots: true, IterSnapshot: true,
		AtomicBatch: true, RangeDelete: true, UnorderedScan: true,
		Durabilities: engine.Durabilities(engine.None),
	}
}
