package lsm

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/table"
)

// groupKeys is how many keys MultiGet looks for at a time: enough to wait for
// memory once instead of for each, few enough for the processor's cache.
const groupKeys = 32

// MultiGet implements engine.MultiGetter. All answers are of one moment.
func (t *tree) MultiGet(keys [][]byte, out []engine.Value) error {
	if len(keys) != len(out) {
		return fmt.Errorf("%w: multiget of %d keys has %d places", engine.ErrInvalid, len(keys), len(out))
	}
	for i := range keys {
		if err := t.caps.CheckKey(keys[i]); err != nil {
			return t.refused(fmt.Errorf("key %d: %w", i, err))
		}
	}
	if !t.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	v, at := t.acquireAt()
	if v == nil {
		return engine.ErrClosed
	}
	defer v.release()
	for len(keys) > 0 {
		n := min(groupKeys, len(keys))
		if err := v.getGroup(keys[:n], out[:n], at); err != nil {
			return t.damaged(err)
		}
		keys, out = keys[n:], out[n:]
	}
	return nil
}

// A set says which keys of a group, as bits.
type set uint32

// each returns the lowest of a set, and the rest.
func (s set) each() (i int, rest set) { return bits.TrailingZeros32(uint32(s)), s & (s - 1) }

// A group is what getGroup finds out, step by step.
type group struct {
	lookups [groupKeys]lookup
	readers [groupKeys]*table.Reader // of the run's table
	blocks  [groupKeys]int           // of that, where the key would be
	data    [groupKeys][]byte        // of the block
	left    set                      // that no run has had yet, of those so far
	slow    set                      // for which files have to be read
	touched byte                     // of blocks, so that they are read early
}

// getGroup gets up to groupKeys keys: in memory if they are there, and then
// one by one. The caller holds the view.
func (v *view) getGroup(keys [][]byte, out []engine.Value, at ikey.Seq) error {
	g := group{left: ^set(0) >> (groupKeys - len(keys))}
	if err := v.recallGroup(&g, keys, out, at); err != nil {
		return err
	}
	for s := g.slow; s != 0; {
		var i int
		i, s = s.each()
		q := &g.lookups[i]
		err := v.searchLoading(q)
		if err == nil {
			err = v.tree.answerTo(&out[i], q)
		}
		q.held.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// answerTo is answer for one of many keys.
func (t *tree) answerTo(out *engine.Value, q *lookup) (err error) {
	out.Data, err = t.answer(out.Data[:0], q)
	out.Found = err == nil
	if errors.Is(err, engine.ErrNotFound) {
		return nil
	}
	return err
}

// recallGroup looks for keys in memory and says for which that is not enough.
// Each step is a loop so short that the processor waits for the memory of many
// keys at once.
func (v *view) recallGroup(g *group, keys [][]byte, out []engine.Value, at ikey.Seq) error {
	pin := v.tree.domain.Pin()
	defer pin.Unpin()
	for i, key := range keys {
		q := &g.lookups[i]
		q.key, q.head, q.hash, q.at = key, ikey.Head(key), xxh3.Hash(key), at
	}
	v.fresh.searchGroup(g)
	for _, m := range v.frozen {
		m.searchGroup(g)
	}
	for i := range v.levels.runs {
		if g.left == 0 {
			break
		}
		if err := v.levels.runs[i].searchGroup(g, i); err != nil {
			return err
		}
	}
	for i := range keys {
		q := &g.lookups[i]
		if g.slow&(1<<i) != 0 {
			continue
		}
		if q.separate() { // that has to be read without a pin
			q.again()
			g.slow |= 1 << i
			continue
		}
		if err := v.tree.answerTo(&out[i], q); err != nil {
			return err
		}
	}
	return nil
}

// again makes a lookup be done again in the run that it is at.
func (q *lookup) again() {
	q.found, q.value = false, nil
	q.runs--
}

// searchGroup looks for those that are left.
func (m *memory) searchGroup(g *group) {
	if m.table.Empty() {
		return
	}
	for s := g.left; s != 0; {
		var i int
		i, s = s.each()
		if m.search(&g.lookups[i]) {
			g.left &^= 1 << i
		}
	}
}

// searchGroup looks for those that are left: in filters for all of them, then
// in indexes, then in blocks. The caller is pinned.
func (r *run) searchGroup(g *group, n int) error {
	likely := r.probe(g, n)
	var there set
	for s := likely; s != 0; {
		var i int
		i, s = s.each()
		q := &g.lookups[i]
		var ok bool
		if g.blocks[i], ok = g.readers[i].BlockFor(q.key); ok {
			there |= 1 << i
		} else {
			q.falses++
		}
	}
	var cached set
	for s := there; s != 0; {
		var i int
		i, s = s.each()
		var ok bool
		if g.data[i], ok = g.readers[i].Cached(g.blocks[i]); !ok {
			g.late(i)
			continue
		}
		cached |= 1 << i
		if len(g.data[i]) > 0 {
			g.touched |= g.data[i][0]
		}
	}
	for s := cached; s != 0; {
		var i int
		i, s = s.each()
		if err := g.inBlock(i); err != nil {
			return err
		}
	}
	// What range deletes of this run cover is not in those below.
	for s := likely & g.left; s != 0; {
		var i int
		i, s = s.each()
		if q := &g.lookups[i]; q.found || q.cover > 0 {
			g.left &^= 1 << i
		}
	}
	return nil
}

// probe asks the filters of a run, the n-th, and returns for which keys it is
// worth looking further.
func (r *run) probe(g *group, n int) (likely set) {
	for s := g.left; s != 0; {
		var i int
		i, s = s.each()
		q := &g.lookups[i]
		f := r.find(q.key, q.head)
		if f == nil {
			continue
		}
		q.run = n
		reader := f.reader.Load()
		if reader == nil {
			q.runs++
			g.late(i)
			continue
		}
		if ranges := reader.Ranges(); ranges != nil {
			q.cover = max(q.cover, ranges.Covering(q.key, q.at))
		}
		q.runs++
		g.readers[i] = reader
		if reader.MayContain(q.hash) {
			likely |= 1 << i
			continue
		}
		q.negatives++
		if q.cover > 0 {
			g.left &^= 1 << i
		}
	}
	return likely
}

// late leaves a key for later.
func (g *group) late(i int) {
	g.lookups[i].again()
	g.left &^= 1 << i
	g.slow |= 1 << i
}

// inBlock looks for a key in its block, and in those where its versions go on.
func (g *group) inBlock(i int) (err error) {
	q, r := &g.lookups[i], g.readers[i]
	for {
		q.blocks++
		var more bool
		q.trailer, q.value, q.found, more, err = r.Find(g.data[i], q.key, q.at)
		if err != nil {
			return r.Damaged(g.blocks[i], err)
		}
		if q.found {
			return nil
		}
		if !more || !r.BlockMayContinue(g.blocks[i], q.key) {
			q.falses++
			return nil
		}
		g.blocks[i]++
		var ok bool
		if g.data[i], ok = r.Cached(g.blocks[i]); !ok {
			g.late(i)
			return nil
		}
	}
}
