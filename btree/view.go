package btree

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/btree/version"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
)

// A view reads pages as a snapshot sees them, one page at a time. The snapshot
// is live as long as the view is used, so what it sees does not change: a page
// whose stamp is not above the snapshot's is not written in place, but cloned,
// and its frame or its slot stays. Hence a view checks nothing after it has
// read, and begins nothing anew: all that can change is where a page is.
//
// A page that is in a frame is read under a pin. Files are read without one.
//
// Concurrency: one goroutine at a time.
type view struct {
	tree *tree
	at   uint64 // of the snapshot

	guard  epoch.Guard
	pinned bool

	// The frame that is entered, in builds where memory is on the Go heap and
	// every reader of a frame has to show itself.
	frame   uint32
	mark    uint64
	entered bool

	spare *[]byte // for pages that are read from the file for this view alone

	// passing: what is not in the pool is read for this view alone. A scan
	// comes by once, and the system has pages, too.
	passing bool

	inners, leaves, chained int // pages looked at, for the metrics
}

const (
	// viewLoads is how often a view has a page brought into the pool before it
	// reads it for itself: where the pool is far too small, it may be evicted
	// each time before anyone has looked at it.
	viewLoads = 8

	// viewLooks is how often a view looks for a page that is nowhere before
	// it takes that for damage.
	viewLooks = 1 << 12
)

// page returns a page of the snapshot. It stays until the next call of page or
// leave, and must not be changed.
func (v *view) page(id page.ID) ([]byte, error) {
	if !v.enterTree() {
		return nil, v.tree.stopped()
	}
	if p, _ := v.resident(v.tree.pages.Load(id)); p != nil {
		return p, nil
	}
	return v.search(id)
}

// resident returns the page that the mapping has in a frame, if that is what
// the snapshot sees. It is busy if it is, but on its way out: then the mapping
// will have another place for it.
func (v *view) resident(e mapping.Entry) (p []byte, busy bool) {
	t := v.tree
	if !e.Resident() || t.pool.Frame(e.Frame()).Stamp.Load() > v.at {
		return nil, false
	}
	if !v.enterFrame(e.Frame()) {
		return nil, true
	}
	t.pool.Touch(e.Frame())
	return t.pool.Page(e.Frame()), false
}

// search is page for one that may be anywhere.
//
// A writer adds the old version before the mapping has the new one. So what the
// mapping does not have and then the versions do not is not there.
func (v *view) search(id page.ID) ([]byte, error) {
	t := v.tree
	for looks, loads := 0, 0; looks < viewLooks && loads < viewLooks; {
		if !v.enterTree() {
			return nil, v.tree.stopped()
		}
		e := t.pages.Load(id)
		p, busy := v.resident(e)
		if p != nil {
			return p, nil
		}
		old, ok := t.old.Find(id, v.at)
		switch {
		case busy:
		case ok && old.Frame == version.NoFrame:
			return v.readOld(id, old.Home)
		case ok:
			if v.enterFrame(old.Frame) {
				return t.pool.Page(old.Frame), nil
			}
		case e != 0 && !e.Resident():
			p, err := v.bring(id, e, loads)
			if p != nil || err != nil {
				return p, err
			}
			loads++
			continue
		default:
			looks++
		}
		runtime.Gosched()
	}
	v.leave()
	return nil, t.missing(id)
}

// enterTree pins the view, unless it is, and leaves the frame it was in. It
// reports false if the tree is closed or torn. Close waits for all who are
// pinned and have not seen that.
func (v *view) enterTree() bool {
	if v.pinned {
		v.leaveFrame()
		return true
	}
	v.guard = v.tree.domain.Pin()
	if v.tree.closed.Load() || v.tree.torn.Load() {
		v.guard.Unpin()
		return false
	}
	v.pinned = true
	return true
}

// leave ends the use of the page that the view has.
func (v *view) leave() {
	if v.pinned {
		v.leaveFrame()
		v.guard.Unpin()
		v.pinned = false
	}
}

