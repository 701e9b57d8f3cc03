package lsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/merge"
	"github.com/kvbench/kvbench/lsm/table"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

// An iterator walks what is visible at one moment. It holds the view of that
// moment, so that neither memtables nor tables go meanwhile.
type iterator struct {
	tree   *tree
	view   *view
	merged merge.Iter
	live   merge.Live

	sources      []ikey.Iterator
	lower, upper []byte
	value        []byte // from a blob file
	err          error
	place        uint8
	closed       bool
}

// NewIter implements engine.Scanner.
func (t *tree) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	return t.newIter(o, ikey.MaxSeq)
}

// newIter returns an iterator at a sequence number; MaxSeq is the newest that
// is visible.
func (t *tree) newIter(o engine.IterOptions, at ikey.Seq) (engine.Iterator, error) {
	v, newest := t.acquireAt()
	if v == nil {
		return nil, engine.ErrClosed
	}
	it := &iterator{tree: t, view: v}
	it.lower, it.upper = slices.Clone(o.Lower), slices.Clone(o.Upper)
	sources, ranges, err := v.sources(it.sources[:0], it.lower, it.upper)
	if err != nil {
		closeAll(sources)
		v.release()
		return nil, t.damaged(err)
	}
	it.sources = sources
	it.merged.Init(sources)
	it.live.Init(&it.merged, merge.LiveOptions{
		At: min(at, newest), Lower: it.lower, Upper: it.upper, Ranges: ranges, Now: t.now().UnixNano(),
	})
	t.counts.stripe().scans.Add(1)
	return it, nil
}

func closeAll(sources []ikey.Iterator) {
	for _, s := range sources {
		s.Close()
	}
}

// sources appends iterators over all that a view has between bounds, newest
// first, and returns its range deletes.
func (v *view) sources(dst []ikey.Iterator, lower, upper []byte) ([]ikey.Iterator, []*tombstone.Set, error) {
	var ranges []*tombstone.Set
	memory := func(m *memory) {
		if set := m.table.Ranges(); set.Len() > 0 {
			ranges = append(ranges, set)
		}
		if !m.table.Empty() {
			dst = append(dst, m.table.NewIter())
		}
	}
	memory(v.fresh)
	for _, m := range v.frozen {
		memory(m)
	}
	for i := range v.levels.runs {
		r := v.levels.runs[i].within(lower, upper)
		for _, f := range r {
			if f.meta.RangeDeletes == 0 {
				continue
			}
			reader, err := f.open()
			if err != nil {
				return dst, nil, err
			}
			ranges = append(ranges, reader.Ranges())
		}
		if len(r) > 0 {
			dst = append(dst, newRunIter(r, table.IterOptions{}))
		}
	}
	return dst, ranges, nil
}

// within returns the tables of a run that may have keys between bounds.
func (r *run) within(lower, upper []byte) []*file {
	tables := r.tables
	if lower != nil {
		i, _ := slices.BinarySearchFunc(tables, lower, func(f *file, key []byte) int {
			if f.before(key) {
				return -1
			}
			return 1
		})
		tables = tables[i:]
	}
	if upper != nil {
		i, _ := slices.BinarySearchFunc(tables, upper, func(f *file, key []byte) int {
			if bytes.Compare(f.meta.Smallest, key) < 0 {
				return -1
			}
			return 1
		})
		tables = tables[:i]
	}
	return tables
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
	case i.closed || i.place == afterAll:
		return false
	case i.place == atRow:
		return i.arrive(i.live.Next(), afterAll)
	}
	return i.First()
}

// Prev implements engine.Iterator.
func (i *iterator) Prev() bool {
	switch {
	case i.closed || i.place == beforeAll:
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
	i.err = nil
	return !i.closed
}

// Key implements engine.Iterator.
func (i *iterator) Key() []byte {
	if i.closed || i.place != atRow {
		return nil
	}
	return i.live.Key()
}

// Value implements engine.Iterator.
func (i *iterator) Value() ([]byte, error) {
	if i.closed {
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
	if i.closed {
		return engine.ErrClosed
	}
	if err := i.live.Err(); err != nil {
		return i.tree.damaged(err)
	}
	return i.err
}

// Close implements engine.Iterator.
func (i *iterator) Close() error {
	if i.closed {
		return nil
	}
	i.closed = true
	err := i.live.Err()
	stats := i.live.Stats()
	i.tree.counts.stripe().skipped.Add(stats.Tombstones + stats.Covered)
	err = errors.Join(err, i.merged.Close())
	i.view.release()
	return err
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
