package wal

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// inSegments is a log that is open, with n segments of two records each.
func inSegments(t *testing.T, fsys vfs.FS, n int, o Options) (*Log, []rec) {
	t.Helper()
	o.SegmentBytes = minSegmentBytes
	l, _ := mustOpen(t, fsys, o)
	var all []rec
	for i := range 2 * n {
		waitForSpare(l)
		all = append(all, mustAppend(t, l, 1, payload(i, 1500+i)))
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := len(l.Segments()); got != n {
		t.Fatalf("%d segments, want %d", got, n)
	}
	return l, all
}

func mustDrop(t *testing.T, l *Log, ids ...uint32) {
	t.Helper()
	for _, id := range ids {
		if err := l.Drop(id); err != nil {
			t.Fatal(err)
		}
	}
}

// reads wants all records but those of the segments that are gone.
func reads(t *testing.T, l *Log, all []rec, gone ...uint32) {
	t.Helper()
	for _, r := range all {
		kind, p, err := l.ReadAt(nil, r.lsn)
		if slices.Contains(gone, r.lsn.Segment()) {
			if !errors.Is(err, ErrNoRecord) {
				t.Errorf("%v of a segment that was dropped: %v", r, err)
			}
		} else if err != nil || kind != r.kind || string(p) != r.payload {
			t.Errorf("%v: %d, %.20q, %v", r, kind, p, err)
		}
	}
}

func TestWhatWasDroppedIsGoneAndTheRestIsNot(t *testing.T) {
	m := newDir(t)
	l, all := inSegments(t, m, 7, Options{Fill: FillZero})
	mustDrop(t, l, 4, 2, 6)
	reads(t, l, all, 2, 4, 6)
	synced := m.Image(vfs.Synced) // the removals are durable
	mustClose(t, l)
	for _, m := range []*vfs.Mem{synced, m} {
		o := Options{SegmentBytes: minSegmentBytes, From: all[12].lsn}
		l, got := mustOpen(t, m, o)
		wants(t, got, all[12:])
		reads(t, l, all, 2, 4, 6)
		var ids []uint32
		for _, s := range l.Segments() {
			if ids = append(ids, s.ID); s.ID < 7 && s.Size != int64(len(readFiles(t, m)[segmentName(s.ID)])) {
				t.Errorf("%+v, its file is of another size", s)
			}
		}
		if want := []uint32{1, 3, 5, 7}; !slices.Equal(ids[:4], want) {
			t.Errorf("segments %v, want %v", ids, want)
		}
		mustDrop(t, l, 5, 1)
		reads(t, l, all, 1, 2, 4, 5, 6)
		mustClose(t, l)
		_, got, err := open(m, Options{})
		if !errors.Is(err, ErrDamage) || !strings.Contains(err.Error(), segmentName(6)) {
			t.Errorf("without From: %d records, %v", len(got), err)
		}
	}
}

// The ids before From's are not known where their files are gone, and must not
// be used again all the same.
func TestNoIDIsUsedAgainOnceItsSegmentWasDropped(t *testing.T) {
	for _, clean := range []bool{true, false} {
		m := newDir(t)
		l, all := inSegments(t, m, 4, Options{Fill: FillNone})
		waitForSpare(l)
		mustDrop(t, l, 1, 2, 3)
		if clean {
			mustClose(t, l)
		} else {
			m = m.Image(vfs.Synced)
		}
		l, got := mustOpen(t, m, Options{SegmentBytes: minSegmentBytes, From: lsnOf(4, headerBytes)})
		wants(t, got, all[6:])
		for i := range 6 {
			r := mustAppend(t, l, 1, payload(i, 3000))
			if id := r.lsn.Segment(); id < 4 {
				t.Fatalf("segment %d again", id)
			}
			waitForSpare(l)
		}
		reads(t, l, all, 1, 2, 3)
	}
}

func TestDropRefusesWhatCannotBe(t *testing.T) {
	m := newDir(t)
	l, _ := inSegments(t, m, 3, Options{})
	waitForSpare(l)
	if err := l.Drop(3); err == nil || errors.Is(err, ErrNoRecord) {
		t.Error("the segment that is being written:", err)
	}
	mustDrop(t, l, 2)
	for _, id := range []uint32{0, 2, 4, 5, 1e9} { // 4 is the spare
		if err := l.Drop(id); !errors.Is(err, ErrNoRecord) {
			t.Errorf("segment %d: %v", id, err)
		}
	}
	mustClose(t, l)
	if err := l.Drop(1); !errors.Is(err, ErrClosed) {
		t.Error("closed:", err)
	}
	for m, o := range map[*vfs.Mem]Options{m: {ReadOnly: true, From: lsnOf(3, headerBytes)}, newDir(t): {ReadOnly: true}} {
		l, _ = mustOpen(t, m, o)
		if err := l.Drop(1); !errors.Is(err, ErrReadOnly) {
			t.Error("read only:", err)
		}
	}
}

// What was not durable when it was dropped must not take with it what is kept.
func TestDropMakesDurableWhatComesBefore(t *testing.T) {
	m := newDir(t)
	l, _ := mustOpen(t, m, Options{SegmentBytes: minSegmentBytes})
	var all []rec
	for i := range 3 {
		waitForSpare(l)
		all = append(all, mustAppend(t, l, 1, payload(i, 3000)))
	}
	mustDrop(t, l, 2)
	_, got := mustOpen(t, m.Image(vfs.Synced), Options{From: all[2].lsn})
	wants(t, got, all[2:])
}

func TestAFileThatWasDroppedIsNotWrittenAgain(t *testing.T) {
	m := newDir(t)
	l, all := inSegments(t, m, 4, Options{Recycle: 2, Fill: FillZero})
	f, err := m.Open(SegmentPath(dir, 2))
	if err != nil {
		t.Fatal(err)
	}
	want := readFiles(t, m)[segmentName(2)]
	mustDrop(t, l, 2)
	if err := l.Prune(all[6].lsn); err != nil || len(l.recycle) != 2 { // 1 and 3
		t.Fatal(err, l.recycle)
	}
	for i := range 10 {
		waitForSpare(l)
		mustAppend(t, l, 1, payload(i, 1500))
	}
	if err := l.Sync(); err != nil || l.Stats().Recycled != 2 {
		t.Fatal(err, l.Stats())
	}
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, 0); err != nil || !slices.Equal(got, want) {
		t.Error("somebody else's file has changed:", err)
	}
}

