package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// faulty returns a Fault over the machine's files, and a directory.
func faulty(t *testing.T, rules string) (*Fault, string) {
	t.Helper()
	parsed, err := ParseRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	return NewFault(OS{}, parsed...), t.TempDir()
}

// setRules replaces the rules of f.
func setRules(t *testing.T, f *Fault, rules string) {
	t.Helper()
	parsed, err := ParseRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	f.Set(parsed...)
}

func create(t *testing.T, fsys FS, path string) File {
	t.Helper()
	f, err := fsys.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// outcomes runs a call n times and draws the failures as x and the rest as -.
func outcomes(n int, call func() error) string {
	var b strings.Builder
	for range n {
		if call() != nil {
			b.WriteByte('x')
		} else {
			b.WriteByte('-')
		}
	}
	return b.String()
}

func TestEachTriggerFiresAtTheCallsThatItNames(t *testing.T) {
	for rule, want := range map[string]string{
		"sync error=EIO":                                 "xxxxxxxxxx",
		"sync nth=3 error=EIO":                           "--x-------",
		"sync after=3 error=EIO":                         "---xxxxxxx",
		"sync every=3 error=EIO":                         "--x--x--x-",
		"sync after=2 every=4 error=EIO":                 "-----x---x",
		"sync times=2 error=EIO":                         "xx--------",
		"sync after=1 every=2 times=3 error=EIO":         "--x-x-x---",
		"sync p=1 error=EIO":                             "xxxxxxxxxx",
		"any nth=4 error=EIO":                            "---x------",
		"read error=EIO":                                 "----------",
		"sync *.wal error=EIO":                           "xxxxxxxxxx",
		"sync *.sst error=EIO":                           "----------",
		"sync nth=2 error=EIO; sync nth=5 error=EIO":     "-x--x-----",
		"sync lie; sync error=EIO":                       "----------",
		"sync after=4 error=EIO; sync every=2 error=EIO": "-x-xxxxxxx",
	} {
		f, dir := faulty(t, "")
		file := create(t, f, filepath.Join(dir, "1.wal"))
		setRules(t, f, rule)
		if got := outcomes(10, file.Sync); got != want {
			t.Errorf("%s\n\t%s, want %s", rule, got, want)
		}
		if n := f.Fired(); !strings.Contains(rule, "lie") && int(n) != strings.Count(want, "x") {
			t.Errorf("%s fired %d times", rule, n)
		}
	}
}

func TestAProbabilityIsKeptAndRepeatsWithItsSeed(t *testing.T) {
	run := func(seed int) string {
		f, dir := faulty(t, fmt.Sprintf("stat p=0.2 seed=%d error=EIO", seed))
		return outcomes(5000, func() error { _, err := f.Stat(dir); return err })
	}
	first := run(1)
	if n := strings.Count(first, "x"); n < 900 || n > 1100 {
		t.Errorf("%d of 5000 failed, want about 1000", n)
	}
	if run(1) != first {
		t.Error("the same seed drew other calls")
	}
	if run(2) == first {
		t.Error("another seed drew the same calls")
	}
}

func TestAPatternHasAsManyElementsAsItCompares(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"*.wal", "/a/b/1.wal", true},
		{"*.wal", "1.wal", true},
		{"*.wal", "/a.wal/b", false},
		{"b/*.wal", "/a/b/1.wal", true},
		{"b/*.wal", "b/1.wal", true},
		{"b/*.wal", "./b//1.wal", true},
		{"b/*.wal", "/a/c/1.wal", false},
		{"b/*.wal", "1.wal", false},
		{"/a/*/1.wal", "/a/b/1.wal", true},
		{"/a/*/1.wal", "/x/a/b/1.wal", false},
		{"/*", "/a/b", false},
	} {
		set := newRuleSet([]Rule{{Kind: KindSync, Path: c.pattern, Lie: true}})
		if got := set.byKind[KindSync.index()][0].matches(c.path); got != c.want {
			t.Errorf("%s matches %s: %v", c.pattern, c.path, got)
		}
	}
}

