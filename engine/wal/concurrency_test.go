package wal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// shared is what writers tell readers: what they have appended, newest last.
type shared struct {
	mu     sync.Mutex
	all    []rec
	pruned LSN // before it records may be gone
}

func (s *shared) add(r rec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, r)
}

// pick returns the record number i from the end, or false.
func (s *shared) pick(i int) (rec, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return rec{}, false
	}
	return s.all[len(s.all)-1-i%len(s.all)], true
}

func (s *shared) mayBeGone(r rec) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.lsn.Segment() < s.pruned.Segment()
}

func (s *shared) prune() (before LSN) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) > 0 {
		s.pruned = max(s.pruned, s.all[len(s.all)*9/10].lsn)
	}
	return s.pruned
}

func TestReadersWritersPruningAndCloseGoTogether(t *testing.T) {
	for _, o := range []Options{
		{SegmentBytes: minSegmentBytes, Recycle: 2, Fill: FillZero},
		{SegmentBytes: minSegmentBytes, BufferBytes: 200, Commit: CommitFlusher},
		{SegmentBytes: minSegmentBytes, Direct: true, AlignBytes: 512},
	} {
		m := newDir(t)
		l, _ := mustOpen(t, m, o)
		s := &shared{}
		var writers, others sync.WaitGroup
		for w := range 3 {
			writers.Go(func() { writeUntilClosed(t, l, s, w) })
		}
		for w := range 2 {
			others.Go(func() { readUntilClosed(t, l, s, w) })
		}
		others.Go(func() { describeUntilClosed(t, l) })
		others.Go(func() {
			for before := LSN(0); before.Segment() < 8 && !t.Failed(); {
				before = s.prune()
				if err := l.Prune(before); err != nil {
					t.Error(err)
				}
				for n := l.Stats().Rotations; l.Stats().Rotations == n && !t.Failed(); {
					runtime.Gosched()
				}
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		})
		writers.Wait()
		others.Wait()

		_, got := mustOpen(t, m, o)
		at := map[LSN]rec{}
		for _, r := range got {
			at[r.lsn] = r
		}
		for _, r := range s.all {
			if at[r.lsn] != r && !s.mayBeGone(r) {
				t.Fatalf("%+v: %v is gone", o, r)
			}
		}
		if len(got) == 0 || got[0].lsn.Segment() < s.pruned.Segment() {
			t.Errorf("%+v: pruned to %v, %d records are left", o, s.pruned, len(got))
		}
	}
}

func writeUntilClosed(t *testing.T, l *Log, s *shared, w int) {
	for i := 0; ; i++ {
		p := payload(w*1e6+i, 50+i%1000)
		lsn, err := l.Append(uint8(w+1), []byte(p))
		if errors.Is(err, ErrClosed) {
			return
		}
		if err == nil {
			s.add(rec{lsn, uint8(w + 1), p})
		}
		if err == nil && i%3 == w {
			err = l.Wait(context.Background(), lsn, Durable)
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

func readUntilClosed(t *testing.T, l *Log, s *shared, w int) {
	for i := w; ; i += 7 {
		r, ok := s.pick(i % (1 + i%1000))
		if !ok {
			runtime.Gosched()
			continue
		}
		gone := s.mayBeGone(r)
		kind, p, err := l.ReadAt(nil, r.lsn)
		switch {
		case errors.Is(err, ErrClosed):
			return
		case err == nil && (kind != r.kind || string(p) != r.payload):
			t.Errorf("read %v: %d, %.30q", r, kind, p)
			return
		case err != nil && !(errors.Is(err, ErrNoRecord) && (gone || s.mayBeGone(r))):
			t.Errorf("read %v: %v", r, err)
			return
		}
	}
}

func describeUntilClosed(t *testing.T, l *Log) {
	var last LSN
	for {
		durable, end := l.Durable(), l.End()
		if durable > end || durable < last {
			t.Errorf("durable %v after %v, end %v", durable, last, end)
		}
		last = durable
		all := l.Segments()
		for i, s := range all {
			if s.End < s.Begin || i > 0 && s.ID <= all[i-1].ID || s.Path == "" {
				t.Errorf("segments: %+v", all)
				return
			}
		}
		if s := l.Stats(); s.Segments == 0 || s.BytesLive < 0 || s.Buffered < 0 {
			t.Errorf("stats: %+v", s)
			return
		}
		if _, err := l.Append(0, nil); err == nil {
			t.Error("kind 0 was taken")
		}
		if err := l.Wait(context.Background(), end-1, Written); err != nil {
			if !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
			return
		}
		if _, _, err := l.ReadAt(nil, 0); errors.Is(err, ErrClosed) {
			return
		}
	}
}

func TestStatsCountWhatWasDone(t *testing.T) {
	m := newDir(t)
	l, _ := mustOpen(t, m, Options{SegmentBytes: minSegmentBytes, Recycle: 1, Fill: FillZero})
	waitForSpare(l)
	var last LSN
	for i := range 20 {
		last = mustAppend(t, l, 1, payload(i, 700)).lsn
		if s := l.Stats(); s.Buffered == 0 {
			t.Errorf("nothing is buffered: %+v", s)
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		waitForSpare(l)
	}
	if err := l.Prune(last); err != nil {
		t.Fatal(err)
	}
	waitForSpare(l)
	s := l.Stats()
	all := l.Segments()
	live := int64(0)
	for _, x := range all {
		live += int64(x.End - x.Begin)
	}
	if s.Records != 20 || s.BytesIn != 20*700 || s.Buffered != 0 || s.SyncWaits != 20 || s.SyncsShared != 0 || s.Segments != len(all) || s.BytesLive != live {
		t.Errorf("%+v", s)
	}
	// 5 records of 720 bytes fit behind the link.
	if s.Rotations != 4 || s.Prepared != 4 || s.Stretched != 0 || s.PrepareErrors != 0 || s.Syncs < 20 || s.Writes < 20 || len(all) != 1 || all[0].ID != 4 {
		t.Errorf("%+v, %+v", s, all)
	}
	if want := uint64(20*720 + 4*32 + 3*24); s.BytesWritten != want {
		t.Errorf("%d bytes written, want %d", s.BytesWritten, want)
	}
	if want := uint64(5 * 4096); s.BytesZeroed != want {
		t.Errorf("%d bytes of zeros, want %d", s.BytesZeroed, want)
	}
	for i := range 5 {
		last = mustAppend(t, l, 1, payload(i, 700)).lsn
	}
	waitForSpare(l)
	if s := l.Stats(); s.Recycled != 1 || l.End().Segment() != 5 {
		t.Errorf("%+v, the log ends at %v", s, l.End())
	}
	if got := fmt.Sprint(last); got != fmt.Sprintf("%d:%d", last.Segment(), last.Offset()) {
		t.Error(got)
	}
	if n := testing.AllocsPerRun(100, func() { l.Stats() }); n != 0 {
		t.Errorf("Stats allocates %v times", n)
	}
}
