package lsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/merge"
	"github.com/kvbench/kvbench/lsm/table"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"github.com/kvbench/kvbench/lsm/version"
)

// An iterator walks what is visible at one moment. It holds the view of that
// moment, so that neither memtables nor tables go meanwhile. Closed, it is kept
// for the next one, with the memory that it has.
type iterator struct {
	*walk
}

// A walk is what an iterator is while it is open.
type walk struct {
	tree   *tree
	view   *view
	merged merge.Iter
	live   merge.Live

	sources      []ikey.Iterator
	runs         []*runSource // those of sources that walk tables, and spares
	used         int          // of runs
	ranges       []*tombstone.Set
	lower, upper []byte
	older        func(source int, lower, upper []byte, seq ikey.Seq) bool
	value        []byte // from a blob file
	err          error
	place        uint8
}

func newWalk() any {
	w := new(walk)
	w.older = w.isOlder
	return w
}

// A runSource is an iterator over tables of a run, which it opens when it comes
// to them.
type runSource struct {
	table.RunIter
	files []*file
	metas []*version.Table
	open  func(i int) (*table.Reader, error)
}

func newRunSource() *runSource {
	s := new(runSource)
	s.open = func(i int) (*table.Reader, error) { return s.files[i].open() }
	return s
}

// begin makes s walk tables from lo to hi of a run.
func (s *runSource) begin(r *run, lo, hi int, o table.IterOptions) {
	s.files, s.metas = r.tables[lo:hi], r.metas[lo:hi]
	s.Init(s.metas, s.open, o)
}

// NewIter implements engine.Scanner.
func (t *tree) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	return t.newIter(o, ikey.MaxSeq)
}

// newIter returns an iterator at a sequence number; MaxSeq is the newest that
// is visible.
func (t *tree) newIter(o engine.IterOptions, at ikey.Seq) (*iterator, error) {
	if !t.scans.TryRLock() { // only Close locks it
		return nil, engine.ErrClosed
	}
	defer t.scans.RUnlock()
	v, newest := t.acquireAt()
	if v == nil {
		return nil, engine.ErrClosed
	}
	w := t.walks.Get().(*walk)
	w.tree, w.view, w.err, w.place = t, v, nil, nowhere
	w.lower, w.upper = boundary(w.lower, o.Lower), boundary(w.upper, o.Upper)
	if err := w.gather(); err != nil {
		w.end()
		return nil, t.damaged(err)
	}
	w.merged.Init(w.sources)
	w.live.Init(&w.merged, merge.LiveOptions{
		At: min(at, newest), Lower: w.lower, Upper: w.upper, Ranges: w.ranges, Now: t.now().UnixNano(),
		Older: w.older,
	})
	t.counts.stripe().scans.Add(1)
	return &iterator{w}, nil
}

// boundary copies a bound into memory that is there; nil stays nil.
func boundary(into, bound []byte) []byte {
	if bound == nil {
		return nil
	}
	return append(append(into[:0], bound...), 0)[:len(bound)]
}

// gather makes the sources: all that the view has between the bounds, newest
// first, and its range deletes.
func (w *walk) gather() error {
	v := w.view
	w.remember(v.fresh)
	for _, m := range v.frozen {
		w.remember(m)
	}
	for i := range v.levels.runs {
		r := &v.levels.runs[i]
		lo, hi := r.within(w.lower, w.upper)
		if lo == hi {
			continue
		}
		for _, f := range r.tables[lo:hi] {
			if f.meta.RangeDeletes == 0 {
				continue
			}
			reader, err := f.open()
			if err != nil {
				return err
			}
			w.ranges = append(w.ranges, reader.Ranges())
		}
		if lo+1 == hi {
			lacks, err := w.lacks(r.tables[lo])
			if err != nil {
				return err
			}
			if lacks {
				continue
			}
		}
		if w.used == len(w.runs) {
			w.runs = append(w.runs, newRunSource())
		}
		s := w.runs[w.used]
		w.used++
		s.begin(r, lo, hi, table.IterOptions{})
		w.sources = append(w.sources, s)
	}
	return nil
}

// isOlder implements merge.LiveOptions.Older: what a range delete covers of a
// run is passed without a look, if tables say that all they have is older.
func (w *walk) isOlder(source int, lower, upper []byte, seq ikey.Seq) bool {
	i := source - (len(w.sources) - w.used) // memtables come first
	if i < 0 {
		return false
	}
	b := version.Span(lower, upper)
	for _, meta := range w.runs[i].metas {
		if meta.MaxSeq >= seq && meta.Bounds().Overlaps(b) {
			return false
		}
	}
	return true
}

// lacks reports whether the filter of a table knows that it has no key with the
// prefix that all keys between the bounds have.
func (w *walk) lacks(f *file) (bool, error) {
	if w.tree.settings.FilterPrefix == 0 || w.upper == nil {
		return false, nil
	}
	r, err := f.open()
	if err != nil {
		return false, err
	}
	prefix := filter.Prefix(w.lower, w.upper, r.FilterPrefix())
	return prefix != nil && !r.MayContain(xxh3.Hash(prefix)), nil
}

// remember makes a memtable a source.
func (w *walk) remember(m *memory) {
	if m.table.Empty() {
		return
	}
	if m.ranges.Load() > 0 {
		w.ranges = append(w.ranges, m.table.Ranges())
	}
	w.sources = append(w.sources, m.table.NewIter())
}

