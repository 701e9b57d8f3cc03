package pogreb

import (
	"fmt"
	"io"
	"log"
	"math"
	"sync"
	"time"

	"github.com/akrylysov/pogreb"
	"github.com/akrylysov/pogreb/fs"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/internal/adapt"
)

const (
	name    = "pogreb"
	format  = 1 // of our use of the directory, not pogreb's own
	version = "v0.10.2"
)

// Driver returns the driver of pogreb.
func Driver() engine.Driver {
	return engine.Driver{
		Name:      name,
		Family:    engine.FamilyHash,
		Title:     "pogreb, a hash index over a log in Go",
		Version:   version,
		Settings:  describe(),
		Asterisks: asterisks(),
		Open:      open,
		Verify:    verify,
		Inspect:   inspect,
	}
}

func describe() []engine.Setting {
	durability := engine.DurabilityOption(engine.OS, levels())
	durability.Effect = "level of writes that do not ask for one; os is the library's own default"
	return []engine.Setting{
		durability,
		engine.NoCacheBytes("pogreb reads through memory maps; the kernel's page cache is its cache"),
		engine.NoReadOnly("pogreb has no such mode: opening it writes"),
		{
			Name: "background_sync_interval", Kind: engine.DurationSetting, Default: "0s",
			Effect: "time between syncs in the background; 0 means none",
		},
		{
			Name: "compaction_interval", Kind: engine.DurationSetting, Default: "30s",
			Effect: "time between looks for segments of 32 MiB and more that are half garbage; 0 means none",
		},
		{
			Name: "io", Kind: engine.ChoiceSetting, Default: "mmap", Choices: []string{"mmap", "pread"},
			Effect: "how files are read; a page fault of mmap holds a thread",
		},
	}
}

const (
	getAsterisk  = "Every get allocates: the library returns a copy of the value."
	scanAsterisk = "A scan beside writers may visit a key twice, since the index splits its buckets meanwhile."
)

func asterisks() []string {
	return []string{
		getAsterisk,
		scanAsterisk,
		"Its index may hold a key twice after deletes near it; the adapter hides that at the price of a look-up for each delete, but after a compaction and an unclean end an older value may come back.",
		"It has no order: no scans from a key, and no YCSB E.",
		"Batches are not atomic: their ops are written one by one.",
		"Reads verify no checksum; damage may be returned as data, or end the process by a page fault.",
		"After any unclean end it reads its whole log to rebuild the index, and cuts each segment at the first damage without a word.",
		"A power loss may take writes of level os from the middle: a full segment is left without a sync.",
		"The adapter syncs directories, rotated and compacted segments, and the index at Close, which the library does not; without that its sync would not survive a power loss.",
		"Compaction runs in the background every 30 s, which the library leaves off by default.",
		"Its cache is the page cache, which no setting bounds: not an equal-memory comparison with engines that have a block cache.",
		"One lock admits one writer and keeps readers out meanwhile, also during an fsync.",
		"Files are pogreb's own: a file system handed in is refused.",
	}
}

// settings are the values of describe.
type settings struct {
	Durability engine.Durability `setting:"durability"`
	Sync       time.Duration     `setting:"background_sync_interval"`
	Compact    time.Duration     `setting:"compaction_interval"`
	IO         string            `setting:"io"`
}

func marker() engine.Marker { return engine.Marker{Engine: name, Format: format} }

func levels() engine.DurabilitySet { return engine.Durabilities(engine.OS, engine.Sync) }

func caps() engine.Caps {
	return engine.Caps{
		Family:           engine.FamilyHash,
		UnorderedScan:    true,
		LargerThanMemory: true, Persistent: true,
		Durabilities: levels(),
		MaxKey:       pogreb.MaxKeyLength,
		MaxValue:     pogreb.MaxValueLength,
		MaxBatch:     math.MaxInt32,
	}
}

func open(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
	var s settings
	if _, err := engine.Decode(describe(), given, &s); err != nil {
		return nil, fmt.Errorf("open pogreb: %w", err)
	}
	e, err := openStore(dir, s, env.WithDefaults())
	if err != nil {
		return nil, fmt.Errorf("open pogreb: %w", err)
	}
	return e, nil
}

func openStore(dir string, s settings, env engine.Env) (*store, error) {
	home, path, err := adapt.OpenHome(env, dir, marker(), false)
	if err != nil {
		return nil, err
	}
	silence()
	e := &store{home: home, path: path, env: env, caps: caps(), settings: s, gate: adapt.NewGate()}
	e.writes.Default = s.Durability
	e.files = newFiles(fs.OSMMap, path, env.FS)
	if s.IO == "pread" {
		e.files.FileSystem = fs.OS
	}
	if err := e.openDB(); err != nil {
		if e.db != nil {
			e.db.Close()
		}
		home.Close()
		return nil, translate(path, err)
	}
	e.startBackground()
	return e, nil
}

// openDB opens the library, twice after a recovery; see the package comment.
func (e *store) openDB() (err error) {
	defer adapt.Rescue(e.path, &err)
	o := &pogreb.Options{FileSystem: e.files}
	if e.db, err = pogreb.Open(e.path, o); err != nil || !e.files.recovered {
		return err
	}
	e.env.Log.Info("pogreb has recovered from an unclean end", "dir", e.home.Dir)
	db := e.db
	e.db = nil
	if err := db.Close(); err != nil {
		return err
	}
	if e.db, err = pogreb.Open(e.path, o); err != nil {
		return err
	}
	return e.removeReturned()
}

// silenced guards the library's one logger, which writes to the standard
// error stream until it is told otherwise.
var silenced sync.Once

func silence() {
	silenced.Do(func() { pogreb.SetLogger(log.New(io.Discard, "", 0)) })
}
