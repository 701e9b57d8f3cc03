package wal

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

// Waiters who look before they queue must still be served, lead and share.
func TestWaitersWhoLookFirstAreServed(t *testing.T) {
	for _, looks := range []int{0, 1, 100, writeLooks} {
		var appended, works atomic.Uint64
		g := newGroup(neverFlusher, func() (LSN, error) {
			works.Add(1)
			return LSN(appended.Load()), nil
		})
		g.looks = looks
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 2000 {
					pos := LSN(appended.Add(1) - 1)
					if err := g.Wait(context.Background(), pos); err != nil {
						t.Error(err)
						return
					}
					if !g.Reached(pos) {
						t.Errorf("looks %d: wait for %d returned at %d", looks, pos, g.Horizon())
						return
					}
				}
			})
		}
		all.Wait()
		if n := works.Load(); n == 0 || n > 16000 {
			t.Errorf("looks %d: worked %d times for 16000 waits", looks, n)
		}
	}
}