// end closes all, and gives the walk back for the next iterator.
func (w *walk) end() error {
	var err error
	for _, s := range w.sources {
		err = errors.Join(err, s.Close())
	}
	w.view.release()
	clear(w.sources)
	clear(w.ranges)
	for _, s := range w.runs[:w.used] {
		s.files, s.metas = nil, nil
	}
	w.sources, w.ranges, w.used, w.view = w.sources[:0], w.ranges[:0], 0, nil
	if cap(w.value) > keptBytes {
		w.value = nil
	}
	w.tree.walks.Put(w)
	return err
}

// within returns which tables of a run may have keys between bounds.
func (r *run) within(lower, upper []byte) (lo, hi int) {
	hi = len(r.tables)
	if lower != nil {
		lo = sort.Search(hi, func(i int) bool { return !r.tables[i].before(lower) })
	}
	if upper != nil {
		hi = lo + sort.Search(hi-lo, func(i int) bool { return bytes.Compare(r.metas[lo+i].Smallest, upper) >= 0 })
	}
	return lo, hi
}

// Where an iterator is.
const (
	nowhere = iota // at birth
	atRow
	beforeAll
	afterAll
)

// First implements engine.Iterator.
func (i *iterator) First() bool { return i.open() && i.arrive(i.live.First(), afterAll) }

// Last implements engine.Iterator.
func (i *iterator) Last() bool { return i.open() && i.arrive(i.live.Last(), beforeAll) }

// SeekGE implements engine.Iterator.
func (i *iterator) SeekGE(key []byte) bool {
	return i.open() && i.arrive(i.live.SeekGE(key), afterAll)
}

// SeekLT implements engine.Iterator.
func (i *iterator) SeekLT(key []byte) bool {
	return i.open() && i.arrive(i.live.SeekLT(key), beforeAll)
}

// Next implements engine.Iterator.
func (i *iterator) Next() bool {
	switch {
	case i.walk == nil || i.place == afterAll:
		return false
	case i.place == atRow:
		return i.arrive(i.live.Next(), afterAll)
	}
	return i.First()
}

// Prev implements engine.Iterator.
func (i *iterator) Prev() bool {
	switch {
	case i.walk == nil || i.place == beforeAll:
		return false
	case i.place == atRow:
		return i.arrive(i.live.Prev(), beforeAll)
	}
	return i.Last()
}

// arrive notes where a move has led: to a row, or past the last one.
func (i *iterator) arrive(ok bool, past uint8) bool {
	if i.place = atRow; !ok {
		i.place = past
	}
	return ok
}

// open reports whether i may be positioned. An error that a value had does not
// end the walk.
func (i *iterator) open() bool {
	if i.walk == nil {
		return false
	}
	i.err = nil
	return true
}

// Key implements engine.Iterator.
func (i *iterator) Key() []byte {
	if i.walk == nil || i.place != atRow {
		return nil
	}
	return i.live.Key()
}

// Value implements engine.Iterator.
func (i *iterator) Value() ([]byte, error) {
	if i.walk == nil {
		return nil, engine.ErrClosed
	}
	if i.place != atRow {
		return nil, i.Err()
	}
	value, kind := i.live.Value(), i.live.Kind()
	if kind == ikey.Put {
		return value, nil
	}
	value, err := i.tree.plain(i.value[:0], kind, value, &i.value)
	if err != nil {
		i.err = i.tree.damaged(err)
		return nil, i.err
	}
	return value, nil
}

// plain returns the user's value of an entry. What it reads from a blob file
// it appends to dst, and gives keep the memory.
func (t *tree) plain(dst []byte, kind ikey.Kind, value []byte, keep *[]byte) ([]byte, error) {
	if kind.Expires() {
		_, rest, ok := ikey.Expiry(value)
		if !ok {
			return nil, engine.Corrupt(t.home.Dir, -1, "an expiry is cut short", nil)
		}
		value = rest
	}
	if !kind.Separate() {
		return value, nil
	}
	out, err := t.blobs.get(dst, value)
	*keep = out
	return out, err
}

// Err implements engine.Iterator.
func (i *iterator) Err() error {
	if i.walk == nil {
		return engine.ErrClosed
	}
	if err := i.live.Err(); err != nil {
		return i.tree.damaged(err)
	}
	return i.err
}

// Close implements engine.Iterator.
func (i *iterator) Close() error {
	w := i.walk
	if w == nil {
		return nil
	}
	i.walk = nil
	err := w.live.Err()
	stats := w.live.Stats()
	if n := stats.Tombstones + stats.Covered; n > 0 {
		w.tree.counts.stripe().skipped.Add(n)
	}
	return errors.Join(err, w.end())
}

// Scan implements engine.UnorderedScanner.
func (t *tree) Scan(ctx context.Context, f func(key, value []byte) error) error {
	return t.scan(ctx, ikey.MaxSeq, f)
}

// scanCheck is after how many rows a scan looks whether it should end.
const scanCheck = 256

func (t *tree) scan(ctx context.Context, at ikey.Seq, f func(key, value []byte) error) (err error) {
	if !t.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	it, err := t.newIter(engine.IterOptions{}, at)
	if err != nil {
		return err
	}
	defer func() {
		if e := it.Close(); err == nil {
			err = e
		}
	}()
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		if n%scanCheck == 0 {
			if t.closed.Load() {
				return engine.ErrClosed
			}
			if ctx.Err() != nil {
				return fmt.Errorf("scan: %w", context.Cause(ctx))
			}
		}
		n++
		value, err := it.Value()
		if err != nil {
			return err
		}
		if err := f(it.Key(), value); err != nil {
			return err
		}
	}
	return it.Err()
}
