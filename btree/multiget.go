package btree

import (
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/offheap"
)

const (
	// groupKeys is how many keys MultiGet looks for at a time: enough to wait
	// for memory once instead of for each, few enough for what they touch to
	// stay in the processor's cache.
	groupKeys = 16

	// lineBytes is what the processor fetches at once, and arrayLines how many
	// of that a search in a leaf may look at before it knows the cell.
	lineBytes  = 64
	arrayLines = 8
)

// A sought is a key of a group, on its way to its leaf.
type sought struct {
	from  above // the page that names the leaf
	leaf  page.ID
	entry mapping.Entry
	inner int
	slow  bool // Get has to look
}

// MultiGet implements engine.MultiGetter.
func (t *tree) MultiGet(keys [][]byte, out []engine.Value) error {
	if t.closed.Load() {
		return engine.ErrClosed
	}
	if len(keys) != len(out) {
		return fmt.Errorf("%w: multiget of %d keys has %d places", engine.ErrInvalid, len(keys), len(out))
	}
	for i := range keys {
		if err := t.caps.CheckKey(keys[i]); err != nil {
			return fmt.Errorf("key %d: %w", i, err)
		}
	}
	for len(keys) > 0 {
		n := min(groupKeys, len(keys))
		if err := t.getGroup(keys[:n], out[:n]); err != nil {
			return err
		}
		keys, out = keys[n:], out[n:]
	}
	return nil
}

// getGroup gets up to groupKeys keys: together what is in the pool and in no
// writer's hands, and then the others one by one.
func (t *tree) getGroup(keys [][]byte, out []engine.Value) error {
	var all [groupKeys]sought
	group := all[:len(keys)]
	if !t.getResident(group, keys, out) {
		return engine.ErrClosed
	}
	for i := range group {
		if !group[i].slow {
			continue
		}
		data, err := t.Get(out[i].Data[:0], keys[i])
		out[i] = engine.Value{Data: data, Found: err == nil}
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return err
		}
	}
	return nil
}

// getResident gets keys, and says of each whether it could not. It reports
// false if the tree is closed. Each step is a loop so short that the processor
// waits for the memory of many keys at once.
func (t *tree) getResident(group []sought, keys [][]byte, out []engine.Value) bool {
	g := t.domain.Pin()
	defer g.Unpin()
	if t.closed.Load() {
		return false
	}
	for i := range group {
		group[i].slow = !t.seek(&group[i], keys[i])
	}
	if !offheap.OnHeap { // there, a reader has to show itself first
		t.fetchLeaves(group)
	}
	var gets, inner, bytes uint64
	for i := range group {
		s := &group[i]
		if s.slow || !t.getInLeaf(s, keys[i], &out[i]) {
			s.slow = true
			continue
		}
		gets++
		inner += uint64(s.inner)
		bytes += uint64(len(out[i].Data))
	}
	c := t.counts.stripe()
	c.lookups.Add(gets)
	c.inners.Add(inner)
	c.bytesOut.Add(bytes)
	return true
}

// seek finds the leaf of a key, but does not look at it. It reports false where
// something is in the way. The caller is pinned.
func (t *tree) seek(s *sought, key []byte) bool {
	id := page.RootID
	for range maxHeight {
		e := t.pages.Load(id)
		if !e.Resident() {
			return false
		}
		f := e.Frame()
		v, ok := t.pool.Enter(f)
		if !ok {
			return false
		}
		if !s.from.same(t) || t.pages.Load(id) != e { // see find
			t.pool.Leave(f, v)
			return false
		}
		p := t.pool.Page(f)
		t.pool.Touch(f)
		level := page.Level(p)
		child, _, sane := page.Child(p, key) // not of a leaf
		if !t.pool.Leave(f, v) || !sane || child == 0 {
			return false
		}
		s.from, id = above{entry: e, version: v}, child
		s.inner++
		if level == 1 {
			s.leaf = id
			s.entry = t.pages.Load(id)
			return s.entry.Resident()
		}
	}
	return false
}

// fetchLeaves has the processor fetch what a search looks at first: of all
// leaves at once.
func (t *tree) fetchLeaves(group []sought) (seen uint64) {
	for i := range group {
		if s := &group[i]; !s.slow {
			seen += t.pool.Version(s.entry.Frame())
		}
	}
	for i := range group {
		s := &group[i]
		if s.slow {
			continue
		}
		p := t.pool.Page(s.entry.Frame())
		for at := 0; at < arrayLines*lineBytes; at += lineBytes {
			seen += uint64(p[at])
		}
	}
	return seen
}

// getInLeaf is the end of find.
func (t *tree) getInLeaf(s *sought, key []byte, out *engine.Value) bool {
	f := s.entry.Frame()
	v, ok := t.pool.Enter(f)
	if !ok {
		return false
	}
	if !s.from.same(t) || t.pages.Load(s.leaf) != s.entry {
		t.pool.Leave(f, v)
		return false
	}
	t.pool.Touch(f)
	data, how := t.findInLeaf(nil, out.Data[:0], t.pool.Page(f), key)
	large := t.large.Load() != nil
	if !t.pool.Leave(f, v) || large || how > found || t.torn.Load() { // then Get tells
		return false
	}
	out.Data, out.Found = data, how == found
	return true
}
