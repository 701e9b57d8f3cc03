package lsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/compaction"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/version"
)

// A load is a bulk load: tables that no version has yet. What a crash or Close
// leaves of them goes at the next Open. It belongs to one goroutine.
type load struct {
	tree  *tree
	began time.Time
	out   output
	mover *mover // of values to blob files; nil: all stay in tables
	puts  int
	bytes int
	err   error // that has spoilt it
	over  bool
}

// NewBulkLoad implements engine.BulkLoader.
func (t *tree) NewBulkLoad() (engine.BulkLoad, error) {
	if !t.scans.TryRLock() { // only Close locks it
		return nil, engine.ErrClosed
	}
	defer t.scans.RUnlock()
	if err := t.writable(); err != nil {
		return nil, err
	}
	fsys := vfs.Classed(t.counting, vfs.Flush)
	l := &load{tree: t, began: time.Now(), out: output{
		tree: t, fsys: fsys, bytes: t.settings.TableBytes, created: t.now().UnixNano(),
		level: version.Levels - 1, // where it mostly goes; install says
	}}
	if least := int(t.settings.SeparateBytes); least > 0 {
		l.mover = &mover{tree: t, fsys: fsys, least: least}
	}
	return l, nil
}

// usable says why nothing can be done with the load.
func (l *load) usable() error {
	switch err := l.tree.writable(); {
	case err != nil:
		return err
	case l.over:
		return fmt.Errorf("%w: the bulk load has ended", engine.ErrInvalid)
	}
	return l.err
}

