package btree

import (
	"context"
	"encoding/binary"
	"runtime"
	"sync"
	"time"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/pace"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/pool"
	"github.com/kvbench/kvbench/btree/store"
	"github.com/kvbench/kvbench/engine"
)

// rounds let many wait for one checkpoint. The nth freeze is the nth round.
type rounds struct {
	mu    sync.Mutex
	done  uint64        // rounds up to this are durable
	ended chan struct{} // closed when the round under way ends; nil: none is
}

// checkpointNow makes everything durable that was applied before the call. All
// who call it while one round is under way share the next one.
func (t *tree) checkpointNow(ctx context.Context) error {
	w := &t.work
	w.asked.Add(1)
	defer w.asked.Add(-1)
	w.hurryUp()
	return t.checkpoint(ctx, pace.Asked)
}

// checkpoint takes part in a round that is frozen after the call.
func (t *tree) checkpoint(ctx context.Context, cause pace.Cause) error {
	r := &t.work.rounds
	want := t.work.frozen.Load() + 1
	for {
		r.mu.Lock()
		if r.done >= want {
			r.mu.Unlock()
			return nil
		}
		ended := r.ended
		if ended == nil {
			r.ended = make(chan struct{})
			r.mu.Unlock()
			if err := t.round(cause); err != nil {
				return err
			}
			continue
		}
		r.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := t.failed(); err != nil {
			return err
		}
	}
}

// round writes a checkpoint. Who runs it ends it, whatever happens to its
// caller meanwhile.
func (t *tree) round(cause pace.Cause) error {
	w := &t.work
	t.counts.running.Add(1)
	w.exclusive.Lock()
	n, err := t.writeCheckpoint(cause)
	w.exclusive.Unlock()
	t.counts.running.Add(-1)
	w.rounds.mu.Lock()
	if err == nil {
		w.rounds.done = n
	}
	close(w.rounds.ended)
	w.rounds.ended = nil
	w.rounds.mu.Unlock()
	w.observed.Store(0) // writers may be waiting for what has changed
	t.observe()
	return err
}

// writeCheckpoint makes the state of now durable and returns its round. After
// an error of its own nothing is written any more: what the disk has is for
// Open to find out.
func (t *tree) writeCheckpoint(cause pace.Cause) (n uint64, err error) {
	moved, target, err := t.moveDown()
	if err != nil {
		return 0, err
	}
	t.mu.Lock()
	if err := t.failed(); err != nil {
		t.mu.Unlock()
		return 0, err
	}
	f := t.freezeNow()
	n = t.work.frozen.Load()
	if err := t.failed(); err != nil { // by what freezeNow applied
		t.mu.Unlock()
		return 0, err
	}
	longer := t.work.reach > t.slots.End() && (t.work.settling.Load() > 0 || t.work.tight.Load() > 0)
	if f.total == 0 && f.logged == t.work.durable.Load() && !longer {
		t.ckpt = nil // the last one says it all
		cut := t.cutHeld(moved, f.began)
		t.mu.Unlock()
		return n, cut
	}
	t.mu.Unlock()
	if err := t.writeFrozen(f); err != nil {
		return 0, err
	}
	m, err := t.writeMaps(f, target)
	if err != nil {
		return 0, err
	}
	if err := t.commitCheckpoint(f, m); err != nil {
		return 0, err
	}
	t.env.Events.Event(t.note(f, m, cause))
	return n, t.install(f, m, moved)
}

func (t *tree) note(f *freeze, m *mapWriter, cause pace.Cause) engine.Event {
	logged := f.logged - t.work.durable.Load()
	n := checkpointNote{
		cause: cause, generation: t.work.generation, began: f.began, took: time.Since(f.began),
		log: logged, pages: f.written, copied: f.copied, mapPages: m.written,
		pageBytes: t.settings.PageBytes, late: t.work.options.LogBytes > 0 && t.logged() > t.work.options.LogBytes,
	}
	return n.event()
}

