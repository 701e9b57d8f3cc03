package hashidx

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/record"
)

// hotName is the directory of the log that takes all writes.
const hotName = "hot"

// locks is how many values index.LockOrder has.
const locks = 1024

// A store is an open engine.
type store struct {
	caps     engine.Caps
	env      engine.Env
	now      func() time.Time
	home     *engine.Home
	counting *vfs.Counting
	level    engine.Durability
	readOnly bool
	seed     maphash.Seed // of hashes, which no file holds

	domain   *epoch.Domain
	index    *index.Index
	log      *wal.Log
	segments *segments
	tail     *tail

	// flags, by LockOrder, are above 0 while a batch becomes visible.
	flags [locks]atomic.Uint32

	scratches sync.Pool // of *scratch
	counts    counters

	expiring    atomic.Bool // there is or was a key that expires
	corruptions atomic.Uint64
	recovery    time.Duration
	recovered   int64 // bytes

	// failure is the first write that failed; after it there is none.
	failure atomic.Pointer[error]

	// closed stops calls. Each one is pinned from before it looks at closed
	// until it has done with what Close frees; a scan holds scans meanwhile.
	closed  atomic.Bool
	scans   sync.RWMutex
	closing sync.Mutex // one Close at a time
}

func caps() engine.Caps {
	return engine.Caps{
		Family:      engine.FamilyHash,
		AtomicBatch: true, TTL: true, UnorderedScan: true, LargerThanMemory: true,
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
		level: s.Durability, readOnly: s.ReadOnly, seed: maphash.MakeSeed(),
		domain:   epoch.NewDomain(),
		segments: newSegments(vfs.Classed(counting, vfs.Data), home.Path(hotName)),
		counts:   newCounters(),
	}
	e.scratches.New = func() any { return new(scratch) }
	e.tail = newTail(e.domain, s.TailBytes)
	if e.index, err = index.New(index.Options{Domain: e.domain, HugePages: s.HugePages}); err == nil {
		err = e.recover(s)
	}
	if err != nil {
		return nil, errors.Join(err, e.free())
	}
	return e, nil
}

// recover replays the whole log.
func (e *store) recover(s settings) error {
	start := time.Now()
	fsys, dir := vfs.FS(e.counting), e.home.Path(hotName)
	if !e.readOnly {
		if err := fsys.MkdirAll(dir); err != nil {
			return err
		}
		if err := fsys.SyncDir(e.home.Dir); err != nil {
			return err
		}
	}
	log, err := wal.Open(fsys, dir, wal.Options{SegmentBytes: s.SegmentBytes, ReadOnly: s.ReadOnly}, e.replay)
	var damage *wal.DamageError
	if errors.As(err, &damage) {
		return engine.Corrupt(damage.Path, damage.Offset, damage.Detail, err)
	}
	if err != nil {
		return err
	}
	e.log = log
	if all := log.Segments(); len(all) > 0 && all[0].Prev != 0 {
		// The log itself takes what is missing at its beginning for pruned.
		return engine.Corrupt(wal.SegmentPath(dir, all[0].Prev), 0, "the file is missing", nil)
	}
	e.recovery = time.Since(start)
	if end := log.End(); end != 0 {
		// Where the log goes on in a segment that has been replayed, what is
		// before is not in memory.
		seg, err := e.segments.of(end.Segment(), end.Offset())
		if err != nil {
			return err
		}
		seg.base = end.Offset()
	}
	return nil
}

// replay performs a record of the log.
func (e *store) replay(r wal.Record) error {
	seg, err := e.segments.of(r.LSN.Segment(), math.MaxInt64)
	if err != nil {
		return err
	}
	e.recovered += int64(len(r.Payload))
	off := r.LSN.Offset() + wal.PayloadOffset
	ops := 0
	for p := r.Payload; len(p) > 0; ops++ {
		op, n, err := record.Parse(p)
		if err == nil {
			err = e.replayOp(&op, placeOf(seg, off))
		}
		if err != nil {
			return engine.Corrupt(seg.path, off, "replay the log", err)
		}
		p = p[n:]
		off += int64(n)
	}
	if r.Kind > manyOps || r.Kind == oneOp && ops != 1 {
		return engine.Corrupt(seg.path, off, fmt.Sprintf("a record of kind %d with %d ops", r.Kind, ops), nil)
	}
	return nil
}

func (e *store) replayOp(op *record.Op, place uint64) error {
	l := e.index.Lock(e.hash(op.Key))
	defer l.Unlock()
	old, err := e.placeIn(l, op.Key)
	if err != nil {
		return err
	}
	return e.move(l, old, place, op.Kind)
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
	e.scans.Lock() // for ever: no scan begins any more
	return e.free()
}

// free releases everything, once nobody is pinned who has not seen closed.
func (e *store) free() error {
	e.closed.Store(true)
	e.domain.Retire(0, func() {}) // waits for all who are pinned now
	err := e.domain.Drain(context.Background())
	if e.log != nil {
		err = errors.Join(err, e.log.Close())
	}
	e.domain.Close()
	e.segments.close()
	err = errors.Join(err, e.tail.close())
	if e.index != nil {
		err = errors.Join(err, e.index.Close())
	}
	return errors.Join(err, e.home.Close())
}