// Add implements engine.BulkLoad.
func (l *load) Add(key, value []byte) error {
	t := l.tree
	if !t.scans.TryRLock() {
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	if err := l.usable(); err != nil {
		return err
	}
	if err := t.caps.CheckKey(key); err != nil {
		return err
	}
	if err := t.caps.CheckValue(value); err != nil {
		return err
	}
	if bytes.Compare(key, l.out.last) <= 0 {
		return fmt.Errorf("%w: bulk load: key %.64q comes after %.64q", engine.ErrInvalid, key, l.out.last)
	}
	if err := l.add(key, value); err != nil {
		l.err = fmt.Errorf("bulk load: %w", err)
		return l.err
	}
	l.puts++
	l.bytes += len(key) + len(value)
	return nil
}

// add writes an entry. Its number is not known yet: it is the tables' in the
// manifest, see readerOptions.
func (l *load) add(key, value []byte) (err error) {
	kind := ikey.Put
	if l.mover != nil {
		if value, kind, err = l.mover.move(key, kind, value); err != nil {
			return err
		}
	}
	return l.out.add(key, ikey.Make(0, kind), value)
}

// Abort implements engine.BulkLoad. It does nothing to a load that has ended.
func (l *load) Abort() error {
	if !l.tree.scans.TryRLock() {
		return engine.ErrClosed
	}
	defer l.tree.scans.RUnlock()
	if l.tree.closed.Load() {
		return engine.ErrClosed
	}
	l.discard()
	return nil
}

// discard removes what was written, unless the load has ended.
func (l *load) discard() {
	if l.over {
		return
	}
	l.over = true
	l.out.abort()
	if l.mover != nil {
		l.mover.abort()
	}
}

// Finish implements engine.BulkLoad. Without a log it makes durable what was
// written before, too.
func (l *load) Finish() error {
	t := l.tree
	if !t.scans.TryRLock() {
		return engine.ErrClosed
	}
	defer t.scans.RUnlock()
	if t.closed.Load() {
		return engine.ErrClosed
	}
	err := l.usable()
	if err == nil {
		err = l.finish()
	}
	if err != nil {
		l.discard()
		return err
	}
	l.over = true
	if l.puts > 0 {
		t.counts.stripe().wrote(l.puts, 0, l.bytes)
	}
	return nil
}

// finish makes the tables durable, and then the tree's.
func (l *load) finish() error {
	t := l.tree
	if l.puts == 0 {
		return nil
	}
	e := &version.Edit{Note: "load"}
	err := l.out.finish()
	if err == nil && l.mover != nil {
		e.AddedBlobs, err = l.mover.finish()
	}
	if err == nil {
		err = l.out.fsys.SyncDir(t.home.Path(tableDir))
	}
	if err == nil {
		err = l.install(e)
	}
	if errors.Is(err, engine.ErrClosed) || errors.Is(err, engine.ErrReadOnly) {
		return err
	}
	if err != nil {
		return fmt.Errorf("bulk load: %w", err)
	}
	written := int64(0)
	for _, meta := range l.out.tables {
		written += meta.Bytes
	}
	t.env.Events.Event(engine.Event{
		Kind: "load", Start: l.began, Duration: time.Since(l.began), BytesIn: int64(l.bytes), BytesOut: written,
		Detail: fmt.Sprintf("%d tables to L%d", len(l.out.tables), l.out.level),
	})
	return nil
}

// install puts the load between the writes before and those after: it stops
// them, and is itself the write that gets the next sequence number. The number
// becomes visible when the tables are there: no reader, and no snapshot, finds
// the load missing and later there. It is taken last, so that nothing waits for
// it but those who would write now, and these for two syncs.
//
// Tables are searched after memtables. So what these have of the keys must have
// become tables before: outside of the lock what there is, and inside what has
// been written meanwhile, which is little.
func (l *load) install(e *version.Edit) error {
	t := l.tree
	ctx, cancel := t.work.within(context.Background())
	defer cancel()
	tables := l.out.tables
	b := version.Bounds{Lower: tables[0].Smallest, Upper: tables[len(tables)-1].Largest}
	if err := t.syncLog(); err != nil {
		return err
	}
	if t.inMemory(b) {
		if err := t.flushAll(ctx); err != nil {
			return err
		}
	}
	c := &t.commits
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tickets > 0 {
		c.await(c.tickets - 1) // who has entered needs mu no more
	}
	place, err := t.clear(ctx, b, tables)
	if err != nil {
		return err
	}
	defer t.work.flushing.Unlock()
	defer t.unreserve(place)
	// The manifest is durable, and what was written before must be: else a
	// crash could take that and leave the load.
	if err := t.syncLog(); err != nil {
		return err
	}
	return l.installAt(e, place)
}

// clear flushes what is in the way of a load, and reserves its place. After it
// nobody flushes until the caller has unlocked that: a flush has taken the id
// of its run when it began. commits.mu is held, and all writes are published.
func (t *tree) clear(ctx context.Context, b version.Bounds, tables []*version.Table) (*compaction.Choice, error) {
	flush := t.inMemory(b)
	for {
		if flush {
			if err := t.flushStopped(ctx); err != nil {
				return nil, err
			}
		}
		t.work.flushing.Lock()
		place, err := t.reserve(b, tables)
		// In level 0 all that overlaps must be the newer the later it came, and
		// what is merged there covers gaps.
		if err == nil && (place.OutputLevel > 0 || !t.inMemory(version.Span(nil, nil))) {
			return place, nil
		}
		t.work.flushing.Unlock()
		if err != nil {
			return nil, err
		}
		t.unreserve(place)
		flush = true
	}
}

// installAt installs the load at the next sequence number. Nobody else writes
// or flushes.
func (l *load) installAt(e *version.Edit, place *compaction.Choice) error {
	t, c := l.tree, &l.tree.commits
	// Compactions find that somebody reads below the number until it can be
	// seen: they do not make it 0, which all could see.
	defer t.snapshots.remove(t.snapshots.add(c))
	seq := c.nextSeq
	c.nextSeq++
	for _, meta := range l.out.tables {
		meta.MinSeq, meta.MaxSeq = seq, seq
	}
	l.out.level = place.OutputLevel
	e.Added, e.LastSeq = l.out.placed(place.OutputRun), seq
	if err := t.install(e, nil); err != nil {
		// Whether the manifest names the tables nobody knows, unless it was
		// refused; if it does not they go at the next Open.
		l.over = !errors.Is(err, version.ErrEdit)
		return err
	}
	c.show(uint64(seq))
	return nil
}

// syncLog makes durable what was written, if there is a log.
func (t *tree) syncLog() error {
	if !t.logging {
		return nil
	}
	if err := t.log.Sync(); err != nil {
		return t.fail("sync the log", err)
	}
	return nil
}

// inMemory reports whether what memtables have must become tables before tables
// with these bounds come in. That is so if the bounds of all memtables overlap
// them. Without a log it always is: what is durable must be a beginning of what
// was written.
func (t *tree) inMemory(b version.Bounds) bool {
	v := t.acquire()
	if v == nil {
		return false
	}
	defer v.release()
	var all version.Bounds
	some := false
	for _, m := range append([]*memory{v.fresh}, v.frozen...) {
		if m.table.Empty() {
			continue
		}
		for _, found := range m.bounds() {
			if some {
				found = all.Union(found)
			}
			all, some = found, true
		}
	}
	return some && (!t.logging || all.Overlaps(b))
}

// bounds are those of a memtable's entries, and of its range deletes.
func (m *memory) bounds() (all []version.Bounds) {
	if set := m.table.Ranges(); set.Len() > 0 {
		all = append(all, version.Span(set.Bounds()))
	}
	it := m.table.NewIter()
	defer it.Close()
	if it.First() {
		b := version.Bounds{Lower: slices.Clone(it.Key())}
		it.Last()
		b.Upper = slices.Clone(it.Key())
		all = append(all, b)
	}
	return all
}

// flushStopped puts all that was written into tables. The caller holds
// commits.mu, so that there is an end to it, and all writes are published.
func (t *tree) flushStopped(ctx context.Context) error {
	if !t.fresh.table.Empty() {
		if err := t.rotate(0, 0); err != nil {
			return err
		}
	}
	for {
		more, err := t.flush(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, engine.ErrClosed):
			return err
		case err != nil:
			return t.fail("flush", err)
		case !more:
			return nil
		}
	}
}

