package hashidx

import (
	"context"
	"errors"

	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/hint"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
)

// A victim is a segment that is to be collected: sealed, so that no op comes
// to it and all its ops have been in the index. What is dead then stays dead:
// the index comes to name only new places.
type victim struct {
	segment *segment
	tasks   []task // by offset
	now     int64  // nanoseconds since 1970

	copies int64 // bytes that collecting it will write, as far as known
	gain   int64 // how much less there will be then
}

// A task is an op of a victim that has to be looked at: a live put, or a
// tombstone. Its hash has what else there is to know in its middle, where no
// index looks.
type task struct {
	hash, sequence uint64
	offset, length uint32
}

// A tombstone that is kept is copied: another segment may have what it hides.
// So is a put that turns out to have expired.
const taskKept = 1 << (noteKindShift + 8)

func taskOf(o *hint.Op) task {
	return task{o.Hash&^(noteKindMask|taskKept) | uint64(o.Kind)<<noteKindShift, o.Sequence, o.Offset, o.Length}
}

func (t *task) kind() record.Kind { return record.KindOf(uint8(t.hash >> noteKindShift)) }
func (t *task) isTombstone() bool { return t.kind() == record.Delete }
func (t *task) mayExpire() bool   { return t.kind() == record.PutExpiring }
func (t *task) kept() bool        { return t.hash&taskKept != 0 }
func (t *task) keep()             { t.hash |= taskKept }

// sequenceBytes is how much longer a frame is in cold/ than in hot/.
const sequenceBytes = 8

// survey looks what there is to do for a segment. An error that is a
// damageError means that the segment cannot be collected. maintenance is held.
func (e *store) survey(ctx context.Context, s *segment) (*victim, error) {
	v := &victim{segment: s, now: e.now().UnixNano()}
	// Anew: how much is garbage is counted while ops come, and may be guessed
	// after a crash.
	looks := e.candidate(s, v.now)
	looks.kept = 0
	if err := e.eachOpOf(ctx, s, func(ops []hint.Op) error { return e.choose(v, ops) }); err != nil {
		return nil, err
	}
	e.keepTombstones(v)
	v.count()
	s.kept.Store(looks.frames - looks.live + looks.expired - v.gain)
	s.surveyed.Store(e.gc.drops)
	return v, nil
}

// count adds up what will be copied.
func (v *victim) count() {
	longer := int64(0)
	if v.segment.log == manifest.Hot {
		longer = sequenceBytes
	}
	expired := v.segment.expires.Load() <= v.now
	for i := range v.tasks {
		t := &v.tasks[i]
		if (t.isTombstone() || t.mayExpire() && expired) && !t.kept() {
			continue
		}
		v.copies += int64(t.length) + longer
	}
	v.gain = v.segment.bytes.Load() - v.copies
}

// choose makes tasks of the ops that the index has, and of tombstones.
func (e *store) choose(v *victim, ops []hint.Op) error {
	var hashes [touchOps]uint64
	g := e.domain.Pin()
	defer g.Unpin()
	for len(ops) > 0 {
		part := ops[:min(touchOps, len(ops))]
		ops = ops[len(part):]
		for i := range part {
			hashes[i] = part[i].Hash
		}
		e.index.Touch(hashes[:len(part)])
		for i := range part {
			o := &part[i]
			t := taskOf(o)
			if !t.isTombstone() {
				live, err := e.names(o.Hash, placeOf(v.segment, int64(o.Offset)))
				if err != nil {
					return err
				}
				if !live {
					continue
				}
			}
			v.tasks = append(v.tasks, t)
		}
	}
	return nil
}

// names reports whether the index has an entry. The caller is pinned.
func (e *store) names(hash, place uint64) (bool, error) {
	c := e.index.Find(hash)
	for {
		at, ok := c.Next()
		if !ok {
			return false, c.err
		}
		if at == place {
			return true, nil
		}
	}
}

// damageError is damage to a segment that GC met. The segment stays as it is:
// what is left of it is better than nothing.
type damageError struct{ error }

func (d damageError) Unwrap() error { return d.error }

