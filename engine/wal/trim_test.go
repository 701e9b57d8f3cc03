package wal

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine/vfs"
)

// A spare is filled as fast as the log advances; who truncates does not
// advance it.
func TestTruncateWaitsForNoPace(t *testing.T) {
	l, _ := mustOpen(t, newDir(t), Options{FirstBytes: 1 << 20, SegmentBytes: 1 << 20, Fill: FillZero})
	first := mustAppend(t, l, 1, payload(1, 200<<10))
	cut := mustAppend(t, l, 1, "cut off")
	for !l.paced.Load() {
		runtime.Gosched()
	}
	watchdog := time.AfterFunc(10*time.Second, func() { panic("Truncate hangs") })
	defer watchdog.Stop()
	if err := l.Truncate(cut.lsn); err != nil {
		t.Fatal(err)
	}
	if _, p, err := l.ReadAt(nil, first.lsn); err != nil || string(p) != first.payload {
		t.Error("what was before the cut:", err)
	}
	if _, _, err := l.ReadAt(nil, cut.lsn); !errors.Is(err, ErrNoRecord) {
		t.Error("what was behind the cut:", err)
	}
	mustClose(t, l)
}

func TestWhatWasCutOffInASegmentBeforeFromCannotBeRead(t *testing.T) {
	x := &life{t: t, m: newDir(t), o: Options{SegmentBytes: minSegmentBytes}}
	x.open()
	x.write(1, 2, 3)
	x.turn()
	x.close()
	x.o.From = x.r[len(x.r)-1].lsn
	x.open()
	if err := x.l.Truncate(x.r[1].lsn); err != nil {
		t.Fatal(err)
	}
	for i, r := range x.r {
		if _, _, err := x.l.ReadAt(nil, r.lsn); (i == 0) != (err == nil) || err != nil && !errors.Is(err, ErrNoRecord) {
			t.Errorf("record %d: %v", i, err)
		}
	}
	x.close()
}

// Where Truncate cannot remove what it has left behind, that must not pass for
// the log when later the file of the newest segment is missing.
func TestTheLossOfTheNewestSegmentIsNoticedAlsoBesideAnOldTimeline(t *testing.T) {
	m := newDir(t)
	f := vfs.NewFault(m)
	l, _ := mustOpen(t, f, Options{SegmentBytes: minSegmentBytes, Fill: FillZero})
	waitForSpare(l)
	var all []rec
	for i, n := range []int{10, 20, 3990, 30} { // no claim beyond the first segment
		all = append(all, mustAppend(t, l, 1, payload(i, n)))
	}
	if all[3].lsn.Segment() == 1 {
		t.Fatal("the log did not rotate")
	}
	f.Set(parse(t, "remove *.wal error=EIO")...)
	if err := l.Truncate(all[1].lsn); !errors.Is(err, vfs.ErrInjected) {
		t.Fatal(err)
	}
	all = append(all[:1], mustAppend(t, l, 1, "behind the cut"))
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	_, got := mustOpen(t, m.Image(vfs.Written), Options{})
	wants(t, got, all)
	newest := segmentName(all[1].lsn.Segment())
	if err := m.Remove(dir + "/" + newest); err != nil {
		t.Fatal(err)
	}
	if _, got, err := open(m.Image(vfs.Written), Options{}); !errors.Is(err, ErrDamage) || !strings.Contains(err.Error(), newest) {
		t.Errorf("without %s: %d records, %v", newest, len(got), err)
	}
}

// Who was told of a position may read it, also when it could not be written.
func TestWhatCouldNotBeWrittenCanStillBeRead(t *testing.T) {
	f := vfs.NewFault(newDir(t))
	l, _ := mustOpen(t, f, Options{})
	f.Set(parse(t, "write *.wal error=EIO")...)
	var all []rec
	for i := range 3 {
		all = append(all, mustAppend(t, l, 1, payload(i, 100)))
	}
	if err := l.Flush(); !errors.Is(err, ErrPoisoned) {
		t.Fatal(err)
	}
	for _, r := range all {
		if _, p, err := l.ReadAt(nil, r.lsn); err != nil || string(p) != r.payload {
			t.Errorf("%v: %q, %v", r, p, err)
		}
	}
}

// Who truncates waits for the next segment. A full one for each cut would be
// slow to make, and mostly empty.
func TestTruncateWithoutASpareMakesASmallSegment(t *testing.T) {
	o := Options{FirstBytes: 64 << 10, SegmentBytes: 1 << 20, Fill: FillZero}
	l, _ := mustOpen(t, newDir(t), o)
	for i := range 12 { // too little for a spare to be made ahead
		mustAppend(t, l, 1, payload(i, 100))
		r := mustAppend(t, l, 1, "cut off")
		if err := l.Truncate(r.lsn); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range l.Segments() {
		if s.Size != o.FirstBytes {
			t.Errorf("%d bytes for one record", s.Size)
		}
	}
	mustClose(t, l)
}

// A file that is too small to be written again must not take the place of
// others: one that grew as it was written is a bit smaller than it was to be.
func TestAFileThatIsTooSmallIsNotKeptForever(t *testing.T) {
	x := &life{t: t, m: newDir(t), o: Options{SegmentBytes: 2 * minSegmentBytes, FirstBytes: 2 * minSegmentBytes, Recycle: 1, Fill: FillNone}}
	x.open()
	for range 2 {
		x.buffer(3000, 3000, 3000, 3000, 3000, 3000) // leaves some of each segment
	}
	x.prune(len(x.r) - 1)
	if len(x.l.recycle) != 1 {
		t.Fatal(x.l.recycle)
	}
	x.close()
	x.open()
	for range 4 {
		x.buffer(3000, 3000, 3000, 3000, 3000, 3000)
		x.prune(len(x.r) - 1)
	}
	if n := x.l.Stats().Recycled; n == 0 {
		t.Errorf("none was recycled, %+v is kept", x.l.recycle)
	}
	kept := map[string]bool{}
	for _, r := range x.l.recycle {
		kept[r.path] = true
	}
	for name := range readFiles(t, x.m) {
		if strings.HasPrefix(name, recyclePrefix) && !kept[dir+"/"+name] {
			t.Errorf("%s is nobody's", name)
		}
	}
	x.close()
}

func TestAFileThatCannotBeWrittenAgainIsNotLeftBehind(t *testing.T) {
	m := newDir(t)
	f := vfs.NewFault(m)
	l, _ := mustOpen(t, f, Options{SegmentBytes: minSegmentBytes, Recycle: 1, Fill: FillZero})
	for i := range 2 {
		waitForSpare(l)
		mustAppend(t, l, 1, payload(i, 3000))
	}
	waitForSpare(l)
	if err := l.Prune(l.End()); err != nil || len(l.recycle) != 1 {
		t.Fatal(err, l.recycle)
	}
	f.Set(parse(t, "write recycle-*.tmp error=EIO")...)
	if _, err := l.makeSegment(100, minSegmentBytes, FillZero, nil); !errors.Is(err, vfs.ErrInjected) {
		t.Fatal(err)
	}
	if names, err := m.List(dir); err != nil || len(names) != 2 { // current and spare
		t.Errorf("left behind: %v, %v", names, err)
	}
	mustClose(t, l)
}