// reserve finds the place for tables of a load, newer than all else, and marks
// it as that of a job's outputs.
func (t *tree) reserve(b version.Bounds, tables []*version.Table) (*compaction.Choice, error) {
	w := &t.work
	w.jobs.Lock()
	defer w.jobs.Unlock()
	held := t.holdLevels()
	if held == nil {
		return nil, engine.ErrClosed
	}
	defer t.letGo(held)
	level, run := t.placeFor(held.version, b, tables)
	if run == 0 {
		run = t.nextRun.Add(1) - 1
	}
	c := &compaction.Choice{
		Kind: compaction.Merge, OutputLevel: level, OutputRun: run,
		Lower: b.Lower, Upper: b.Upper, Exclusive: b.Exclusive,
	}
	w.doing = append(w.doing, c)
	return c, nil
}

// unreserve ends what reserve began.
func (t *tree) unreserve(c *compaction.Choice) {
	w := &t.work
	w.jobs.Lock()
	w.doing = slices.DeleteFunc(w.doing, func(d *compaction.Choice) bool { return d == c })
	w.jobs.Unlock()
	t.state.announce()
	w.pokeCompaction()
}

// placeFor returns the level for tables of a load, and the run that they join
// there, 0 if they are one of their own. Where levels have one run, that is the
// deepest one such that neither it nor any above overlaps the tables: then
// nothing of it has to be written again soon. Where they have many the tables
// come as a flush does, unless they are the first of all: then to a level that
// is large enough. work.jobs is held.
func (t *tree) placeFor(v *version.Version, b version.Bounds, tables []*version.Table) (level int, run uint64) {
	switch t.settings.Layout {
	case "fifo":
		return 0, 0
	case "tiered", "lazy", "fluid":
		if v.Totals().Tables > 0 || len(t.work.doing) > 0 {
			return 0, 0
		}
		return t.roomyLevel(v, tables), 0
	}
	top := 1
	if t.settings.Layout == "one-leveled" {
		top = 2 // level 1 has many runs
	}
	for n := 0; n < version.Levels && len(v.OverlapBounds(n, b)) == 0; n++ {
		runs := v.Levels[n].Runs
		if n < top || len(runs) > 1 || !t.arrives(n, b, runs) {
			continue
		}
		level, run = n, 0
		if len(runs) == 1 {
			run = runs[0].ID
		}
	}
	return level, run
}

// arrives reports whether no job that runs is in the way of tables that come
// to a level: its outputs go to another one, or join the same run beside them.
// What jobs take out of levels above lies beside the tables, or those would not
// come here.
func (t *tree) arrives(level int, b version.Bounds, runs []version.Run) bool {
	return !slices.ContainsFunc(t.work.doing, func(d *compaction.Choice) bool {
		beside := len(runs) == 1 && d.OutputRun == runs[0].ID && !d.Bounds().Overlaps(b)
		return d.Kind != compaction.Drop && d.OutputLevel == level && !beside
	})
}

// roomyLevel is the first level that may be so large.
func (t *tree) roomyLevel(v *version.Version, tables []*version.Table) int {
	size := int64(0)
	for _, meta := range tables {
		size += meta.Bytes
	}
	targets := t.work.picker.Targets(v)
	for n := 1; n < version.Levels; n++ {
		if targets.Bytes[n] >= size {
			return n
		}
	}
	return version.Levels - 1
}
