package lsm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/manifest"
)

// A tree is an open engine.
type tree struct {
	caps     engine.Caps
	env      engine.Env
	now      func() time.Time
	home     *engine.Home
	counting *vfs.Counting
	settings settings
	choices  choices
	level    engine.Durability
	readOnly bool
	logging  bool // writes go to the log

	domain *epoch.Domain
	blocks *cache.Cache
	pinned *offheap.Allocator // indexes and filters

	log      *wal.Log
	manifest *manifest.Log // nil if read only

	nextID  atomic.Uint64 // of files
	nextRun atomic.Uint64

	commits commits
	writers sync.Pool // of *writer
	walks   sync.Pool // of *walk

	// view is what readers look at.
	view atomic.Pointer[view]

	// memory hands out memtables. fresh is the one that takes writes; it is
	// guarded by commits.mu.
	memory memories
	fresh  *memory

	// state guards who installs a view, and what is behind it.
	state state

	files     files
	blobs     blobs
	snapshots snapshots
	work      work
	brake     brake

	counts      counters
	corruptions atomic.Uint64
	syncErrors  atomic.Uint64
	recovery    time.Duration
	recovered   int64 // bytes of log

	// failure is the first write that failed; after it there is none.
	failure atomic.Pointer[error]

	// ending stops writes, so that a last flush has them all.
	ending atomic.Bool

	// closed stops calls; see drain.
	closed  atomic.Bool
	closing sync.Mutex   // one Close at a time
	scans   sync.RWMutex // calls that have views and are not pinned
}

func openTree(dir string, s settings, env engine.Env) (t *tree, err error) {
	home, err := engine.OpenHome(vfs.Classed(env.FS, vfs.Meta), dir, marker(), s.ReadOnly)
	if err != nil {
		return nil, err
	}
	t = &tree{
		caps: s.caps(), env: env, now: env.Now, home: home, counting: vfs.NewCounting(env.FS),
		settings: s, level: s.Durability, readOnly: s.ReadOnly,
		logging: s.Durability != engine.None && !s.ReadOnly,
		domain:  epoch.NewDomain(),
		pinned:  offheap.NewAllocator(offheap.Options{}),
		counts:  newCounters(),
	}
	t.writers.New = newWriter
	t.walks.New = newWalk
	t.memory.init(&t.settings)
	t.brake.init(&t.settings)
	t.work.init()
	t.files.init(t)
	if err := t.begin(); err != nil {
		return nil, errors.Join(err, t.free())
	}
	if !t.readOnly {
		t.startWork()
	}
	return t, nil
}

// begin makes what can fail.
func (t *tree) begin() (err error) {
	if t.choices, err = t.settings.choices(); err != nil {
		return err
	}
	if t.blocks, err = t.newCache(); err != nil {
		return err
	}
	if err := t.blobs.init(t); err != nil {
		return err
	}
	return t.recover()
}

func (t *tree) newCache() (*cache.Cache, error) {
	n := t.settings.CacheBytes
	return cache.New(cache.Options{
		Bytes: n, Policy: t.settings.CachePolicy, BlockBytes: t.settings.BlockBytes,
		HugePages: n >= hugeBytes, Domain: t.domain,
	})
}

// hugeBytes: memory for reads is in huge pages if it is as much.
const hugeBytes = 32 << 20

// Caps implements engine.Engine.
func (t *tree) Caps() engine.Caps { return t.caps }

// Close implements engine.Engine.
func (t *tree) Close() error {
	t.closing.Lock()
	defer t.closing.Unlock()
	if t.closed.Load() {
		return nil
	}
	t.ending.Store(true)
	t.endWrites()
	err := t.lastFlush()
	t.closed.Store(true)
	t.state.announce()
	t.work.end()
	t.scans.Lock() // for ever: nothing that holds it begins any more
	return errors.Join(err, t.noteManifest(), t.free())
}

// lastFlush puts what no log has into tables.
func (t *tree) lastFlush() error {
	if t.readOnly || t.logging {
		return nil
	}
	return t.flushAll(context.Background())
}

// noteManifest leaves in the log how far the manifest has come: if its end is
// cut off later, that is noticed. Nobody changes the tree any more.
func (t *tree) noteManifest() error {
	if t.readOnly || t.failure.Load() != nil {
		return nil
	}
	last := uint64(t.manifest.State().LastSeq)
	if _, err := t.log.Append(flushedRecord, binary.LittleEndian.AppendUint64(nil, last)); err != nil {
		return fmt.Errorf("append to the log: %w", err)
	}
	return nil
}

// endWrites waits for the writes that have not seen ending.
func (t *tree) endWrites() {
	c := &t.commits
	c.mu.Lock()
	last := c.tickets
	c.mu.Unlock()
	if last > 0 {
		c.await(last - 1)
	}
}

// drain waits for all who are pinned and have not seen closed.
func (t *tree) drain() error {
	t.domain.Retire(0, func() {})
	return t.domain.Drain(context.Background())
}

// free releases everything. Nobody uses it any more.
func (t *tree) free() error {
	t.closed.Store(true)
	err := t.drain()
	if v := t.view.Swap(nil); v != nil {
		v.release()
		err = errors.Join(err, t.drain())
	}
	if t.log != nil {
		err = errors.Join(err, t.log.Close())
	}
	if t.manifest != nil {
		err = errors.Join(err, t.manifest.Close())
	}
	err = errors.Join(err, t.files.close(), t.blobs.close())
	if t.blocks != nil {
		err = errors.Join(err, t.blocks.Close())
	}
	t.domain.Close()
	err = errors.Join(err, t.memory.close(), t.pinned.Close())
	return errors.Join(err, t.home.Close())
}
