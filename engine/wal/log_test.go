package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

const dir = "/log"

func newDir(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := errors.Join(m.MkdirAll(dir), m.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return m
}

// rec is a record as tests compare it.
type rec struct {
	lsn     LSN
	kind    uint8
	payload string
}

func (r rec) String() string {
	if len(r.payload) > 20 {
		return fmt.Sprintf("%v %d %.20q... (%d)", r.lsn, r.kind, r.payload, len(r.payload))
	}
	return fmt.Sprintf("%v %d %q", r.lsn, r.kind, r.payload)
}

// open opens the log in dir and returns what it delivers.
func open(fsys vfs.FS, o Options) (*Log, []rec, error) {
	var all []rec
	l, err := Open(fsys, dir, o, func(r Record) error {
		all = append(all, rec{r.LSN, r.Kind, string(r.Payload)})
		return nil
	})
	return l, all, err
}

func mustOpen(t testing.TB, fsys vfs.FS, o Options) (*Log, []rec) {
	t.Helper()
	l, all, err := open(fsys, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, all
}

func mustAppend(t testing.TB, l *Log, kind uint8, payload string) rec {
	t.Helper()
	lsn, err := l.Append(kind, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return rec{lsn, kind, payload}
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal("close:", err)
	}
}

func wants(t testing.TB, got, want []rec) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("%d records, want %d; they differ from no. %d on:\n got %v\nwant %v",
				len(got), len(want), i, got[i:min(len(got), i+3)], want[i:min(len(want), i+3)])
		}
	}
}

func payload(n, length int) string {
	return strings.Repeat(fmt.Sprintf("%08d", n), length/8+1)[:length]
}

// shapes are options under which everything must be the same.
var shapes = map[string]Options{
	"plain":        {},
	"tiny":         {SegmentBytes: 3 * headerBytes},
	"recycled":     {SegmentBytes: 2 * headerBytes, Recycle: 2},
	"grown":        {SegmentBytes: 4 * headerBytes, Fill: FillNone},
	"reserved":     {SegmentBytes: 4 * headerBytes, Fill: FillReserve},
	"zeroed":       {SegmentBytes: 4 * headerBytes, Fill: FillZero},
	"aligned":      {SegmentBytes: 8 * headerBytes, AlignBytes: 512},
	"block":        {SegmentBytes: 8 * headerBytes, AlignBytes: 4096},
	"direct":       {SegmentBytes: 8 * headerBytes, Direct: true},
	"direct block": {SegmentBytes: 8 * headerBytes, Direct: true, AlignBytes: 512},
	"flusher":      {SegmentBytes: 4 * headerBytes, Commit: CommitFlusher},
	"small buffer": {SegmentBytes: 4 * headerBytes, BufferBytes: 100},
}

func inEachShape(t *testing.T, f func(t *testing.T, o Options)) {
	for name, o := range shapes {
		t.Run(name, func(t *testing.T) { f(t, o) })
	}
}

func TestALogIsEmptyAtFirst(t *testing.T) {
	inEachShape(t, func(t *testing.T, o Options) {
		m := newDir(t)
		for range 3 {
			l, got := mustOpen(t, m, o)
			wants(t, got, nil)
			mustClose(t, l)
		}
	})
}