func TestPruneGoesOnBehindAGap(t *testing.T) {
	m := newDir(t)
	l, all := inSegments(t, m, 5, Options{})
	mustDrop(t, l, 3)
	if err := l.Prune(all[4].lsn); err != nil { // which was in 3
		t.Fatal(err)
	}
	reads(t, l, all, 1, 2, 3)
	if names, err := m.List(dir); err != nil || slices.Contains(names, segmentName(2)) {
		t.Error(names, err)
	}
}

func TestADropThatFailedIsTriedAgain(t *testing.T) {
	for _, rules := range []string{"remove *.wal error=EIO", "remove *.wal error=EIO done", "syncdir error=EIO"} {
		for name, again := range map[string]func(l *Log) error{
			"dropped again": func(l *Log) error { return l.Drop(2) },
			"another":       func(l *Log) error { return l.Drop(3) },
			"pruned":        func(l *Log) error { return l.Prune(lsnOf(2, headerBytes)) },
		} {
			m := newDir(t)
			f := vfs.NewFault(m)
			l, all := inSegments(t, f, 4, Options{})
			f.Set(parse(t, rules)...)
			if err := l.Drop(2); !errors.Is(err, vfs.ErrInjected) {
				t.Fatalf("%s: %v", rules, err)
			}
			gone := []uint32{2}
			reads(t, l, all, gone...)
			f.Set()
			if err := again(l); err != nil {
				t.Fatalf("%s, %s: %v", rules, name, err)
			}
			if _, err := m.Image(vfs.Synced).Stat(SegmentPath(dir, 2)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s, %s: %v", rules, name, err)
			}
			mustClose(t, l)
		}
	}
	m := newDir(t)
	l, _ := inSegments(t, m, 3, Options{})
	if err := m.Remove(SegmentPath(dir, 2)); err != nil {
		t.Fatal(err)
	}
	mustDrop(t, l, 2)
}

// Whoever reads what is dropped gets the record or ErrNoRecord.
func TestReadersAndDropsGoTogether(t *testing.T) {
	seed := seedOf(t)
	for _, o := range []Options{
		{SegmentBytes: minSegmentBytes, Recycle: 2, Fill: FillZero},
		{SegmentBytes: minSegmentBytes, BufferBytes: 200, Commit: CommitFlusher},
		{SegmentBytes: minSegmentBytes, Direct: true},
	} {
		m := newDir(t)
		l, _ := mustOpen(t, m, o)
		s := &shared{}
		var writers, others sync.WaitGroup
		for w := range 2 {
			writers.Go(func() { writeUntilClosed(t, l, s, w) })
		}
		for w := range 2 {
			others.Go(func() { readUntilClosed(t, l, s, w) })
		}
		others.Go(func() { describeUntilClosed(t, l) })
		others.Go(func() {
			dropMany(t, l, s, rand.New(rand.NewPCG(seed, 2)))
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
		writers.Wait()
		others.Wait()

		o.From = lsnOf(s.prune().Segment(), headerBytes)
		_, got := mustOpen(t, m, o)
		at := map[LSN]rec{}
		for _, r := range got {
			at[r.lsn] = r
		}
		for _, r := range s.all {
			if at[r.lsn] != r && r.lsn >= o.From {
				t.Fatalf("KVBENCH_SEED=%d, %+v: %v is gone", seed, o, r)
			}
		}
	}
}

// dropMany drops segments that nobody needs, in no order.
func dropMany(t *testing.T, l *Log, s *shared, r *rand.Rand) {
	for dropped := 0; dropped < 20 && !t.Failed(); {
		before := s.prune()
		all := l.Segments()
		all = slices.DeleteFunc(all, func(x Segment) bool { return x.ID >= before.Segment() })
		if len(all) < 3 {
			runtime.Gosched()
			continue
		}
		id := all[r.IntN(len(all))].ID
		err := l.Drop(id)
		if err != nil {
			t.Error(err)
		}
		for _, x := range l.Segments() {
			if x.ID == id {
				t.Errorf("segment %d is still there", id)
			}
		}
		dropped++
	}
}