// everyCall is one call of each method, on files that exist.
func everyCall(fsys FS, dir string, file File) map[Kind][]func() error {
	at := func(name string) string { return filepath.Join(dir, name) }
	opened := func(f File, err error) error {
		if err == nil {
			f.Close()
		}
		return err
	}
	p := make([]byte, 4)
	return map[Kind][]func() error{
		KindOpen: {
			func() error { return opened(fsys.Open(at("f"))) },
			func() error { return opened(fsys.OpenReadWrite(at("f"))) },
			func() error { return opened(fsys.OpenDirect(at("f"), true)) },
		},
		KindCreate: {func() error { return opened(fsys.Create(at("new"))) }},
		KindRead:   {func() error { _, err := file.ReadAt(p, 0); return err }},
		KindWrite: {
			func() error { _, err := file.Write(p); return err },
			func() error { _, err := file.WriteAt(p, 0); return err },
		},
		KindSync:        {file.Sync, file.SyncData},
		KindSyncDir:     {func() error { return fsys.SyncDir(dir) }},
		KindRename:      {func() error { return fsys.Rename(at("f"), at("g")) }},
		KindRemove:      {func() error { return fsys.Remove(at("r")) }, func() error { return fsys.RemoveAll(at("sub")) }},
		KindLink:        {func() error { return fsys.Link(at("f"), at("l")) }},
		KindTruncate:    {func() error { return file.Truncate(9000) }},
		KindPreallocate: {func() error { return file.Preallocate(0, 4096) }},
		KindPunch:       {func() error { return file.PunchHole(0, 4096) }},
		KindList:        {func() error { _, err := fsys.List(dir); return err }},
		KindStat: {
			func() error { _, err := fsys.Stat(at("f")); return err },
			func() error { _, err := file.Size(); return err },
		},
		KindLock: {func() error {
			l, err := fsys.Lock(at("f"), true)
			if err == nil {
				l.Close()
			}
			return err
		}},
		KindMkdir: {func() error { return fsys.MkdirAll(at("d/e")) }},
		KindMmap: {func() error {
			m, err := file.Mmap(0, 4096)
			if err == nil {
				m.Close()
			}
			return err
		}},
		KindClose: {file.Close},
	}
}

// callFixture makes the files that everyCall uses.
func callFixture(t *testing.T, fsys FS) (dir string, file File) {
	t.Helper()
	dir = t.TempDir()
	if err := fsys.MkdirAll(filepath.Join(dir, "sub")); err != nil {
		t.Fatal(err)
	}
	create(t, fsys, filepath.Join(dir, "r"))
	file = create(t, fsys, filepath.Join(dir, "f"))
	if _, err := file.WriteAt(make([]byte, 8192), 0); err != nil {
		t.Fatal(err)
	}
	return dir, file
}

func TestEveryCallHasItsKindAndFailsInTheFormThatTheContractAsksFor(t *testing.T) {
	for _, kind := range allKinds() {
		f := NewFault(OS{})
		dir, file := callFixture(t, f)
		calls := everyCall(f, dir, file)[kind]
		if len(calls) == 0 {
			t.Fatalf("no call of kind %v", kind)
		}
		setRules(t, f, fmt.Sprintf("%v error=EROFS", kind))
		for i, call := range calls {
			before := f.Calls()
			err := call()
			after := f.Calls()
			if after.Of(kind)-before.Of(kind) != 1 || after.Of(KindAny)-before.Of(KindAny) != 1 {
				t.Errorf("%v, call %d: counted %v, then %v", kind, i, before, after)
			}
			var pathError *fs.PathError
			var linkError *os.LinkError
			if !errors.Is(err, syscall.EROFS) || !errors.Is(err, ErrInjected) ||
				!errors.As(err, &pathError) && !errors.As(err, &linkError) {
				t.Errorf("%v, call %d: %#v", kind, i, err)
			} else if !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), kind.String()+" error=EROFS") {
				t.Errorf("%v, call %d: %v", kind, i, err)
			}
		}
		setRules(t, f, "")
		if kind == KindClose {
			if err := file.Close(); !errors.Is(err, fs.ErrClosed) {
				t.Error("a Close that failed has not closed:", err)
			}
			continue
		}
		for i, call := range calls {
			if err := call(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%v, call %d did something although it failed: %v", kind, i, err)
			}
		}
	}
}

func allKinds() []Kind {
	var kinds []Kind
	for i := range kindCount {
		kinds = append(kinds, 1<<i)
	}
	return kinds
}

