package btree

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
)

// An op is one change of a key, or of a range of them.
type op struct {
	head   uint64 // of key: its first 8 bytes, big-endian
	order  int    // in the group
	key    []byte
	value  []byte // of a range delete: its upper bound, or nil
	kind   opKind
	expiry int64
}

type opKind uint8

const (
	opPut opKind = iota
	opPutTTL
	opDelete
	opDeleteRange
)

// smallBatch is how many ops a batch may have whose pages are kept locked until
// all of it is there: readers wait so long. What is larger is done as if a
// snapshot were open: readers see the pages of before until it ends.
const smallBatch = 32

// applyQueue applies all that is queued, in groups. mu is held.
func (t *tree) applyQueue() {
	c := &t.commits
	for {
		c.mu.Lock()
		group := c.queue
		if len(group) > t.settings.GroupOps {
			group = group[:t.settings.GroupOps]
		}
		t.writer.group = append(t.writer.group[:0], group...)
		n := copy(c.queue, c.queue[len(group):])
		clear(c.queue[n:])
		c.queue = c.queue[:n]
		c.mu.Unlock()
		if len(t.writer.group) == 0 {
			return
		}
		t.applyGroup(t.writer.group)
		clear(t.writer.group)
	}
}

// applyGroup applies requests, in the order of the log as far as that shows,
// and tells their callers. mu is held.
func (t *tree) applyGroup(group []*request) {
	t.takeDropped()
	err := t.failed()
	if err == nil {
		err = t.perform(group)
	}
	for _, r := range group {
		r.err = err
		r.done.Store(true)
	}
	t.look()
}

// perform applies requests as one group, which snapshots see whole or not.
func (t *tree) perform(group []*request) error {
	w := &t.writer
	w.ops = w.ops[:0]
	atomic, large := false, false
	for _, r := range group {
		n := len(w.ops)
		ranges, err := w.collect(r)
		if err != nil {
			return err
		}
		if n = len(w.ops) - n; n > 1 || ranges {
			atomic = true
			large = large || ranges || n > min(smallBatch, t.frames/16)
		}
	}
	// Pages that stay locked can neither be cleaned nor evicted.
	large = large || atomic && len(w.ops) > t.frames/16
	if t.opening {
		atomic, large = false, false // nobody reads
	}
	if large {
		defer t.showBefore()()
	}
	w.stamp = t.clock.Begin()
	w.pin(t.domain)
	w.hold = atomic && !large
	w.changes = 0
	if w.last != w.appended { // keys do not come in order: the next is elsewhere
		w.last = 0
	}
	err := t.performOps(w.ops)
	w.forget()
	if err != nil {
		err = t.tear("apply a write", err, atomic && w.changes > 0)
	}
	w.unlock(t)
	w.guard.Unpin()
	t.clock.End()
	return err
}

// keptOps is how many ops the writer keeps memory for.
const keptOps = 1 << 16

// forget lets go of what callers own, and of much memory.
func (w *writer) forget() {
	clear(w.ops)
	if cap(w.ops) > keptOps {
		w.ops = nil
	}
	if cap(w.value) > keptBytes {
		w.value = nil
	}
}

// showBefore has readers see the pages of now, until end: a large group is
// about to begin. mu is held.
func (t *tree) showBefore() (end func()) {
	h := &hold{tree: t, moment: t.clock.EnterHeld()}
	h.users.Store(1)
	t.large.Store(h)
	return func() {
		t.large.Store(nil)
		h.quit()
	}
}

// tear ends all writing after a change of pages that failed, and all reading
// too if some were changed: what they are now is no state that ever was.
func (t *tree) tear(what string, err error, changed bool) error {
	err = t.fail(what, err)
	if changed || len(t.writer.locked) > 0 {
		t.torn.Store(true)
	}
	return err
}

