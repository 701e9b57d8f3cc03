//go:build !linux || !amd64 || race || offheap_onheap

package pool

import "sync"

// Optimistic says that readers take no locks in this build.
const Optimistic = false

// guards order accesses to pages where the race detector, or a processor that
// swaps loads, must not see them unordered.
type guards struct{ locks []sync.RWMutex }

func newGuards(n int) guards { return guards{make([]sync.RWMutex, n)} }

// Enter begins a read of a frame's page, of which the caller knows from a
// mapping that it read while pinned. What it reads counts only if Leave says
// so. With ok false, a writer is in the page or it is on its way out: look into
// the mapping again, after runtime.Gosched now and then. A reader is in one
// frame at a time, and waits for nothing while in it.
func (p *Pool) Enter(f uint32) (v uint64, ok bool) {
	// The writer may be waiting for frames, which are free when all who are
	// pinned have gone on: who waited for it here would wait for ever.
	if !p.locks[f].TryRLock() {
		return p.frames[f].version.Load(), false
	}
	v = p.frames[f].version.Load()
	if v&1 != 0 {
		p.locks[f].RUnlock()
		return v, false
	}
	return v, true
}

// Leave ends a read that Enter began with v, and must be called exactly once
// for it. It reports whether the page was still and the same all the time.
func (p *Pool) Leave(f uint32, v uint64) bool {
	same := p.frames[f].version.Load() == v
	p.locks[f].RUnlock()
	return same
}

// Lock begins a change of a frame's page, which is dirty or at least kept from
// eviction. The writer's alone; it may be in several frames.
func (p *Pool) Lock(f uint32) {
	p.locks[f].Lock()
	p.frames[f].version.Add(1)
}

// Unlock ends a change that Lock began.
func (p *Pool) Unlock(f uint32) {
	p.frames[f].version.Add(1)
	p.locks[f].Unlock()
}

// spoil overwrites the page of a frame that comes free, so that whoever still
// reads it is noticed.
func (p *Pool) spoil(f uint32) {
	page := p.Page(f)
	for i := range page {
		page[i] = spoilt
	}
}

// spoilt fills pages that are free.
const spoilt = 0xDB
