package btree

import (
	"bytes"
	"errors"
	"runtime"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
)

// A lookup is one search for a key on the pages as they are now.
type lookup struct {
	id    page.ID       // outcome cold: the page that is not in the pool,
	entry mapping.Entry // and where it is

	inner, restarts uint32
}

// An outcome is how a lookup ended.
type outcome uint8

const (
	absent outcome = iota
	found
	cold   // a page has to be loaded first
	apart  // the value is in a chain of pages
	before // a large group is under way: read what was before it
	again  // a writer was in the way
	broken // a page makes no sense
)

// Get implements engine.Engine.
func (t *tree) Get(dst, key []byte) ([]byte, error) {
	if len(key) == 0 || len(key) > t.caps.MaxKey {
		return dst, t.caps.CheckKey(key)
	}
	var q lookup
	g := t.domain.Pin()
	if t.closed.Load() {
		g.Unpin()
		return dst, engine.ErrClosed
	}
	n := len(dst)
	out, how := t.find(&q, dst, key)
	g.Unpin()
	if t.torn.Load() {
		return dst, t.failed()
	}
	for how > found {
		var err error
		if out, how, err = t.retry(&q, how, out[:n], key); err != nil {
			return out[:n], err
		}
	}
	t.counts.stripe().got(&q, len(out)-n)
	if how == absent {
		return out, engine.ErrNotFound
	}
	return out, nil
}

// retry goes on where find could not. The caller is not pinned.
func (t *tree) retry(q *lookup, how outcome, dst, key []byte) ([]byte, outcome, error) {
	switch how {
	case cold:
		if err := t.loadFor(q.id, q.entry); err != nil {
			return dst, how, err
		}
	case apart:
		return t.findAt(dst, key)
	case before:
		out, how, err := t.findBefore(dst, key)
		if how != again {
			return out, how, err
		}
	case broken:
		return dst, how, t.senseless(q.id)
	}
	if t.torn.Load() {
		return dst, how, t.failed()
	}
	if how == again {
		q.restarts++
		runtime.Gosched()
	}
	g := t.domain.Pin()
	if t.closed.Load() {
		g.Unpin()
		return dst, how, engine.ErrClosed
	}
	out, how := t.find(q, dst, key)
	g.Unpin()
	if t.torn.Load() {
		return dst, how, t.failed()
	}
	return out, how, nil
}

// stopped says why nothing is read any more.
func (t *tree) stopped() error {
	if t.torn.Load() && !t.closed.Load() {
		return t.failed()
	}
	return engine.ErrClosed
}

// loadFor is load for a reader: Close waits for it.
func (t *tree) loadFor(id page.ID, e mapping.Entry) error {
	if !t.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	return t.load(id, e)
}

// findAt reads at a snapshot of its own, which keeps the pages of a chain.
func (t *tree) findAt(dst, key []byte) ([]byte, outcome, error) {
	var h hold
	h.begin(t)
	out, err := t.getAt(h.moment.At(), dst, key)
	h.quit()
	if err == engine.ErrNotFound {
		return out, absent, nil
	}
	return out, found, err
}

// findBefore reads what was published before the group that is under way. That
// is what was there when this joined those who hold the moment.
func (t *tree) findBefore(dst, key []byte) ([]byte, outcome, error) {
	h := t.large.Load()
	if h == nil || !h.join() {
		return dst, again, nil
	}
	if t.clock.Published() != h.moment.At() { // others may have seen the group
		h.quit()
		return dst, again, nil
	}
	out, err := t.getAt(h.moment.At(), dst, key)
	h.quit()
	if err == engine.ErrNotFound {
		return out, absent, nil
	}
	return out, found, err
}

// above is the page that a lookup comes from, as it was read.
type above struct {
	entry   mapping.Entry // 0: there is none
	id      page.ID
	version uint64 // of the frame, if it is in one
}

// same reports whether nobody has written the page since.
func (a *above) same(t *tree) bool {
	if a.entry.Resident() {
		return t.pool.Version(a.entry.Frame()) == a.version
	}
	return a.entry == 0 || t.pages.Load(a.id) == a.entry
}

// find searches the pages as they are now, and appends the value to dst. It
// takes no lock: what it has read of a page counts if nobody has written the
// page meanwhile, and the page was the right one if its parent was still as it
// was read when the page's own version was noted. The caller is pinned.
func (t *tree) find(q *lookup, dst, key []byte) ([]byte, outcome) {
	var from above
	id, leaf := page.RootID, false
	q.inner = 0
	for range maxHeight {
		e := t.pages.Load(id)
		if !e.Resident() {
			child, out, how := t.findOnDisk(q, dst, key, id, e, &from)
			if child == 0 {
				return out, how
			}
			from, id = above{entry: e, id: id}, child
			continue
		}
		f := e.Frame()
		p := t.pool.Page(f)
		if leaf {
			page.Prefetch(p)
		}
		v, ok := t.pool.Enter(f)
		if !ok {
			return dst, again
		}
		// Where a page is superseded, the mapping changes first. So if the frame
		// is still the page's, later changes show in v.
		if !from.same(t) || t.pages.Load(id) != e {
			t.pool.Leave(f, v)
			return dst, again
		}
		t.pool.Touch(f)
		if page.KindOf(p) != page.Inner {
			out, how := t.findInLeaf(q, dst, p, key)
			if t.large.Load() != nil {
				out, how = dst, before
			}
			if !t.pool.Leave(f, v) {
				return dst, again
			}
			q.id = id
			return out, how
		}
		child, _, ok := page.Child(p, key)
		leaf = page.Level(p) == 1
		if !t.pool.Leave(f, v) {
			return dst, again
		}
		if !ok {
			q.id = id
			return dst, broken
		}
		from, id = above{entry: e, version: v}, child
		q.inner++
	}
	q.id = id
	return dst, broken
}

