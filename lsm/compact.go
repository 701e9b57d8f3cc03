package lsm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/compaction"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/table"
	"github.com/kvbench/kvbench/lsm/version"
)

// compactOnce does what is most due, and reports whether anything was.
func (t *tree) compactOnce(ctx context.Context) (bool, error) {
	c, l, _ := t.choose(t.pickNow)
	if c == nil {
		return false, nil
	}
	return true, t.carryOut(ctx, c, l)
}

// pickNow is Pick, but that runs of level 0 are not merged with each other for
// as long as memory is short and they are few: that would be work more.
func (t *tree) pickNow(s compaction.State) compaction.Choice {
	c := t.work.picker.Pick(s)
	if c.Reason == compaction.IntraL0 && t.brake.tight.Load() {
		return compaction.Choice{Blocked: true}
	}
	return c
}

// carryOut does what was chosen. The use of l is its to end.
func (t *tree) carryOut(ctx context.Context, c *compaction.Choice, l *levels) error {
	w := &t.work
	w.running.Add(1)
	urgent := c.Priority >= compaction.Level0
	if urgent {
		w.urgent.Add(1)
	}
	err := t.compact(ctx, c, l)
	if urgent {
		w.urgent.Add(-1)
	}
	w.running.Add(-1)
	t.letGo(l)
	w.jobs.Lock()
	w.doing = slices.DeleteFunc(w.doing, func(d *compaction.Choice) bool { return d == c })
	if err == nil && c.Cursor != nil && len(c.Inputs) > 0 {
		w.cursors[c.Inputs[0].Level] = c.Cursor
	}
	w.jobs.Unlock()
	t.observe()
	t.state.announce()
	w.pokeCompaction()
	w.poke() // files may go
	return err
}

// choose asks pick what to do, and marks it as being done. It returns nil where
// there is nothing, or nothing yet; else the levels, which stay. busy is how
// many compactions ran when pick was asked.
func (t *tree) choose(pick func(compaction.State) compaction.Choice) (_ *compaction.Choice, _ *levels, busy int) {
	w := &t.work
	if t.failure.Load() != nil {
		return nil, nil, 0
	}
	w.jobs.Lock()
	defer w.jobs.Unlock()
	l := t.holdLevels()
	if l == nil {
		return nil, nil, 0
	}
	busy = len(w.doing)
	s := compaction.State{
		Version: l.version, Running: w.doing, Now: t.now().UnixNano(),
		Idle: w.idle.Load() || w.settling.Load() > 0, Cursors: w.cursors,
		BlobVictims: t.blobVictims(l.version),
	}
	if list := t.snapshots.list(); len(list) > 0 {
		s.Snapshot = list[0]
	}
	c := pick(s)
	if c.Kind == compaction.None {
		t.letGo(l)
		return nil, nil, busy
	}
	w.doing = append(w.doing, &c)
	return &c, l, busy
}

// holdLevels returns the current levels, which stay until letGo. They do not
// keep memtables.
func (t *tree) holdLevels() *levels {
	v := t.acquire()
	if v == nil {
		return nil
	}
	v.levels.refs.Add(1)
	l := v.levels
	v.release()
	return l
}

// letGo ends what holdLevels began.
func (t *tree) letGo(l *levels) { t.domain.Retire(0, l.release) }

// compact does what was chosen.
func (t *tree) compact(ctx context.Context, c *compaction.Choice, l *levels) error {
	began := time.Now()
	e := &version.Edit{Note: fmt.Sprintf("%v, %v", c.Kind, c.Reason)}
	for _, in := range c.Inputs {
		for _, meta := range in.Tables {
			e.Deleted = append(e.Deleted, version.Place{Level: in.Level, ID: meta.ID})
		}
	}
	event := engine.Event{Kind: "compaction", Start: began, BytesIn: c.Bytes()}
	switch c.Kind {
	case compaction.Drop:
	case compaction.Move:
		run := t.outputRun(c, l.version)
		for _, in := range c.Inputs {
			for _, meta := range in.Tables {
				e.Added = append(e.Added, version.Placed{Level: c.OutputLevel, Run: run, Table: meta})
			}
		}
		event.BytesIn = 0
	case compaction.Merge:
		written, err := t.mergeTables(ctx, c, l, e)
		if err != nil {
			return err
		}
		event.BytesOut = written
		t.work.compactRate.add(c.Bytes(), time.Since(began))
	}
	if c.Kind != compaction.Merge {
		if err := t.install(e, nil); err != nil {
			return err
		}
		t.work.moves.Add(1)
	}
	t.work.compactions[c.Reason].Add(1)
	event.Duration = time.Since(began)
	event.Detail = fmt.Sprintf("%v of %d tables", c.Kind, c.Tables())
	if c.Kind != compaction.Drop {
		event.Detail += fmt.Sprintf(", L%d to L%d", c.Inputs[0].Level, c.OutputLevel)
	}
	event.Detail += fmt.Sprintf(", reason %v", c.Reason)
	t.env.Events.Event(event)
	return nil
}