// writeFrozen finds out where all pages of a freeze are, writing what is
// nowhere.
func (t *tree) writeFrozen(f *freeze) error {
	b := &t.work.batch
	for {
		t.pause(f)
		t.mu.Lock()
		if err := t.failed(); err != nil {
			t.mu.Unlock()
			return err
		}
		t.pickFrozen(f, b)
		t.work.left.Store(int64(f.leftN + len(f.clones)))
		if b.shut() {
			over := f.over()
			if over {
				t.ckpt = nil // the writer need not care any more
			}
			t.mu.Unlock()
			t.pruneVersions()
			if over {
				return nil
			}
			runtime.Gosched() // a page is on its way out
			continue
		}
		b.place(t, t.work.settling.Load() > 0)
		b.copyHeld(t)
		t.mu.Unlock()
		b.copied(t)
		if err := b.write(t); err != nil {
			return err
		}
		t.mu.Lock()
		t.settleFrozen(f, b)
		t.mu.Unlock()
		t.pruneVersions()
	}
}

// lookPages is how many pages of a freeze are looked at while writers wait.
const lookPages = 2048

// pickFrozen opens a batch and fills it with pages that are to be written, and finds those
// that need not be. mu is held.
func (t *tree) pickFrozen(f *freeze, b *batch) {
	b.open(t)
	for len(f.clones) > 0 && len(b.items) < batchPages {
		id := f.clones[len(f.clones)-1]
		f.clones = f.clones[:len(f.clones)-1]
		switch v, ok := t.old.FindCheckpoint(id); {
		case !ok:
			_ = t.broken(errLostVersion)
			return
		case v.Home == 0:
			b.addOld(&v)
		default: // it was written to make room
			f.settle(t, id, v.Home)
			t.old.Settled(id, v.Stamp)
		}
	}
	for n := 0; n < lookPages && len(b.items) < batchPages; n++ {
		id, ok := f.nextLeft(f.cursor)
		if !ok {
			f.cursor = 0
			return
		}
		f.cursor = id + 1
		if e, settled := t.placeOf(id); settled {
			f.found(t, id, e)
		} else if e.Resident() {
			b.add(t, id, e.Frame())
		}
	}
}

// placeOf says where a page is on disk, or 0 if there is no such page. If it is
// dirty, or about to come or go, settled is false; in the first case the entry
// has its frame. mu is held, and the caller is pinned.
func (t *tree) placeOf(id page.ID) (e mapping.Entry, settled bool) {
	e = t.pages.Load(id)
	if !e.Resident() {
		return e, true
	}
	fr := t.pool.Frame(e.Frame())
	if fr.State() == pool.Dirty {
		return e, false
	}
	home := mapping.Entry(fr.Home.Load())
	return home, home != 0
}

// settleFrozen ends what pickFrozen began. mu is held.
func (t *tree) settleFrozen(f *freeze, b *batch) {
	for i := range b.items {
		it := &b.items[i]
		picked := it.old // as an old version
		wanted := it.old || !f.isLeft(it.id)
		if wanted && !it.old {
			// The writer has copied the page meanwhile. If it was copied here
			// before, this is what it was.
			v, ok := t.old.FindCheckpoint(it.id)
			it.old = ok && v.Frame == it.frame && v.Stamp == it.stamp
		}
		ok := b.settle(t, it)
		switch {
		case !wanted && ok:
			f.found(t, it.id, it.home)
			f.written++
		case wanted && it.old:
			t.settleClone(f, it, ok, picked)
		}
	}
}

// settleClone ends the writing of a page that the writer has copied for the
// checkpoint. Who was faster may have been one who makes room.
func (t *tree) settleClone(f *freeze, it *item, ok, picked bool) {
	v, found := t.old.FindCheckpoint(it.id)
	switch {
	case found && v.Home != 0:
		f.settle(t, it.id, v.Home)
		if !picked { // pickFrozen has taken the others out
			f.drop(it.id)
		}
		t.old.Settled(it.id, v.Stamp)
		if ok {
			f.written++
		}
	case found:
		f.want(it.id)
	default:
		_ = t.broken(errLostVersion)
	}
}

