package adapt

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/kvbench/kvbench/engine"
)

func TestAShutGateLetsNobodyIn(t *testing.T) {
	g := NewGate()
	call := g.Enter()
	if call == nil {
		t.Fatal("an open gate is shut")
	}
	call.Leave()
	g.Close()
	for range 3 {
		if g.Enter() != nil {
			t.Fatal("a shut gate lets calls in")
		}
	}
}

func TestClosingAGateWaitsForTheCallsInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate()
		call := g.Enter()
		var closed atomic.Bool
		go func() {
			g.Close()
			closed.Store(true)
		}()
		synctest.Wait()
		if closed.Load() {
			t.Fatal("closed with a call inside")
		}
		if g.Enter() != nil {
			t.Fatal("a call began while the gate was closing")
		}
		call.Leave()
		synctest.Wait()
		if !closed.Load() {
			t.Fatal("not closed after the last call")
		}
	})
}

func TestNoCallRunsAfterTheGateIsShut(t *testing.T) {
	for range 100 {
		g := NewGate()
		var shut atomic.Bool
		var late atomic.Int32
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				for {
					call := g.Enter()
					if call == nil {
						return
					}
					if shut.Load() {
						late.Add(1)
					}
					call.Leave()
				}
			})
		}
		g.Close()
		shut.Store(true)
		workers.Wait()
		if n := late.Load(); n > 0 {
			t.Fatalf("%d calls ran late", n)
		}
	}
}

type fakeView struct {
	name  string
	ended *[]string
}

func (v *fakeView) End() { *v.ended = append(*v.ended, v.name) }

func TestTheYoungestViewEndsFirst(t *testing.T) {
	var s Views
	var ended []string
	old, gone, young := &fakeView{"old", &ended}, &fakeView{"gone", &ended}, &fakeView{"young", &ended}
	for _, v := range []*fakeView{old, gone, young} {
		if err := s.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	s.Remove(gone)
	s.EndAll()
	if len(ended) != 2 || ended[0] != "young" || ended[1] != "old" {
		t.Errorf("ended %v", ended)
	}
	if err := s.Add(old); err != engine.ErrClosed {
		t.Errorf("a view after the end: %v", err)
	}
	if s.Len() != 0 {
		t.Errorf("%d views are left", s.Len())
	}
}

func TestTheFirstFailureIsTheOneThatLaterWritesTell(t *testing.T) {
	first, second := errors.New("disk full"), errors.New("disk gone")
	c := engine.Caps{Durabilities: engine.Durabilities(engine.OS)}
	w := Writes{Default: engine.OS}
	if d, err := w.Level(&c, engine.Default); d != engine.OS || err != nil {
		t.Errorf("level %v, %v", d, err)
	}
	if _, err := w.Level(&c, engine.Sync); !errors.Is(err, engine.ErrUnsupported) {
		t.Errorf("an unknown level: %v", err)
	}
	if err := w.Fail("put", first); !errors.Is(err, first) {
		t.Error(err)
	}
	w.Fail("put", second)
	_, err := w.Level(&c, engine.OS)
	if !errors.Is(err, engine.ErrReadOnly) || !errors.Is(err, first) || errors.Is(err, second) {
		t.Error(err)
	}
	if !errors.Is(w.Failed(), first) {
		t.Error(w.Failed())
	}
}

func TestAPanicOfTheLibraryIsDamage(t *testing.T) {
	cause := errors.New("page 7")
	err := func() (err error) {
		defer Rescue("file", &err)
		panic(cause)
	}()
	if !errors.Is(err, engine.ErrCorrupt) || !errors.Is(err, cause) || !errors.Is(err, ErrPanic) {
		t.Error(err)
	}
}

func TestPollEndsWhenWorkIsSettledOrIdleOrCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		err := Poll(t.Context(), func() (bool, bool) {
			looks++
			return looks == 3 || looks > 5, looks < 5
		})
		if err != nil || looks != 7 {
			t.Errorf("%d looks, %v; one settled look is no proof", looks, err)
		}
		if err := Poll(t.Context(), func() (bool, bool) { return false, false }); err != nil {
			t.Error("idle:", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err = Poll(ctx, func() (bool, bool) { cancel(); return false, true })
		if !errors.Is(err, context.Canceled) {
			t.Error("cancelled:", err)
		}
	})
}
