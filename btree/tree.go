package btree

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/moment"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/pool"
	"github.com/kvbench/kvbench/btree/space"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/btree/version"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
)

// A tree is an open engine. What every read looks at stands apart from what
// writers change all the time, in cache lines of its own.
type tree struct {
	caps     engine.Caps
	env      engine.Env
	now      func() time.Time
	home     *engine.Home
	counting *vfs.Counting
	settings settings
	level    engine.Durability
	readOnly bool
	logging  bool // writes go to the log
	mapped   bool // pages on disk are read where they are mapped
	opening  bool // the log is being applied
	frames   int  // that the pool has

	domain *epoch.Domain
	pool   *pool.Pool
	pages  *mapping.Table
	clock  *moment.Clock
	old    *version.Set
	file   *store.File
	log    *wal.Log // nil without one
	counts counters

	// large is the moment before the group under way, if that is one whose
	// pages readers see as before.
	large atomic.Pointer[hold]
	// failure is the first write that failed; after it there is none.
	failure atomic.Pointer[error]
	// torn stops reads too; see tear.
	torn atomic.Bool
	// closed stops calls; see drain.
	closed atomic.Bool

	_ [128]byte

	onDisk    atomic.Int64 // pages that are not in the pool
	requests  sync.Pool    // of *request
	snapshots snapshots
	closing   sync.Mutex   // one Close at a time
	scans     sync.RWMutex // calls that read files, or look at pages unpinned

	corruptions atomic.Uint64
	syncErrors  atomic.Uint64
	recovery    time.Duration
	recovered   int64 // bytes of log

	_ [128]byte

	commits commits
	brake   brake

	_ [128]byte

	// mu is the writer's: who holds it applies ops, gives page ids and slots,
	// and changes the state of checkpoints. All fields of this block are
	// guarded by it.
	mu      sync.Mutex
	slots   *space.Map
	writer  writer
	gen     uint64    // checkpoint generation that changes belong to
	changed []page.ID // since the last freeze; an id may be there twice
	ckpt    *freeze   // the checkpoint that is being written, or nil

	keys   atomic.Int64 // live; anybody may read it
	sparse sparse

	// dropped are slots that closed snapshots have left; who holds mu next
	// takes them out of slots.
	dropped droppedSlots

	work work
}

// Caps implements engine.Engine.
func (t *tree) Caps() engine.Caps { return t.caps }

// openTree opens or makes the tree in dir.
func openTree(dir string, s settings, env engine.Env) (t *tree, err error) {
	home, err := engine.OpenHome(vfs.Classed(env.FS, vfs.Meta), dir, s.marker(), s.ReadOnly)
	if err != nil {
		return nil, err
	}
	t = &tree{
		caps: s.caps(), env: env, now: env.Now, home: home, counting: vfs.NewCounting(env.FS),
		settings: s, level: s.Durability, readOnly: s.ReadOnly, mapped: s.IO == ioMmap,
		logging: s.Durability != engine.None && s.Mode == modeWAL && !s.ReadOnly,
		domain:  epoch.NewDomain(),
		old:     new(version.Set),
		counts:  newCounters(),
		gen:     1,
	}
	t.requests.New = func() any { return new(request) }
	t.brake.init(&t.settings)
	t.work.init()
	if err := t.begin(); err != nil {
		return nil, errors.Join(err, t.free())
	}
	if !t.readOnly {
		t.startWork()
	}
	return t, nil
}

// Close implements engine.Engine.
func (t *tree) Close() error {
	t.closing.Lock()
	defer t.closing.Unlock()
	if t.closed.Load() {
		return nil
	}
	t.commits.end()
	t.mu.Lock()
	t.applyQueue()
	t.mu.Unlock()
	t.endWork()
	err := t.lastCheckpoint()
	t.closed.Store(true)
	t.scans.Lock() // for ever: nothing that holds it begins any more
	return errors.Join(err, t.free())
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
	if t.log != nil {
		err = errors.Join(err, t.log.Close())
	}
	if t.file != nil {
		e := t.file.Close()
		if e != nil {
			t.suspect(e)
		}
		err = errors.Join(err, e)
	}
	t.domain.Close()
	if t.pool != nil {
		err = errors.Join(err, t.pool.Close())
	}
	if t.pages != nil {
		err = errors.Join(err, t.pages.Close())
	}
	return errors.Join(err, t.home.Close())
}

// droppedSlots are slots on their way back.
type droppedSlots struct {
	mu     sync.Mutex
	slots  []uint64 // of versions that are gone
	unseen []uint64 // those that no reader can be looking at any more
	some   atomic.Bool
}

// dropSlots gives back slots that nobody needs any more. Any goroutine may.
func (t *tree) dropSlots(slots []uint64) {
	if len(slots) == 0 {
		return
	}
	d := &t.dropped
	d.mu.Lock()
	d.slots = append(d.slots, slots...)
	d.some.Store(true)
	d.mu.Unlock()
}

// takeDropped gives the dropped slots to the space map. mu is held.
func (t *tree) takeDropped() {
	d := &t.dropped
	if !d.some.Load() {
		return
	}
	d.mu.Lock()
	slots, unseen := d.slots, d.unseen
	d.slots, d.unseen = nil, nil
	d.some.Store(false)
	d.mu.Unlock()
	for _, s := range slots {
		t.dropSlot(s)
	}
	for _, s := range unseen {
		t.release(s)
	}
}
