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
	frames [groupKeys]lead
	sink   byte
}

// getGroup looks for all keys in memory, step by step, and then one by one for
// what it did not find there.
func (e *store) getGroup(keys [][]byte, out []engine.Value) error {
	var g group
	for i, key := range keys {
		g.hashes[i] = e.hash(key)
	}
	guard := e.domain.Pin()
	if e.closed.Load() {
		guard.Unpin()
		return engine.ErrClosed
	}
	hashes := g.hashes[:len(keys)]
	e.index.Touch(hashes)
	for i, hash := range hashes {
		e.await(hash)
		g.frames[i] = e.follow(hash)
		if p := g.frames[i].bytes; len(p) > 0 {
			g.sink += p[0] // which brings it into the processor's cache
		}
	}
	var left uint32 // keys that are not answered, as bits
	for i, key := range keys {
		if !e.answerLead(g.frames[i], hashes[i], key, &out[i]) {
			left |= 1 << i
		}
	}
	guard.Unpin()
	for i, key := range keys {
		if left&(1<<i) == 0 {
			continue
		}
		data, err := e.Get(out[i].Data[:0], key)
		out[i].Data, out[i].Found = data, err == nil
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return err
		}
	}
	return nil
}

// A lead is where the first candidate for a hash is.
type lead struct {
	bytes []byte // from its frame on, if that is in memory
	kind  leadKind
}

type leadKind uint8

const (
	leadNone      leadKind = iota // there is no candidate
	leadWhole                     // the frame is in memory
	leadUnchecked                 // it is, and its checksum was not compared
	leadElsewhere                 // it has to be read
)

// follow returns the lead of a hash. The caller is pinned.
func (e *store) follow(hash uint64) lead {
	c := e.index.Find(hash)
	place, ok := c.Next()
	if !ok {
		return lead{kind: leadNone}
	}
	seg, off := e.segments.at(place)
	if p, at := e.tail.find(seg, off); p != nil {
		return lead{p.bytes[at:], leadWhole}
	}
	if p := seg.mapped(off); p != nil {
		return lead{p, leadUnchecked}
	}
	if p := e.records.get(seg, off); p != nil {
		return lead{p, leadWhole}
	}
	return lead{kind: leadElsewhere}
}

// answerLead answers for a key, unless its lead is not enough to.
func (e *store) answerLead(l lead, hash uint64, key []byte, out *engine.Value) bool {
	var op record.Op
	var err error
	switch l.kind {
	case leadNone:
		e.counts.of(hash).absent()
		out.Data, out.Found = out.Data[:0], false
		return true
	case leadWhole:
		op, _, err = record.Split(l.bytes)
	case leadUnchecked:
		op, _, err = record.Parse(l.bytes)
	case leadElsewhere:
		return false
	}
	if err != nil || string(op.Key) != string(key) {
		return false
	}
	out.Data, err = e.answer(out.Data[:0], hash, &op)
	out.Found = err == nil
	return true
}
