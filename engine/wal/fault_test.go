package wal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine/vfs"
)

// handles counts the files that are open.
type handles struct {
	vfs.FS
	open atomic.Int64
}

type handle struct {
	vfs.File
	open   *atomic.Int64
	closed atomic.Bool
}

func (h *handle) Close() error {
	if !h.closed.Swap(true) {
		h.open.Add(-1)
	}
	return h.File.Close()
}

func (h *handles) count(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	h.open.Add(1)
	return &handle{File: f, open: &h.open}, nil
}

func (h *handles) Create(path string) (vfs.File, error) { return h.count(h.FS.Create(path)) }
func (h *handles) Open(path string) (vfs.File, error)   { return h.count(h.FS.Open(path)) }
func (h *handles) OpenReadWrite(path string) (vfs.File, error) {
	return h.count(h.FS.OpenReadWrite(path))
}

func (h *handles) OpenDirect(path string, dsync bool) (vfs.File, error) {
	return h.count(h.FS.OpenDirect(path, dsync))
}

// A trial is one history under faults: two openings with rotation, truncation,
// pruning and recycling. It ends with the first call that fails, but those that
// only give space back.
type trial struct {
	t     *testing.T
	rules string
	o     Options
	drops bool // removes by Drop what else Prune does
	m     *vfs.Mem
	files handles
	fault *vfs.Fault
	l     *Log

	content []rec // lsn 0 while Append has not returned
	low     int   // how many of content are acknowledged as durable
	pruned  int   // how many may be missing at the front
	failed  error // what has ended the history
}

func (x *trial) fail(format string, args ...any) {
	x.t.Helper()
	x.t.Fatalf("%s; %+v: %s", x.rules, x.o, fmt.Sprintf(format, args...))
}

