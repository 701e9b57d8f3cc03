package bbolt

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

const (
	name     = "bbolt"
	format   = 1 // of our use of the directory, not bbolt's own
	version  = "v1.5.0"
	dataFile = "data.bolt"
	bucket   = "kv" // the one bucket
	fileMode = 0o644

	pageBytesName = "page_bytes"

	// maxBatch bounds a transaction, whose pages bbolt builds in memory.
	maxBatch = 1 << 30
)

// Driver returns the driver of bbolt.
func Driver() engine.Driver {
	return engine.Driver{
		Name:      name,
		Family:    engine.FamilyBTree,
		Title:     "bbolt, etcd's memory-mapped copy-on-write B+tree in Go",
		Version:   version,
		Settings:  describe(),
		Asterisks: asterisks(),
		Open:      open,
		Verify:    verify,
		Inspect:   inspect,
	}
}

func describe() []engine.Setting {
	durability := engine.DurabilityOption(engine.Sync, engine.Durabilities(engine.OS, engine.Sync))
	durability.Effect = "level of all writes: bbolt cannot mix them; sync is its own default, os is NoSync"
	return []engine.Setting{
		durability,
		engine.NoCacheBytes("bbolt reads through a memory map; the kernel's page cache is its cache"),
		engine.ReadOnlyOption(),
		{
			Name: "initial_mmap_bytes", Kind: engine.SizeSetting, Default: "16GiB", Max: 1 << 46,
			Effect: "address space mapped at open; a writer that outgrows it waits until no iterator or snapshot is open",
		},
		{
			Name: "freelist", Kind: engine.ChoiceSetting, Default: "hashmap", Choices: []string{"hashmap", "array"},
			Effect: "how free pages are kept in memory; the array, bbolt's own default, is slow in large files",
		},
		{
			Name: "freelist_sync", Kind: engine.BoolSetting, Default: "false",
			Effect: "write the free pages with every commit: slower writes, faster open",
		},
		{
			Name: "write_mode", Kind: engine.ChoiceSetting, Default: "update", Choices: []string{"update", "batch"},
			Effect: "update: a transaction for each call; batch: concurrent calls share one, and wait for it to fill",
		},
		{
			Name: "max_batch_size", Kind: engine.IntSetting, Default: "64", Min: 1, Max: 1 << 20,
			Effect: "calls that share a transaction at most, in write_mode batch",
		},
		{
			Name: "max_batch_delay", Kind: engine.DurationSetting, Default: "1ms",
			Effect: "how long the first call waits for others, in write_mode batch",
		},
		{
			Name: pageBytesName, Kind: engine.SizeSetting, Default: "4KiB", Min: 1 << 10, Max: 1 << 16, Fixed: true,
			Effect: "page size of the file, a power of two",
		},
		{
			Name: "fill_percent", Kind: engine.IntSetting, Default: "50", Min: 10, Max: 100,
			Effect: "how full a split leaves a page; higher for keys that come in order",
		},
		{
			Name: "statistics", Kind: engine.BoolSetting, Default: "false",
			Effect: "let bbolt count pages and splits; costs a lock at every transaction",
		},
	}
}

const (
	metricsAsterisk = "Metrics asks the file system for the file's size, which allocates."
	getAsterisk     = "Every get is a read transaction of the library's, which allocates and takes locks that all share."
)

func asterisks() []string {
	return []string{
		"At durability os (NoSync) a power loss may destroy the whole database, not just its newest writes; that is weaker than a log without fsync.",
		"One opened engine has one level, os or sync; writes cannot ask for another.",
		"Its cache is the page cache, which no setting bounds: not an equal-memory comparison with engines that have a block cache.",
		"Data pages have no checksums: damage may be returned as data, or end the process (a page fault, or a panic in a goroutine of the library's).",
		"An iterator or snapshot that stays open keeps freed pages from being reused, so the file grows meanwhile, and stops a writer that outgrows initial_mmap_bytes.",
		"Free pages are not written with every commit, unlike bbolt's own default: opening reads all pages.",
		getAsterisk,
		metricsAsterisk,
		"Files are bbolt's own: a file system handed in is refused.",
	}
}

