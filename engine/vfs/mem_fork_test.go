package vfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// jumble makes a history of many kinds of calls.
func jumble(s *story, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	name := func() string { return fmt.Sprint("/", r.IntN(5)) }
	for range 200 {
		p := name()
		if _, err := s.m.Stat(p); err != nil {
			s.create(p, "A")
			continue
		}
		switch r.IntN(10) {
		case 0:
			s.remove(p)
		case 1:
			s.rename(p, name())
		case 2:
			s.truncate(p, float64(r.IntN(32)))
		case 3:
			s.punch(p, r.IntN(32), 1+r.IntN(32))
		case 4:
			s.sync(p)
		case 5:
			if r.IntN(4) == 0 {
				s.syncDir("/")
			}
		default:
			s.write(p, r.IntN(32), string(rune('A'+r.IntN(26)))+fmt.Sprint(1+r.IntN(20)))
		}
	}
}

func TestTheSameSeedAndHistoryCrashTheSame(t *testing.T) {
	const seeds = 50
	states := map[string]bool{}
	for h := range uint64(10) {
		a, b := newStory(t), newStory(t)
		jumble(a, h)
		jumble(b, h)
		for seed := range uint64(seeds) {
			x, y, z := look(t, a.m.Crash(seed)), look(t, b.m.Crash(seed)), look(t, a.m.Crash(seed))
			if x != y || x != z {
				t.Fatalf("history %d, seed %d: %s, %s and %s", h, seed, x, y, z)
			}
			states[x] = true
		}
	}
	if len(states) < 10*seeds/2 {
		t.Errorf("%d seeds made %d states", 10*seeds, len(states))
	}
}

func TestWhatACrashLeftIsDurable(t *testing.T) {
	for h := range uint64(10) {
		s := newStory(t)
		jumble(s, h)
		for seed := range uint64(20) {
			first := s.m.Crash(seed)
			want := look(t, first)
			for what, second := range first.Crashes(seed, 5) {
				if got := look(t, second); got != want {
					t.Fatalf("history %d, seed %d, then %s: %s of %s", h, seed, what, got, want)
				}
			}
			if n := first.CountCrashStates(); n != 1 {
				t.Fatalf("%d states", n)
			}
			after := &story{t, first}
			names, err := first.List("/")
			s.ok(err)
			for _, name := range names {
				after.write("/"+name, 0, "z40")
				after.rename("/"+name, "/x"+name)
			}
			if got := look(t, first.Image(Synced)); got != want {
				t.Fatalf("history %d, seed %d, then a write: %s of %s", h, seed, got, want)
			}
		}
	}
}

func TestForksDoNotSeeEachOther(t *testing.T) {
	for h := range uint64(10) {
		s := newStory(t)
		jumble(s, h)
		for seed := range uint64(10) {
			fork := &story{t, s.m.Crash(seed)}
			other := s.m.Crash(seed)
			was, left := look(t, s.m), look(t, fork.m)
			jumble(fork, h+100)
			if got := look(t, s.m); got != was {
				t.Fatalf("history %d, seed %d: a write to the fork made %s of %s", h, seed, got, was)
			}
			forked := look(t, fork.m)
			jumble(s, h+200+seed)
			if got := look(t, fork.m); got != forked {
				t.Fatalf("history %d, seed %d: a write made %s of %s in the fork", h, seed, got, forked)
			}
			if got := look(t, other); got != left {
				t.Fatalf("history %d, seed %d: a write made %s of %s in another fork", h, seed, got, left)
			}
		}
	}
}

func TestACrashFreesLocksAndLeavesHandlesBehind(t *testing.T) {
	s := newStory(t)
	s.durable("/f", "A")
	f := s.open("/f")
	held, err := s.m.Lock("/f", true)
	s.ok(err)
	crashed := s.m.Crash(1)
	again, err := crashed.Lock("/f", true)
	s.ok(err)
	if _, err := s.m.Lock("/f", false); !errors.Is(err, ErrLocked) {
		t.Error("the lock of what was crashed:", err)
	}
	s.ok(held.Close())
	s.ok(again.Close())
	if err := held.Close(); err == nil {
		t.Error("a lock was released twice")
	}
	_, err = f.WriteAt(fill("B"), 0)
	s.ok(err)
	if got := look(t, crashed); got != "/f=A" {
		t.Error("an old handle wrote:", got)
	}
}

