package btree

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/btree/pace"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/engine"
)

// work is what goes on in the background: one goroutine that cleans and merges,
// and one that writes checkpoints. Whatever they do callers may do as well.
type work struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	done   sync.WaitGroup

	options pace.Options

	clean    chan struct{} // frames are wanted
	look     chan struct{} // a checkpoint may be due
	hurry    chan struct{} // somebody waits for the one under way
	asked    atomic.Int32  // how many wait for a checkpoint
	settling atomic.Int32  // how many wait until nothing is left to do
	tight    atomic.Int32  // how many want the file as short as can be

	frozen atomic.Uint64 // freezes ever
	rounds rounds

	// exclusive is who writes a checkpoint, moves pages or cuts the file; or
	// keeps others from it. It guards what follows. It is taken before
	// tree.mu.
	exclusive  sync.Mutex
	generation uint64        // of the last checkpoint
	maps       store.Mapping // its map
	reach      uint64        // its superblock's Slots
	batch      batch

	// Guarded by tree.mu.
	held   *batch // of cleanHeld
	wrote  int    // pages that a checkpoint writes, of late
	shrink shrink
	kept   kept

	// pruning is who lets parts of the log go; for reading, who needs them.
	pruning sync.RWMutex

	durable    atomic.Int64 // tree.logBytes that the last checkpoint has
	frozenAt   atomic.Int64 // when it was frozen, nanoseconds of Unix time
	left       atomic.Int64 // pages that the one under way has still to write
	ownRecords atomic.Int64 // in the log, about checkpoints

	written     atomic.Uint64 // bytes of pages
	checkpoints atomic.Uint64
	moves       atomic.Uint64 // pages moved so that the file could be cut
	observed    atomic.Int64
}

func (w *work) init() {
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	w.clean = make(chan struct{}, 1)
	w.look = make(chan struct{}, 1)
	w.hurry = make(chan struct{}, 1)
}

// prepareWork is what has to be done before there is a first checkpoint.
func (t *tree) prepareWork() {
	w := &t.work
	w.options = t.settings.pacing()
	w.durable.Store(-t.recovered)
	w.frozenAt.Store(time.Now().UnixNano())
}

// startWork starts the goroutines. They end with endWork, or with the first
// failure of a write, after which there is nothing to do.
func (t *tree) startWork() {
	t.prepareWork()
	t.work.done.Go(t.cleaner)
	t.work.done.Go(t.checkpointer)
}

// endWork stops the goroutines and waits for them. A checkpoint that is under
// way ends first.
func (t *tree) endWork() {
	t.brake.end()
	t.work.cancel(engine.ErrClosed)
	t.work.done.Wait()
}

// kick tells the cleaner that frames are wanted.
func (t *tree) kick() {
	poke(t.work.clean)
	if t.brake.control.Throttled() {
		poke(t.work.look)
	}
}

// kickCheckpoint has somebody look whether a checkpoint is due.
func (t *tree) kickCheckpoint() { poke(t.work.look) }

// hurryUp ends the pauses of the checkpoint under way.
func (w *work) hurryUp() { poke(w.hurry) }

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// look kicks the cleaner if few frames are free or clean, and the checkpointer
// if too many are dirty. It costs some loads.
func (t *tree) look() {
	p := t.poolNow()
	if t.work.options.Clean(p) > 0 {
		poke(t.work.clean)
	}
	if float64(p.Dirty) >= t.settings.DirtyShare*float64(p.Frames) {
		t.kickCheckpoint()
	}
}

func (t *tree) poolNow() pace.Pool {
	c := t.pool.Counts()
	// Frames in reserve are not for pages that are read.
	return pace.Pool{
		Frames: t.frames, Usable: c.Free + c.Clean + c.Limbo - (c.Frames - t.frames),
		Dirty: c.Dirty + c.Frozen, Held: t.pool.Stats().Held,
	}
}

const (
	// tick is how often the goroutines look for what nobody tells them.
	tick = 100 * time.Millisecond

	// observeEvery is how often the brake is told how things stand.
	observeEvery = 20 * time.Millisecond

	// mergesAtOnce is how many times mergedAtOnce leaves are merged in a tick:
	// deletes that go on make those empty that are now nearly so.
	mergesAtOnce = 64

	// longestPause is how long a checkpoint sleeps at once.
	longestPause = 100 * time.Millisecond
)

// cleaner is the goroutine that has frames ready for pages that are read, and
// merges leaves.
func (t *tree) cleaner() {
	w := &t.work
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	b := new(batch)
	for {
		err := error(nil)
		select {
		case <-w.ctx.Done():
			return
		case <-w.clean:
		case <-ticks.C:
			err = t.mergeTick()
		}
		if err == nil {
			err = t.cleanEnough(b)
		}
		if err != nil {
			t.workFailed("clean pages", err)
			return
		}
		t.observe()
	}
}

