package store

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// crashes calls check with what a power loss may leave now: every state if
// they are few, else some by chance.
func crashes(m *vfs.Mem, seed uint64, check func(what string, crashed *vfs.Mem)) {
	for what, crashed := range m.Crashes(seed, 5) {
		check(what, crashed)
	}
	if m.CountCrashStates() > 32 {
		return
	}
	for crashed := range m.CrashStates() {
		check("some state", crashed)
	}
}

var ways = []string{IOPread, IOMmap, IODirect}

// check opens what a crash left after n acknowledged steps, and plays the rest.
func check(t *testing.T, what string, m *vfs.Mem, n int, io string) {
	t.Helper()
	r, err := openGrove(m, Options{ReadOnly: true, PageBytes: 4096, IO: io})
	if err != nil {
		t.Fatalf("%s: %d acknowledged: %v", what, n, err)
	}
	g := mustOpen(t, m, Options{IO: io})
	at, ok := g.stepOf()
	if was, _ := r.stepOf(); !ok || at != was || at < n || at > n+1 {
		t.Fatalf("%s: %d acknowledged: at %d, %v", what, n, at, g.versions)
	}
	if at < n+1 && g.sb.Damage != nil && !g.sb.Fallback {
		t.Fatalf("%s: %d acknowledged: %+v", what, n, g.sb)
	}
	if n%2 == 0 || at == len(history) {
		if err := g.f.Heal(); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.play(at, func(int) {}); err != nil {
		t.Fatalf("%s: %d acknowledged: %v", what, n, err)
	}
	if err := errors.Join(r.f.Close(), g.f.Close()); err != nil {
		t.Fatal(err)
	}
	last := mustOpen(t, m.Image(vfs.Synced), Options{})
	if at, ok := last.stepOf(); !ok || at != len(history) || last.sb.Damage != nil {
		t.Fatalf("%s: closed at %d, %+v", what, at, last.sb)
	}
	last.f.Close()
}

func TestACrashLeavesTheLastCheckpointOrTheNext(t *testing.T) {
	for _, io := range ways {
		m := vfs.NewMem()
		if err := newGrove(m, 4096); err != nil {
			t.Fatal(err)
		}
		if err := m.SyncDir("."); err != nil {
			t.Fatal(err)
		}
		n, seed, fallbacks := 0, uint64(1), 0
		m.Watch(func(p vfs.Point) {
			crashes(m, seed, func(what string, crashed *vfs.Mem) {
				f, sb, err := Open(crashed, path, Options{ReadOnly: true})
				if err == nil {
					f.Close()
				}
				if sb.Fallback {
					fallbacks++
				}
				check(t, io+" "+p.Op+" "+what, crashed, n, io)
			})
			seed += 5
		})
		g := mustOpen(t, m, Options{IO: io})
		if err := errors.Join(g.play(0, func(k int) { n = k }), g.f.Close()); err != nil {
			t.Fatal(err)
		}
		m.Watch(nil)
		if seed < 200 || fallbacks < 5 {
			t.Errorf("%d crashes, %d fell back", seed, fallbacks)
		}
	}
}

// The crash of a crash: what is opened may be what a killed process had
// written and not synced, and power fails while the next one works on it.
func TestACrashOfARecoveryLosesNothing(t *testing.T) {
	m := vfs.NewMem()
	if err := errors.Join(newGrove(m, 4096), m.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	acknowledged, seed := 0, uint64(1)
	m.Watch(func(p vfs.Point) {
		seed++
		for _, again := range []*vfs.Mem{m.Crash(seed), killed(t, m)} {
			n := acknowledged
			again.Watch(func(q vfs.Point) {
				seed++
				crashed := again.Crash(seed)
				g, err := openGrove(crashed, Options{})
				if err != nil {
					t.Fatalf("%s, then %s: %v", p.Op, q.Op, err)
				}
				if at, ok := g.stepOf(); !ok || at < n || at > n+1 {
					t.Fatalf("%s, then %s: at %d of %d", p.Op, q.Op, at, n)
				}
				g.f.Close()
			})
			g := mustOpen(t, again, Options{})
			at, _ := g.stepOf()
			n = max(n, at)
			if err := errors.Join(g.play(at, func(k int) { n = k }), g.f.Close()); err != nil {
				t.Fatal(err)
			}
			again.Watch(nil)
		}
	})
	g := mustOpen(t, m, Options{})
	if err := errors.Join(g.play(0, func(k int) { acknowledged = k }), g.f.Close()); err != nil {
		t.Fatal(err)
	}
	m.Watch(nil)
}

// killed is a file system on which a process was killed: the file reads as it
// was written, and what is durable of it is what was.
func killed(t *testing.T, m *vfs.Mem) *vfs.Mem {
	t.Helper()
	k := m.Image(vfs.Synced)
	now, err := vfs.ReadFile(m, path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := k.OpenReadWrite(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(now, 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(int64(len(now))), f.Close()); err != nil {
		t.Fatal(err)
	}
	return k
}

// TestACommitSyncsWhatItRefersTo: also where the caller did not.
func TestACommitSyncsWhatItRefersTo(t *testing.T) {
	m := vfs.NewMem()
	if err := errors.Join(newGrove(m, 4096), m.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	g := mustOpen(t, m, Options{})
	g.lazy = true
	done, seed := 0, uint64(0)
	m.Watch(func(p vfs.Point) {
		for what, crashed := range m.Crashes(seed, 10) {
			check(t, p.Op+" "+what, crashed, done, IOPread)
		}
		seed += 10
	})
	if err := g.play(0, func(n int) { done = n }); err != nil {
		t.Fatal(err)
	}
	m.Watch(nil)
	if err := g.f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestACopyIsDurableOnceTheFileIsClosed: then damage of either superblock
// loses nothing.
func TestACopyIsDurableOnceTheFileIsClosed(t *testing.T) {
	m := vfs.NewMem()
	if err := errors.Join(newGrove(m, 4096), m.SyncDir(".")); err != nil {
		t.Fatal(err)
	}
	g := mustOpen(t, m, Options{})
	if err := errors.Join(g.play(0, func(int) {}), g.f.Close()); err != nil {
		t.Fatal(err)
	}
	for block := range int64(2) {
		closed := m.Image(vfs.Synced)
		change(t, closed, block*blockBytes+20, 1, func(p []byte) { p[0] ^= 1 }, func() {
			g := mustOpen(t, closed, Options{ReadOnly: true})
			if at, ok := g.stepOf(); !ok || at != len(history) || g.sb.Damage == nil {
				t.Errorf("block %d: at %d, %+v", block, at, g.sb)
			}
		})
	}
}

func TestACrashWhileAFileIsMadeLeavesNothingOrAllOfIt(t *testing.T) {
	for _, pageBytes := range []int{4096, 8192, 32768} {
		m := vfs.NewMem()
		seed, made, unborn := uint64(1), 0, 0
		m.Watch(func(p vfs.Point) {
			for what, crashed := range m.Crashes(seed, 40) {
				g, err := openGrove(crashed, Options{})
				switch {
				case errors.Is(err, fs.ErrNotExist):
				case errors.Is(err, ErrUnborn):
					unborn++
					if err := crashed.Remove(path); err != nil {
						t.Fatal(err)
					}
					if err := newGrove(crashed, pageBytes); err != nil {
						t.Fatal(err)
					}
				case err != nil:
					t.Fatalf("%d: %s %s: %v", pageBytes, p.Op, what, err)
				default:
					made++
					if at, ok := g.stepOf(); at != 0 || !ok {
						t.Fatal(at, g.versions)
					}
					g.f.Close()
				}
			}
			seed += 40
		})
		if err := newGrove(m, pageBytes); err != nil {
			t.Fatal(err)
		}
		m.Watch(nil)
		if made < 20 || unborn < 20 {
			t.Errorf("%d made, %d not", made, unborn)
		}
	}
}

func TestAFailureLosesNothing(t *testing.T) {
	for _, io := range ways {
		for _, lost := range []bool{false, true} {
			for nth := uint64(1); ; nth++ {
				m := vfs.NewMem()
				if err := errors.Join(newGrove(m, 4096), m.SyncDir(".")); err != nil {
					t.Fatal(err)
				}
				fault := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindAny, Nth: nth, Err: syscall.EIO, Lost: lost})
				n := 0
				g, err := openGrove(fault, Options{IO: io})
				if err == nil {
					err = errors.Join(g.play(0, func(k int) { n = k }), g.f.Close())
				}
				if fault.Fired() == 0 {
					if err != nil || nth < 30 {
						t.Fatal(nth, err)
					}
					break
				}
				if err == nil {
					t.Fatalf("%s: call %d failed and nobody said so", io, nth)
				}
				for what, crashed := range m.Crashes(nth, 3) {
					check(t, what, crashed, n, io)
				}
				check(t, "killed", m, n, io)
			}
		}
	}
}

func TestAFailureWhileAFileIsMadeIsReported(t *testing.T) {
	for nth := uint64(1); ; nth++ {
		m := vfs.NewMem()
		fault := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindAny, Nth: nth, Err: syscall.EIO, Lost: true})
		err := newGrove(fault, 8192)
		if fault.Fired() == 0 {
			if err != nil || nth < 7 {
				t.Fatal(nth, err)
			}
			return
		}
		if !errors.Is(err, syscall.EIO) {
			t.Fatal(nth, err)
		}
		for what, crashed := range m.Crashes(nth, 5) {
			if g, err := openGrove(crashed, Options{}); err == nil {
				g.f.Close()
			} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrUnborn) {
				t.Fatal(nth, what, err)
			}
		}
	}
}

// TestNothingIsDoneAfterASyncThatFailed: a later one that succeeds would
// promise what the kernel has dropped.
func TestNothingIsDoneAfterASyncThatFailed(t *testing.T) {
	m := vfs.NewMem()
	if err := newGrove(m, 4096); err != nil {
		t.Fatal(err)
	}
	fault := vfs.NewFault(m)
	g := mustOpen(t, fault, Options{})
	rule, err := vfs.ParseRules("sync nth=1 error=EIO lost")
	if err != nil {
		t.Fatal(err)
	}
	fault.Set(rule...)
	if err := g.checkpoint(2, 1, 2); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	for _, err := range []error{g.f.Sync(), g.checkpoint(3, 1), g.f.Sync()} {
		if !errors.Is(err, syscall.EIO) {
			t.Error(err)
		}
	}
	if err := g.f.Close(); err != nil {
		t.Error(err)
	}
}