// commitCheckpoint makes a checkpoint the one that counts.
func (t *tree) commitCheckpoint(f *freeze, m *mapWriter) error {
	w := &t.work
	if err := t.file.Sync(); err != nil {
		return t.fail("checkpoint", err)
	}
	sb := store.Superblock{
		Generation: w.generation + 1, PageBytes: t.settings.PageBytes,
		LogFrom: uint64(f.from), Logged: t.logging, Cow: t.settings.Mode == modeCOW,
		Stamp: f.stamp, Keys: f.keys, Pages: f.pages, Slots: m.reach, Directories: m.next.Directories,
	}
	if t.log != nil {
		// The superblock may only name what a crash does not take.
		if err := t.log.Sync(); err != nil {
			return t.fail("sync the log", err)
		}
		sb.LogThrough = uint64(t.log.Durable())
	}
	if err := t.failed(); err != nil { // then it may lack a part of a group
		return err
	}
	if err := t.file.Commit(sb); err != nil {
		return t.fail("checkpoint", err)
	}
	w.generation++
	if !t.logging {
		return nil
	}
	// Should this superblock be damaged later, the log tells that the other one
	// is not the last.
	_, err := t.log.Append(checkpointRecord, binary.LittleEndian.AppendUint64(nil, w.generation))
	if err == nil {
		w.ownRecords.Add(1)
		err = t.log.Sync()
	}
	if err != nil {
		return t.fail("log the checkpoint", err)
	}
	return nil
}

// install makes a checkpoint that is durable the last one: what only the one
// before needed is free.
func (t *tree) install(f *freeze, m *mapWriter, moved int) error {
	w := &t.work
	for left := m.changes; len(left) > 0; {
		n := min(len(left), lookPages)
		t.mu.Lock()
		for _, p := range left[:n] {
			old := t.pages.Durable(p.id)
			t.pages.SetDurable(p.id, p.entry)
			if old != 0 {
				t.unfix(old.Slot())
			}
		}
		t.mu.Unlock()
		left = left[n:]
	}
	t.mu.Lock()
	for _, s := range m.replaced {
		t.dropMap(s)
	}
	w.maps, w.reach = m.next, m.reach
	t.counts.checkpointed.Add(uint64((f.written + m.written) * t.settings.PageBytes))
	t.counts.toMove.Store(0)
	if target, worth := t.shrinkTo(); worth {
		t.counts.toMove.Store(t.slots.UsedFrom(target))
	}
	w.durable.Store(f.logged)
	w.frozenAt.Store(f.began.UnixNano())
	w.wrote = max(f.written, w.wrote-w.wrote/4)
	w.left.Store(0)
	err := t.cutHeld(moved, f.began)
	t.counts.placed(t.slots.Stats())
	t.mu.Unlock()
	w.checkpoints.Add(1)
	t.pruneLog(f)
	return err
}

// pruneLog lets the log go before a checkpoint. While somebody copies the log,
// that is left for later.
func (t *tree) pruneLog(f *freeze) {
	if t.log == nil || f.from == 0 || !t.work.pruning.TryLock() {
		return
	}
	defer t.work.pruning.Unlock()
	if err := t.log.Prune(f.from); err != nil {
		t.env.Log.Warn("a part of the log stays that nobody needs", "error", err)
	}
}

// lastCheckpoint makes everything durable before the tree is closed. The
// background has ended. After a failure only the log has what came last.
func (t *tree) lastCheckpoint() error {
	if t.readOnly {
		return nil
	}
	if err := t.failed(); err != nil {
		if t.logging {
			return nil
		}
		return err
	}
	return t.checkpointNow(context.Background())
}