// cleanEnough cleans until enough frames are free or clean. It tells of that
// once a second at most.
func (t *tree) cleanEnough(b *batch) error {
	began, pages := time.Now(), 0
	tell := func() {
		if pages > 0 {
			t.env.Events.Event(noteClean(began, time.Since(began), pages, t.settings.PageBytes))
		}
		began, pages = time.Now(), 0
	}
	defer tell()
	for t.work.ctx.Err() == nil {
		n := t.work.options.Clean(t.poolNow())
		if n <= 0 {
			return nil
		}
		cleaned, err := t.clean(b, min(n, batchPages))
		if err != nil || cleaned == 0 {
			return err
		}
		pages += cleaned
		t.domain.Reclaim()
		t.observe()
		if time.Since(began) > time.Second {
			tell()
		}
	}
	return nil
}

func (t *tree) mergeTick() error {
	t.domain.Reclaim()
	for range mergesAtOnce {
		if !t.sparse.some.Load() || t.work.ctx.Err() != nil {
			return nil
		}
		if _, err := t.mergeSome(); err != nil {
			return err
		}
	}
	return nil
}

// checkpointer is the goroutine that writes checkpoints as they fall due.
func (t *tree) checkpointer() {
	w := &t.work
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-w.look:
		case <-ticks.C:
		}
		cause := t.due()
		if cause == pace.NotDue {
			continue
		}
		if err := t.checkpoint(w.ctx, cause); err != nil {
			t.workFailed("checkpoint", err)
			return
		}
	}
}

// due says why a checkpoint should be written now.
func (t *tree) due() pace.Cause {
	w := &t.work
	s := pace.State{
		Logged:  t.logged(),
		Elapsed: time.Duration(time.Now().UnixNano() - w.frozenAt.Load()),
		Frames:  t.frames, Dirty: t.pool.Counts().Dirty,
	}
	t.mu.Lock()
	s.Changed = s.Logged > 0 || len(t.changed) > 0
	if !s.Changed {
		_, s.Changed = t.shrinkTo()
		if w.wrote /= 2; s.Changed { // nobody writes
			s.Logged = w.options.LogBytes
		}
	}
	t.mu.Unlock()
	return w.options.Due(s)
}

// workFailed ends writing if work has failed, and not only been stopped.
func (t *tree) workFailed(what string, err error) {
	if errors.Is(err, engine.ErrClosed) || errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrReadOnly) {
		return
	}
	_ = t.fail(what, err)
}

// pause returns when a checkpoint may write its next pages.
func (t *tree) pause(f *freeze) {
	w := &t.work
	for {
		p := t.progress(f)
		if p.Total-p.Written <= int64(batchPages*t.settings.PageBytes) {
			return
		}
		wait := w.options.Wait(p, int64(batchPages*t.settings.PageBytes))
		if wait <= 0 || t.failed() != nil {
			return
		}
		timer := time.NewTimer(min(wait, longestPause))
		select {
		case <-timer.C:
		case <-w.hurry:
		case <-w.ctx.Done():
		}
		timer.Stop()
	}
}

// progress is how far a checkpoint is.
func (t *tree) progress(f *freeze) pace.Progress {
	w := &t.work
	c := t.pool.Counts()
	size := int64(t.settings.PageBytes)
	t.mu.Lock()
	left := int64(f.leftN + len(f.clones))
	t.mu.Unlock()
	return pace.Progress{
		Total: int64(f.total) * size, Written: (int64(f.total) - left) * size,
		Before: f.logged - w.durable.Load(), Logged: t.logBytes() - f.logged,
		Elapsed: time.Since(f.began), Frames: t.frames, Dirty: c.Dirty,
		Urgent: w.asked.Load() > 0 || w.ctx.Err() != nil || w.settling.Load() > 0,
	}
}

// recordBytes is about what the log adds to each record.
const recordBytes = 16

// logBytes is how much was logged since Open, without what checkpoints say of
// themselves.
func (t *tree) logBytes() int64 {
	if t.log == nil {
		return 0
	}
	s := t.log.Stats()
	return int64(s.BytesIn) + recordBytes*int64(s.Records) - t.work.ownRecords.Load()*(recordBytes+generationBytes)
}

// logged is how much log recovery would replay.
func (t *tree) logged() int64 { return t.logBytes() - t.work.durable.Load() }

// observe tells the brake how things stand, unless somebody just did.
func (t *tree) observe() {
	w := &t.work
	now, last := time.Now().UnixNano(), w.observed.Load()
	if now-last < int64(observeEvery) && now >= last || !w.observed.CompareAndSwap(last, now) {
		return
	}
	c := t.pool.Counts()
	left := w.left.Load()
	if left == 0 {
		left = int64(c.Dirty)
	}
	t.brake.observe(t.env.Events, pace.Signals{
		Logged: t.logged(), Left: left * int64(t.settings.PageBytes),
		Frames: t.frames, Busy: c.Dirty + c.Frozen,
		Accepted: t.counts.accepted(), Written: w.written.Load(), Cleaned: t.counts.cleaned.Load(),
	})
	if t.mu.TryLock() {
		t.counts.placed(t.slots.Stats())
		t.mu.Unlock()
	}
}
