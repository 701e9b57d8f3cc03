package lsm

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/compaction"
	"github.com/kvbench/kvbench/lsm/version"
)

// work is what goes on in the background: one goroutine that flushes, and some
// that compact.
type work struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	done    sync.WaitGroup
	wake    chan struct{} // there may be something to flush
	compact chan struct{} // or to compact: one element a goroutine

	flushing sync.Mutex // who flushes

	installing sync.Mutex // who changes the tree

	// pruning is who lets parts of the log go; for reading, who needs them.
	pruning sync.RWMutex

	// jobs guards what is being compacted, and where movement goes on.
	jobs    sync.Mutex
	doing   []*compaction.Choice
	cursors [version.Levels][]byte
	picker  *compaction.Picker

	settling atomic.Int32 // how many wait until nothing is left to do
	urgent   atomic.Int32 // flushes and compactions of level 0 that run
	running  atomic.Int64 // jobs
	lastSeen atomic.Uint64
	idle     atomic.Bool // nobody has written for a while

	flushes     atomic.Uint64
	compactions [compaction.Reasons]atomic.Uint64
	moves       atomic.Uint64
	dropped     atomic.Uint64 // entries
	flushRate   rate
	compactRate rate
}

func (w *work) init() {
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	w.wake = make(chan struct{}, 1)
}

// startWork starts the goroutines. They end with end, or with the first failure
// of a write, after which there is nothing to do.
func (t *tree) startWork() {
	w := &t.work
	n := t.settings.Compactions
	w.compact = make(chan struct{}, n)
	w.done.Go(t.flusher)
	w.done.Go(t.pacer)
	for range n {
		w.done.Go(t.compactor)
	}
	w.poke()
	w.pokeCompaction()
}

// end stops the goroutines and waits for them.
func (w *work) end() {
	w.cancel(engine.ErrClosed)
	w.done.Wait()
	// A flush that somebody else does ends; who comes later finds the tree
	// closed.
	w.flushing.Lock()
	defer w.flushing.Unlock()
}

// poke tells the flusher that there may be something to do.
func (w *work) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// pokeCompaction tells one who compacts.
func (w *work) pokeCompaction() {
	select {
	case w.compact <- struct{}{}:
	default:
	}
}

// idleCheck is how often the flusher looks whether anybody writes.
const idleCheck = 100 * time.Millisecond

// flusher is the goroutine that flushes. It also does what must not be done
// where the epoch frees.
func (t *tree) flusher() {
	w := &t.work
	tick := time.NewTicker(idleCheck)
	defer tick.Stop()
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-w.wake:
		case <-tick.C:
			t.lookIdle()
		}
		for {
			w.urgent.Add(1)
			more, err := t.flush(w.ctx)
			w.urgent.Add(-1)
			if err != nil {
				t.workFailed("flush", err)
				return
			}
			t.cleanUp()
			if !more {
				break
			}
		}
	}
}

// cleanUp does what the epoch has made possible.
func (t *tree) cleanUp() {
	t.domain.Reclaim()
	t.memory.clean()
	if err := errors.Join(t.files.bury(), t.blobs.bury()); err != nil {
		t.env.Log.Warn("a file could not be closed", "error", err)
	}
	t.observe()
}

// lookIdle notices that nobody writes any more.
func (t *tree) lookIdle() {
	w := &t.work
	now := t.commits.published.Load()
	idle := w.lastSeen.Swap(now) == now
	if idle && (!w.idle.Swap(true) || t.ages()) {
		w.pokeCompaction()
	} else if !idle {
		w.idle.Store(false)
	}
}

// ages reports whether time alone makes compactions due.
func (t *tree) ages() bool { return t.settings.TombstoneAge > 0 || t.settings.TTL > 0 }

// compactor is a goroutine that compacts.
func (t *tree) compactor() {
	w := &t.work
	for {
		select {
		case <-w.ctx.Done():
			return
		case <-w.compact:
		}
		for {
			more, err := t.compactOnce(w.ctx)
			if err != nil {
				t.workFailed("compact", err)
				return
			}
			if !more {
				break
			}
			w.pokeCompaction() // for another
		}
	}
}

// workFailed ends writing if work has failed, and not only been stopped.
func (t *tree) workFailed(what string, err error) {
	if errors.Is(err, engine.ErrClosed) || errors.Is(err, context.Canceled) {
		return
	}
	t.fail(what, err)
}

// beside runs a in a goroutine of its own and b in the caller's, waits for
// both, and returns what went wrong first.
func (t *tree) beside(a, b func() error) error {
	var errA error
	var both sync.WaitGroup
	both.Go(func() { errA = a() })
	errB := b()
	both.Wait()
	return first(errA, errB)
}

// A rate is how fast something goes, in bytes per second: a moving average.
type rate struct{ perSecond atomic.Int64 }

func (r *rate) add(bytes int64, d time.Duration) {
	if d <= 0 {
		return
	}
	now := int64(float64(bytes) / d.Seconds())
	if old := r.perSecond.Load(); old > 0 {
		now = (3*old + now) / 4
	}
	r.perSecond.Store(now)
}
