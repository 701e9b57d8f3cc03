package hashidx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/hashidx/hint"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

// A collector is what GC knows. Who works (see keeper.turn) uses it; the
// counters are for all.
type collector struct {
	filters filters
	buffer  hint.Buffer
	drops   uint64

	read, written  atomic.Uint64 // bytes of frames
	copies         atomic.Uint64 // ops
	dropped, freed atomic.Uint64 // segments, bytes of their frames

	brake brake
}

// gcGoal says how much garbage there may be: a share of all.
func (s *settings) gcGoal() float64 { return float64(s.GCGarbage) / 100 }

// collectGarbage collects until there is no more garbage than a share of what
// is sealed. It returns between two slices when ctx ends; the next one goes on.
func (e *store) collectGarbage(ctx context.Context, goal float64) error {
	return e.collectBy(ctx, policy(e.settings.GC), goal)
}

func (e *store) collectBy(ctx context.Context, by policy, goal float64) error {
	return e.collectAmong(ctx, by, goal, nil)
}

// collectAmong takes victims from some segments only, if among is not nil.
func (e *store) collectAmong(ctx context.Context, by policy, goal float64, among map[uint16]bool) error {
	defer e.gc.brake.release()
	for {
		e.domain.Reclaim()
		e.removeRipe()
		if err := ctx.Err(); err != nil {
			return err
		}
		all := e.candidatesNow()
		if among != nil {
			all = slices.DeleteFunc(all, func(c candidate) bool { return !among[c.number] })
		}
		c, ok := pick(all, by, goal)
		if !ok {
			return nil
		}
		e.gc.brake.set(garbageOf(all).share(), goal)
		s := e.segments.all[c.number].Load()
		e.maintenance.Lock()
		v, err := e.survey(ctx, s)
		e.maintenance.Unlock()
		var damage damageError
		switch {
		case errors.As(err, &damage):
			e.spare(s, err)
			continue
		case err != nil:
			return err
		case float64(v.gain) < surveyTrust*float64(c.gain()):
			continue // less than it seemed; that is noted now
		}
		if err := e.collect(ctx, v, goal); err != nil {
			return err
		}
	}
}

// surveyTrust: a victim of which less of its seeming garbage is real than this
// part is no victim yet: another one may be better.
const surveyTrust = 0.7

// collect copies what a victim has to leave and drops it.
func (e *store) collect(ctx context.Context, v *victim, goal float64) error {
	start := time.Now()
	err := e.copyVictim(ctx, v, goal)
	var damage damageError
	if errors.As(err, &damage) {
		e.spare(v.segment, err)
		return nil
	}
	if err != nil {
		return err
	}
	e.maintenance.Lock()
	err = e.drop(v.segment)
	e.maintenance.Unlock()
	if err != nil {
		return err
	}
	took := time.Since(start)
	e.gc.brake.measured(v.gain, took)
	e.env.Events.Event(engine.Event{
		Kind: "gc", Start: start, Duration: took,
		BytesIn: v.segment.bytes.Load(), BytesOut: v.copies,
		Detail: fmt.Sprintf("%s/%d", v.segment.log, v.segment.id),
	})
	return nil
}

func (e *store) copyVictim(ctx context.Context, v *victim, goal float64) error {
	if len(v.tasks) == 0 {
		return nil
	}
	c, done, err := e.newCopier(v)
	if err != nil {
		return err
	}
	defer done() // was only read
	for len(v.tasks) > 0 {
		start := time.Now()
		e.maintenance.Lock()
		err := c.slice()
		e.maintenance.Unlock()
		if err != nil {
			return err
		}
		worked := time.Since(start)
		if err := e.tidy(ctx); err != nil {
			return err
		}
		e.removeRipe()
		if err := e.pause(ctx, worked, goal); err != nil {
			return err
		}
	}
	return nil
}

// Compact implements engine.Compactor: it collects every segment with garbage.
// Keys have no order here, so that bounds leave nothing out.
func (e *store) Compact(ctx context.Context, _, _ []byte) error {
	return e.workNow(ctx, e.compactAll)
}

func (e *store) compactAll(ctx context.Context) error {
	if err := e.endSegments(ctx, 0); err != nil {
		return err
	}
	for _, s := range e.segments.list() {
		s.kept.Store(0)
	}
	by := policy(e.settings.GC)
	if by == off {
		by = greedy
	}
	if err := e.collectAmong(ctx, by, 0, e.present()); err != nil {
		return err
	}
	return e.removeDropped(ctx)
}

// present are the segments that there are: those that begin while Compact runs
// are none of its. Beside writers it would not end else.
func (e *store) present() map[uint16]bool {
	numbers := map[uint16]bool{}
	for _, s := range e.segments.list() {
		numbers[s.number] = true
	}
	return numbers
}

// settle does what is due, and brings the garbage of all segments to the goal,
// also of those that are being written.
func (e *store) settle(ctx context.Context) error {
	if err := e.work(ctx); err != nil {
		return err
	}
	if policy(e.settings.GC) != off {
		if err := e.endSegments(ctx, e.settings.gcGoal()); err != nil {
			return err
		}
		if err := e.collectGarbage(ctx, e.settings.gcGoal()); err != nil {
			return err
		}
	}
	return e.removeDropped(ctx)
}

// removeDropped waits for readers of single ops, so that what was dropped goes
// that nothing pins for longer.
func (e *store) removeDropped(ctx context.Context) error {
	if err := e.domain.Drain(ctx); err != nil {
		return err
	}
	e.removeRipe()
	return nil
}

// endSegments ends those that are being written, if they have more garbage than
// a share of them, and seals them.
func (e *store) endSegments(ctx context.Context, share float64) error {
	for _, log := range []manifest.Log{manifest.Hot, manifest.Cold} {
		l := e.log(log)
		if l == nil {
			continue
		}
		all := l.Segments()
		s := e.segments.get(log, all[len(all)-1].ID)
		if s == nil || s.dead() == 0 || float64(s.dead()) <= share*float64(s.bytes.Load()) {
			continue
		}
		if err := l.Rotate(ctx); err != nil {
			return err
		}
	}
	return e.tidy(ctx)
}

// opsWritten is how many ops there were, of users and of GC: what recovery has
// to apply if there is no image.
func (e *store) opsWritten() uint64 { return e.counts.writes() + e.gc.copies.Load() }

// These bound how long the keeper waits for what expires: the clock that
// says so need not be that of its timer.
const (
	leastExpiryLook = time.Second
	mostExpiryLook  = time.Hour
)

// untilExpiry is how long it takes until all that expires in some segment has
// done so: garbage then that no write has caused.
func (e *store) untilExpiry() time.Duration {
	now := e.now().UnixNano()
	next := mostExpiryLook
	for _, s := range e.segments.list() {
		if at := s.expires.Load(); s.expiring.Load() > 0 && at > now {
			next = min(next, time.Duration(at-now))
		}
	}
	return max(next, leastExpiryLook)
}
