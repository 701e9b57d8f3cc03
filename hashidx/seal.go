package hashidx

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/hint"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
)

// hintSegment is what the segment's hint is about. It is sealed.
func (s *segment) hintSegment() hint.Segment {
	return hint.Segment{Log: uint8(s.log), ID: s.id, Bytes: s.end.Load()}
}

// log returns one of the logs; nil if there is none yet.
func (e *store) log(log manifest.Log) *wal.Log {
	if log == manifest.Cold {
		return e.cold.Load()
	}
	return e.hot
}

// unsealed lists the segments of a log that nothing is appended to any more,
// and that have no hint, oldest first. maintenance is held.
func (e *store) unsealed(log manifest.Log) []*segment {
	l := e.log(log)
	if l == nil {
		return nil
	}
	all := l.Segments()
	ends := make(map[uint32]wal.LSN, len(all))
	for _, g := range all[:max(0, len(all)-1)] {
		ends[g.ID] = g.End
	}
	list := e.unhinted(log, ends)
	if log == manifest.Hot && len(list) > 0 {
		// Who has appended to one of these may be on the way to making it
		// known: recovery must not begin behind a segment that is not.
		e.sweep()
		list = e.unhinted(log, ends)
	}
	slices.SortFunc(list, func(a, b *segment) int { return cmp.Compare(a.id, b.id) })
	return list
}

// unhinted lists the segments without hints that have ended, in no order.
func (e *store) unhinted(log manifest.Log, ends map[uint32]wal.LSN) (list []*segment) {
	for _, s := range e.segments.list() {
		end, ok := ends[s.id]
		if s.log != log || s.hinted || !ok {
			continue
		}
		if s.end.Load() == 0 {
			s.end.Store(end.Offset())
		}
		list = append(list, s)
	}
	return list
}

// seal writes the hint of a segment, and moves the beginning of recovery behind
// it. maintenance is held, and older segments of the log are sealed.
func (e *store) seal(ctx context.Context, s *segment) error {
	if err := e.waitDurable(ctx, s); err != nil {
		return err
	}
	e.sweep() // who has appended to it has noted it
	lowest, highest, err := e.writeHint(ctx, s)
	if err != nil {
		return err
	}
	g := e.describe(s, true)
	g.Live, g.Expiring = 0, 0 // as of the image, which does not have it
	g.Lowest, g.Highest = lowest, highest
	edit := manifest.Edit{Add: []manifest.Segment{g}}
	if s.listed {
		g.Live, g.Expiring = e.listedLive(s)
		g.Live = min(g.Live, g.Frames) // a crash may have taken some
		edit = manifest.Edit{Change: []manifest.Segment{g}}
	}
	behind := wal.LSN(e.after(s)) << offsetBits
	if s.log == manifest.Cold {
		edit.ColdFrom = max(behind, e.manifest.State().ColdFrom)
	} else {
		edit.From = max(behind, e.manifest.State().From)
	}
	if err := e.manifest.Apply(edit); err != nil {
		return err
	}
	s.hinted, s.listed = true, true
	s.settled.Store(true)
	s.notes.forget()
	s.notes.missing.Store(true)
	s.highest.Store(highest)
	return nil
}

// waitDurable returns when all that a sealed segment has is durable.
func (e *store) waitDurable(ctx context.Context, s *segment) error {
	return e.log(s.log).Wait(ctx, wal.LSN(sequenceOf(s.id, s.end.Load()-1)), wal.Durable)
}

// after is the id of the segment that follows in the log.
func (e *store) after(s *segment) uint32 {
	for _, g := range e.log(s.log).Segments() {
		if g.ID > s.id {
			return g.ID
		}
	}
	return s.id + 1
}

// listedLive is what the manifest says.
func (e *store) listedLive(s *segment) (live, expiring int64) {
	for _, g := range e.manifest.State().Segments {
		if g.Number == s.number {
			return g.Live, g.Expiring
		}
	}
	return 0, 0
}

// describe is what the manifest is to say of a segment.
func (e *store) describe(s *segment, hinted bool) manifest.Segment {
	ops := s.ops.Load() // before frames, which a writer counts first
	frames := s.bytes.Load()
	return manifest.Segment{
		Number: s.number, Log: s.log, ID: s.id, Hinted: hinted,
		Bytes: s.end.Load(), Frames: frames, Live: min(max(s.live.Load(), 0), frames),
		Expiring: max(s.expiring.Load(), 0), Expires: s.expires.Load(),
		Ops: uint64(ops), Highest: s.highest.Load(),
	}
}

// sweep returns when every write that had appended has changed the index.
func (e *store) sweep() {
	for i := range uint64(locks) {
		e.index.Lock(i).Unlock()
	}
}

// writeHint writes the hint of a sealed segment from its notes, or from its
// records if they are not complete.
func (e *store) writeHint(ctx context.Context, s *segment) (lowest, highest uint64, err error) {
	w, err := hint.Create(e.counting, e.home.Path(hintDir), s.hintSegment())
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Abort())
		}
	}()
	lowest = math.MaxUint64
	add := func(o hint.Op) error {
		lowest, highest = min(lowest, o.Sequence), max(highest, o.Sequence)
		return w.Add(o)
	}
	if s.log == manifest.Cold || s.notes.missing.Load() || int64(s.notes.count.Load()) != s.ops.Load() {
		err = asCorrupt(wal.Scan(e.counting, e.segments.dir(s.log), s.id, 0, s.end.Load(), func(rec wal.Record) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return eachOp(s, rec, func(op *record.Op, o hint.Op) error {
				o.Hash = e.hash(op.Key)
				return add(o)
			})
		}))
	} else {
		for _, n := range s.notes.sorted() {
			o := n.op()
			o.Sequence = sequenceOf(s.id, int64(o.Offset))
			if err = add(o); err != nil {
				break
			}
		}
	}
	if err != nil {
		return 0, 0, err
	}
	return lowest, highest, w.Finish()
}
