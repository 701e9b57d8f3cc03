package cache

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvbench/kvbench/engine/offheap"
)

func TestCloseWaitsForGarbageThatIsNotRetiredYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{Bytes: 1 << 20, Shards: 1})
		if err != nil {
			t.Fatal(err)
		}
		insert(t, c, Key{1, 0}, 4096, Normal)
		s := &c.shards[0]

		// What Erase does, stopped where it has left the lock.
		var g garbage
		s.mu.Lock()
		s.evictAll(&g)
		s.mu.Unlock()

		closed := make(chan error, 1)
		go func() { closed <- c.Close() }()
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("Close returned %v while a block was on its way out", err)
			return
		default:
		}
		c.discard(s, &g)
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if n := c.mem.Live(); n != 0 {
			t.Errorf("%d bytes were not freed", n)
		}
	})
}

func TestAnInsertThatMeetsCloseWantsNoGhost(t *testing.T) {
	c, err := New(Options{Bytes: 1 << 20, Shards: 1})
	if err != nil {
		t.Fatal(err)
	}
	k := Key{1, 0}
	insert(t, c, k, 4096, Normal)
	s := &c.shards[0]
	s.missing = 64 // as if memory had been short
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	// It has looked whether the cache is closed just before.
	if h, f, landed := c.begin(s, k, k.hash(), 4096, Normal, false); h.cache != nil || f != nil || landed != nil {
		t.Errorf("a closed shard took the block: %v, %v, %v", h, f, landed)
	}
}

func TestAFailedInsertLandsWithoutMemory(t *testing.T) {
	c := newCache(t, Options{Bytes: 1 << 20, Shards: 1})
	s := &c.shards[0]
	done := make(chan struct{})
	filling := make(chan struct{})
	go func() {
		defer close(done)
		_, err := c.Insert(Key{1, 0}, 4096, Normal, func([]byte) error {
			s.mu.Lock() // so that it cannot land, and Close would wait for it
			close(filling)
			return errFill
		})
		if !errors.Is(err, errFill) {
			t.Error(err)
		}
	}()
	<-filling
	for deadline := time.Now().Add(5 * time.Second); c.mem.Live() > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Errorf("%d bytes are not freed before the flight lands", c.mem.Live())
			break
		}
	}
	s.mu.Unlock()
	<-done
}

func TestAClosedCacheLeavesTheReportOfItsBudget(t *testing.T) {
	all := offheap.NewBudget(10 << 20)
	c := newCache(t, Options{Bytes: 1 << 20, Budget: all})
	if lines := all.Report(); len(lines) != 2 {
		t.Fatalf("with a cache: %+v", lines)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if lines := all.Report(); len(lines) != 1 {
		t.Errorf("with a closed cache: %+v", lines)
	}
}