func TestACallThatIsDoneAndFailsHasItsEffect(t *testing.T) {
	f, dir := faulty(t, "create|write|rename error=EIO done")
	at := func(name string) string { return filepath.Join(dir, name) }
	if file, err := f.Create(at("a")); file != nil || !errors.Is(err, syscall.EIO) {
		t.Error(file, err)
	}
	file, err := f.OpenReadWrite(at("a"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if n, err := file.Write([]byte("hello")); n != 0 || !errors.Is(err, ErrInjected) {
		t.Error(n, err)
	}
	if err := f.Rename(at("a"), at("b")); !errors.Is(err, ErrInjected) {
		t.Error(err)
	}
	if data, err := os.ReadFile(at("b")); string(data) != "hello" {
		t.Errorf("%q, %v", data, err)
	}
	if err := f.Rename(at("absent"), at("c")); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrInjected) {
		t.Error("the true error of a call is hidden:", err)
	}
}

func TestAShortWriteWritesItsFirstBytes(t *testing.T) {
	f, dir := faulty(t, "write nth=2 short=3 error=EIO")
	file := create(t, f, filepath.Join(dir, "f"))
	for _, c := range []struct {
		text string
		n    int
		err  error
	}{{"ab", 2, nil}, {"cdefg", 3, syscall.EIO}, {"hi", 2, nil}} {
		if n, err := file.Write([]byte(c.text)); n != c.n || !errors.Is(err, c.err) {
			t.Errorf("%s: %d, %v", c.text, n, err)
		}
	}
	if got := content(t, file); got != "abcdehi" {
		t.Errorf("%q", got)
	}
	setRules(t, f, "read short=4 error=EIO; write short=100 error=EIO")
	p := make([]byte, 7)
	if n, err := file.ReadAt(p, 0); n != 4 || !errors.Is(err, syscall.EIO) || string(p) != "abcd\x00\x00\x00" {
		t.Errorf("%d, %v, %q", n, err, p)
	}
	if n, err := file.WriteAt([]byte("AB"), 0); n != 2 || !errors.Is(err, syscall.EIO) {
		t.Errorf("a write shorter than short=: %d, %v", n, err)
	}
}

func TestADiskIsFullAfterItsBudget(t *testing.T) {
	f, dir := faulty(t, "write|preallocate *.db budget=10 error=ENOSPC")
	file, other := create(t, f, filepath.Join(dir, "f.db")), create(t, f, filepath.Join(dir, "f"))
	for i, c := range []struct {
		bytes, n int
	}{{4, 4}, {4, 4}, {0, 0}, {5, 2}, {1, 0}, {0, 0}} {
		n, err := file.Write(make([]byte, c.bytes))
		if n != c.n || errors.Is(err, syscall.ENOSPC) != (c.n < c.bytes) {
			t.Errorf("write %d: %d, %v", i, n, err)
		}
	}
	if _, err := other.Write(make([]byte, 100)); err != nil {
		t.Error("a file that does not match:", err)
	}
	setRules(t, f, "write|preallocate budget=10 error=ENOSPC")
	if err := file.Preallocate(0, 11); !errors.Is(err, syscall.ENOSPC) {
		t.Error("more was reserved than there is:", err)
	}
	if n, err := file.Write(make([]byte, 10)); n != 10 || err != nil {
		t.Error("a reservation that failed took room:", n, err)
	}
}

func TestAFailedSyncThatLostItsDataNeverReachesTheDiskAgain(t *testing.T) {
	f, dir := faulty(t, "")
	inner := NewFault(OS{})
	f.inner = inner
	at := func(name string) string { return filepath.Join(dir, name) }
	file, other := create(t, f, at("a")), create(t, f, at("other"))
	setRules(t, f, "sync path=a nth=1 error=EIO lost")
	syncs := func() uint64 { return inner.Calls().Of(KindSync | KindSyncDir) }
	if err := file.SyncData(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	setRules(t, f, "")
	if err := errors.Join(file.Sync(), file.SyncData()); err != nil || syncs() != 0 {
		t.Errorf("a later sync: %v, %d were passed on", err, syncs())
	}
	if err := f.Rename(at("a"), at("b")); err != nil {
		t.Fatal(err)
	}
	again, err := f.OpenReadWrite(at("b"))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Sync(); err != nil || syncs() != 0 {
		t.Errorf("through a new handle: %v, %d were passed on", err, syncs())
	}
	if err := errors.Join(other.Sync(), create(t, f, at("a")).Sync()); err != nil || syncs() != 2 {
		t.Errorf("other files: %v, %d were passed on", err, syncs())
	}
	if err := file.Sync(); err != nil || syncs() != 2 {
		t.Errorf("through the handle, beside a new file of its name: %v, %d were passed on", err, syncs())
	}
	if err := f.Remove(at("b")); err != nil {
		t.Fatal(err)
	}
	if err := create(t, f, at("b")).Sync(); err != nil || syncs() != 3 {
		t.Errorf("a new file of the last name: %v, %d were passed on", err, syncs())
	}
	setRules(t, f, "syncdir nth=1 error=EIO lost")
	if err := f.SyncDir(dir); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if err := f.SyncDir(dir); err != nil || syncs() != 3 {
		t.Errorf("of a directory: %v, %d were passed on", err, syncs())
	}
}

func TestALyingSyncIsNotPassedOnAndAFailedOneNeither(t *testing.T) {
	for rule, fails := range map[string]bool{"sync|syncdir lie": false, "sync|syncdir error=EIO": true} {
		inner := NewFault(OS{})
		dir := t.TempDir()
		f := NewFault(inner)
		file := create(t, f, filepath.Join(dir, "f"))
		setRules(t, f, rule)
		for _, err := range []error{file.Sync(), file.SyncData(), f.SyncDir(dir)} {
			if (err != nil) != fails {
				t.Errorf("%s: %v", rule, err)
			}
		}
		setRules(t, f, "")
		if n := inner.Calls().Of(kindSyncs); n != 0 {
			t.Errorf("%s: %d were passed on", rule, n)
		}
		if err := file.Sync(); err != nil || inner.Calls().Of(kindSyncs) != 1 {
			t.Errorf("%s: the sync after it: %v", rule, err)
		}
	}
}

func TestDelaysAddUpAndComeBeforeTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, dir := faulty(t, "stat delay=2ms; stat every=2 delay=1s; stat nth=3 delay=1h error=EIO; stat nth=3 delay=9h")
		for i, want := range []time.Duration{2 * time.Millisecond, time.Second + 2*time.Millisecond, time.Hour + 2*time.Millisecond} {
			start := time.Now()
			_, err := f.Stat(dir)
			if took := time.Since(start); took != want || (err != nil) != (i == 2) {
				t.Errorf("call %d took %v, want %v: %v", i, took, want, err)
			}
		}
	})
}

