package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// treeOf draws all names below dir, and what the files hold.
func treeOf(t *testing.T, fsys FS, dir string) string {
	t.Helper()
	var b strings.Builder
	var visit func(path string)
	visit = func(path string) {
		names, err := fsys.List(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			child := filepath.Join(path, name)
			info, err := fsys.Stat(child)
			if err != nil {
				t.Fatal(err)
			}
			rest, _ := filepath.Rel(dir, child)
			if info.IsDir() {
				fmt.Fprintf(&b, "%s/\n", rest)
				visit(child)
				continue
			}
			fmt.Fprintf(&b, "%s %q\n", rest, readOn(t, fsys, child))
		}
	}
	visit(dir)
	return b.String()
}

// randomHistory does n calls on names and files below dir, with handles that
// stay open, and returns whether direct I/O was among them.
func randomHistory(t *testing.T, fsys FS, dir string, seed uint64, n int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	name := func() string { return filepath.Join(dir, string(rune('a'+r.IntN(2))), string(rune('p'+r.IntN(4)))) }
	var files []File
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	keep := func(f File, err error) {
		if err == nil {
			files = append(files, f)
		}
	}
	fsys.MkdirAll(filepath.Join(dir, "a"))
	fsys.MkdirAll(filepath.Join(dir, "b"))
	for range n {
		var f File
		if len(files) > 0 {
			f = files[r.IntN(len(files))]
		}
		off, length := r.Int64N(3000), r.IntN(1500)
		switch op := r.IntN(20); {
		case op < 3:
			keep(fsys.Create(name()))
		case op < 4:
			keep(fsys.OpenReadWrite(name()))
		case op < 5:
			keep(fsys.OpenDirect(name(), r.IntN(2) == 0))
		case op < 6:
			fsys.Rename(name(), name())
		case op < 7:
			fsys.Link(name(), name())
		case op < 8:
			fsys.Remove(name())
		case op < 10:
			fsys.SyncDir(filepath.Join(dir, string(rune('a'+r.IntN(2)))))
		case op < 11 && r.IntN(8) == 0:
			fsys.RemoveAll(filepath.Join(dir, "b"))
			fsys.MkdirAll(filepath.Join(dir, "b"))
		case f == nil:
		case op < 14:
			p := AlignedBuffer(4096)[:length]
			if r.IntN(3) == 0 { // for those that are direct
				off, p = off/DirectAlign*DirectAlign, p[:4096]
			}
			for i := range p {
				p[i] = byte(r.IntN(256))
			}
			if r.IntN(3) == 0 {
				f.Write(p)
			} else {
				f.WriteAt(p, off)
			}
		case op < 15:
			f.Truncate(off)
		case op < 16:
			f.PunchHole(off, int64(length)+1)
		case op < 17:
			f.Preallocate(off, int64(length)+1)
		case op < 19:
			f.Sync()
		default:
			f.SyncData()
		}
	}
}

func TestATraceOfTheMachinesFilesReplaysToTheSameFiles(t *testing.T) {
	for seed := range uint64(30) {
		dir := t.TempDir()
		r := NewRecorder(OS{})
		randomHistory(t, r, dir, seed, 200)
		trace := r.Trace()
		m, err := trace.Mem(len(trace.Ops))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got, want := treeOf(t, m, dir), treeOf(t, OS{}, dir); got != want {
			t.Fatalf("seed %d: replayed to\n%s\nwant\n%s", seed, got, want)
		}
		if _, err := trace.Mem(len(trace.Ops) + 1); err == nil {
			t.Error("more was replayed than there is")
		}
	}
}

// TestAReplayCrashesAsTheFileSystemThatSawTheHistory compares crash for crash,
// at each position, since the same history and seed draw the same state.
func TestAReplayCrashesAsTheFileSystemThatSawTheHistory(t *testing.T) {
	for seed := range uint64(10) {
		m := NewMem()
		if err := m.MkdirAll("/d"); err != nil {
			t.Fatal(err)
		}
		if err := m.SyncDir("/"); err != nil {
			t.Fatal(err)
		}
		r := NewRecorder(m)
		states := map[int]string{}
		look := func() { states[len(r.trace.Ops)] = treeOf(t, m.Crash(seed), "/d") }
		for part := range uint64(40) {
			randomHistory(t, r, "/d", seed<<32|part, 4)
			look()
		}
		if err := r.Trace().Walk(func(n int, replayed *Mem) error {
			want, seen := states[n]
			if got := treeOf(t, replayed.Crash(seed), "/d"); seen && got != want {
				return fmt.Errorf("after %d operations:\n%s\nwant\n%s", n, got, want)
			}
			return nil
		}); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(states) < 30 {
			t.Fatalf("seed %d: only %d positions were compared", seed, len(states))
		}
	}
}

