//go:build lmdb

package lmdb

import (
	"errors"
	"fmt"
	"io/fs"
	"math"

	"github.com/PowerDNS/lmdb-go/lmdb"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

const (
	name     = "lmdb"
	format   = 1    // of our use of the directory, not LMDB's own
	dataDir  = "db" // where LMDB's files are, below the marked directory
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
	durability := engine.DurabilityOption(engine.OS, engine.Durabilities(engine.OS, engine.Sync))
	durability.Effect = "level of all writes: LMDB cannot mix them; os is MDB_NOSYNC"
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

func asterisks() []string {
	return []string{
		"At durability os (MDB_NOSYNC) a power loss may destroy the whole database, not just its newest writes; that is weaker than a log without fsync.",
		"One opened engine has one level, os or sync; writes cannot ask for another.",
		"Its cache is the page cache, which no setting bounds: not an equal-memory comparison with engines that have a block cache.",
		"Pages have no checksums: damage may be returned as data, or end the process (a page fault, or an assertion in C).",
		"Writers commit one by one, without group commit: at sync each pays for two waits on the disk.",
		"An iterator or snapshot that stays open keeps freed pages from being reused, so the file grows meanwhile.",
		"Every call crosses cgo, a get three times; misses, commits, iterators and Metrics allocate in the binding.",
		"Files are LMDB's own: a file system handed in is used for the marker and for syncing directories only.",
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
	return openStore(dir, s, env.WithDefaults())
}

func openStore(dir string, s settings, env engine.Env) (*store, error) {
	home, err := engine.OpenHome(env.FS, dir, marker(), s.ReadOnly)
	if err != nil {
		return nil, err
	}
	e, err := openHome(home, s, env.FS)
	if err != nil {
		home.Close()
		return nil, fmt.Errorf("open lmdb: %w", err)
	}
	return e, nil
}

func openHome(home *engine.Home, s settings, fsys vfs.FS) (*store, error) {
	if err := sameFiles(home); err != nil {
		return nil, err
	}
	path := home.Path(dataDir)
	if s.ReadOnly {
		if _, err := fsys.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, engine.Corrupt(path, -1, "the directory is marked, but LMDB's files are missing", nil)
		}
	} else if err := fsys.MkdirAll(path); err != nil {
		return nil, err
	}
	db, err := lmdb.NewEnv()
	if err != nil {
		return nil, err
	}
	dbi, err := openEnv(db, path, &s)
	if err == nil && !s.ReadOnly {
		err = syncNames(fsys, home.Dir, path)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return newStore(db, dbi, home, fsys, s), nil
}

func openEnv(db *lmdb.Env, path string, s *settings) (dbi lmdb.DBI, err error) {
	if err := db.SetMaxReaders(s.MaxReaders); err != nil {
		return 0, err
	}
	if err := db.SetMapSize(s.MapBytes); err != nil {
		return 0, err
	}
	if err := db.Open(path, s.flags(), fileMode); err != nil {
		return 0, translate(path, err)
	}
	err = db.View(func(txn *lmdb.Txn) error {
		dbi, err = txn.OpenRoot(0)
		return err
	})
	return dbi, translate(path, err)
}

// syncNames makes the data file's name survive a power loss; LMDB does not.
func syncNames(fsys vfs.FS, dirs ...string) error {
	for _, dir := range dirs {
		if err := fsys.SyncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// sameFiles refuses a file system that does not hold the marker where LMDB,
// which opens files by itself, would look for its own.
func sameFiles(home *engine.Home) error {
	if _, err := (vfs.OS{}).Stat(home.Path(engine.MarkerName)); err != nil {
		return fmt.Errorf("%w: lmdb opens files by itself and needs the machine's file system: %w", engine.ErrUnsupported, err)
	}
	return nil
}
