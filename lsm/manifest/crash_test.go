package manifest

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/version"
)

// crashes calls check with what a power loss may leave now: every state if
// they are few, else some by chance.
func crashes(m *vfs.Mem, seed uint64, check func(what string, crashed *vfs.Mem)) {
	for what, crashed := range m.Crashes(seed, 6) {
		check(what, crashed)
	}
	if m.CountCrashStates() > 64 {
		return
	}
	for crashed := range m.CrashStates() {
		check("some state", crashed)
	}
}

// check opens what a crash left after n acknowledged edits.
func check(t *testing.T, what string, m *vfs.Mem, n int) {
	t.Helper()
	scanned, err := Scan(m, dir, nil, nil)
	if err != nil {
		t.Fatalf("%s: %d acknowledged: %v", what, n, err)
	}
	l, got, err := Open(m, dir, Options{})
	if err != nil {
		t.Fatalf("%s: %d acknowledged: %v", what, n, err)
	}
	if !same(got, scanned.State) || !same(got, model(t, n)) && (n == len(edits()) || !same(got, model(t, n+1))) {
		t.Fatalf("%s: %d acknowledged: %+v", what, n, got)
	}
	// It goes on from there, whatever was left behind.
	if _, _, err := l.Append(&version.Edit{NextRun: 1000}); err != nil {
		t.Fatal(err)
	}
	if s, err := Scan(m.Image(vfs.Synced), dir, nil, nil); err != nil || s.State.NextRun != 1000 || !same(s.State, l.State()) {
		t.Fatalf("%s: %+v, %v", what, s, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := m.List(dir); err != nil || len(names) != 2 {
		t.Fatalf("%s: %v are left", what, names)
	}
}

func TestACrashLeavesWhatWasAcknowledgedAndMaybeOneMore(t *testing.T) {
	for _, long := range []int{longBytes, 0} {
		m := newDir(t)
		n, seed, renames := 0, uint64(1), 0
		m.Watch(func(p vfs.Point) {
			crashes(m, seed, func(what string, crashed *vfs.Mem) { check(t, p.Op+" "+what, crashed, n) })
			seed += 6
			if p.Op == "rename" && p.Before {
				renames++
			}
		})
		if _, err := history(m, long, func(k int) { n = k }); err != nil {
			t.Fatal(err)
		}
		m.Watch(nil)
		if seed < 100 || long == 0 && renames < 3 {
			t.Errorf("%d crashes, %d new files", seed, renames)
		}
	}
}

func TestACrashWhileOpeningLosesNothing(t *testing.T) {
	full := closed(t)
	m := put(t, append(full[:len(full)-frameBytes:len(full)-frameBytes], "torn tail"...), 1)
	seed := uint64(1)
	m.Watch(func(p vfs.Point) {
		crashes(m, seed, func(what string, crashed *vfs.Mem) { check(t, p.Op+" "+what, crashed, len(edits())) })
		seed += 6
	})
	l, _, err := Open(m, dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	m.Watch(nil)
	if seed < 50 {
		t.Error(seed)
	}
}

// The crash of a crash: what a first one left while the manifest was begun
// anew is opened, and that crashes, too.
func TestACrashOfARecoveryLosesNothing(t *testing.T) {
	m := newDir(t)
	n, seed := 0, uint64(1)
	m.Watch(func(p vfs.Point) {
		seed++
		again := m.Crash(seed)
		again.Watch(func(q vfs.Point) {
			seed++
			check(t, p.Op+", then "+q.Op, again.Crash(seed), n)
		})
		l, got, err := Open(again, dir, Options{})
		if err != nil {
			t.Fatal(p.Op, err)
		}
		again.Watch(nil)
		if err := l.Close(); err != nil || !same(got, l.State()) {
			t.Fatal(err)
		}
	})
	if _, err := history(m, 0, func(k int) { n = k }); err != nil {
		t.Fatal(err)
	}
	m.Watch(nil)
}

func TestAFailureStopsTheLogAndLosesNothing(t *testing.T) {
	for _, long := range []int{longBytes, 0} {
		for _, lost := range []bool{false, true} {
			for nth := uint64(1); ; nth++ {
				m := newDir(t)
				f := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindAny, Nth: nth, Err: syscall.EIO, Lost: lost})
				n := 0
				_, err := history(f, long, func(k int) { n = k })
				if f.Fired() == 0 {
					if err != nil || nth < 30 {
						t.Fatal(nth, err)
					}
					break
				}
				for what, crashed := range m.Crashes(nth, 4) {
					check(t, what, crashed, n)
				}
			}
		}
	}
}

func TestAFailureWhileOpeningLosesNothing(t *testing.T) {
	for nth := uint64(1); ; nth++ {
		m := put(t, closed(t), 1)
		f := vfs.NewFault(m, vfs.Rule{Kind: vfs.KindAny, Nth: nth, Err: syscall.EIO, Lost: true})
		l, s, err := Open(f, dir, Options{})
		if err == nil {
			if !same(s, model(t, len(edits()))) {
				t.Fatal(nth, s)
			}
			_ = l.Close() // fails where the fault is its own
		}
		if f.Fired() == 0 {
			if err != nil || nth < 10 {
				t.Fatal(nth, err)
			}
			break
		}
		for what, crashed := range m.Crashes(nth, 4) {
			check(t, what, crashed, len(edits()))
		}
	}
}

// put makes a directory with a manifest of these bytes that counts.
func put(t testing.TB, p []byte, number uint64) *vfs.Mem {
	t.Helper()
	m := newDir(t)
	for name, content := range map[string]string{Name(number): string(p), Current: currentText(number)} {
		f, err := m.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return m.Image(vfs.Written)
}

// closed returns the manifest of a history, as Close left it.
func closed(t testing.TB) []byte {
	t.Helper()
	m := newDir(t)
	if _, err := history(m, longBytes, nothing); err != nil {
		t.Fatal(err)
	}
	p, err := vfs.ReadFile(m, filepath.Join(dir, Name(1)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
