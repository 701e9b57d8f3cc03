package experiments

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/results"
)

// rungs are ways to make a record durable, each with one idea more than the
// one before.
func rungs() []string { return []string{"append", "group", "prewritten", "flusher"} }

func ladderWriters() []int { return []int{1, 16} }

func commitLadder() Study {
	return Study{
		Name:     "commit-ladder",
		Title:    "The ladder of durable commits",
		Question: "What makes a commit that survives a power loss cheap: fewer syncs, or cheaper ones?",
		Story: `A commit is durable when the disk says so, and asking it (fdatasync) takes tens of
microseconds to milliseconds. A log climbs a ladder.

append: each record grows a file by itself, followed by a sync of its own. Since
the file has grown, the sync must also write the file system's journal.

group: who comes while a sync is under way waits for the next one, which is for
all who came. With many writers one sync serves many commits; with one writer
nothing changes.

prewritten: the file has been filled with zeros before, so that a record changes
no length and no map of blocks, and the sync need not write the journal. This
helps a single writer, too.

flusher: a goroutine of its own syncs for all. It costs a change of goroutines
each way; in the rungs before, one of those who wait does the work and hands it
on.`,
		Paper: "D. J. DeWitt et al.: Implementation Techniques for Main Memory Database Systems. SIGMOD 1984 (group commit). P. Helland, H. Sammer, J. Lyon, R. Carr, P. Garrett, A. Reuter: Group Commit Timers and High Volume Transaction Systems. HPTS 1987",
		Look:  "Syncs a commit: 1 without groups, whoever many there are; a small part of 1 with groups and many writers. Syncs that found a longer file: nearly all until the log is prewritten, then nearly none. Both are counted on a disk whose syncs take a millisecond; commits a second, at larger scales, are this machine's disk's.",
		Run: func(ctx context.Context, l *Lab) error {
			rounds := 1 // the first is counted, the others are timed
			if l.Scale != Tiny {
				rounds += l.reps()
			}
			for round := range rounds {
				for _, rung := range rungs() {
					for _, writers := range ladderWriters() {
						if err := climb(ctx, l, rung, writers, round == 0); err != nil {
							return fmt.Errorf("%s with %s: %w", rung, writersOf(writers), err)
						}
					}
				}
			}
			return nil
		},
		Judge: judgeLadder,
	}
}

// climb commits records by one rung and points out what it took: syncs, on a
// disk whose syncs take a millisecond, so that they do not depend on this
// machine's, or else commits a second on this machine's disk.
func climb(ctx context.Context, l *Lab, rung string, writers int, counted bool) error {
	dir, err := l.place(fmt.Sprint(rung, "-", writers))
	if err != nil {
		return err
	}
	watched, first, each := &syncWatch{FS: vfs.OS{}}, int64(64<<20), pick(l.Scale, 0, 20_000, 100_000)/writers
	if counted {
		watched.FS, watched.takes = unsynced{vfs.OS{}}, time.Millisecond
		first, each = 1<<20, 160/writers
		if rung == "append" {
			each = max(each/4, 4) // every one takes its millisecond
		}
	}
	put, closing, err := openRung(ctx, first, watched, dir, rung)
	if err != nil {
		return err
	}
	l.Say("%s, %s", rung, writersOf(writers))
	record := make([]byte, 128)
	syncs, grown := watched.syncs.Load(), watched.grown.Load()
	begin := time.Now()
	err = together(writers, func(int) error {
		for range each {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := put(record); err != nil {
				return err
			}
		}
		return nil
	})
	took := time.Since(begin)
	syncs, grown = watched.syncs.Load()-syncs, watched.grown.Load()-grown
	if err := errors.Join(err, closing()); err != nil {
		return err
	}
	commits, n := float64(each*writers), strconv.Itoa(writers)
	if !counted {
		l.Point(rung, "rate/"+n, commits/took.Seconds())
		return nil
	}
	l.Point(rung, "syncs/"+n, float64(syncs)/commits)
	l.Point(rung, "grown/"+n, float64(grown)/float64(max(syncs, 1)))
	return nil
}

