//go:build linux && amd64 && !race && !offheap_onheap

package pool

// Optimistic says that readers take no locks in this build.
const Optimistic = true

// guards is nothing here.
type guards struct{}

func newGuards(int) guards { return guards{} }

// Enter begins a read of a frame's page, of which the caller knows from a
// mapping that it read while pinned. What it reads counts only if Leave says
// so, and may be torn until then. With ok false, a writer is in the page or it
// is on its way out: look into the mapping again, after runtime.Gosched now and
// then. A reader is in one frame at a time, and waits for nothing while in it.
func (p *Pool) Enter(f uint32) (v uint64, ok bool) {
	v = p.frames[f].version.Load()
	return v, v&1 == 0
}

// Leave ends a read that Enter began with v, and must be called exactly once
// for it. It reports whether the page was still and the same all the time.
func (p *Pool) Leave(f uint32, v uint64) bool { return p.frames[f].version.Load() == v }

// Lock begins a change of a frame's page, which is dirty or at least kept from
// eviction. The writer's alone; it may be in several frames.
func (p *Pool) Lock(f uint32) { p.frames[f].version.Add(1) }

// Unlock ends a change that Lock began.
func (p *Pool) Unlock(f uint32) { p.frames[f].version.Add(1) }

// spoil does nothing here.
func (p *Pool) spoil(uint32) {}
