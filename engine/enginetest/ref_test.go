package enginetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// ref is the smallest honest engine: a map in memory, a log of all writes, and
// now and then a snapshot of the map, from which the log need not be kept.
//
//	dir/KVBENCH    the marker
//	dir/snapshot   the map as it was at a position of the log
//	dir/log/       the log from that position on, or from its beginning
//
// What it does for every promise:
//
//   - A write is a record of the log, then a change of the map, both in one
//     critical section: the log has the order that readers see.
//   - It is acknowledged when its record is where its level says.
//   - A snapshot is taken of what the log holds, and the log is made durable up
//     to there first: it would otherwise end before the snapshot's position and
//     hand out positions anew.
//   - A snapshot replaces the last one by a rename, when it is durable; the log
//     before it goes when the rename is durable.
//   - After the first failure nothing is written any more.
//
// ref_write_test.go writes, ref_snapshot_test.go has the snapshot's format,
// and ref_log_test.go opens the log.
type ref struct {
	parts
	home     *engine.Home
	fsys     vfs.FS
	level    engine.Durability
	readOnly bool
	every    int64 // bytes of log after which a snapshot is due

	// saving is held while a snapshot is written, and taken before mu.
	saving sync.Mutex

	mu      sync.RWMutex
	data    map[string][]byte
	log     recordLog
	last    uint64 // position of the last record
	unsaved int64  // bytes of log since the last snapshot
	closed  bool
	failure error // the first; nothing is written after it
	counts  struct{ batches, snapshots uint64 }
}

// parts are what a ref is put together from; broken ones have others.
type parts struct {
	openLog func(fsys vfs.FS, dir string, o logOptions, each func(at uint64, payload []byte) error) (recordLog, error)
	save    func(fsys vfs.FS, path string, s snapshot) error
	load    func(fsys vfs.FS, path string) (snapshot, error)
}

func soundParts() parts { return parts{openWAL, saveSnapshot, loadSnapshot} }

// A recordLog is what ref needs of a log. Positions ascend, and are above 0.
type recordLog interface {
	Append(payload []byte) (at uint64, err error)
	Wait(at uint64, durable bool) error // until it is in the kernel, or durable
	Sync() error
	Prune(before uint64) error // what is before is not needed any more
	Syncs() uint64
	Close() error
}

type logOptions struct {
	segmentBytes int64
	recycle      int
	from         uint64 // records before it are not wanted
	readOnly     bool
}

type refSettings struct {
	Durability engine.Durability `setting:"durability"`
	ReadOnly   bool              `setting:"read_only"`
	Segment    int64             `setting:"segment_bytes"`
	Every      int64             `setting:"snapshot_bytes"`
	Recycle    int               `setting:"recycle"`
}

func refCaps() engine.Caps {
	return engine.Caps{
		Family: engine.FamilyMemory, AtomicBatch: true, RangeDelete: true, UnorderedScan: true, Checkpoint: true,
		Persistent: true, PowerLossPrefix: true, VerifiesReads: true,
		Durabilities: engine.Durabilities(engine.Buffered, engine.OS, engine.Sync),
		MaxKey:       1 << 10, MaxValue: 1 << 20, MaxBatch: 4 << 20,
	}
}

func refDriver(p parts) engine.Driver {
	settings := []engine.Setting{
		engine.DurabilityOption(engine.OS, refCaps().Durabilities),
		engine.NoCacheBytes("everything is in memory"),
		engine.ReadOnlyOption(),
		{Name: "segment_bytes", Kind: engine.SizeSetting, Default: "64k", Min: 8 << 10, Effect: "size of the log's files"},
		{Name: "snapshot_bytes", Kind: engine.SizeSetting, Default: "256k", Min: 1 << 10, Effect: "bytes of log after which a snapshot is written"},
		{Name: "recycle", Kind: engine.IntSetting, Default: "1", Max: 8, Effect: "how many files of the log are written again"},
	}
	return engine.Driver{
		Name: "ref", Family: engine.FamilyMemory, Title: "a map, a log and snapshots", Settings: settings,
		Open: func(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
			var s refSettings
			if _, err := engine.Decode(settings, given, &s); err != nil {
				return nil, fmt.Errorf("open ref: %w", err)
			}
			return openRef(p, dir, s, env.WithDefaults())
		},
		Verify:  p.verify,
		Inspect: p.inspect,
	}
}

func refMarker() engine.Marker { return engine.Marker{Engine: "ref", Format: 1} }

func openRef(p parts, dir string, s refSettings, env engine.Env) (engine.Engine, error) {
	home, err := engine.OpenHome(env.FS, dir, refMarker(), s.ReadOnly)
	if err != nil {
		return nil, err
	}
	e := &ref{parts: p, home: home, fsys: env.FS, level: s.Durability, readOnly: s.ReadOnly, every: s.Every}
	if err := e.recover(s); err != nil {
		home.Close()
		return nil, fmt.Errorf("open ref: %w", err)
	}
	return e, nil
}

const (
	snapshotName = "snapshot"
	logName      = "log"
)

// recover reads the snapshot, and performs what the log has after it.
func (e *ref) recover(s refSettings) error {
	logDir := e.home.Path(logName)
	if !e.readOnly {
		if err := e.fsys.MkdirAll(logDir); err != nil {
			return err
		}
		if err := e.fsys.SyncDir(e.home.Dir); err != nil {
			return err
		}
	}
	saved, err := e.load(e.fsys, e.home.Path(snapshotName))
	if err != nil {
		return err
	}
	e.data, e.last = saved.data, saved.at
	o := logOptions{segmentBytes: s.Segment, recycle: s.Recycle, readOnly: s.ReadOnly}
	if saved.at > 0 {
		o.from = saved.at + 1
	}
	e.log, err = e.openLog(e.fsys, logDir, o, func(at uint64, payload []byte) error {
		var b engine.Batch
		if err := b.Load(payload); err != nil {
			return engine.Corrupt(logDir, -1, fmt.Sprintf("record at %#x is no batch", at), err)
		}
		e.perform(&b)
		e.last = at
		e.unsaved += int64(len(payload))
		return nil
	})
	return err
}

func (e *ref) Caps() engine.Caps { return refCaps() }

func (e *ref) Get(dst, key []byte) ([]byte, error) {
	caps := refCaps()
	if err := caps.CheckKey(key); err != nil {
		return dst, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return dst, engine.ErrClosed
	}
	value, ok := e.data[string(key)]
	if !ok {
		return dst, engine.ErrNotFound
	}
	return append(dst, value...), nil
}

// Scan visits a copy, so that f may call the engine.
func (e *ref) Scan(ctx context.Context, f func(key, value []byte) error) error {
	e.mu.RLock()
	closed, data := e.closed, maps.Clone(e.data)
	e.mu.RUnlock()
	if closed {
		return engine.ErrClosed
	}
	for key, value := range data { // values are replaced, never changed
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f([]byte(key), append([]byte(nil), value...)); err != nil {
			return err
		}
	}
	return nil
}

func (e *ref) Metrics(m *engine.Metrics) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	m.User.Batches = engine.Known(e.counts.batches)
	m.Log.Syncs = engine.Known(e.log.Syncs())
	m.Space.LiveKeys = engine.Known(uint64(len(e.data)))
}

func (e *ref) Close() error {
	e.saving.Lock()
	defer e.saving.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil
	}
	e.closed = true
	return errors.Join(e.log.Close(), e.home.Close())
}

func snapshotPath(dir string) string { return filepath.Join(dir, snapshotName) }