func TestTheWatcherSeesEveryOperationFromBothSides(t *testing.T) {
	s := newStory(t)
	s.durable("/old/f", "A8")
	var points []Point
	s.m.Watch(func(p Point) {
		s.m.Crash(uint64(p.N)) // no lock is held
		points = append(points, p)
	})
	s.ok(s.m.MkdirAll("/d"))
	s.create("/d/f", "A")
	s.truncate("/d/f", 3)
	s.punch("/d/f", 0, 1)
	s.sync("/d/f")
	s.syncData("/d/f")
	s.direct("/d/f", 0, "B8", false)
	s.direct("/d/f", 0, "B8", true)
	s.rename("/d/f", "/d/g")
	s.link("/d/g", "/d/h")
	s.remove("/d/h")
	s.syncDir("/d")
	s.ok(s.m.RemoveAll("/d"))
	if err := s.m.Remove("/absent"); err == nil {
		t.Error("what is absent was removed")
	}
	readOn(t, s.m, "/old/f")
	s.m.Watch(nil)
	s.create("/unseen", "A")
	want := []Point{
		{Op: "mkdir", Path: "/d"},
		{Op: "create", Path: "/d/f"},
		{Op: "write", Path: "/d/f"},
		{Op: "truncate", Path: "/d/f"},
		{Op: "punch", Path: "/d/f"},
		{Op: "sync", Path: "/d/f", Sync: true},
		{Op: "sync", Path: "/d/f", Sync: true},
		{Op: "write", Path: "/d/f"},
		{Op: "write", Path: "/d/f", Sync: true},
		{Op: "rename", Path: "/d/g"},
		{Op: "link", Path: "/d/h"},
		{Op: "remove", Path: "/d/h"},
		{Op: "sync-dir", Path: "/d", Sync: true},
		{Op: "remove-all", Path: "/d"},
		{Op: "remove", Path: "/absent"},
	}
	if len(points) != 2*len(want) {
		t.Fatalf("%d points, want %d: %v", len(points), 2*len(want), points)
	}
	for i, p := range points {
		w := want[i/2]
		w.N, w.Before = i+1, i%2 == 0
		if p != w {
			t.Errorf("%+v, want %+v", p, w)
		}
	}
}

func TestACrashAtThePointsOfASyncIsFromBeforeItAndAfterIt(t *testing.T) {
	s := newStory(t)
	s.durable("/f", "A")
	s.write("/f", 0, "B")
	var got []string
	s.m.Watch(func(p Point) {
		if p.Sync {
			got = append(got, look(t, s.m.Image(Synced)))
		}
	})
	s.sync("/f")
	if want := []string{"/f=A", "/f=B"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestACrashIsOneMoment has writers that keep two files equal but for the
// last step, and crashes between: a crash may never see a write to the
// second file without the one to the first, which was synced before.
func TestACrashIsOneMoment(t *testing.T) {
	s := newStory(t)
	s.durable("/a", "A")
	s.durable("/b", "A")
	var points atomic.Int64
	s.m.Watch(func(p Point) {
		points.Add(1)
		if !p.Sync {
			return
		}
		m := s.m.Crash(uint64(p.N))
		a, b := readOn(t, m, "/a"), readOn(t, m, "/b")
		if a[0] < b[0] {
			t.Errorf("point %d: %q and %q", p.N, a[0], b[0])
		}
	})
	var done sync.WaitGroup
	done.Go(func() {
		a, b := s.open("/a"), s.open("/b")
		for c := byte('B'); c <= 'Z'; c++ {
			for _, f := range []File{a, b} {
				if _, err := f.WriteAt(bytes.Repeat([]byte{c}, sectorSize), 0); err != nil {
					t.Error(err)
				}
				if err := f.Sync(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for i := range 3 {
		done.Go(func() {
			path := fmt.Sprint("/", i)
			f, err := s.m.Create(path)
			if err != nil {
				t.Error(err)
				return
			}
			p := make([]byte, 3000)
			for j := range 50 {
				_, err := f.Write(p)
				_, err2 := f.ReadAt(p, int64(j))
				if err2 == io.EOF {
					err2 = nil
				}
				if err := errors.Join(err, err2, f.SyncData(), s.m.SyncDir("/")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	if points.Load() == 0 {
		t.Error("nothing was watched")
	}
}