// openRung returns how a record is committed, and what closes the log, whose
// first segment is made while it opens.
func openRung(ctx context.Context, first int64, fsys vfs.FS, dir, rung string) (put func([]byte) error, closing func() error, err error) {
	if rung == "append" {
		f, err := fsys.Create(filepath.Join(dir, "log"))
		if err != nil {
			return nil, nil, err
		}
		var mu sync.Mutex
		return func(p []byte) error {
			mu.Lock()
			defer mu.Unlock()
			if _, err := f.Write(p); err != nil {
				return err
			}
			return f.SyncData()
		}, f.Close, nil
	}
	// A segment that never becomes full: making the next would be counted, too.
	o := wal.Options{Fill: wal.FillNone, FirstBytes: first}
	if rung != "group" {
		o.Fill = wal.FillZero
	}
	if rung == "flusher" {
		o.Commit = wal.CommitFlusher
	}
	log, err := wal.Open(fsys, dir, o, nil)
	if err != nil {
		return nil, nil, err
	}
	return func(p []byte) error {
		lsn, err := log.Append(1, p)
		if err != nil {
			return err
		}
		return log.Wait(ctx, lsn, wal.Durable)
	}, log.Close, nil
}

// syncWatch counts syncs, and those of a file that has grown since the last.
type syncWatch struct {
	vfs.FS
	takes        time.Duration // what a sync takes at least
	syncs, grown atomic.Uint64
}

func (w *syncWatch) Create(path string) (vfs.File, error) { return w.watch(w.FS.Create(path)) }

func (w *syncWatch) OpenReadWrite(path string) (vfs.File, error) {
	return w.watch(w.FS.OpenReadWrite(path))
}

func (w *syncWatch) watch(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &watchedFile{File: f, watch: w}, nil
}

type watchedFile struct {
	vfs.File
	watch *syncWatch
	size  atomic.Int64 // as last synced
}

func (f *watchedFile) Sync() error { return f.synced(f.File.Sync) }

func (f *watchedFile) SyncData() error { return f.synced(f.File.SyncData) }

func (f *watchedFile) synced(sync func() error) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	if f.size.Swap(size) != size {
		f.watch.grown.Add(1)
	}
	f.watch.syncs.Add(1)
	time.Sleep(f.watch.takes)
	return sync()
}

func writersOf(n int) string {
	if n == 1 {
		return "1 writer"
	}
	return strconv.Itoa(n) + " writers"
}

func judgeLadder(e *Evidence) {
	parts := [][2]string{{"syncs", "syncs a commit"}, {"grown", "of a longer file"}}
	e.Figure = results.Figure{Kind: "bars", Title: "What a durable commit takes", X: "figure", Y: "syncs a commit; share of syncs of a longer file"}
	if e.Scale != Tiny {
		parts = [][2]string{{"rate", "commits a second"}}
		e.Figure.X, e.Figure.Y, e.Figure.LogY = "writers", "commits a second", true
	}
	at := func(rung, what string, writers int) Value {
		v := e.PointAt(rung, what+"/"+strconv.Itoa(writers))
		v.What = rung + " with " + writersOf(writers)
		return v
	}
	for _, writers := range ladderWriters() {
		for _, part := range parts {
			for _, rung := range rungs() {
				e.Plot(rung, fmt.Sprintf("%s, %s", part[1], writersOf(writers)), at(rung, part[0], writers))
			}
		}
	}
	most := ladderWriters()[1]
	e.AtLeast("Alone, every commit needs a sync of its own", 0.95, at("append", "syncs", 1), at("group", "syncs", 1), at("prewritten", "syncs", 1))
	e.AtLeast("and without groups so do those of many writers", 0.95, at("append", "syncs", most))
	e.AtMost("With groups and many writers a sync serves several commits", 0.5, at("group", "syncs", most), at("prewritten", "syncs", most), at("flusher", "syncs", most))
	e.AtLeast("A log that grows is longer at nearly every sync", 0.8, at("append", "grown", 1), at("group", "grown", 1))
	e.AtMost("One that is prewritten hardly ever is", 0.2, at("prewritten", "grown", 1), at("flusher", "grown", 1))
	e.Faster("Alone, a prewritten log commits faster than one that grows", 1.1, at("group", "rate", 1), at("prewritten", "rate", 1))
	e.Faster("With many writers, groups commit several times as fast", 2, at("append", "rate", most), at("group", "rate", most))
}
