package btree

import (
	"bytes"
	"unsafe"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
)

// An iterator walks a tree as it was at one moment, which it keeps live.
// Closed, it leaves its memory to the next one.
type iterator struct {
	*walk
}

// A walk is what an iterator is while it is open.
//
// A seek takes one row of a leaf. Who then goes on from there wants more of
// it, so the next step copies the leaf, and further ones walk the copy: pages
// are pinned while they are copied only, and the memory of a leaf is waited for
// once, in its order.
type walk struct {
	view
	hold *hold
	own  hold // of an iterator that is not a snapshot's

	lower, upper []byte
	now          int64 // rows that have expired by then are absent

	place uint8
	leaf  page.ID // that the row is in
	i     int     // its number there

	// whole: image is the leaf, with the rows [from, to) within the bounds;
	// those of the leaves before, if first, and behind, if last, are beyond
	// them. Otherwise there is only the row.
	whole       bool
	first, last bool
	from, to    int
	image       []byte
	rows        page.Rows // of image

	key     []byte
	flags   uint8
	payload []byte
	cell    []byte // payload's memory, of a row without its leaf
	long    []byte // a value from overflow pages

	fence  []byte // scratch
	err    error  // of the last call
	failed error  // the first one
	bytes  uint64 // of values that were asked for
}

// NewIter implements engine.Scanner.
func (t *tree) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	if t.closed.Load() {
		return nil, engine.ErrClosed
	}
	return t.newIter(o, nil), nil
}

// newIter returns an iterator at the moment of h, of which it is a user, or,
// without one, at the present.
func (t *tree) newIter(o engine.IterOptions, h *hold) *iterator {
	w, ok := t.snapshots.walks.Get().(*walk)
	if !ok {
		w = new(walk)
	}
	if h == nil {
		h = &w.own
		h.begin(t)
	}
	w.hold = h
	w.view.tree, w.view.at = t, h.moment.At()
	w.lower, w.upper = boundary(w.lower, o.Lower), boundary(w.upper, o.Upper)
	w.now = t.now().UnixNano()
	w.place, w.whole = nowhere, false
	w.err, w.failed, w.bytes = nil, nil, 0
	t.counts.stripe().scans.Add(1)
	return &iterator{w}
}

// boundary copies a bound into memory that is there; nil stays nil, and an
// empty one does not become it.
func boundary(into, bound []byte) []byte {
	if bound == nil {
		return nil
	}
	return append(append(into[:0], bound...), 0)[:len(bound)]
}

// Where an iterator is.
const (
	nowhere = iota // at birth
	atRow
	beforeAll
	afterAll
	lost // after an error, until a seek
)

// First implements engine.Iterator.
func (i *iterator) First() bool { return i.ready() && i.seekGE(i.lower) }

// Last implements engine.Iterator.
func (i *iterator) Last() bool { return i.ready() && i.seekLT(i.upper, i.upper == nil) }

// SeekGE implements engine.Iterator.
func (i *iterator) SeekGE(key []byte) bool { return i.ready() && i.seekGE(key) }

// SeekLT implements engine.Iterator.
func (i *iterator) SeekLT(key []byte) bool { return i.ready() && i.seekLT(key, false) }

// Next implements engine.Iterator.
func (i *iterator) Next() bool {
	w := i.walk
	switch {
	case w == nil || w.place == afterAll || w.place == lost:
		return false
	case w.place != atRow:
		return i.First()
	}
	if w.whole && w.i+1 < w.to && w.flags == 0 && !w.tree.closed.Load() {
		// Most rows are of this kind. The one before had no error.
		key, flags, payload, ok := w.rows.Row(w.key[:0], w.i+1)
		if ok && flags == 0 {
			w.i++
			w.key, w.payload = key, payload
			return true
		}
	}
	return w.ready() && w.unfold() && w.forward(w.i+1)
}

// Prev implements engine.Iterator.
func (i *iterator) Prev() bool {
	w := i.walk
	switch {
	case w == nil || w.place == beforeAll || w.place == lost:
		return false
	case w.place != atRow:
		return i.Last()
	}
	return w.ready() && w.unfold() && w.backward(w.i-1)
}

// Key implements engine.Iterator.
func (i *iterator) Key() []byte {
	w := i.walk
	if w == nil || w.place != atRow {
		return nil
	}
	return w.key
}

