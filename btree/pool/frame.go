package pool

import (
	"fmt"
	"sync/atomic"
)

// A State says who may do what with a frame. See the package's comment.
type State uint32

// The states.
const (
	Free    State = iota // in the free list
	Private              // taken; known to its taker only
	Clean                // holds a page as its home has it
	Dirty                // holds a page that its home has not
	Leaving              // clean, and somebody is unlinking it
	Frozen               // holds an old version; immutable
	Limbo                // retired; free when the epoch has passed

	states = int(Limbo) + 1
)

func (s State) String() string {
	names := [states]string{"free", "private", "clean", "dirty", "leaving", "frozen", "limbo"}
	if int(s) < states {
		return names[s]
	}
	return fmt.Sprintf("state %d", uint32(s))
}

// A Frame describes what a frame holds: one cache line, without pointers. What
// is exported the owner of the page sets and reads; the pool clears it when the
// frame comes free and, but for Page, never looks at it.
type Frame struct {
	Page  atomic.Uint32 // its id; set before Admit
	state atomic.Uint32

	version atomic.Uint64 // odd while written, unlinked or retired

	Stamp atomic.Uint64 // at which this version of the page was made
	Home  atomic.Uint64 // mapping entry of the clean image; 0 is none
	Gen   atomic.Uint64 // checkpoint generation of the first change

	ref atomic.Uint32 // hits not yet seen by the policy, at most Pool.most

	_ [20]byte
}

// State is the state at this moment.
func (d *Frame) State() State { return State(d.state.Load()) }

// forget clears what belonged to the page that has left.
func (d *Frame) forget() {
	d.Page.Store(0)
	d.Stamp.Store(0)
	d.Home.Store(0)
	d.Gen.Store(0)
	d.ref.Store(0)
}

// move takes a frame from one state to another, unless it is in neither's
// place: then nothing changes and it returns false.
func (p *Pool) move(f uint32, from, to State) bool {
	if !p.frames[f].state.CompareAndSwap(uint32(from), uint32(to)) {
		return false
	}
	p.count[from].Add(-1)
	p.count[to].Add(1)
	return true
}

// Touch tells the policy of a hit. It writes only while that changes anything,
// so not on pages that are hit often.
func (p *Pool) Touch(f uint32) {
	ref := &p.frames[f].ref
	// Two hits at once may count as one.
	if n := ref.Load(); n < p.most {
		ref.Store(n + 1)
	}
}

// Version is the version at this moment, for who entered and left the frame
// before: the page is unchanged as long as it is the same. An odd one is never
// returned by Enter.
func (p *Pool) Version(f uint32) uint64 { return p.frames[f].version.Load() }

// Supersede makes whoever is in the frame, or remembers its version, begin
// anew: what the frame holds is no longer what they look for. The frame must
// not be locked.
func (p *Pool) Supersede(f uint32) { p.frames[f].version.Add(2) }

// MarkDirty makes a clean frame dirty, before the first change of its page. It
// is true if the frame is dirty now, and then nobody evicts it; false if it is
// on its way in or out: the mapping will say another thing soon.
//
// The writer's alone, who is pinned since before it had f from the mapping.
func (p *Pool) MarkDirty(f uint32) bool {
	return p.frames[f].State() == Dirty || p.move(f, Clean, Dirty)
}

// SetClean makes a dirty frame clean, after its page has a home. False: it is
// not dirty. The caller holds the writer's lock and has set Home.
func (p *Pool) SetClean(f uint32) bool {
	p.ordering.Lock()
	defer p.ordering.Unlock()
	if !p.move(f, Dirty, Clean) {
		return false
	}
	p.order.cleaned(f)
	return true
}

// Freeze makes a clean or dirty frame an old version: it leaves the policy and
// stays as it is until it is retired. False: it is on its way in or out.
//
// The writer's alone, who is pinned as for MarkDirty unless the frame is dirty.
func (p *Pool) Freeze(f uint32) bool {
	// Nobody else makes it dirty or clean meanwhile.
	if !p.move(f, Dirty, Frozen) && !p.move(f, Clean, Frozen) {
		return false
	}
	p.forsake(f)
	return true
}

// Supplant is Freeze(old) and Admit(f, Dirty) in one: f, which is private and
// holds a copy of the page, takes the place of old in the policy. False: one of
// them is in another state, and nothing has changed.
//
// The writer's alone, who is pinned as for MarkDirty unless old is dirty.
func (p *Pool) Supplant(old, f uint32) bool {
	p.ordering.Lock()
	defer p.ordering.Unlock()
	was := Dirty
	if !p.move(old, Dirty, Frozen) {
		if was = Clean; !p.move(old, Clean, Frozen) {
			return false
		}
	}
	if !p.move(f, Private, Dirty) {
		p.move(old, Frozen, was)
		return false
	}
	p.order.replace(old, f)
	return true
}

// forsake takes a frame out of the policy, if it is in it.
func (p *Pool) forsake(f uint32) {
	p.ordering.Lock()
	p.order.remove(f)
	p.ordering.Unlock()
}

// Admit ends a frame's privacy: it holds a page, clean or dirty, and enters the
// policy. Inner pages are kept for longer than others. False: the frame was not
// private, or s is another state.
//
// Page is set, and the mapping names the frame already, since who finds that it
// lost a race to load a page can Give its frame back only while it is private.
func (p *Pool) Admit(f uint32, s State, inner bool) bool {
	if s != Clean && s != Dirty {
		return false
	}
	p.ordering.Lock()
	defer p.ordering.Unlock()
	if !p.move(f, Private, s) {
		return false
	}
	p.order.nodes[f] = node{inner: inner}
	p.policy.admit(f, p.frames[f].Page.Load())
	return true
}