func parse(t *testing.T, rules string) []vfs.Rule {
	t.Helper()
	all, err := vfs.ParseRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// run lives until a call fails, and checks what is true then. It reports
// whether the rules have fired.
func (x *trial) run(rules string) (fired bool) {
	x.rules, x.m = rules, newDir(x.t)
	x.o.From = 0
	x.l, x.content, x.low, x.pruned, x.failed = nil, nil, 0, 0, nil
	x.files.FS = x.m
	x.fault = vfs.NewFault(&x.files, parse(x.t, rules)...)
	watchdog := time.AfterFunc(time.Minute, func() { panic("a call hangs: " + rules) })
	defer watchdog.Stop()
	goroutines := runtime.NumGoroutine()
	for range 2 {
		l, _, err := open(x.fault, x.o)
		if err != nil {
			if !errors.Is(err, vfs.ErrInjected) {
				x.fail("open: %v", err)
			}
			x.failed = err
			break
		}
		x.l = l
		err = x.live()
		if err != nil {
			x.afterFailure(err)
		}
		if closing := x.l.Close(); err == nil && closing == nil {
			x.low = len(x.content)
		} else if err := errors.Join(err, closing); !errors.Is(err, vfs.ErrInjected) {
			x.fail("close: %v", err)
		} else if x.failed == nil {
			x.failed = err
		}
		if x.failed != nil {
			break
		}
	}
	if n := x.files.open.Load(); n != 0 {
		x.fail("%d files are still open", n)
	}
	for wait := 0; runtime.NumGoroutine() > goroutines; wait++ {
		if wait > 1e6 {
			x.fail("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
		}
		runtime.Gosched()
	}
	return x.failed != nil || x.fault.Fired() > 0
}

func (x *trial) live() error {
	x.l.makeSpare(nil) // errors are counted
	for i := range 12 {
		if err := x.append(i); err != nil {
			return err
		}
	}
	if err := x.truncate(len(x.content) - 3); err != nil {
		return err
	}
	if err := x.append(20); err != nil {
		return err
	}
	x.prune(len(x.content) - 2)
	if err := x.l.Rotate(context.Background()); err != nil {
		return err
	}
	x.l.makeSpare(nil)
	for i := range 6 {
		if err := x.append(i); err != nil {
			return err
		}
	}
	if err := x.l.Rotate(context.Background()); err != nil {
		return err
	}
	x.prune(len(x.content) - 1)
	return nil
}

func (x *trial) append(i int) error {
	r := rec{0, uint8(1 + i), payload(len(x.content), []int{900, 30, 2500}[i%3])}
	x.content = append(x.content, r)
	lsn, err := x.l.Append(r.kind, []byte(r.payload))
	if err != nil {
		return err
	}
	x.content[len(x.content)-1].lsn = lsn
	if i%2 > 0 {
		return nil
	}
	if err := x.l.Wait(context.Background(), lsn, Durable); err != nil {
		return err
	}
	x.low = len(x.content)
	return nil
}

func (x *trial) truncate(k int) error {
	x.low = min(x.low, k)
	if err := x.l.Truncate(x.content[k].lsn); err != nil {
		return err
	}
	x.content, x.low = x.content[:k:k], k
	return nil
}

func (x *trial) prune(k int) {
	if x.drops {
		x.drop(min(k, x.low-1))
		return
	}
	before := x.content[k].lsn
	for x.content[x.pruned].lsn.Segment() < before.Segment() {
		x.pruned++
	}
	if err := x.l.Prune(before); err != nil && !errors.Is(err, vfs.ErrInjected) {
		x.fail("prune: %v", err)
	}
}

// drop moves From to what is durable and drops all before, newest first.
func (x *trial) drop(k int) {
	x.o.From, x.pruned = x.content[k].lsn, k
	for _, s := range slices.Backward(x.l.Segments()) {
		if s.ID >= x.o.From.Segment() {
			continue
		}
		err := x.l.Drop(s.ID)
		if err != nil && !errors.Is(err, vfs.ErrInjected) {
			x.fail("drop: %v", err)
		}
		for _, r := range x.content {
			if r.lsn.Segment() != s.ID || errors.Is(err, ErrPoisoned) {
				continue
			}
			if _, _, err := x.l.ReadAt(nil, r.lsn); !errors.Is(err, ErrNoRecord) {
				x.fail("%v was dropped: %v", r, err)
			}
		}
	}
}

// afterFailure checks that a log that was poisoned stays so.
func (x *trial) afterFailure(err error) {
	x.t.Helper()
	if x.failed = err; !errors.Is(err, vfs.ErrInjected) {
		x.fail("%v", err)
	}
	if !errors.Is(err, ErrPoisoned) {
		return
	}
	durable, end := x.l.Durable(), x.l.End()
	x.fault.Set() // the disk is well again; that must change nothing
	defer x.fault.Set(parse(x.t, "any nth=1 error=EIO")...)
	calls := map[string]func() error{
		"append":   func() error { _, err := x.l.Append(1, nil); return err },
		"sync":     x.l.Sync,
		"flush":    func() error { x.l.Flush(); return x.l.Sync() },
		"wait":     func() error { return x.l.Wait(context.Background(), end-1, Durable) },
		"truncate": func() error { return x.l.Truncate(x.content[0].lsn) },
		"prune":    func() error { return x.l.Prune(end) },
		"rotate":   func() error { return x.l.Rotate(context.Background()) },
		"drop":     func() error { return x.l.Drop(1) },
	}
	for range 2 {
		for name, call := range calls {
			if durable == end && (name == "sync" || name == "flush" || name == "wait") {
				continue // there is nothing to do
			}
			if err := call(); !errors.Is(err, ErrPoisoned) || !errors.Is(err, vfs.ErrInjected) {
				x.fail("%s after the failure: %v", name, err)
			}
		}
	}
	if low := x.low; low > 0 && x.content[low-1].lsn < durable {
		if err := x.l.Wait(context.Background(), x.content[low-1].lsn, Durable); err != nil {
			x.fail("what was durable before the failure: %v", err)
		}
	}
	if x.l.Durable() != durable || x.l.End() != end {
		x.fail("durable %v and end %v became %v and %v", durable, end, x.l.Durable(), x.l.End())
	}
	if err := x.l.Close(); !errors.Is(err, ErrPoisoned) {
		x.fail("close: %v", err)
	}
}

// survives opens what is left, without faults.
func (x *trial) survives() {
	x.t.Helper()
	for _, i := range []vfs.Image{vfs.Synced, vfs.Written} {
		l, got, err := open(x.m.Image(i), x.o)
		if err != nil {
			x.fail("%v: %v", i, err)
		}
		if err := l.Close(); err != nil {
			x.fail("%v: close: %v", i, err)
		}
		if !x.isLeft(got) {
			x.fail("%v: %d records, of %d durable %d, pruned %d:\n got %v\nwant %v", i, len(got), len(x.content), x.low, x.pruned, got, x.content)
		}
	}
}

func (x *trial) isLeft(got []rec) bool {
	for skip := 0; skip <= x.pruned; skip++ {
		if prefix(got, x.content[skip:]) && len(got)+skip >= x.low {
			return true
		}
	}
	return false
}

// faultShapes are options whose histories of calls differ.
func faultShapes() []Options {
	return []Options{
		{SegmentBytes: minSegmentBytes, Fill: FillZero, Recycle: 1},
		{SegmentBytes: minSegmentBytes, Fill: FillNone, Commit: CommitFlusher, AlignBytes: 512},
		{SegmentBytes: minSegmentBytes, Fill: FillReserve, Direct: true, BufferBytes: 100},
	}
}

// eachCall runs trials with rules whose %d is 1, 2, ... until none fires.
func eachCall(t *testing.T, rules string, check func(x *trial)) {
	t.Helper()
	total := 0
	shapes := faultShapes()
	for i, o := range append(shapes[:1:1], shapes...) {
		x := &trial{t: t, o: o, drops: i == 0}
		if o.Direct { // else the part is refused
			rules = strings.Replace(rules, "short=50", "short=4096", 1)
		}
		for n := 1; x.run(fmt.Sprintf(rules, n)); n++ {
			check(x)
			total++
		}
	}
	if total < 20 {
		t.Errorf("%s: only %d trials", rules, total)
	}
	t.Logf("%s: %d trials", rules, total)
}

func TestNoFaultLosesWhatWasAcknowledged(t *testing.T) {
	for _, rules := range []string{
		"any nth=%d error=EIO",
		"any nth=%d error=EIO done",
		"any after=%d error=EIO",
		"write|preallocate|create nth=%d error=ENOSPC short=50",
		"sync|syncdir nth=%d error=EIO lost",
	} {
		lost := strings.Contains(rules, "lost")
		eachCall(t, rules, func(x *trial) {
			if !lost { // else the page cache is not what is on disk
				x.survives()
			} else if _, got, err := open(x.m.Image(vfs.Synced), x.o); err != nil && !errors.Is(err, ErrDamage) || err == nil && !x.isLeft(got) {
				x.fail("%d records, of %d durable %d, pruned %d, %v", len(got), len(x.content), x.low, x.pruned, err)
			}
		})
	}
}

// Only what is written to the log, and synced for it, counts.
func TestAFailedWriteOrSyncPoisonsTheLogForGood(t *testing.T) {
	for _, rules := range []string{
		"write|sync *.wal nth=%d error=EIO",
		"write|sync *.wal nth=%d error=EIO done",
		"write *.wal nth=%d error=ENOSPC short=50",
		"sync *.wal nth=%d error=EIO lost",
	} {
		eachCall(t, rules, func(x *trial) {
			if x.l != nil && x.failed != nil && !errors.Is(x.failed, ErrPoisoned) && !strings.Contains(x.failed.Error(), "open log") {
				x.fail("the log goes on after %v", x.failed)
			}
			if x.failed == nil {
				x.fail("no call has failed")
			}
		})
	}
}

// Nothing can be promised then, but what is left is still what was appended.
func TestAfterALyingSyncNothingIsMadeUp(t *testing.T) {
	damaged := 0
	for _, rules := range []string{"sync nth=%d lie", "sync after=%d lie"} {
		eachCall(t, rules, func(x *trial) {
			_, got, err := open(x.m.Image(vfs.Synced), x.o)
			if x.low = 0; errors.Is(err, ErrDamage) {
				damaged++
			} else if err != nil || !x.isLeft(got) {
				x.fail("%v: %v of %v", err, got, x.content)
			}
		})
	}
	if damaged == 0 {
		t.Error("none of the lies was noticed")
	}
}

func TestWithoutSpaceForASpareTheLogGoesOn(t *testing.T) {
	for _, rules := range []string{
		"preallocate *.tmp error=ENOSPC",
		"write *.tmp after=1 error=ENOSPC",
		"create *.tmp error=ENOSPC",
		"sync *.tmp error=EIO",
		"rename *.tmp error=EIO",
		"syncdir error=EIO",
		"open *.wal error=EMFILE",
	} {
		m := newDir(t)
		f := vfs.NewFault(m)
		l, _ := mustOpen(t, f, Options{SegmentBytes: minSegmentBytes, Fill: FillZero})
		f.Set(parse(t, rules)...)
		var want []rec
		write := func() {
			want = append(want, mustAppend(t, l, 1, payload(len(want), 700)))
			if err := l.Sync(); err != nil {
				t.Fatalf("%s: %v", rules, err)
			}
		}
		for range 10 {
			write()
			if err := l.makeSpare(nil); !errors.Is(err, vfs.ErrInjected) {
				t.Fatalf("%s: the spare: %v", rules, err)
			}
		}
		s := l.Stats()
		if s.Segments != 1 || s.Stretched == 0 || s.PrepareErrors < 10 {
			t.Errorf("%s: %+v", rules, s)
		}
		if names, err := m.List(dir); err != nil || len(names) != 1 {
			t.Errorf("%s: left behind: %v, %v", rules, names, err)
		}
		f.Set()
		for l.Stats().Segments == 1 { // the next append past retryAt asks for it
			write()
			runtime.Gosched()
		}
		mustClose(t, l)
		l, got := mustOpen(t, m, Options{})
		wants(t, got, want)
		mustClose(t, l)
	}
}

func TestAnErrorOfTheCallerEndsOpen(t *testing.T) {
	m := newDir(t)
	l, _ := mustOpen(t, m, Options{})
	mustAppend(t, l, 1, "a")
	mustClose(t, l)
	h := &handles{FS: m}
	_, err := Open(h, dir, Options{}, func(Record) error { return syscall.EPERM })
	if !errors.Is(err, syscall.EPERM) || h.open.Load() != 0 {
		t.Errorf("%v, %d files open", err, h.open.Load())
	}
}