func TestAnInvalidRuleFailsEveryCallAndSaysWhy(t *testing.T) {
	f := NewFault(OS{}, Rule{Kind: KindWrite, Lie: true})
	if _, err := f.Stat(t.TempDir()); !errors.Is(err, ErrInjected) || !strings.Contains(err.Error(), "lie is for sync") {
		t.Error(err)
	}
}

func TestAViewOfAClassSharesRulesAndCounts(t *testing.T) {
	f, dir := faulty(t, "stat nth=2 error=EIO")
	view := Classed(f, Log)
	f.Stat(dir)
	if _, err := view.Stat(dir); !errors.Is(err, ErrInjected) || f.Calls().Of(KindStat) != 2 {
		t.Error(err, f.Calls())
	}
}

func TestEachNthOfManyConcurrentCallsFailsExactlyOnce(t *testing.T) {
	f, dir := faulty(t, "stat nth=500 error=EIO; stat times=7 error=ENOENT")
	var failed [3]int
	var mu sync.Mutex
	var done sync.WaitGroup
	for range 4 {
		done.Go(func() {
			for range 250 {
				_, err := f.Stat(dir)
				mu.Lock()
				switch {
				case err == nil:
					failed[0]++
				case errors.Is(err, syscall.EIO):
					failed[1]++
				case errors.Is(err, syscall.ENOENT):
					failed[2]++
				}
				mu.Unlock()
			}
		})
	}
	done.Go(func() {
		for range 100 {
			f.Calls()
			f.Fired()
		}
	})
	done.Wait()
	if failed != [3]int{992, 1, 7} || f.Calls().Of(KindAny) != 1000 {
		t.Error(failed, f.Calls())
	}
}

func TestTheLoopOverAllCallsOfAHistoryFailsEachOfThemOnce(t *testing.T) {
	history := func(f *Fault, dir string) error {
		file, err := f.Create(filepath.Join(dir, "f"))
		if err != nil {
			return err
		}
		_, err = file.Write([]byte("x"))
		return errors.Join(err, file.Sync(), file.Close(), f.SyncDir(dir))
	}
	f, dir := faulty(t, "")
	if err := history(f, dir); err != nil {
		t.Fatal(err)
	}
	calls, failures := f.Calls().Of(KindAny), uint64(0)
	for n := 1; ; n++ {
		f, dir := faulty(t, fmt.Sprintf("any nth=%d error=EIO", n))
		err := history(f, dir)
		if f.Fired() == 0 {
			if err != nil {
				t.Error(err)
			}
			break
		}
		failures++
		if !errors.Is(err, ErrInjected) {
			t.Errorf("call %d: %v", n, err)
		}
	}
	if failures != calls || calls != 5 {
		t.Errorf("%d of %d calls failed", failures, calls)
	}
}

func TestReadsAndWritesThroughAFaultDoNotAllocate(t *testing.T) {
	f, dir := faulty(t, "read nth=1000000 error=EIO; write *.x error=EIO; sync lie")
	file := create(t, f, filepath.Join(dir, "f"))
	p := make([]byte, 16)
	if n := testing.AllocsPerRun(100, func() {
		file.WriteAt(p, 0)
		file.ReadAt(p, 0)
		file.Sync()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFault(b *testing.B) {
	for name, rules := range map[string][]Rule{
		"no-rule":  nil,
		"one-rule": {{Kind: KindRead, Nth: 1 << 60, Err: syscall.EIO}},
		"pattern":  {{Kind: KindRead, Path: "*.wal", Err: syscall.EIO}},
	} {
		b.Run(name, func(b *testing.B) {
			f := NewFault(OS{}, rules...)
			for b.Loop() {
				f.decide(KindRead, "/data/db/000001.sst", "", 4096)
			}
		})
	}
}
