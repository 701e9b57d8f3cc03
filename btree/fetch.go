package btree

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/pace"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/pool"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/epoch"
)

// load brings a page, which the mapping said is at e, into a frame. It is no
// error if the page has moved meanwhile: the caller looks again. The caller is
// not pinned, and does not hold mu.
func (t *tree) load(id page.ID, e mapping.Entry) error {
	f, err := t.frame()
	if err != nil {
		return err
	}
	return t.fill(f, id, e)
}

// fill is load into a frame that is the caller's.
func (t *tree) fill(f uint32, id page.ID, e mapping.Entry) error {
	p := t.pool.Page(f)
	if err := t.readPage(p, id, e); err != nil {
		t.pool.Give(f)
		if errors.Is(err, errMoved) || t.pages.Load(id) != e {
			return nil // its slot may be another's by now
		}
		return t.damaged(err)
	}
	fr := t.pool.Frame(f)
	fr.Page.Store(id)
	fr.Stamp.Store(page.Stamp(p))
	fr.Home.Store(uint64(e))
	fr.Gen.Store(0)
	if !t.pages.CompareAndSwap(id, e, mapping.Resident(f)) {
		t.pool.Give(f) // somebody was faster
		return nil
	}
	t.onDisk.Add(-1)
	t.counts.stripe().loaded(page.KindOf(p))
	t.pool.Admit(f, pool.Clean, page.KindOf(p) == page.Inner)
	return nil
}

// readPage reads a page that the mapping said is at e. Where the file is mapped
// the caller is pinned meanwhile, for e may be out of date: what was cut off
// must not be touched.
func (t *tree) readPage(dst []byte, id page.ID, e mapping.Entry) error {
	if !t.mapped {
		return t.file.ReadPage(dst, id, e)
	}
	g := t.domain.Pin()
	defer g.Unpin()
	if t.pages.Load(id) != e {
		return errMoved
	}
	return t.file.ReadPage(dst, id, e)
}

// unlink takes a clean page out of the mapping, for the pool's evictions.
func (t *tree) unlink(f uint32, id uint32) bool {
	home := mapping.Entry(t.pool.Frame(f).Home.Load())
	if home == 0 || !t.pages.CompareAndSwap(id, mapping.Resident(f), home) {
		return false
	}
	t.onDisk.Add(1)
	return true
}

// evicted is how many frames are freed at once.
const evicted = 32

// spare is how many frames should be free, so that a load need not wait for
// readers to leave those that it evicts.
func (t *tree) spare() int { return min(evicted, t.frames/16+1) }

// spared is how many frames are free, besides the reserve that Take leaves;
// negative while a part of that is in use.
func (t *tree) spared() int {
	c := t.pool.Counts()
	return c.Free - (c.Frames - t.frames)
}

// frame returns a free frame. The caller is not pinned and does not hold mu.
func (t *tree) frame() (uint32, error) {
	for n := 0; ; n++ {
		if f, ok := t.evictAndTake(); ok {
			return f, nil
		}
		if err := t.failed(); err != nil && n > failedLooks { // nobody cleans any more
			return 0, err
		}
		if t.closed.Load() {
			return 0, engine.ErrClosed
		}
		t.kick()
		if t.readOnly && n > heldLooks { // nobody cleans, and nobody needs to
			return 0, errNoFrames
		}
		t.rest(n)
	}
}

// evictAndTake takes a free frame, and evicts ahead where few are left.
func (t *tree) evictAndTake() (uint32, bool) {
	if t.spared() < t.spare() {
		t.pool.Evict(evicted, t.unlink)
		t.domain.Reclaim()
		t.kick() // it may have passed by dirty ones
	}
	return t.pool.Take()
}

// frameHeld is frame for the writer, who holds mu: where no page is clean it
// cleans some itself. It unpins the writer meanwhile.
func (t *tree) frameHeld() (uint32, error) {
	if f, ok := t.pool.Take(); ok && t.spared() >= t.spare()/2 {
		return f, nil
	} else if ok {
		t.pool.Give(f)
	}
	t.writer.guard.Unpin()
	defer t.writer.pin(t.domain)
	if f, ok := t.evictAndTake(); ok {
		return f, nil
	}
	began := time.Now()
	defer func() { t.brake.waited(pace.DirtyCache, time.Since(began)) }()
	for n := 0; ; n++ {
		cleaned, err := 0, error(nil)
		if !t.readOnly {
			cleaned, err = t.cleanHeld(2 * evicted)
		}
		if err != nil {
			return 0, err
		}
		if f, ok := t.evictAndTake(); ok {
			return f, nil
		}
		if cleaned > 0 {
			continue
		}
		if f, ok := t.pool.TakeReserve(); ok {
			return f, nil
		}
		if n > heldLooks {
			return 0, errNoFrames
		}
		t.rest(n)
	}
}

// failedLooks is how often a reader looks for a frame where writes have ended:
// for a tenth of a second.
const failedLooks = 128

// heldLooks is how often the writer looks for a frame before it gives up: for
// some seconds. What it waits for is readers that are pinned.
const heldLooks = 1 << 12

// rest is between two looks for a frame.
func (t *tree) rest(n int) {
	if n < awaitLooks {
		runtime.Gosched()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	_ = t.pool.AwaitFree(ctx)
	cancel()
}

// bring makes a page resident, for the writer. It returns its frame, in which
// the page stays as long as the writer is pinned, if not in the mapping.
func (t *tree) bring(id page.ID) (uint32, error) {
	for {
		e := t.pages.Load(id)
		if e.Resident() {
			return e.Frame(), nil
		}
		if e == 0 {
			return 0, t.missing(id)
		}
		f, err := t.frameHeld()
		if err != nil {
			return 0, err
		}
		if err := t.fill(f, id, e); err != nil {
			return 0, err
		}
	}
}

// pin begins an operation of the writer.
func (w *writer) pin(d *epoch.Domain) { w.guard = d.Pin() }