// eachOpOf calls f with all ops of a sealed segment: from its hint, or from its
// records where that cannot be used.
func (e *store) eachOpOf(ctx context.Context, s *segment, f func([]hint.Op) error) error {
	if !s.hinted {
		return e.eachScanned(ctx, s, 0, f)
	}
	done := 0 // ops
	var failed error
	err := e.eachHinted(s, func(ops []hint.Op) error {
		done += len(ops)
		failed = errors.Join(f(ops), ctx.Err())
		return failed
	})
	if err == nil || failed != nil {
		return failed
	}
	e.env.Log.Warn("read the segment instead of its hint", "segment", s.path, "error", err)
	return e.eachScanned(ctx, s, done, f)
}

func (e *store) eachHinted(s *segment, f func([]hint.Op) error) error {
	r, err := hint.Open(e.counting, e.home.Path(hintDir), s.hintSegment())
	if err != nil {
		return err
	}
	err = r.EachIn(&e.gc.buffer, f)
	return errors.Join(err, r.Close())
}

// eachScanned leaves out the first ops.
func (e *store) eachScanned(ctx context.Context, s *segment, skip int, f func([]hint.Op) error) error {
	err := asCorrupt(wal.Scan(e.counting, e.segments.dir(s.log), s.id, 0, s.end.Load(), func(rec wal.Record) error {
		return errors.Join(ctx.Err(), eachOp(s, rec, func(op *record.Op, o hint.Op) error {
			if skip--; skip >= 0 {
				return nil
			}
			o.Hash = e.hash(op.Key)
			return f([]hint.Op{o})
		}))
	}))
	if err != nil && ctx.Err() == nil {
		e.corruptions.Add(1)
		return damageError{err}
	}
	return err
}

// spare leaves a damaged segment alone from now on.
func (e *store) spare(s *segment, err error) {
	s.damaged.Store(true)
	e.env.Log.Error("garbage stays: a segment cannot be read", "segment", s.path, "error", err)
}

// candidate is what pick is to know of a segment.
func (e *store) candidate(s *segment, now int64) candidate {
	c := candidate{number: s.number, log: s.log, frames: s.bytes.Load(), kept: s.kept.Load()}
	live := min(max(s.live.Load(), 0), c.frames)
	c.live = live
	if s.log == manifest.Hot && c.frames > 0 {
		c.live += int64(float64(sequenceBytes*s.ops.Load()) * float64(live) / float64(c.frames))
	}
	if x := s.expiring.Load(); x > 0 && s.expires.Load() <= now {
		c.expired = min(x, live)
	}
	c.age = e.age(s)
	return c
}

// age is about how many bytes were written since a segment's youngest op.
func (e *store) age(s *segment) float64 {
	youngest := wal.LSN(sequenceOf(s.id, s.end.Load()))
	if s.log == manifest.Cold {
		youngest = wal.LSN(s.highest.Load())
	}
	end := e.hot.End()
	segments := float64(end.Segment()) - float64(youngest.Segment())
	return max(0, segments*float64(e.settings.SegmentBytes)+float64(end.Offset()-youngest.Offset()))
}

// candidates lists what can be collected. kept is what was found out about a
// segment, unless so many have been dropped since that tombstones may go.
func (e *store) candidates() []candidate {
	now := e.now().UnixNano()
	var all []candidate
	segments := e.segments.list()
	state := e.manifest.State()
	for _, s := range segments {
		if !s.listed || !s.hinted || s.end.Load() == 0 || s.damaged.Load() || s.id >= startOf(&state, s.log) {
			continue
		}
		c := e.candidate(s, now)
		if c.kept > 0 && e.gc.drops-s.surveyed.Load() >= uint64(max(2, len(segments)/4)) {
			c.kept = 0
		}
		all = append(all, c)
	}
	return all
}

// startOf is the segment that recovery of a log begins in: those before are
// sealed, and any may go.
func startOf(state *manifest.State, log manifest.Log) uint32 {
	if log == manifest.Cold {
		return state.ColdFrom.Segment()
	}
	return state.From.Segment()
}

func (e *store) candidatesNow() []candidate {
	e.maintenance.Lock()
	defer e.maintenance.Unlock()
	return e.candidates()
}