// enterFrame shows that a frame is being read. What the snapshot sees nobody
// writes, so only the race detector needs to know.
func (v *view) enterFrame(f uint32) bool {
	if !offheap.OnHeap {
		return true
	}
	v.frame = f
	v.mark, v.entered = v.tree.pool.Enter(f)
	return v.entered
}

func (v *view) leaveFrame() {
	if offheap.OnHeap && v.entered {
		v.tree.pool.Leave(v.frame, v.mark)
		v.entered = false
	}
}

// mapped returns a page where the file is mapped, or nil: where it is not, and
// where reading it says why not. The view is pinned, and so long the slot of a
// page is not written again.
func (v *view) mapped(id page.ID, e mapping.Entry) []byte {
	if !v.tree.mapped {
		return nil
	}
	p, ok, err := v.tree.file.VerifyView(id, e)
	if !ok || err != nil {
		return nil
	}
	return p
}

// bring reads a page that is on disk: into the pool, where the next one finds
// it, or, if that has not worked out a few times, for this view alone. Without
// a page and an error it is to be looked for again.
func (v *view) bring(id page.ID, e mapping.Entry, loads int) ([]byte, error) {
	t := v.tree
	if p := v.mapped(id, e); p != nil {
		return v.ifSeen(p), nil
	}
	v.leave()
	if !t.scans.TryRLock() { // only Close locks it
		return nil, engine.ErrClosed
	}
	defer t.scans.RUnlock()
	if loads < viewLoads && !v.passing {
		err := t.load(id, e)
		if err == nil || t.pages.Load(id) != e {
			return nil, nil
		}
		if errors.Is(err, engine.ErrCorrupt) || errors.Is(err, engine.ErrClosed) {
			return nil, err
		}
	}
	p := v.room()
	if err := t.readPage(p, id, e); err != nil {
		if t.pages.Load(id) != e || err == errMoved { // its slot may be another's by now
			return nil, nil
		}
		return nil, t.damaged(err)
	}
	t.counts.stripe().loaded(page.KindOf(p))
	return v.ifSeen(p), nil
}

// ifSeen returns nil for a page that is newer than the snapshot. Then there is
// an old version.
func (v *view) ifSeen(p []byte) []byte {
	if page.Stamp(p) > v.at {
		return nil
	}
	return p
}

// readOld reads an old version that is only on disk. Its slot stays as long as
// the snapshot is live.
func (v *view) readOld(id page.ID, home mapping.Entry) ([]byte, error) {
	t := v.tree
	if p := v.mapped(id, home); p != nil {
		return p, nil
	}
	v.leave()
	if !t.scans.TryRLock() { // only Close locks it
		return nil, engine.ErrClosed
	}
	defer t.scans.RUnlock()
	p := v.room()
	if err := t.file.ReadPage(p, id, home); err != nil {
		return nil, t.damaged(err)
	}
	return p, nil
}

// room is memory for a page that is this view's alone.
func (v *view) room() []byte {
	if v.spare == nil {
		v.spare = v.tree.snapshots.spare(v.tree.settings.PageBytes)
	}
	return *v.spare
}

// end gives back what the view has. It can be used again.
func (v *view) end() {
	v.leave()
	if v.spare != nil {
		v.tree.snapshots.spares.Put(v.spare)
		v.spare = nil
	}
	if v.inners|v.leaves|v.chained != 0 {
		c := v.tree.counts.stripe()
		c.visited(v.inners, v.leaves)
		c.overflows.Add(uint64(v.chained))
		v.inners, v.leaves, v.chained = 0, 0, 0
	}
}

// An aim says which leaf a descent is for.
type aim uint8

const (
	toKey   aim = iota // that a key belongs to
	toBelow            // that has the keys just below a key
	toEnd              // the last one
)