// outputRun is the run that outputs join.
func (t *tree) outputRun(c *compaction.Choice, v *version.Version) uint64 {
	if c.OutputRun != 0 {
		return c.OutputRun
	}
	if c.OutputLevel == 0 {
		return newestRun(c, v)
	}
	return t.nextRun.Add(1) - 1
}

// newestRun is the run of the newest input; in level 0 that of its flush.
func newestRun(c *compaction.Choice, v *version.Version) uint64 {
	if in := &c.Inputs[0]; in.Level > 0 {
		return in.Run
	}
	run := uint64(0)
	for _, in := range c.Inputs {
		for _, meta := range in.Tables {
			if r, ok := v.FlushRun(meta.ID); ok {
				run = max(run, r)
			}
		}
	}
	return run
}

// mergeTables merges the inputs, installs what comes of it, and returns how
// many bytes it wrote.
func (t *tree) mergeTables(ctx context.Context, c *compaction.Choice, l *levels, e *version.Edit) (int64, error) {
	j := &job{
		tree: t, what: "compaction", now: t.now().UnixNano(), snapshots: t.snapshots.list(),
		out: output{
			tree: t, fsys: vfs.Classed(t.counting, vfs.Compaction),
			level: c.OutputLevel, bytes: c.TableBytes,
		},
	}
	if c.GrandparentLevel > 0 {
		j.out.belowBytes = c.GrandparentBytes
		j.out.below = l.version.Overlap(c.GrandparentLevel, c.Lower, nil)
	}
	switch {
	case t.settings.Scheduler != schedulerSILK:
	case c.Priority < compaction.Level0:
		j.pause = t.letOthersGoFirst
	default:
		j.pause = t.letFlushesGoFirst
	}
	var inputs []*version.Table
	for _, in := range c.Inputs {
		inputs = append(inputs, in.Tables...)
		if err := j.read(in.Tables); err != nil {
			closeAll(j.sources)
			return 0, err
		}
	}
	if j.out.oldest == 0 { // deletes that it has then are puts that have expired
		j.out.oldest = j.now
	}
	j.progress = t.brake.compacts(inputs, level0(c), c.Bytes())
	j.version = l.version
	j.older = l.version.Older(c.Inputs[0].Level, newestRun(c, l.version), inputs)
	if err := j.perform(ctx); err != nil {
		return 0, err
	}
	e.Added = j.out.placed(t.outputRun(c, l.version))
	e.AddedBlobs = j.blobs
	if err := t.install(e, nil); err != nil {
		return 0, err // the manifest may name the tables all the same
	}
	j.progress.to(1)
	t.work.dropped.Add(j.stats.Read - j.stats.Kept)
	return j.written(), nil
}

func closeAll(sources []ikey.Iterator) {
	for _, s := range sources {
		s.Close()
	}
}

// level0 is how many bytes leave level 0.
func level0(c *compaction.Choice) (n int64) {
	for _, in := range c.Inputs {
		if in.Level > 0 || c.OutputLevel == 0 {
			continue
		}
		for _, meta := range in.Tables {
			n += meta.Bytes
		}
	}
	return n
}

