package hashidx

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

// pins keep the files of segments that were dropped: for whoever has places
// from the index and uses them later than an epoch's pin should last. Who pins
// keeps what is dropped from then on.
type pins struct {
	mu      sync.Mutex
	next    uint64
	active  map[uint64]struct{}
	dropped []dropped  // that may be pinned
	ripe    []*segment // that nobody can be reading
	bytes   int64      // of files of both, and of those on their way
}

type dropped struct {
	segment *segment
	before  uint64 // pins below keep it
}

// pinFiles keeps all segments readable that the index names now or later, until
// release, which may be called more than once. It is cheap; what is kept is
// disk space.
func (e *store) pinFiles() (release func()) {
	p := &e.pins
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.active == nil {
		p.active = map[uint64]struct{}{}
	}
	id := p.next
	p.next++
	p.active[id] = struct{}{}
	return func() {
		p.mu.Lock()
		delete(p.active, id)
		p.mu.Unlock()
		e.retireDropped()
	}
}

// retireDropped sends what no pin keeps through the epoch: readers of single
// ops may be there still.
func (e *store) retireDropped() {
	p := &e.pins
	p.mu.Lock()
	first := p.next
	for id := range p.active {
		first = min(first, id)
	}
	var free []*segment
	p.dropped = slices.DeleteFunc(p.dropped, func(d dropped) bool {
		if d.before <= first {
			free = append(free, d.segment)
			return true
		}
		return false
	})
	p.mu.Unlock()
	for _, s := range free {
		e.domain.Retire(0, func() {
			p.mu.Lock()
			p.ripe = append(p.ripe, s)
			p.mu.Unlock()
			e.keeper.poke()
		})
	}
}

// pinned is how many bytes of files are dropped and not removed yet.
func (p *pins) pinned() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes
}

// drop takes a segment out, of which all ops are dead or copied. maintenance is
// held.
//
// What made ops dead must not be lost from now on: it was appended before the
// index came to say so, so that syncing both logs makes it durable. The manifest
// says how far, so that recovery does not take damage to it for a torn tail.
func (e *store) drop(s *segment) error {
	edit := manifest.Edit{Drop: []uint16{s.number}, Through: e.hot.End()}
	if err := e.hot.Sync(); err != nil {
		return err
	}
	if cold := e.cold.Load(); cold != nil {
		edit.ColdThrough = cold.End()
		if err := cold.Sync(); err != nil {
			return err
		}
	}
	if err := e.manifest.Apply(edit); err != nil {
		return err
	}
	e.segments.forget(s)
	e.gc.filters.forget(s)
	e.gc.drops++
	e.gc.dropped.Add(1)
	e.gc.freed.Add(uint64(s.bytes.Load()))
	p := &e.pins
	p.mu.Lock()
	p.dropped = append(p.dropped, dropped{s, p.next})
	p.bytes += s.end.Load()
	p.mu.Unlock()
	e.retireDropped()
	e.domain.Reclaim()
	return nil
}

// removeRipe removes the files of segments that nobody reads any more. Where
// that fails, the next Open removes them.
func (e *store) removeRipe() {
	p := &e.pins
	p.mu.Lock()
	ripe := p.ripe
	p.ripe = nil
	p.mu.Unlock()
	for _, s := range ripe {
		hint := filepath.Join(e.home.Path(hintDir), s.hintSegment().Name())
		e.segments.free(s)
		e.records.eraseFile(s)
		err := e.log(s.log).Drop(s.id)
		if gone := vfs.Classed(e.counting, vfs.Hint).Remove(hint); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		if err != nil {
			e.env.Log.Warn("remove a segment", "segment", s.path, "error", err)
		}
		p.mu.Lock()
		p.bytes -= s.end.Load()
		p.mu.Unlock()
	}
}
