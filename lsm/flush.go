package lsm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/merge"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"github.com/kvbench/kvbench/lsm/version"
)

// flushTogether is how many memtables one flush takes at most: what was
// overwritten while they waited is then not written at all.
const flushTogether = 4

// together is how many of the memtables that are frozen, newest first, one
// flush takes: no more than half of memory, which is free when it ends, since
// writes have the other half meanwhile.
func (t *tree) together(frozen []*memory) int {
	n, bytes := 1, frozen[len(frozen)-1].bytes
	for n < min(len(frozen), flushTogether) {
		if bytes += frozen[len(frozen)-1-n].bytes; bytes > t.brake.limits.MemtableSoft {
			break
		}
		n++
	}
	return n
}

// flush writes the oldest memtables that are frozen to tables of level 0, and
// reports whether there were any. One goroutine at a time.
func (t *tree) flush(ctx context.Context) (bool, error) {
	t.work.flushing.Lock()
	defer t.work.flushing.Unlock()
	v := t.acquire()
	if v == nil {
		return false, engine.ErrClosed
	}
	defer v.release()
	n := len(v.frozen)
	if n == 0 {
		return false, nil
	}
	group := v.frozen[n-t.together(v.frozen):]
	if last := group[0].sealed; last > 0 {
		t.commits.await(last - 1) // nobody writes to them any more
	}
	next := v.fresh
	if n > len(group) {
		next = v.frozen[n-len(group)-1]
	}
	if err := t.flushGroup(ctx, v, group, next.from); err != nil {
		return false, err
	}
	return true, nil
}

// flushGroup flushes memtables, given newest first. from is where the log goes
// on with those that are newer.
func (t *tree) flushGroup(ctx context.Context, v *view, group []*memory, from wal.LSN) error {
	began, now := time.Now(), t.now().UnixNano()
	t.work.running.Add(1)
	defer t.work.running.Add(-1)
	j := &job{
		tree: t, what: "flush", now: now, snapshots: t.snapshots.list(),
		out: output{
			tree: t, fsys: vfs.Classed(t.counting, vfs.Flush), level: 0, bytes: t.settings.TableBytes,
			created: now, oldest: now,
		},
	}
	bytes := int64(0)
	for _, m := range group {
		if set := m.table.Ranges(); set.Len() > 0 {
			j.ranges = append(j.ranges, set)
		}
		j.sources = append(j.sources, m.table.NewIter())
		bytes += m.table.Bytes()
	}
	run := t.nextRun.Add(1) - 1
	j.version = v.levels.version
	j.older = j.version.Older(0, run, nil)
	j.progress = t.brake.flushes(group)
	defer t.brake.flushEnds()
	if err := j.perform(ctx); err != nil {
		return err
	}
	e := &version.Edit{
		Added: j.out.placed(run), AddedBlobs: j.blobs, LogFrom: from,
		LastSeq: ikey.Seq(t.commits.visible.Load()), Note: "flush",
	}
	if err := t.install(e, group); err != nil {
		return err // the manifest may name the tables all the same
	}
	j.progress.to(1)
	t.work.flushes.Add(1)
	t.work.flushRate.add(bytes, time.Since(began))
	t.env.Events.Event(engine.Event{
		Kind: "flush", Start: began, Duration: time.Since(began), BytesIn: bytes, BytesOut: j.written(),
		Detail: fmt.Sprintf("%d memtables to L0", len(group)),
	})
	return t.prune(from)
}

// prune lets the log go before from, where the manifest says that recovery
// begins there. While somebody copies the log it leaves that for later.
func (t *tree) prune(from wal.LSN) error {
	if t.log == nil || from == 0 || !t.work.pruning.TryLock() {
		return nil
	}
	defer t.work.pruning.Unlock()
	if err := t.log.Prune(from); err != nil {
		t.env.Log.Warn("a part of the log stays that nobody needs", "error", err)
	}
	return nil
}

// A job merges sources into tables.
type job struct {
	tree      *tree
	what      string
	now       int64
	snapshots []ikey.Seq
	sources   []ikey.Iterator // newest first
	ranges    []*tombstone.Set
	version   *version.Version // that it reads
	older     *version.Older
	lower     []byte // bounds of the keys; nil is none
	upper     []byte

	out   output
	mover *mover // of values to blob files; nil: they stay where they are
	blobs []*version.Blob
	pause func(ctx context.Context) error // asked now and then
	stats merge.FoldStats

	progress progress
	closed   bool
}

const (
	// pauseBytes is after how many bytes a job tells how far it is, and asks
	// whether it should end, or let others go first. An entry counts as
	// pauseEntry more than its value.
	pauseBytes = 1 << 20
	pauseEntry = 1 << 10
)

// perform writes the tables and makes them durable, names too. After an error
// nothing is left.
func (j *job) perform(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			j.abort()
		}
	}()
	t := j.tree
	in := merge.New(j.sources)
	defer func() { err = errors.Join(err, in.Close()) }()
	set := tombstone.Merge(j.ranges...).Clip(j.lower, j.upper)
	o := merge.FoldOptions{
		Lower: j.lower, Upper: j.upper, Snapshots: j.snapshots, Ranges: set, Now: j.now,
		Bottom: func(key []byte) bool { return !j.older.Has(key) },
	}
	switch {
	case j.out.level == 0: // tables there are told apart by their numbers
	case len(j.snapshots) > 0:
		o.ZeroBelow = j.snapshots[0]
	default:
		o.ZeroBelow = ikey.MaxSeq
	}
	j.out.ranges = set.KeepWhere(j.snapshots, func(lower, upper []byte) bool {
		return !j.older.Overlaps(version.Span(lower, upper))
	})
	moves := j.out.fsys
	if j.what != "flush" {
		moves = vfs.Classed(t.counting, vfs.GC)
	}
	if j.mover = t.newMover(moves, j.version); j.mover != nil {
		o.Relocate = j.mover.move
	}
	fold := merge.NewFold(in, o)
	if err := j.write(ctx, fold); err != nil {
		return err
	}
	j.stats = fold.Stats()
	if j.mover != nil {
		if j.blobs, err = j.mover.finish(); err != nil {
			return err
		}
	}
	if len(j.out.tables) == 0 {
		return nil
	}
	return j.out.fsys.SyncDir(t.home.Path(tableDir))
}

// copyEntries writes what a fold keeps.
func (j *job) copyEntries(ctx context.Context, fold *merge.Fold, add func(key []byte, t ikey.Trailer, value []byte) error) error {
	for left := 0; fold.Next(); left -= pauseEntry + len(fold.Value()) {
		if left <= 0 {
			left = pauseBytes
			j.progress.at(fold.Stats().Read)
			if err := j.mayGoOn(ctx); err != nil {
				return err
			}
		}
		if err := add(fold.Key(), fold.Trailer(), fold.Value()); err != nil {
			return err
		}
	}
	return fold.Err()
}

// mayGoOn returns when the job may go on, or why it must not.
func (j *job) mayGoOn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if j.pause != nil {
		return j.pause(ctx)
	}
	return nil
}

// written is how many bytes the job wrote.
func (j *job) written() (n int64) {
	for _, meta := range j.out.tables {
		n += meta.Bytes
	}
	for _, b := range j.blobs {
		n += b.Bytes
	}
	return n
}

// abort removes what was written.
func (j *job) abort() {
	if j.closed {
		return
	}
	j.closed = true
	j.out.abort()
	if j.mover != nil {
		j.mover.abort()
	}
}
