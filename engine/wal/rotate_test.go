package wal

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

func mustRotate(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Rotate(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestRotateEndsTheSegment(t *testing.T) {
	inEachShape(t, func(t *testing.T, o Options) {
		m := newDir(t)
		l, _ := mustOpen(t, m, o)
		var all []rec
		for i := range 10 {
			r := mustAppend(t, l, 1, payload(i, 1+i%3*700))
			all = append(all, r)
			if i%2 > 0 {
				waitForSpareIf(l, i%4 == 3)
			}
			mustRotate(t, l)
			before, now := l.Segments()[:len(l.Segments())-1], l.End()
			ended := before[len(before)-1]
			if ended.ID != r.lsn.Segment() || now.Segment() <= ended.ID || ended.End <= r.lsn {
				t.Fatalf("%v was followed by %v; the end is %v", r, ended, now)
			}
			mustRotate(t, l) // has nothing to end
			if l.End() != now {
				t.Fatalf("an empty segment was ended: %v became %v", now, l.End())
			}
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
			got, err := scan(m, ended.ID, 0, ended.End.Offset())
			if wants(t, got, all[i:]); err != nil {
				t.Fatal(err)
			}
		}
		reads(t, l, all)
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		killed, closed := m.Image(vfs.Synced), m
		mustClose(t, l)
		for _, m := range []*vfs.Mem{killed, closed} {
			l, got := mustOpen(t, m, o)
			wants(t, got, all)
			wants(t, scanAll(t, m, l), all)
		}
	})
}

// waitForSpareIf makes that the next segment is ready, or does not.
func waitForSpareIf(l *Log, ready bool) {
	if ready {
		l.makeSpare(nil)
	}
}

// What Open has found counts, and what it has written itself does not.
func TestRotateKnowsWhatWasThereBeforeOpen(t *testing.T) {
	m := newDir(t)
	for range 2 {
		l, _ := mustOpen(t, m, Options{})
		at := l.End().Segment()
		mustRotate(t, l)
		if l.End().Segment() != at {
			t.Fatal("a segment without a caller's record was ended")
		}
		mustClose(t, l)
	}
	l, _ := mustOpen(t, m, Options{})
	r := mustAppend(t, l, 1, "a")
	mustClose(t, l)
	l, _ = mustOpen(t, m, Options{From: l.End()}) // not delivered, but there
	mustRotate(t, l)
	if l.End().Segment() == r.lsn.Segment() {
		t.Error("the segment was not ended")
	}
	r = mustAppend(t, l, 1, "cut off")
	if err := l.Truncate(r.lsn); err != nil {
		t.Fatal(err)
	}
	at := l.End().Segment()
	if mustRotate(t, l); l.End().Segment() != at {
		t.Error("the segment that Truncate has begun was ended")
	}
	mustClose(t, l)
}

// Who rotates waits for the next segment: a full one would be slow to make.
func TestRotateWithoutASpareMakesASmallSegment(t *testing.T) {
	o := Options{FirstBytes: 64 << 10, SegmentBytes: 1 << 20, Fill: FillZero}
	l, _ := mustOpen(t, newDir(t), o)
	for i := range 12 {
		mustAppend(t, l, 1, payload(i, 100))
		mustRotate(t, l)
	}
	for _, s := range l.Segments() {
		if s.Size != o.FirstBytes {
			t.Errorf("%d bytes for one record", s.Size)
		}
	}
}

func TestRotateRefusesWhatCannotBe(t *testing.T) {
	m := newDir(t)
	l, _ := mustOpen(t, m, Options{})
	mustAppend(t, l, 1, "a")
	ended, end := context.WithCancel(context.Background())
	end()
	if err := l.Rotate(ended); !errors.Is(err, context.Canceled) || l.End().Segment() != 1 {
		t.Errorf("%v, the log ends at %v", err, l.End())
	}
	mustClose(t, l)
	if err := l.Rotate(context.Background()); !errors.Is(err, ErrClosed) {
		t.Error("closed:", err)
	}
	for _, m := range []*vfs.Mem{m, newDir(t)} {
		l, _ = mustOpen(t, m, Options{ReadOnly: true})
		if err := l.Rotate(context.Background()); !errors.Is(err, ErrReadOnly) {
			t.Error("read only:", err)
		}
	}
}

// The log is not poisoned by a segment that could not be made.
func TestWhereRotateFailsTheLogGoesOn(t *testing.T) {
	for _, rules := range []string{"create *.tmp error=ENOSPC", "rename *.tmp error=EIO", "syncdir error=EIO", "open *.wal error=EMFILE"} {
		m := newDir(t)
		f := vfs.NewFault(m)
		l, _ := mustOpen(t, f, Options{})
		all := []rec{mustAppend(t, l, 1, "a")}
		f.Set(parse(t, rules)...)
		if err := l.Rotate(context.Background()); !errors.Is(err, vfs.ErrInjected) || errors.Is(err, ErrPoisoned) {
			t.Fatalf("%s: %v", rules, err)
		}
		all = append(all, mustAppend(t, l, 1, "b"))
		if err := l.Sync(); err != nil || l.End().Segment() != 1 {
			t.Fatalf("%s: %v, the log ends at %v", rules, err, l.End())
		}
		f.Set()
		mustRotate(t, l)
		all = append(all, mustAppend(t, l, 1, "c"))
		mustClose(t, l)
		l, got := mustOpen(t, m, Options{})
		if wants(t, got, all); all[2].lsn.Segment() == 1 {
			t.Errorf("%s: the segment was not ended: %v", rules, all)
		}
		mustClose(t, l)
	}
}

// Rotate, Append, Prune and Close may meet anywhere; what was appended before
// a Rotate is in a segment that has ended.
func TestWritersAndRotateGoTogether(t *testing.T) {
	for _, o := range []Options{
		{SegmentBytes: minSegmentBytes, Recycle: 2, Fill: FillZero},
		{SegmentBytes: 64 << 10, FirstBytes: minSegmentBytes, BufferBytes: 200, Commit: CommitFlusher},
		{SegmentBytes: minSegmentBytes, Direct: true, AlignBytes: 512},
	} {
		m := newDir(t)
		l, _ := mustOpen(t, m, o)
		s := &shared{}
		var writers, others sync.WaitGroup
		for w := range 3 {
			writers.Go(func() { writeUntilClosed(t, l, s, w) })
		}
		others.Go(func() { readUntilClosed(t, l, s, 0) })
		others.Go(func() { describeUntilClosed(t, l) })
		others.Go(func() { // two who rotate do not get into each other's way
			for l.Rotate(context.Background()) == nil {
				runtime.Gosched()
			}
		})
		others.Go(func() {
			for i := range 40 {
				r, ok := s.pick(0)
				for last := r; (!ok || r == last) && !t.Failed(); r, ok = s.pick(0) { // a new one
					runtime.Gosched()
				}
				if err := l.Rotate(context.Background()); err != nil {
					t.Error(err)
				}
				if all := l.Segments(); r.lsn.Segment() >= all[len(all)-1].ID {
					t.Errorf("%v is in the current segment, %v", r, all)
				}
				if i%4 == 3 {
					if err := l.Prune(s.prune()); err != nil {
						t.Error(err)
					}
				}
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
		writers.Wait()
		others.Wait()

		_, got := mustOpen(t, m, o)
		for _, r := range s.all {
			if !slices.Contains(got, r) && !s.mayBeGone(r) {
				t.Fatalf("%+v: %v is gone", o, r)
			}
		}
	}
}