// collect appends the ops of a request.
func (w *writer) collect(r *request) (ranges bool, err error) {
	if r.ttl {
		w.add(op{key: r.key, value: r.value, kind: opPutTTL, expiry: r.expiry})
		return false, nil
	}
	var o engine.Op
	b := r.batch.Reader()
	for b.Next(&o) {
		switch o.Kind {
		case engine.KindPut:
			w.add(op{key: o.Key, value: o.Value, kind: opPut})
		case engine.KindDelete:
			w.add(op{key: o.Key, kind: opDelete})
		case engine.KindDeleteRange:
			ranges = true
			w.add(op{key: o.Key, value: o.Value, kind: opDeleteRange})
		default:
			return ranges, fmt.Errorf("%w: op of kind %d", engine.ErrInvalid, o.Kind)
		}
	}
	return ranges, b.Err()
}

func (w *writer) add(o op) {
	o.head = headOf(o.key)
	o.order = len(w.ops)
	w.ops = append(w.ops, o)
}

// headOf is a key's first 8 bytes as a number that has their order.
func headOf(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

// performOps sorts what lies between range deletes, so that ops of one leaf
// come together, and applies it. Of ops on one key the order stays.
func (t *tree) performOps(ops []op) error {
	for len(ops) > 0 {
		n := slices.IndexFunc(ops, func(o op) bool { return o.kind == opDeleteRange })
		if n == 0 {
			if err := t.deleteRange(ops[0].key, ops[0].value); err != nil {
				return err
			}
			ops = ops[1:]
			continue
		}
		if n < 0 {
			n = len(ops)
		}
		if n > 1 {
			slices.SortFunc(ops[:n], compareOps)
		}
		for i := range ops[:n] {
			if err := t.performOp(&ops[i]); err != nil {
				return err
			}
		}
		ops = ops[n:]
	}
	return nil
}

func compareOps(a, b op) int {
	switch {
	case a.head < b.head:
		return -1
	case a.head > b.head:
		return 1
	}
	if c := bytes.Compare(a.key, b.key); c != 0 {
		return c
	}
	return a.order - b.order
}

func (t *tree) performOp(o *op) (err error) {
	if o.kind == opDelete {
		err = t.remove(o.key)
	} else {
		err = t.insert(o)
	}
	if err == nil { // else tear has to see what is locked
		t.writer.finishOp(t)
	}
	return err
}

// insert puts a key.
func (t *tree) insert(o *op) error {
	flags, payload, err := t.payload(o)
	if err != nil {
		return err
	}
	return t.insertCell(o.key, flags, payload)
}

// insertCell puts a key with the cell that it is to have.
func (t *tree) insertCell(key []byte, flags uint8, payload []byte) error {
	w := &t.writer
	leaf, err := t.descend(key)
	if err != nil {
		return err
	}
	f, err := t.change(leaf)
	if err != nil {
		return err
	}
	p := t.pool.Page(f)
	i, found, ok := page.Find(p, key)
	if !ok {
		return t.senseless(leaf)
	}
	if found {
		if err := t.freeCell(p, i); err != nil {
			return err
		}
		if page.Replace(p, i, flags, payload) {
			return nil
		}
		page.Delete(p, i)
	} else {
		t.keys.Add(1)
	}
	appending := i == page.Count(p) && w.appended == leaf
	if i == page.Count(p) {
		w.appended = leaf
	} else if w.appended == leaf {
		w.appended = 0
	}
	if page.Insert(p, i, key, flags, payload) {
		return nil
	}
	return t.splitAndInsert(leaf, f, i, key, flags, payload, appending)
}

// payload is what a cell of the op has, in the leaf or as a chain.
func (t *tree) payload(o *op) (flags uint8, payload []byte, err error) {
	w := &t.writer
	w.value = w.value[:0]
	if o.kind == opPutTTL {
		flags = page.FlagExpires
		w.value = binary.LittleEndian.AppendUint64(w.value, uint64(o.expiry))
	}
	if len(o.key)+len(w.value)+len(o.value) > page.MaxInline(t.settings.PageBytes) {
		first, err := t.writeOverflow(o.value)
		if err != nil {
			return 0, nil, err
		}
		w.value = appendReference(w.value, first, len(o.value))
		return flags | page.FlagOverflow, w.value, nil
	}
	if flags == 0 {
		return 0, o.value, nil
	}
	w.value = append(w.value, o.value...)
	return flags, w.value, nil
}

// remove deletes a key, if it is there.
func (t *tree) remove(key []byte) error {
	leaf, err := t.descend(key)
	if err != nil {
		return err
	}
	f, err := t.bring(leaf)
	if err != nil {
		return err
	}
	i, found, ok := page.Find(t.pool.Page(f), key)
	if !ok {
		return t.senseless(leaf)
	}
	if !found {
		return nil
	}
	if f, err = t.change(leaf); err != nil {
		return err
	}
	p := t.pool.Page(f)
	if err := t.freeCell(p, i); err != nil {
		return err
	}
	page.Delete(p, i)
	t.keys.Add(-1)
	if t.writer.appended == leaf {
		t.writer.appended = 0
	}
	return t.shrunk(leaf, p)
}

// shrunk looks after a leaf on the path that has lost entries: one that is
// empty goes at once, one that has few is noted for the background.
func (t *tree) shrunk(leaf page.ID, p []byte) error {
	if page.Count(p) == 0 {
		return t.mergePath(t.writer.height)
	}
	if page.Used(p) < int(t.settings.MergeBelow*float64(len(p))) {
		t.sparse.note(leaf)
	}
	return nil
}

// freeCell frees the chain of a cell, if it has one.
func (t *tree) freeCell(p []byte, i int) error {
	flags, payload, ok := page.Cell(p, i)
	if !ok {
		return t.senseless(page.IDOf(p))
	}
	if flags&page.FlagOverflow == 0 {
		return nil
	}
	r, ok := parseRow(flags, payload)
	if !ok {
		return t.senseless(page.IDOf(p))
	}
	return t.freeOverflow(r.first)
}

// deleteRange deletes the keys in [lower, upper), leaf by leaf. A nil upper is
// no bound.
func (t *tree) deleteRange(lower, upper []byte) error {
	w := &t.writer
	w.appended = 0
	if upper != nil && bytes.Compare(lower, upper) >= 0 {
		return nil
	}
	from := append([]byte(nil), lower...)
	for {
		leaf, err := t.descend(from)
		if err != nil {
			return err
		}
		f, err := t.bring(leaf)
		if err != nil {
			return err
		}
		p := t.pool.Page(f)
		_, high, bounded, ok := page.Fences(p)
		if !ok {
			return t.senseless(leaf)
		}
		high = append([]byte(nil), high...) // p may change
		if err := t.deleteFrom(leaf, p, from, upper); err != nil {
			return err
		}
		w.finishOp(t)
		if !bounded || upper != nil && bytes.Compare(high, upper) >= 0 {
			return nil
		}
		from = high
	}
}

// deleteFrom deletes the keys in [lower, upper) of the leaf at the path's end,
// of which p is the page.
func (t *tree) deleteFrom(leaf page.ID, p, lower, upper []byte) error {
	lo, _, ok := page.Find(p, lower)
	hi := page.Count(p)
	if ok && upper != nil {
		hi, _, ok = page.Find(p, upper)
	}
	if !ok {
		return t.senseless(leaf)
	}
	if lo >= hi {
		return nil
	}
	f, err := t.change(leaf)
	if err != nil {
		return err
	}
	p = t.pool.Page(f)
	for i := lo; i < hi; i++ {
		if err := t.freeCell(p, i); err != nil {
			return err
		}
	}
	for i := hi - 1; i >= lo; i-- {
		page.Delete(p, i)
	}
	t.keys.Add(int64(lo - hi))
	return t.shrunk(leaf, p)
}
