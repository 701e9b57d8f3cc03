package hashidx

import (
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/hashidx/record"
)

// groupKeys is how many keys MultiGet looks for at a time: enough to wait for
// memory once instead of for each, few enough for the processor's cache.
const groupKeys = 32

// MultiGet implements engine.MultiGetter. It is as if each key was got by
// itself, but memory is waited for together.
func (e *store) MultiGet(keys [][]byte, out []engine.Value) error {
	if len(keys) != len(out) {
		return fmt.Errorf("%w: multiget of %d keys has %d places", engine.ErrInvalid, len(keys), len(out))
	}
	for i := range keys {
		if err := e.caps.CheckKey(keys[i]); err != nil {
			return fmt.Errorf("key %d: %w", i, err)
		}
	}
	for len(keys) > 0 {
		n := min(groupKeys, len(keys))
		if err := e.getGroup(keys[:n], out[:n]); err != nil {
			return err
		}
		keys, out = keys[n:], out[n:]
	}
	return nil
}

// A group is what getGroup finds out, step by step.
type group struct {
	hashes [groupKeys]uint64
	places [groupKeys]uint64 // of the first candidates; 0 is none
	leads  [groupKeys]lead
	far    [groupKeys]far
	left   uint32 // keys that are not answered, as bits
}

// A lead is what is in memory from the frame of a candidate on.
type lead struct {
	bytes     []byte // nil if nothing is
	unchecked bool   // the checksum was not compared
}

// getGroup gets up to groupKeys keys: in memory if they are there, and then one
// by one.
func (e *store) getGroup(keys [][]byte, out []engine.Value) error {
	g := group{left: ^uint32(0)}
	if e.settings.Index != indexDisk {
		if err := e.recallGroup(&g, keys, out); err != nil {
			return err
		}
	}
	for i, key := range keys {
		if g.left&(1<<i) == 0 {
			continue
		}
		var data []byte
		var err error
		if g.far[i].src != nil {
			data, err = e.load(out[i].Data[:0], g.hashes[i], key, g.far[i])
		} else {
			data, err = e.Get(out[i].Data[:0], key)
		}
		out[i].Data, out[i].Found = data, err == nil
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return err
		}
	}
	return nil
}

// recallGroup looks for keys in memory and says which are left. Each step is a
// loop that is so short that the processor waits for the memory of many keys at
// once.
func (e *store) recallGroup(g *group, keys [][]byte, out []engine.Value) error {
	g.left = 0
	for i, key := range keys {
		g.hashes[i] = e.hash(key)
	}
	guard := e.domain.Pin()
	defer guard.Unpin()
	if e.closed.Load() {
		return engine.ErrClosed
	}
	hashes := g.hashes[:len(keys)]
	e.index.mem.Touch(hashes)
	for i, hash := range hashes {
		e.await(hash)
		c := e.index.mem.Find(hash)
		g.places[i], _ = c.Next()
	}
	for i, place := range g.places[:len(keys)] {
		if place != 0 {
			g.leads[i] = e.follow(place)
		}
	}
	for i, key := range keys {
		if !e.answerFrom(g, i, key, &out[i]) {
			g.left |= 1 << i
		}
	}
	return nil
}

// follow returns the lead of a place, unless that is in the cache, and begins
// to bring it into the processor's. The caller is pinned.
func (e *store) follow(place uint64) lead {
	seg, off := e.segments.at(place)
	p := seg.held(off)
	if p == nil {
		p = e.tail.find(seg, off)
	}
	if p != nil {
		prefetch(&p[0])
		return lead{p, false}
	}
	if p := seg.mapped(off); p != nil {
		prefetch(&p[0])
		return lead{p, true}
	}
	return lead{}
}

// answerFrom answers for key i, unless it is left: because it has to be read,
// or its lead is not enough.
func (e *store) answerFrom(g *group, i int, key []byte, out *engine.Value) bool {
	var op record.Op
	var err error
	l := &g.leads[i]
	switch {
	case g.places[i] == 0:
		e.counts.of(g.hashes[i]).absent()
		out.Data, out.Found = out.Data[:0], false
		return true
	case l.bytes == nil:
		if op, err = e.recall(g.places[i]); err == errElsewhere {
			g.far[i] = e.locate(g.places[i])
		}
	case l.unchecked:
		op, _, err = record.Parse(l.bytes)
	default:
		op, _, err = record.Split(l.bytes)
	}
	if err != nil || string(op.Key) != string(key) {
		return false
	}
	out.Data, err = e.answer(out.Data[:0], g.hashes[i], &op)
	out.Found = err == nil
	return true
}
