package btree

import (
	"context"
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/pool"
	"github.com/kvbench/kvbench/btree/store"
)

// checkSpace says why slots and frames are not accounted for: each slot that is
// held is the home of one page, one old version or one page of the map; each
// that is fixed is in the last checkpoint; each page in memory has a frame, and
// each frame a page, an old version or nothing. Nobody uses the tree meanwhile,
// and no checkpoint is being written.
func (t *tree) checkSpace() error {
	for range 2 { // what is dropped may have to wait until nobody can see it
		t.mu.Lock()
		t.takeDropped()
		t.mu.Unlock()
		t.domain.Retire(0, func() {})
		if err := t.domain.Drain(context.Background()); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.takeDropped()
	if t.ckpt != nil {
		return errors.New("a checkpoint is being written")
	}
	a := account{tree: t, owner: map[uint64]string{}}
	for id := uint32(1); id <= t.pages.Len(); id++ {
		a.page(id)
	}
	a.mapPages()
	a.sums()
	return errors.Join(a.wrong...)
}

// An account is what checkSpace has found.
type account struct {
	tree     *tree
	owner    map[uint64]string // of slots that are held
	durable  uint64            // pages of the last checkpoint
	resident int
	wrong    []error
}

func (a *account) say(format string, args ...any) {
	a.wrong = append(a.wrong, fmt.Errorf(format, args...))
}

// page looks at where a page is, and where the last checkpoint has it.
func (a *account) page(id uint32) {
	t := a.tree
	e, d := t.pages.Load(id), t.pages.Durable(id)
	if d != 0 {
		a.durable++
		if !t.slots.Fixed(d.Slot()) {
			a.say("slot %d of page %d in the checkpoint is not fixed", d.Slot(), id)
		}
	}
	if e == 0 {
		return
	}
	home := e
	if e.Resident() {
		a.resident++
		fr := t.pool.Frame(e.Frame())
		home = mapping.Entry(fr.Home.Load())
		switch state := fr.State(); {
		case fr.Page.Load() != id:
			a.say("frame %d of page %d is that of page %d", e.Frame(), id, fr.Page.Load())
		case state == pool.Clean && home == 0:
			a.say("page %d is clean and has no home", id)
		case state == pool.Dirty && home != 0:
			a.say("page %d is dirty and has home %v", id, home)
		case state != pool.Clean && state != pool.Dirty:
			a.say("frame %d of page %d is %v", e.Frame(), id, state)
		}
	}
	if home != 0 {
		a.hold(home.Slot(), fmt.Sprintf("page %d", id))
	}
}

func (a *account) mapPages() {
	for n, ref := range a.tree.work.maps.Maps {
		a.hold(ref.Slot(), fmt.Sprintf("map page %d", n))
	}
	for n, ref := range a.tree.work.maps.Directories {
		a.hold(ref.Slot(), fmt.Sprintf("directory page %d", n))
	}
}

func (a *account) hold(slot uint64, who string) {
	if other, twice := a.owner[slot]; twice {
		a.say("slot %d is that of %s and of %s", slot, other, who)
	}
	a.owner[slot] = who
	if !a.tree.slots.Held(slot) {
		a.say("slot %d of %s is not held", slot, who)
	}
}

// sums compares what there is with what was found.
func (a *account) sums() {
	t := a.tree
	s := t.slots.Stats()
	versions := uint64(t.old.HeldSlots())
	if want := store.Reserved(t.settings.PageBytes) + uint64(len(a.owner)) + versions; s.Held != want {
		a.say("%d slots are held, want %d: of %d pages and %d old versions", s.Held, want, len(a.owner), versions)
	}
	if s.Fixed != a.durable {
		a.say("%d slots are fixed, the checkpoint has %d pages", s.Fixed, a.durable)
	}
	if s.Defects != 0 {
		a.say("%d times a slot was not what it was taken for", s.Defects)
	}
	if s.Slots > t.file.Slots() {
		a.say("%d slots are in use, the file has %d", s.Slots, t.file.Slots())
	}
	c := t.pool.Counts()
	if c.Clean+c.Dirty != a.resident {
		a.say("%d frames are clean and %d dirty, %d pages are in memory", c.Clean, c.Dirty, a.resident)
	}
	if c.Frozen != t.old.Frames() {
		a.say("%d frames are frozen, %d old versions have one", c.Frozen, t.old.Frames())
	}
	if c.Private != 0 {
		a.say("%d frames are nobody's", c.Private)
	}
}