// settings are the values of describe.
type settings struct {
	Durability    engine.Durability `setting:"durability"`
	ReadOnly      bool              `setting:"read_only"`
	InitialMmap   int               `setting:"initial_mmap_bytes"`
	Freelist      string            `setting:"freelist"`
	FreelistSync  bool              `setting:"freelist_sync"`
	WriteMode     string            `setting:"write_mode"`
	MaxBatchSize  int               `setting:"max_batch_size"`
	MaxBatchDelay time.Duration     `setting:"max_batch_delay"`
	PageBytes     int               `setting:"page_bytes"`
	FillPercent   int               `setting:"fill_percent"`
	Statistics    bool              `setting:"statistics"`
}

func (s *settings) marker() engine.Marker {
	return engine.Marker{
		Engine: name, Format: format,
		Fixed: map[string]string{pageBytesName: strconv.Itoa(s.PageBytes)},
	}
}

func caps(s *settings) engine.Caps {
	return engine.Caps{
		Family:  engine.FamilyBTree,
		Ordered: true, Reverse: true, Snapshots: true, IterSnapshot: true,
		AtomicBatch: true, Checkpoint: true,
		LargerThanMemory: true, Persistent: true,
		PowerLossPrefix: s.Durability == engine.Sync,
		Durabilities:    engine.Durabilities(s.Durability),
		MaxKey:          bbolt.MaxKeySize,
		MaxValue:        maxBatch,
		MaxBatch:        maxBatch,
	}
}

// options are the settings as bbolt's options.
func (s *settings) options() *bbolt.Options {
	return &bbolt.Options{
		Timeout:         time.Second, // the marker's lock is taken already
		ReadOnly:        s.ReadOnly,
		NoSync:          s.Durability == engine.OS,
		NoFreelistSync:  !s.FreelistSync,
		FreelistType:    bbolt.FreelistType(s.Freelist),
		InitialMmapSize: s.InitialMmap,
		PageSize:        s.PageBytes,
		NoStatistics:    !s.Statistics,
	}
}

func open(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
	var s settings
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, fmt.Errorf("open bbolt: %w", err)
	}
	if s.PageBytes&(s.PageBytes-1) != 0 {
		return nil, fmt.Errorf("open bbolt: %w: setting %s = %d: want a power of two", engine.ErrInvalid, pageBytesName, s.PageBytes)
	}
	e, err := openStore(dir, s, env.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("open bbolt: %w", err)
	}
	return e, nil
}

func openStore(dir string, s settings, env engine.Env) (*store, error) {
	home, path, err := adapt.OpenHome(env, dir, s.marker(), s.ReadOnly)
	if err != nil {
		return nil, err
	}
	e := &store{
		home: home, path: filepath.Join(path, dataFile), env: env,
		caps: caps(&s), settings: s, gate: adapt.NewGate(),
	}
	e.writes.ReadOnly, e.writes.Default = s.ReadOnly, s.Durability
	if err := e.openDB(); err != nil {
		if e.db != nil && !errors.Is(err, adapt.ErrPanic) { // its locks may be held
			e.db.Close()
		}
		home.Close()
		return nil, translate(e.path, err)
	}
	return e, nil
}

// openDB opens the file, makes the bucket, and makes both survive a power
// loss.
func (e *store) openDB() (err error) {
	defer adapt.Rescue(e.path, &err)
	if e.settings.ReadOnly {
		if _, err := e.env.FS.Stat(e.path); err != nil {
			return engine.Corrupt(e.path, -1, "the directory is marked, but bbolt's file is missing", err)
		}
	}
	db, err := bbolt.Open(e.path, fileMode, e.settings.options())
	if err != nil {
		return err
	}
	e.db = db
	db.MaxBatchSize, db.MaxBatchDelay = e.settings.MaxBatchSize, e.settings.MaxBatchDelay
	if e.settings.ReadOnly {
		return nil
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket([]byte(bucket)) != nil {
			return nil
		}
		_, err := tx.CreateBucket([]byte(bucket))
		return err
	})
	if err == nil && e.home.Created {
		err = db.Sync()
	}
	if err == nil {
		err = e.env.FS.SyncDir(filepath.Dir(e.path))
	}
	return err
}

// translate makes bbolt's errors the contract's. nil stays nil.
func translate(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bbolterrors.ErrTimeout):
		return fmt.Errorf("%w: %w", engine.ErrLocked, err)
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrChecksum),
		errors.Is(err, bbolterrors.ErrVersionMismatch), errors.Is(err, bbolterrors.ErrInvalidMapping):
		return engine.Corrupt(path, -1, "", err)
	case errors.Is(err, bbolterrors.ErrMaxSizeReached):
		return fmt.Errorf("%w: %w", engine.ErrTooLarge, err)
	}
	return err
}