func TestWhatWasAppendedIsDeliveredInOrder(t *testing.T) {
	inEachShape(t, func(t *testing.T, o Options) {
		m := newDir(t)
		r := rand.New(rand.NewPCG(1, 2))
		var want []rec
		for round := range 6 {
			l, got := mustOpen(t, m, o)
			wants(t, got, want)
			for i := range 60 {
				p := payload(i, r.IntN(700))
				if i == 30 {
					p = payload(i, 3*headerBytes) // longer than some segments
				}
				want = append(want, mustAppend(t, l, uint8(1+r.IntN(MaxKind)), p))
				if r.IntN(4) == 0 {
					if err := l.Wait(t.Context(), want[len(want)-1].lsn, Level(r.IntN(2))); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, w := range want {
				kind, p, err := l.ReadAt([]byte("dst"), w.lsn)
				if err != nil || kind != w.kind || string(p) != "dst"+w.payload {
					t.Fatalf("round %d: read %v: %d, %d bytes, %v", round, w, kind, len(p), err)
				}
			}
			mustClose(t, l)
		}
	})
}

func TestPositionsGrowAndLeaveRoomForSequenceNumbers(t *testing.T) {
	l, _ := mustOpen(t, newDir(t), Options{SegmentBytes: 2 * headerBytes})
	var last LSN
	for i := range 200 {
		p := payload(i, i)
		lsn := mustAppend(t, l, 1, p).lsn
		if i > 0 && lsn < last+LSN(i-1)+recordHeaderBytes {
			t.Fatalf("record %d is at %v, the one before at %v", i, lsn, last)
		}
		last = lsn
	}
}

func TestReadAtRefusesWhatIsNoRecord(t *testing.T) {
	m := newDir(t)
	l, _ := mustOpen(t, m, Options{})
	a := mustAppend(t, l, 1, "aaaaaaaaaaaaaaaaaaaaaaaa")
	b := mustAppend(t, l, 1, "b")
	for _, written := range []bool{false, true} {
		for _, lsn := range []LSN{0, lsnOf(1, 0), lsnOf(1, headerBytes), a.lsn + 8, b.lsn + 100, lsnOf(7, headerBytes), l.End()} {
			if _, _, err := l.ReadAt(nil, lsn); !errors.Is(err, ErrNoRecord) {
				t.Errorf("written %v: read at %v: %v", written, lsn, err)
			}
		}
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCallsThatCannotBeAreRefused(t *testing.T) {
	m := newDir(t)
	l, _ := mustOpen(t, m, Options{})
	for _, kind := range []uint8{0, 128, 255} {
		if _, err := l.Append(kind, nil); err == nil {
			t.Errorf("kind %d was taken", kind)
		}
	}
	if _, err := l.Append(1, make([]byte, MaxPayload+1)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if err := l.Wait(t.Context(), l.End(), Durable); err == nil {
		t.Error("waited for what was never appended")
	}
	for _, o := range []Options{
		{SegmentBytes: 100},
		{SegmentBytes: 1 << 40},
		{Fill: 9},
		{Commit: 9},
		{Recycle: -1},
		{BufferBytes: -1},
		{AlignBytes: 100},
		{AlignBytes: 8192},
	} {
		if _, _, err := open(newDir(t), o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	mustClose(t, l)
	if _, err := l.Append(1, nil); !errors.Is(err, ErrClosed) {
		t.Error("append after close:", err)
	}
	if _, _, err := l.ReadAt(nil, lsnOf(1, headerBytes)); !errors.Is(err, ErrClosed) {
		t.Error("read after close:", err)
	}
	if err := l.Close(); err != nil {
		t.Error("second close:", err)
	}
}

func TestReadOnlyDeliversAndChangesNothing(t *testing.T) {
	m := newDir(t)
	if l, got := mustOpen(t, m, Options{ReadOnly: true}); len(got) > 0 || l.Close() != nil {
		t.Fatal("an empty directory is no empty log")
	}
	l, _ := mustOpen(t, m, Options{SegmentBytes: 2 * headerBytes})
	var want []rec
	for i := range 50 {
		want = append(want, mustAppend(t, l, 1, payload(i, 300)))
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	for _, state := range []*vfs.Mem{m.Crash(0), m} {
		if state == m {
			mustClose(t, l)
		}
		before := state.Stats()
		r, got := mustOpen(t, state, Options{ReadOnly: true})
		wants(t, got, want)
		if _, err := r.Append(1, nil); !errors.Is(err, ErrReadOnly) {
			t.Error("append:", err)
		}
		if err := r.Truncate(want[0].lsn); !errors.Is(err, ErrReadOnly) {
			t.Error("truncate:", err)
		}
		if err := r.Sync(); !errors.Is(err, ErrReadOnly) {
			t.Error("sync:", err)
		}
		if _, p, err := r.ReadAt(nil, want[7].lsn); err != nil || string(p) != want[7].payload {
			t.Error("read:", err)
		}
		mustClose(t, r)
		if after := state.Stats(); after != before {
			t.Errorf("%+v became %+v", before, after)
		}
	}
}

func TestFromLeavesOutWhatIsBefore(t *testing.T) {
	m := newDir(t)
	o := Options{SegmentBytes: 2 * headerBytes}
	l, _ := mustOpen(t, m, o)
	var all []rec
	for i := range 100 {
		all = append(all, mustAppend(t, l, 1, payload(i, 300)))
		if err := l.Sync(); err != nil {
			t.Fatal(err)
		}
		waitForSpare(l)
	}
	mustClose(t, l)
	for i := range all {
		o.From = all[i].lsn
		l, got := mustOpen(t, m, o)
		wants(t, got, all[i:])
		if _, p, err := l.ReadAt(nil, all[0].lsn); err != nil || string(p) != all[0].payload {
			t.Fatal("a record before From:", err)
		}
		mustClose(t, l)
	}
	o.From = lsnOf(1000, headerBytes)
	if _, _, err := open(m, o); !errors.Is(err, ErrDamage) {
		t.Error("From in a segment that is not there:", err)
	}
}

// waitForSpare returns when no spare is being made: rotation is then certain
// at the end of the segment.
func waitForSpare(l *Log) {
	l.makeSpare(nil)
}

func TestManyWritersShareSyncs(t *testing.T) {
	inEachShape(t, func(t *testing.T, o Options) {
		m := newDir(t)
		l, _ := mustOpen(t, m, o)
		const writers, each = 16, 40
		var mu sync.Mutex
		want := map[LSN]string{}
		var done sync.WaitGroup
		for w := range writers {
			done.Go(func() {
				for i := range each {
					p := payload(w*1000+i, 50+w)
					lsn, err := l.Append(1, []byte(p))
					if err == nil {
						err = l.Wait(context.Background(), lsn, Level((w+i)%2))
					}
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					want[lsn] = p
					mu.Unlock()
					if _, got, err := l.ReadAt(nil, lsn); err != nil || !bytes.Equal(got, []byte(p)) {
						t.Errorf("read back %v: %v", lsn, err)
					}
				}
			})
		}
		done.Wait()
		mustClose(t, l)
		_, got := mustOpen(t, m, o)
		if len(got) != len(want) || len(got) != writers*each {
			t.Fatalf("%d records, want %d", len(got), len(want))
		}
		for _, r := range got {
			if want[r.lsn] != r.payload {
				t.Fatalf("%v, want %q", r, want[r.lsn])
			}
		}
	})
}

func TestACompleteLogMustHaveItsBeginning(t *testing.T) {
	m := newDir(t)
	o := Options{SegmentBytes: 2 * headerBytes, Complete: true}
	l, _ := mustOpen(t, m, o)
	var all []rec
	for i := range 40 {
		all = append(all, mustAppend(t, l, 1, payload(i, 300)))
		waitForSpare(l)
	}
	mustClose(t, l)
	l, got := mustOpen(t, m, o)
	wants(t, got, all)
	if err := l.Prune(all[30].lsn); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	if _, _, err := open(m, o); !errors.Is(err, ErrDamage) {
		t.Error("a log without its beginning was taken for complete:", err)
	}
	o.Complete = false
	_, got = mustOpen(t, m, o)
	wants(t, got, all[len(all)-len(got):])
	if len(got) == len(all) {
		t.Error("nothing was pruned")
	}
}