// read makes tables of a run a source of the job. Somebody holds the levels.
func (j *job) read(tables []*version.Table) error {
	t := j.tree
	fs := make([]*file, len(tables))
	for i, meta := range tables {
		fs[i] = t.files.known(meta.ID)
		if fs[i] == nil {
			return fmt.Errorf("%s: table %d is not known", j.what, meta.ID)
		}
		j.out.created = max(j.out.created, meta.Created)
		if at := meta.OldestTombstone; at != 0 && (j.out.oldest == 0 || at < j.out.oldest) {
			j.out.oldest = at
		}
		if meta.RangeDeletes == 0 {
			continue
		}
		r, err := fs[i].open()
		if err != nil {
			return err
		}
		j.ranges = append(j.ranges, r.Ranges())
	}
	j.sources = append(j.sources, newRunIter(fs, table.IterOptions{Compaction: true}))
	return nil
}

const (
	// politePause is how long a compaction below level 0 waits at a time, and
	// politePauses how often before it goes on for a while all the same;
	// pressedPauses is that while memory or level 0 fill up.
	politePause   = time.Millisecond
	politePauses  = 2
	pressedPauses = 8
)

// letOthersGoFirst waits while there are flushes and compactions of level 0.
func (t *tree) letOthersGoFirst(ctx context.Context) error {
	most := politePauses
	if t.brake.pressed.Load() {
		most = pressedPauses
	}
	return t.wait(ctx, most, func() bool { return t.work.urgent.Load() > 0 })
}

// letFlushesGoFirst waits while memory fills up and level 0 does not: it holds
// what writes bring until there are fewer, and is merged for less then.
func (t *tree) letFlushesGoFirst(ctx context.Context) error {
	return t.wait(ctx, pressedPauses, func() bool { return t.brake.tight.Load() && t.brake.group.Load() > 0 })
}

// wait waits at most so many pauses while somebody should go first.
func (t *tree) wait(ctx context.Context, most int, others func() bool) error {
	for range most {
		if !others() || t.work.settling.Load() > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(politePause):
		}
	}
	return nil
}

// flushAll puts all that was written into tables.
func (t *tree) flushAll(ctx context.Context) error {
	c := &t.commits
	c.mu.Lock()
	var err error
	if !t.fresh.table.Empty() || t.fresh.ranges.Load() > 0 {
		err = t.rotate(0, 0)
	}
	last := c.tickets
	c.mu.Unlock()
	for err == nil {
		v := t.acquire()
		if v == nil {
			return engine.ErrClosed
		}
		n := len(v.frozen)
		waits := n > 0 && v.frozen[n-1].sealed <= last
		v.release()
		if !waits {
			return nil
		}
		if err = t.writable(); err != nil {
			return err
		}
		_, err = t.flush(ctx)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, engine.ErrClosed) {
		return err
	}
	return t.fail("flush", err)
}

// Settle implements engine.Settler.
func (t *tree) Settle(ctx context.Context) error {
	return t.workNow(ctx, nil, func(s compaction.State) compaction.Choice { return t.work.picker.Pick(s) })
}

// Compact implements engine.Compactor.
func (t *tree) Compact(ctx context.Context, lower, upper []byte) error {
	return t.workNow(ctx, nil, func(s compaction.State) compaction.Choice {
		return t.work.picker.PickRange(s, lower, upper)
	})
}

// workNow flushes, and then does what pick chooses until there is nothing.
func (t *tree) workNow(ctx context.Context, _ []byte, pick func(compaction.State) compaction.Choice) error {
	if !t.scans.TryRLock() { // only Close locks it, once work.ctx has ended
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	if t.closed.Load() {
		return engine.ErrClosed
	}
	if t.readOnly {
		return nil
	}
	if err := t.writable(); err != nil {
		return err
	}
	w := &t.work
	w.settling.Add(1)
	defer w.settling.Add(-1)
	ctx, cancel := w.within(ctx)
	defer cancel()
	if err := t.flushAll(ctx); err != nil {
		return err
	}
	for {
		changed := t.state.awaitChange()
		if err := t.writable(); err != nil {
			return err
		}
		c, l, busy := t.choose(pick)
		if c != nil {
			if err := t.carryOut(ctx, c, l); err != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				return t.fail("compact", err)
			}
			continue
		}
		if busy == 0 { // else what ends may leave something to do
			t.cleanUp()
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// busy is how many compactions run.
func (w *work) busy() int {
	w.jobs.Lock()
	defer w.jobs.Unlock()
	return len(w.doing)
}

// within returns a context that ends with ctx and with the engine.
func (w *work) within(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(w.ctx, func() { cancel(engine.ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}
