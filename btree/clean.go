package btree

import (
	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/pool"
)

// clean writes up to n pages that the pool would evict next, if they were not
// dirty, and old versions; nothing becomes durable by it. It returns how many
// frames are clean now, or on their way to be free. mu is not held. The batch
// is the caller's.
func (t *tree) clean(b *batch, n int) (int, error) {
	t.mu.Lock()
	if err := t.failed(); err != nil {
		t.mu.Unlock()
		return 0, err
	}
	freed := t.pickVictims(b, n)
	if b.shut() {
		t.mu.Unlock()
		return freed, nil
	}
	b.place(t, false)
	b.copyHeld(t)
	t.mu.Unlock()
	b.copied(t)
	if err := b.write(t); err != nil {
		return freed, err
	}
	t.mu.Lock()
	cleaned := t.settleVictims(b)
	t.mu.Unlock()
	return freed + cleaned, nil
}

// cleanHeld is clean for who holds mu and does not let go of it: the writer,
// who finds no frame that is clean. Frames that are locked it leaves alone.
func (t *tree) cleanHeld(n int) (int, error) {
	if err := t.failed(); err != nil {
		return 0, err
	}
	if t.work.held == nil {
		t.work.held = new(batch)
	}
	b := t.work.held
	freed := t.pickVictims(b, min(n, batchPages))
	if b.shut() {
		return freed, nil
	}
	b.place(t, false)
	b.copyHeld(t)
	b.copied(t)
	if err := b.write(t); err != nil {
		return freed, err
	}
	return freed + t.settleVictims(b), nil
}

// pickVictims opens a batch and fills it, by half at most with old versions,
// which may go at any time. The frames of those that are on disk already it
// frees at once, and returns how many. mu is held.
func (t *tree) pickVictims(b *batch, n int) (freed int) {
	b.open(t)
	b.versions = t.old.Spillable(b.versions[:0], (n+1)/2)
	b.victims = b.victims[:0]
	for i := range b.versions {
		switch v := &b.versions[i]; {
		case v.Home == 0:
			b.addOld(v)
		case t.old.Dropped(v.Page, v.Stamp):
			b.victims = append(b.victims, v.Frame)
		}
	}
	freed = t.retire(b.victims)
	b.victims = t.pool.DirtyVictims(b.victims[:0], n-len(b.items))
	for _, f := range b.victims {
		fr := t.pool.Frame(f)
		id := fr.Page.Load()
		if fr.State() == pool.Dirty && t.pool.Version(f)&1 == 0 && t.pages.Load(id) == mapping.Resident(f) {
			b.add(t, id, f)
		}
	}
	return freed
}

// settleVictims ends what pickVictims began. mu is held.
func (t *tree) settleVictims(b *batch) (cleaned int) {
	b.victims = b.victims[:0]
	for i := range b.items {
		it := &b.items[i]
		if !b.settle(t, it) {
			continue
		}
		if !it.old {
			cleaned++
		} else if t.old.Dropped(it.id, it.stamp) {
			b.victims = append(b.victims, it.frame)
		}
	}
	return cleaned + t.retire(b.victims)
}

// retire frees the frames of old versions that have none any more.
func (t *tree) retire(frames []uint32) int {
	if len(frames) == 0 {
		return 0
	}
	n := t.pool.Retire(frames)
	t.counts.cleaned.Add(uint64(n))
	return n
}
