package hashidx

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
)

// locks is how many values index.LockOrder has.
const locks = 1024

// A store is an open engine.
type store struct {
	caps     engine.Caps
	env      engine.Env
	now      func() time.Time
	home     *engine.Home
	counting *vfs.Counting
	settings settings
	level    engine.Durability
	readOnly bool
	seed     uint64 // of hashes; the manifest has it

	domain    *epoch.Domain
	index     places
	manifest  *manifest.Manifest // nil if read only
	hot       *wal.Log
	segments  *segments
	tail      *tail
	records   records
	residents residents

	// cold is opened when GC first copies something, or by Open.
	cold atomic.Pointer[wal.Log]

	// flags, by LockOrder, are above 0 while a batch becomes visible.
	flags [locks]atomic.Uint32

	scratches sync.Pool // of *scratch
	counts    counters

	expiring    atomic.Bool // there is or was a key that expires
	corruptions atomic.Uint64
	recovery    time.Duration
	recovered   int64 // bytes

	keeper keeper
	gc     collector
	pins   pins
	views  views

	// maintenance is held while files come to be known or cease to be: by
	// seals, index images, slices of GC, checkpoints. It guards image.
	maintenance sync.Mutex
	image       image // the last of the index

	// merging are the segments that a merge of the index on disk may name that
	// was begun and has not ended with an image. maintenance guards it.
	merging []uint16

	// failure is the first write that failed; after it there is none.
	failure atomic.Pointer[error]

	// closed stops calls. Each one is pinned from before it looks at closed
	// until it has done with what Close frees; a scan holds scans meanwhile,
	// and so does who gives the cache a record.
	closed  atomic.Bool
	scans   sync.RWMutex
	closing sync.Mutex // one Close at a time
}

func caps() engine.Caps {
	return engine.Caps{
		Family:      engine.FamilyHash,
		AtomicBatch: true, TTL: true, UnorderedScan: true, LargerThanMemory: true, Checkpoint: true, Snapshots: true,
		Persistent: true, PowerLossPrefix: true, VerifiesReads: true,
		Durabilities: engine.Durabilities(engine.Buffered, engine.OS, engine.Sync),
		MaxKey:       record.MaxKey, MaxValue: 256 << 20, MaxBatch: 256 << 20,
	}
}

func openStore(dir string, s settings, env engine.Env) (e *store, err error) {
	home, err := engine.OpenHome(vfs.Classed(env.FS, vfs.Meta), dir, marker(), s.ReadOnly)
	if err != nil {
		return nil, err
	}
	counting := vfs.NewCounting(env.FS)
	e = &store{
		caps: caps(), env: env, now: env.Now, home: home, counting: counting,
		settings: s, level: s.Durability, readOnly: s.ReadOnly,
		domain: epoch.NewDomain(),
		counts: newCounters(),
	}
	e.segments = newSegments(vfs.Classed(counting, vfs.Data), home, e.keeper.poke)
	e.segments.domain, e.segments.io = e.domain, s.IO
	e.scratches.New = newScratch
	e.tail = newTail(e.domain, s.tailBytes(), s.huge(s.tailBytes()))
	e.keeper.init()
	e.gc.filters = newFilters()
	if err := e.begin(); err != nil {
		return nil, errors.Join(err, e.free())
	}
	if !e.readOnly {
		e.keeper.done.Go(e.keep)
	}
	return e, nil
}

// begin makes what can fail.
func (e *store) begin() (err error) {
	e.residents.limit = e.settings.residentBytes()
	if err := e.records.open(e.domain, &e.settings); err != nil {
		return err
	}
	if err := e.checkIO(); err != nil {
		return err
	}
	return e.recover()
}

// Caps implements engine.Engine.
func (e *store) Caps() engine.Caps { return e.caps }

// Close implements engine.Engine.
func (e *store) Close() error {
	e.closing.Lock()
	defer e.closing.Unlock()
	if e.closed.Swap(true) {
		return nil
	}
	e.keeper.end()
	e.scans.Lock() // for ever: no scan begins any more
	return errors.Join(e.drain(), e.settleFiles(), e.free())
}

// drain waits for all who are pinned and have not seen closed.
func (e *store) drain() error {
	e.domain.Retire(0, func() {})
	return e.domain.Drain(context.Background())
}

// free releases everything. Nobody uses it any more.
func (e *store) free() error {
	e.closed.Store(true)
	err := e.drain()
	if e.hot != nil {
		err = errors.Join(err, e.hot.Close())
	}
	if cold := e.cold.Load(); cold != nil {
		err = errors.Join(err, cold.Close())
	}
	if e.manifest != nil {
		err = errors.Join(err, e.manifest.Close())
	}
	err = errors.Join(err, e.records.close())
	err = errors.Join(err, e.views.free())
	e.domain.Close()
	e.segments.close()
	err = errors.Join(err, e.tail.close())
	err = errors.Join(err, e.index.Close())
	return errors.Join(err, e.home.Close())
}