// Value implements engine.Iterator. An error does not end the walk.
func (i *iterator) Value() ([]byte, error) {
	w := i.walk
	if w == nil {
		return nil, engine.ErrClosed
	}
	if w.place != atRow {
		return nil, w.err
	}
	if w.flags == 0 {
		w.bytes += uint64(len(w.payload))
		return w.payload, nil
	}
	value, err := w.value()
	if err != nil {
		w.note(err)
		return nil, err
	}
	w.bytes += uint64(len(value))
	return value, nil
}

// value is that of a row with flags.
func (w *walk) value() ([]byte, error) {
	r, ok := parseRow(w.flags, w.payload)
	if !ok {
		return nil, w.senseless(w.leaf)
	}
	if !r.chained {
		return r.value, nil
	}
	long, err := w.appendChain(w.long[:0], r.first, r.length)
	w.leave()
	if err != nil {
		return nil, err
	}
	w.long = long
	return long, nil
}

// Err implements engine.Iterator.
func (i *iterator) Err() error {
	if i.walk == nil {
		return engine.ErrClosed
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
	t, err := w.tree, w.failed
	w.end()
	if w.bytes > 0 {
		t.counts.stripe().bytesOut.Add(w.bytes)
	}
	h := w.hold
	w.hold, w.err, w.failed, w.payload = nil, nil, nil, nil
	if cap(w.long) > keptBytes {
		w.long = nil
	}
	h.quit()
	t.snapshots.walks.Put(w)
	return err
}

// ready begins a call that positions.
func (i *iterator) ready() bool { return i.walk != nil && i.walk.ready() }

// ready reports false, with an error, if the tree is closed.
func (w *walk) ready() bool {
	w.err = nil
	if w.tree.closed.Load() {
		return w.fail(engine.ErrClosed)
	}
	return true
}

// note keeps an error of this call.
func (w *walk) note(err error) {
	w.err = err
	if w.failed == nil {
		w.failed = err
	}
}

// fail ends a positioning call with an error.
func (w *walk) fail(err error) bool {
	w.leave()
	w.note(err)
	w.place, w.whole = lost, false
	return false
}

// past ends a positioning call beyond the first or the last row.
func (w *walk) past(place uint8) bool {
	w.place = place
	return false
}

// seekGE goes to the first row at or after key.
func (w *walk) seekGE(key []byte) bool {
	if bytes.Compare(key, w.lower) < 0 {
		key = w.lower
	}
	if w.upper != nil && bytes.Compare(key, w.upper) >= 0 {
		return w.past(afterAll)
	}
	id, p, err := w.descend(key, toKey)
	if err != nil {
		return w.fail(err)
	}
	at, _, ok := page.Find(p, key)
	if !ok {
		return w.fail(w.senseless(id))
	}
	if at < page.Count(p) {
		switch taken, ok := w.take(id, p, at); {
		case !ok:
			return w.fail(w.senseless(id))
		case taken:
			w.leave()
			if w.upper != nil && bytes.Compare(w.key, w.upper) >= 0 {
				return w.past(afterAll)
			}
			return true
		}
	}
	return w.copyLeaf(id, p) && w.forward(at)
}

// seekLT goes to the last row before key; end: to the last one.
func (w *walk) seekLT(key []byte, end bool) bool {
	if w.upper != nil && (end || bytes.Compare(key, w.upper) > 0) {
		key, end = w.upper, false
	}
	to := toBelow
	if end {
		to = toEnd
	} else if bytes.Compare(key, w.lower) <= 0 {
		return w.past(beforeAll)
	}
	id, p, err := w.descend(key, to)
	if err != nil {
		return w.fail(err)
	}
	at, ok := page.Count(p), true
	if !end {
		at, _, ok = page.Find(p, key)
	}
	if !ok {
		return w.fail(w.senseless(id))
	}
	if at > 0 {
		switch taken, ok := w.take(id, p, at-1); {
		case !ok:
			return w.fail(w.senseless(id))
		case taken:
			w.leave()
			if bytes.Compare(w.key, w.lower) < 0 {
				return w.past(beforeAll)
			}
			return true
		}
	}
	return w.copyLeaf(id, p) && w.backward(at-1)
}

// take copies row i of a leaf, unless it has expired; the walk is on it then.
func (w *walk) take(id page.ID, p []byte, i int) (taken, ok bool) {
	flags, payload, ok := page.Cell(p, i)
	if !ok {
		return false, false
	}
	if flags != 0 {
		r, ok := parseRow(flags, payload)
		if !ok || r.over(w.now) {
			return false, ok
		}
	}
	if w.key, ok = page.AppendKey(w.key[:0], p, i); !ok {
		return false, false
	}
	w.cell = append(w.cell[:0], payload...)
	w.flags, w.payload = flags, w.cell
	w.leaf, w.i, w.whole, w.place = id, i, false, atRow
	return true, true
}

// unfold copies the leaf of which there is only a row.
func (w *walk) unfold() bool {
	if w.whole {
		return true
	}
	p, err := w.page(w.leaf)
	if err != nil {
		return w.fail(err)
	}
	return w.copyLeaf(w.leaf, p)
}

// copyLeaf makes the walk one of the rows of a leaf, which it need not see any
// more.
func (w *walk) copyLeaf(id page.ID, p []byte) bool {
	if s := w.spare; s != nil && unsafe.SliceData(p) == unsafe.SliceData(*s) && cap(w.image) >= len(p) {
		w.image, *s = p, w.image[:len(p)] // it is this walk's alone
	} else {
		w.image = append(w.image[:0], p...)
	}
	w.leave()
	if !w.rows.Reset(w.image) {
		return w.fail(w.senseless(id))
	}
	w.leaf, w.whole = id, true
	low, high, bounded, ok := page.Fences(w.image)
	w.from, w.to = 0, w.rows.Count()
	w.first = len(low) == 0 || bytes.Compare(low, w.lower) <= 0
	w.last = !bounded || w.upper != nil && bytes.Compare(high, w.upper) >= 0
	if ok && w.first && len(w.lower) > 0 {
		w.from, _, ok = page.Find(w.image, w.lower)
	}
	if ok && w.last && w.upper != nil {
		w.to, _, ok = page.Find(w.image, w.upper)
	}
	if !ok {
		return w.fail(w.senseless(id))
	}
	return true
}

// forward goes to the first row from the i-th of the image on.
func (w *walk) forward(i int) bool {
	for {
		for i = max(i, w.from); i < w.to; i++ {
			if done, ok := w.step(i); done {
				return ok
			}
		}
		if w.last {
			return w.past(afterAll)
		}
		if !w.nextLeaf() {
			return false
		}
		i = w.from
	}
}

// backward goes to the last row through the i-th of the image.
func (w *walk) backward(i int) bool {
	for {
		for i = min(i, w.to-1); i >= w.from; i-- {
			if done, ok := w.step(i); done {
				return ok
			}
		}
		if w.first {
			return w.past(beforeAll)
		}
		if !w.prevLeaf() {
			return false
		}
		i = w.to - 1
	}
}

// step goes to row i of the image. It is done, unless that has expired.
func (w *walk) step(i int) (done, ok bool) {
	key, flags, payload, ok := w.rows.Row(w.key[:0], i)
	if ok && flags != 0 {
		var r row
		if r, ok = parseRow(flags, payload); ok && r.over(w.now) {
			return false, false
		}
	}
	if !ok {
		return true, w.fail(w.senseless(w.leaf))
	}
	w.i, w.place = i, atRow
	w.key, w.flags, w.payload = key, flags, payload
	return true, true
}

// nextLeaf goes to the leaf on the right, whose keys begin where those of this
// one end.
func (w *walk) nextLeaf() bool {
	_, high, _, _ := page.Fences(w.image)
	w.fence = append(w.fence[:0], high...)
	next := page.Next(w.image)
	if next == 0 {
		return w.fail(w.senseless(w.leaf))
	}
	w.passing = w.tree.settings.IO == ioPread
	p, err := w.page(next)
	w.passing = false
	if err != nil {
		return w.fail(err)
	}
	low, _, _, ok := page.Fences(p)
	if !ok || !bytes.Equal(low, w.fence) {
		return w.fail(w.senseless(next))
	}
	w.leaves++
	return w.copyLeaf(next, p)
}

// prevLeaf goes to the leaf on the left. No page names it, so it takes a
// descent.
func (w *walk) prevLeaf() bool {
	low, _, _, _ := page.Fences(w.image)
	w.fence = append(w.fence[:0], low...)
	id, p, err := w.descend(w.fence, toBelow)
	if err != nil {
		return w.fail(err)
	}
	_, high, bounded, ok := page.Fences(p)
	if !ok || !bounded || !bytes.Equal(high, w.fence) {
		return w.fail(w.senseless(id))
	}
	return w.copyLeaf(id, p)
}