func TestWhatWasThereBeforeIsDurableInATrace(t *testing.T) {
	dir := t.TempDir()
	at := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	if err := (OS{}).MkdirAll(at("sub", "deep")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{at("opened"), at("renamed"), at("target"), at("removed"), at("linked"), at("untouched"), at("sub", "deep", "f")} {
		mustCreate(t, path, filepath.Base(path)).Close()
	}
	before := treeOf(t, OS{}, dir)
	r := NewRecorder(OS{})
	if err := r.Include(dir); err != nil {
		t.Fatal(err)
	}
	lazy := NewRecorder(r) // which is not told
	f, err := lazy.OpenReadWrite(at("opened"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("X"), 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		lazy.Rename(at("renamed"), at("target")), lazy.Remove(at("removed")), lazy.Link(at("linked"), at("l")),
		lazy.RemoveAll(at("sub")), lazy.SyncDir(dir),
	); err != nil {
		t.Fatal(err)
	}
	after := treeOf(t, OS{}, dir)
	for name, c := range map[string]struct {
		trace *Trace
		drop  string // what nobody told or touched
	}{
		"told":     {r.Trace(), ""},
		"not told": {lazy.Trace(), "untouched \"untouched\"\n"},
	} {
		without := func(tree string) string { return strings.Replace(tree, c.drop, "", 1) }
		if err := c.trace.Walk(func(n int, m *Mem) error {
			if n == 0 {
				if got := treeOf(t, m.Image(Synced), dir); got != without(before) {
					t.Errorf("%s: the base is\n%s\nwant\n%s", name, got, without(before))
				}
			}
			if n == len(c.trace.Ops) {
				if got := treeOf(t, m, dir); got != without(after) {
					t.Errorf("%s: in the end\n%s\nwant\n%s", name, got, without(after))
				}
				lost := strings.Replace(without(after), "Xpened", "opened", 1)
				if got := treeOf(t, m.Image(Synced), dir); got != lost {
					t.Errorf("%s: a power loss leaves\n%s\nwant\n%s", name, got, lost)
				}
			}
			return nil
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// opsOf draws a trace, without the directory.
func opsOf(trace *Trace, dir string) string {
	var b strings.Builder
	for _, op := range trace.Ops {
		b.WriteString(strings.ReplaceAll(op.String(), dir+string(filepath.Separator), "") + "\n")
	}
	return b.String()
}

func TestASyncStandsAsLateInATraceAsItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		slow := NewFault(OS{}, Rule{Kind: kindSyncs, Delay: time.Hour})
		r := NewRecorder(slow)
		at := func(name string) string { return filepath.Join(dir, name) }
		a, b := create(t, r, at("a")), create(t, r, at("b"))
		write := func(f File, text string) {
			if _, err := f.Write([]byte(text)); err != nil {
				t.Error(err)
			}
		}
		write(a, "covered")
		var done sync.WaitGroup
		done.Go(func() { r.Mark(fmt.Sprint("sync of a: ", a.SyncData())) })
		synctest.Wait()
		write(b, "beside")
		time.Sleep(time.Minute)
		if text := opsOf(r.Trace(), dir); strings.Contains(text, "sync") {
			t.Errorf("a sync that still runs stands in the trace:\n%s", text)
		}
		done.Wait()
		done.Go(func() { a.Sync() })
		done.Go(func() { r.SyncDir(dir) })
		synctest.Wait()
		write(a, "after")
		if err := r.Rename(at("b"), at("c")); err != nil {
			t.Error(err)
		}
		if text := opsOf(r.Trace(), dir); !strings.Contains(text, "sync a failed\n") {
			t.Errorf("a sync that still runs is promised:\n%s", text)
		}
		done.Wait()
		want := "create a\ncreate b\nwrite a [0, 7)\nwrite b [0, 6)\nsync a\nmark sync of a: <nil>\n" +
			"sync a\nwrite a [7, 12)\nsyncdir " + dir + "\nrename b to c\n"
		if got := opsOf(r.Trace(), dir); got != want {
			t.Errorf("trace\n%swant\n%s", got, want)
		}
	})
}

func TestASyncThatFailedPromisesNothingInATrace(t *testing.T) {
	dir := t.TempDir()
	fault := NewFault(OS{})
	r := NewRecorder(fault)
	f := create(t, r, filepath.Join(dir, "f"))
	if err := errors.Join(f.Sync(), r.SyncDir(dir)); err != nil {
		t.Fatal(err)
	}
	setRules(t, fault, "sync|syncdir error=EIO; write short=2 error=EIO")
	f.Write([]byte("hello"))
	f.Sync()
	r.SyncDir(dir)
	f.Truncate(1)
	setRules(t, fault, "any error=EIO")
	f.Truncate(0)
	r.Remove(filepath.Join(dir, "f"))
	trace := r.Trace()
	want := "create f\nsync f\nsyncdir " + dir + "\nwrite f [0, 2)\nsync f failed\nsyncdir " + dir + " failed\ntruncate f to 1\n"
	if got := opsOf(trace, dir); got != want {
		t.Errorf("trace\n%swant\n%s", got, want)
	}
	m, err := trace.Mem(len(trace.Ops))
	if err != nil {
		t.Fatal(err)
	}
	if got := treeOf(t, m.Image(Synced), dir); got != "f \"\"\n" {
		t.Errorf("survives:\n%s", got)
	}
	if got := treeOf(t, m, dir); got != "f \"h\"\n" {
		t.Errorf("is there:\n%s", got)
	}
}

// TestConcurrentWritersKeepWhatASyncPromisedAtEachPositionOfTheTrace has each
// writer count up in a sector of its own and sync, beside the others in the
// same files, and mark what was acknowledged.
func TestConcurrentWritersKeepWhatASyncPromisedAtEachPositionOfTheTrace(t *testing.T) {
	const writers, rounds, files = 4, 12, 2
	dir := t.TempDir()
	r := NewRecorder(OS{})
	var file [files]File
	for i := range file {
		file[i] = create(t, r, filepath.Join(dir, fmt.Sprint(i)))
		if err := file[i].Truncate(writers * sectorSize); err != nil {
			t.Fatal(err)
		}
	}
	for i := range file {
		if err := errors.Join(file[i].Sync(), r.SyncDir(dir)); err != nil {
			t.Fatal(err)
		}
	}
	var done sync.WaitGroup
	for w := range writers {
		done.Go(func() {
			for round := 1; round <= rounds; round++ {
				f := file[(w+round)%files]
				if _, err := f.WriteAt(bytes.Repeat([]byte{byte(round)}, sectorSize), int64(w)*sectorSize); err != nil {
					t.Error(err)
				}
				if err := f.SyncData(); err != nil {
					t.Error(err)
				}
				r.Mark(fmt.Sprintf("%d %d", w, round))
			}
		})
	}
	done.Wait()
	trace := r.Trace()
	var acked [writers][files]byte
	marks := 0
	err := trace.Walk(func(n int, m *Mem) error {
		if n > 0 && trace.Ops[n-1].Kind == 0 {
			var w, round int
			if _, err := fmt.Sscanf(trace.Ops[n-1].Path, "%d %d", &w, &round); err != nil {
				return err
			}
			acked[w][(w+round)%files] = byte(round)
			marks++
		}
		for _, crashed := range []*Mem{m.Crash(uint64(n)), m.Image(Synced)} {
			for i := range file {
				path := filepath.Join(dir, fmt.Sprint(i))
				if info, err := crashed.Stat(path); err != nil {
					if marks > 0 {
						return err
					}
					continue
				} else if info.Size() == 0 && marks == 0 {
					continue
				}
				data := readOn(t, crashed, path)
				for w := range writers {
					for _, c := range []byte(data[w*sectorSize:][:sectorSize]) {
						if c < acked[w][i] {
							return fmt.Errorf("position %d: writer %d finds %d in file %d, acknowledged was %d", n, w, c, i, acked[w][i])
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil || marks != writers*rounds {
		t.Errorf("%d marks, %v", marks, err)
	}
}

func TestAWritePastODsyncIsDurableInATraceAndLeavesOthersAlone(t *testing.T) {
	dir := t.TempDir()
	r := NewRecorder(OS{})
	path := filepath.Join(dir, "f")
	f := create(t, r, path)
	if err := errors.Join(f.Truncate(2*DirectAlign), f.Sync(), r.SyncDir(dir)); err != nil {
		t.Fatal(err)
	}
	direct, err := r.OpenDirect(path, true)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		t.Skip("no direct I/O here:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	p := AlignedBuffer(DirectAlign)
	p[0] = 'd'
	if _, err := f.WriteAt([]byte("x"), DirectAlign); err != nil {
		t.Fatal(err)
	}
	if _, err := direct.WriteAt(p, 0); err != nil {
		t.Fatal(err)
	}
	trace := r.Trace()
	m, err := trace.Mem(len(trace.Ops))
	if err != nil {
		t.Fatal(err)
	}
	if got := readOn(t, m.Image(Synced), path); got[0] != 'd' || got[DirectAlign] != 0 {
		t.Errorf("survives: %q, %q", got[0], got[DirectAlign])
	}
}

func TestARecordersViewsShareOneTrace(t *testing.T) {
	dir := t.TempDir()
	r := NewRecorder(NewCounting(OS{}))
	f := create(t, Classed(r, Log), filepath.Join(dir, "f"))
	f.Write([]byte("abc"))
	if n := len(r.Trace().Ops); n != 2 {
		t.Errorf("%d operations", n)
	}
	if n := r.inner.(*Counting).Counts(Log); n.WriteBytes != 3 {
		t.Errorf("%+v", n)
	}
	if _, err := os.Stat(filepath.Join(dir, "f")); err != nil {
		t.Error(err)
	}
}