// descend returns the leaf of the snapshot that it is to, as page does.
func (v *view) descend(key []byte, to aim) (page.ID, []byte, error) {
	id, above := page.RootID, -1
	for {
		p, err := v.page(id)
		if err != nil {
			return 0, nil, err
		}
		level, kind := page.Level(p), page.KindOf(p)
		switch {
		case above >= 0 && level != above-1:
			return 0, nil, v.senseless(id)
		case kind == page.Leaf && level == 0:
			v.leaves++
			return id, p, nil
		case kind != page.Inner || level == 0 || level > maxHeight:
			return 0, nil, v.senseless(id)
		}
		v.inners++
		child, ok := childTo(p, key, to)
		if !ok {
			return 0, nil, v.senseless(id)
		}
		id, above = child, level
	}
}

// childTo is the child of an inner page in which a descent goes on.
func childTo(p, key []byte, to aim) (page.ID, bool) {
	if to == toEnd {
		return page.ChildAt(p, page.Count(p))
	}
	child, i, ok := page.Child(p, key)
	if !ok || to == toKey || i == 0 {
		return child, ok
	}
	// What is below a separator is left of it, what equals it is not.
	var scratch [64]byte
	separator, ok := page.AppendKey(scratch[:0], p, i-1)
	if ok && bytes.Equal(separator, key) {
		return page.ChildAt(p, i-1)
	}
	return child, ok
}

// senseless is damage in a page of the snapshot.
func (v *view) senseless(id page.ID) error {
	v.leave()
	return v.tree.senseless(id)
}

// growAtOnce: memory for a longer value is taken as its pages come.
const growAtOnce = 1 << 20

// appendChain appends the value of length bytes whose overflow pages begin with
// first.
func (v *view) appendChain(dst []byte, first page.ID, length int) ([]byte, error) {
	dst = slices.Grow(dst, min(length, growAtOnce))
	id, left := first, length
	for left > 0 {
		p, err := v.page(id)
		if err != nil {
			return nil, err
		}
		if page.KindOf(p) != page.Overflow {
			return nil, v.senseless(id)
		}
		v.chained++
		part, ok := page.OverflowPart(p)
		if !ok || len(part) == 0 || len(part) > left {
			return nil, v.senseless(id)
		}
		dst = append(dst, part...)
		left -= len(part)
		next := page.Next(p)
		if (next == 0) != (left == 0) {
			return nil, v.senseless(id)
		}
		id = next
	}
	return dst, nil
}

// A row is what a cell of a leaf says.
type row struct {
	expires bool
	expiry  int64 // nanoseconds of Unix time
	value   []byte

	// A value that is too large for a leaf is in a chain of pages.
	chained bool
	first   page.ID
	length  int
}

// A cell of a leaf has the value of a key, and where its flags say so
//
//	offset  size  field
//	0       8     expiry  nanoseconds of Unix time (if page.FlagExpires)
//
// before that. With page.FlagOverflow it has, in place of the value,
//
//	0       4     first   page of the chain
//	4       8     length  of the value in bytes
//
// Integers are little-endian. The chain has the value in pages of
// page.OverflowRoom bytes, of which the last may have less. Its pages never
// change: a new value is a new chain.
const chainBytes = 4 + 8

// parseRow reports false for a cell that nobody wrote so.
func parseRow(flags uint8, payload []byte) (r row, ok bool) {
	if flags&^(page.FlagExpires|page.FlagOverflow) != 0 {
		return r, false
	}
	if flags&page.FlagExpires != 0 {
		if len(payload) < expiryBytes {
			return r, false
		}
		r.expires, r.expiry = true, int64(binary.LittleEndian.Uint64(payload))
		payload = payload[expiryBytes:]
	}
	if flags&page.FlagOverflow == 0 {
		r.value = payload
		return r, true
	}
	if len(payload) != chainBytes {
		return r, false
	}
	length := binary.LittleEndian.Uint64(payload[4:])
	r.chained, r.first, r.length = true, binary.LittleEndian.Uint32(payload), int(length)
	return r, r.first != 0 && length <= maxValue
}

// over reports whether the row is absent at a moment.
func (r *row) over(now int64) bool { return r.expires && r.expiry <= now }