// findInLeaf appends the value of key. What it says counts only if the page was
// not written meanwhile.
func (t *tree) findInLeaf(q *lookup, dst, p, key []byte) ([]byte, outcome) {
	flags, payload, hit, ok := page.Get(p, key)
	switch {
	case !ok || page.KindOf(p) != page.Leaf:
		return dst, broken
	case !hit:
		return dst, absent
	case flags == 0:
		return append(dst, payload...), found
	}
	r, ok := parseRow(flags, payload)
	switch {
	case !ok:
		return dst, broken
	case r.over(t.now().UnixNano()):
		return dst, absent
	case r.chained:
		return dst, apart
	}
	return append(dst, r.value...), found
}

// findOnDisk is a step of find at a page that is not in the pool: it returns
// the child to go on with, or 0 and the outcome. Where the file is mapped it
// reads the page there: what is on disk does not change as long as the caller
// is pinned.
func (t *tree) findOnDisk(q *lookup, dst, key []byte, id page.ID, e mapping.Entry, from *above) (page.ID, []byte, outcome) {
	if !from.same(t) {
		return 0, dst, again
	}
	q.id, q.entry = id, e
	if e == 0 {
		return 0, dst, broken
	}
	if !t.mapped {
		return 0, dst, cold
	}
	p, ok, err := t.file.VerifyView(id, e)
	if err != nil || !ok {
		return 0, dst, cold // to be read, for the error that this has
	}
	if page.KindOf(p) == page.Inner {
		child, _, ok := page.Child(p, key)
		if !ok || child == 0 {
			return 0, dst, broken
		}
		q.inner++
		return child, dst, found
	}
	out, how := t.findInLeaf(q, dst, p, key)
	if t.large.Load() != nil {
		out, how = dst, before
	}
	if t.pages.Load(id) != e {
		return 0, dst, again
	}
	return 0, out, how
}

// warm brings the leaf of a key into the pool, so that the writer, for whom all
// wait, need not. It tells of damage, which is to keep a write out of the log:
// nobody could apply it, now or later. What else fails the writer sees.
func (t *tree) warm(key []byte) error {
	if t.onDisk.Load() == 0 {
		return nil
	}
	for range maxHeight {
		g := t.domain.Pin()
		if t.closed.Load() {
			g.Unpin()
			return nil
		}
		id, e := t.coldOnPath(key)
		g.Unpin()
		if id == 0 {
			return nil
		}
		switch err := t.loadFor(id, e); {
		case errors.Is(err, engine.ErrCorrupt):
			return err
		case err != nil:
			return nil
		}
	}
	return nil
}

// warmRange is warm for the keys in [lower, upper), of which a nil upper is no
// bound. It reads all leaves of the range that are not in the pool, of which
// the last ones stay there.
func (t *tree) warmRange(lower, upper []byte) error {
	if t.onDisk.Load() == 0 {
		return nil
	}
	var h hold
	h.begin(t)
	defer h.quit()
	v := view{tree: t, at: h.moment.At()}
	defer v.end()
	for key := lower; upper == nil || bytes.Compare(key, upper) < 0; {
		_, p, err := v.descend(key, toKey)
		if errors.Is(err, engine.ErrCorrupt) {
			return err
		}
		if err != nil {
			return nil
		}
		_, high, bounded, ok := page.Fences(p)
		if !ok || !bounded {
			return nil
		}
		key = append([]byte(nil), high...)
	}
	return nil
}

// coldOnPath returns the first page on the way to a key that is not in the
// pool, or 0, also where writers are in the way.
func (t *tree) coldOnPath(key []byte) (page.ID, mapping.Entry) {
	id := page.RootID
	for range maxHeight {
		e := t.pages.Load(id)
		if !e.Resident() {
			if e == 0 {
				id = 0
			}
			return id, e
		}
		f := e.Frame()
		v, ok := t.pool.Enter(f)
		if !ok {
			return 0, 0
		}
		p := t.pool.Page(f)
		inner := page.KindOf(p) == page.Inner
		child, _, sane := page.Child(p, key)
		if !t.pool.Leave(f, v) || !inner || !sane {
			return 0, 0
		}
		id = child
	}
	return 0, 0
}
