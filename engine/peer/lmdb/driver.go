//go:build lmdb

package lmdb

import (
	"fmt"
	"math"

	"github.com/PowerDNS/lmdb-go/lmdb"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

const (
	name     = "lmdb"
	format   = 1 // of our use of the directory, not LMDB's own
	fileMode = 0o644

	// maxValue is below LMDB's own 4 GiB - 1 so that an int of 32 bits has it.
	maxValue = math.MaxInt32
)

// Driver returns the driver of LMDB.
func Driver() engine.Driver {
	return engine.Driver{
		Name:      name,
		Family:    engine.FamilyBTree,
		Title:     "LMDB, the memory-mapped copy-on-write B+tree in C, through cgo",
		Version:   "0.9.33 in lmdb-go v1.9.3",
		Settings:  describe(),
		Asterisks: asterisks(),
		Open:      open,
		Inspect:   inspect,
	}
}

func describe() []engine.Setting {
	durability := engine.DurabilityOption(engine.Sync, engine.Durabilities(engine.OS, engine.Sync))
	durability.Effect = "level of all writes, which LMDB cannot mix: sync is its own default, os is MDB_NOSYNC"
	return []engine.Setting{
		durability,
		engine.NoCacheBytes("LMDB reads through a memory map; the kernel's page cache is its cache"),
		engine.ReadOnlyOption(),
		{
			Name: "map_bytes", Kind: engine.SizeSetting, Default: "256GiB", Min: 1 << 20,
			Effect: "the most that the file may grow to; it takes address space, neither memory nor disk",
		},
		{
			Name: "max_readers", Kind: engine.IntSetting, Default: "1024", Min: 1, Max: 1 << 16,
			Effect: "gets, iterators and snapshots at once",
		},
		{
			Name: "read_ahead", Kind: engine.BoolSetting, Default: "false",
			Effect: "let the kernel read ahead of page faults; for scans of data larger than memory",
		},
	}
}

const allocsAsterisk = "Misses, commits, new iterators and Metrics allocate a few small objects in the binding."

func asterisks() []string {
	return []string{
		"At durability os (MDB_NOSYNC) a power loss may destroy the whole database, not just its newest writes; that is weaker than a log without fsync.",
		"One opened engine has one level, os or sync; writes cannot ask for another.",
		"Its cache is the page cache, which no setting bounds: not an equal-memory comparison with engines that have a block cache.",
		"Pages have no checksums: damage may be returned as data, or end the process (a page fault, or an assertion in C).",
		"Writers commit one by one, without group commit: at sync each pays for two waits on the disk.",
		"An iterator or snapshot that stays open keeps freed pages from being reused, so the file grows meanwhile.",
		"A value of zero bytes only, such as the empty one, is stored with one zero byte more, around a fault of the binding.",
		"Every call crosses cgo, a get three times.",
		allocsAsterisk,
		"Files are LMDB's own: a file system handed in is refused.",
	}
}

// settings are the values of describe.
type settings struct {
	Durability engine.Durability `setting:"durability"`
	ReadOnly   bool              `setting:"read_only"`
	MapBytes   int64             `setting:"map_bytes"`
	MaxReaders int               `setting:"max_readers"`
	ReadAhead  bool              `setting:"read_ahead"`
}

func marker() engine.Marker { return engine.Marker{Engine: name, Format: format} }

func caps(s *settings, maxKey int) engine.Caps {
	return engine.Caps{
		Family:  engine.FamilyBTree,
		Ordered: true, Reverse: true, Snapshots: true, IterSnapshot: true,
		AtomicBatch: true, Checkpoint: true,
		LargerThanMemory: true, Persistent: true,
		PowerLossPrefix: s.Durability == engine.Sync,
		Durabilities:    engine.Durabilities(s.Durability),
		MaxKey:          maxKey,
		MaxValue:        maxValue,
	}
}

// flags are those of mdb_env_open. A read-only engine takes no lock of LMDB's:
// the lock of the directory keeps writers out, and LMDB's would write a file.
func (s *settings) flags() uint {
	flags := uint(lmdb.NoMemInit)
	if !s.ReadAhead {
		flags |= lmdb.NoReadahead
	}
	if s.Durability == engine.OS {
		flags |= lmdb.NoSync
	}
	if s.ReadOnly {
		flags |= lmdb.Readonly | lmdb.NoLock
	}
	return flags
}

func open(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
	var s settings
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, fmt.Errorf("open lmdb: %w", err)
	}
	e, err := openStore(dir, s, env.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("open lmdb: %w", err)
	}
	return e, nil
}

func openStore(dir string, s settings, env engine.Env) (*store, error) {
	home, path, err := adapt.OpenHome(env, dir, marker(), s.ReadOnly)
	if err != nil {
		return nil, err
	}
	e, err := newStore(home, path, s, env.FS)
	if err != nil {
		home.Close()
		return nil, err
	}
	return e, nil
}
