package lsm

import (
	"bytes"
	"math"
	"sync/atomic"

	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/version"
)

// A view is all that a read may have to look at: memtables and tables of one
// moment. It does not change. Gets look at it under a pin; who needs it longer,
// or reads files, holds a reference.
type view struct {
	tree   *tree
	fresh  *memory
	frozen []*memory // newest first
	levels *levels

	// refs counts the tree, whose current view it is, and who holds it. At 0
	// it is retired to the epoch: then Gets may look at it still.
	refs atomic.Int64
}

// levels are the tables of a version, in the order in which they are searched.
// Views of the same version share them.
type levels struct {
	tree    *tree
	version *version.Version
	runs    []run // newest first
	refs    atomic.Int64
}

// A run is a sorted run of tables.
type run struct {
	level   int
	largest []uint64 // heads of the tables' largest keys
	tables  []*file
	metas   []*version.Table
}

// acquire returns the current view, with a reference, or nil if the tree is
// closed.
func (t *tree) acquire() *view {
	g := t.domain.Pin()
	defer g.Unpin()
	for {
		v := t.view.Load()
		if v == nil || t.closed.Load() {
			return nil
		}
		if v.hold() {
			return v
		}
	}
}

// acquireAt also returns what a reader of the view may see, such that the view
// has all of it. The view is loaded first: what it has was visible before, and
// what compactions have left out of it, something visible has replaced. And it
// is the current one still after that: nothing visible is in a memtable that
// it lacks.
func (t *tree) acquireAt() (*view, ikey.Seq) {
	for {
		v := t.acquire()
		if v == nil {
			return nil, 0
		}
		at := t.commits.at()
		if t.view.Load() == v {
			return v, at
		}
		v.release()
	}
}

// hold takes a reference, unless there are none left.
func (v *view) hold() bool {
	for {
		n := v.refs.Load()
		if n == 0 {
			return false
		}
		if v.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release gives a reference back.
func (v *view) release() {
	if v.refs.Add(-1) == 0 {
		v.tree.domain.Retire(int(v.tree.settings.MemtableBytes), v.free)
		v.tree.domain.Reclaim()
	}
}

// free runs when nobody can be looking at v.
func (v *view) free() {
	v.fresh.release()
	for _, m := range v.frozen {
		m.release()
	}
	v.levels.release()
}

// newView makes a view, with one reference. state is held.
func (t *tree) newView(fresh *memory, frozen []*memory, l *levels) *view {
	v := &view{tree: t, fresh: fresh, frozen: frozen, levels: l}
	v.refs.Store(1)
	fresh.refs.Add(1)
	for _, m := range frozen {
		m.refs.Add(1)
	}
	l.refs.Add(1)
	return v
}

// show makes v what readers look at. state is held.
func (t *tree) show(v *view) {
	if old := t.view.Swap(v); old != nil {
		old.release()
	}
}

// newLevels makes the levels of a version, whose files are known.
func (t *tree) newLevels(v *version.Version) *levels {
	l := &levels{tree: t, version: v}
	t.blobs.use(v.Blobs)
	for level := range v.Levels {
		for _, r := range v.Levels[level].Runs {
			l.runs = append(l.runs, t.newRun(level, r.Tables))
		}
	}
	return l
}

func (t *tree) newRun(level int, tables []*version.Table) run {
	r := run{level: level, largest: make([]uint64, len(tables)), tables: make([]*file, len(tables)), metas: tables}
	for i, meta := range tables {
		r.largest[i] = ikey.Head(meta.Largest)
		if unbounded(meta) {
			r.largest[i] = math.MaxUint64
		}
		r.tables[i] = t.files.use(meta)
	}
	return r
}

// unbounded reports whether a table has a range delete without upper bound.
func unbounded(meta *version.Table) bool { return meta.LargestExclusive && meta.Largest == nil }

// before reports whether all keys of a table are before key.
func (f *file) before(key []byte) bool {
	c := bytes.Compare(f.meta.Largest, key)
	return !unbounded(f.meta) && (c < 0 || c == 0 && f.meta.LargestExclusive)
}

// release gives a reference back.
func (l *levels) release() {
	if l.refs.Add(-1) > 0 {
		return
	}
	for _, r := range l.runs {
		for _, f := range r.tables {
			f.release()
		}
	}
	l.tree.blobs.release(l.version.Blobs)
}

// find returns the table that may have a key, or nil.
func (r *run) find(key []byte, head uint64) *file {
	// The first whose largest key is not below the key.
	lo, n := 0, len(r.largest)
	for n > 0 {
		half := n >> 1
		if r.largest[lo+half] < head {
			lo += half + 1
			n -= half + 1
		} else {
			n = half
		}
	}
	for lo < len(r.tables) && r.largest[lo] == head && r.tables[lo].before(key) {
		lo++
	}
	if lo == len(r.tables) {
		return nil
	}
	f := r.tables[lo]
	if head < f.smallest || head == f.smallest && bytes.Compare(key, f.meta.Smallest) < 0 {
		return nil
	}
	return f
}
