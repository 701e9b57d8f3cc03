package pool

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine/epoch"
)

// A modelPool is what a pool should be: the state of each frame, by the table
// in the package's comment.
type modelPool struct {
	t      *rapid.T
	p      *Pool
	domain *epoch.Domain
	limit  int
	state  []State
	guard  *epoch.Guard
	seen   []uint64 // version at the last check
}

const modelFrames, modelReserve = 6, 2

func newModelPool(t *rapid.T, policy string) *modelPool {
	d := epoch.NewDomain()
	p, err := New(Options{PageBytes: 64, Frames: modelFrames, Reserve: modelReserve, Policy: policy, Domain: d})
	if err != nil {
		t.Fatalf("new: %v", err)
	}
	n := modelFrames + modelReserve
	return &modelPool{t: t, p: p, domain: d, limit: modelFrames, state: make([]State, n), seen: make([]uint64, n)}
}

func (m *modelPool) used() int {
	n := 0
	for _, s := range m.state {
		if s != Free {
			n++
		}
	}
	return n
}

// may takes a frame from one of some states to another, if it is in one.
func (m *modelPool) may(f uint32, to State, from ...State) bool {
	if !slices.Contains(from, m.state[f]) {
		return false
	}
	m.state[f] = to
	return true
}

// expect fails unless an operation said what the model says.
func (m *modelPool) expect(what string, got, want any) {
	m.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		m.t.Fatalf("%s: %v, the model says %v", what, got, want)
	}
}

func (m *modelPool) taken(f uint32, ok, want bool) {
	m.expect("take", ok, want)
	if ok && !m.may(f, Private, Free) {
		m.t.Fatalf("frame %d was given out while %v", f, m.state[f])
	}
}

// reclaim frees what nobody can be in.
func (m *modelPool) reclaim() {
	m.domain.Reclaim()
	if m.guard == nil {
		for f := range m.state {
			m.may(uint32(f), Free, Limbo)
		}
	}
}

func (m *modelPool) anyFrame() uint32 {
	return rapid.Uint32Range(0, modelFrames+modelReserve-1).Draw(m.t, "frame")
}

func (m *modelPool) check() {
	m.reclaim()
	for f, want := range m.state {
		if got := m.p.frames[f].State(); got != want {
			m.t.Fatalf("frame %d is %v, the model says %v", f, got, want)
		}
		v := m.p.Version(uint32(f))
		if v < m.seen[f] {
			m.t.Fatalf("the version of frame %d fell from %d to %d", f, m.seen[f], v)
		}
		m.seen[f] = v
	}
	checkPool(m.t, m.p)
}

// evict plays Evict: with hits spent, it finds all that is clean.
func (m *modelPool) evict(n int, refuse bool) {
	clean := 0
	for _, s := range m.state {
		if s == Clean {
			clean++
		}
	}
	asked := 0
	got := m.p.Evict(n, func(f, page uint32) bool {
		m.expect("state of a victim", m.state[f], Clean)
		m.expect("page of a victim", page, f+100)
		m.expect("its state while asked", m.p.frames[f].State(), Leaving)
		for _, refused := range []bool{m.p.MarkDirty(f), m.p.Freeze(f), m.p.SetClean(f), m.p.Give(f), m.p.Retire([]uint32{f}) > 0} {
			m.expect("a move of a frame that is leaving", refused, false)
		}
		asked++
		if !refuse {
			m.state[f] = Limbo
		}
		return !refuse
	})
	if refuse {
		m.expect("evicted", got, 0)
		if clean > 0 && n > 0 && asked == 0 {
			m.t.Fatalf("nobody was asked, of %d clean frames", clean)
		}
		return
	}
	m.expect("evicted", got, min(n, clean))
	m.expect("asked", asked, got)
}

func (m *modelPool) dirtyVictims(n int) {
	dirty := 0
	for _, s := range m.state {
		if s == Dirty {
			dirty++
		}
	}
	got := m.p.DirtyVictims([]uint32{77}, n)
	m.expect("what was there", got[0], 77)
	got = got[1:]
	m.expect("dirty victims", len(got), min(n, dirty))
	for i, f := range got {
		m.expect("a dirty victim", m.state[f], Dirty)
		if slices.Contains(got[:i], f) {
			m.t.Fatalf("frame %d is named twice", f)
		}
	}
}

func TestFramesMoveOnlyAsTheTableSays(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		rapid.Check(t, func(t *rapid.T) {
			m := newModelPool(t, policy)
			actions := m.actions()
			actions[""] = func(*rapid.T) { m.check() }
			t.Repeat(actions)
			if m.guard != nil {
				m.guard.Unpin()
				m.guard = nil
			}
			m.check()
			if err := m.p.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
		})
	})
}

// actions are the operations, each with what the model says of it.
func (m *modelPool) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"take": func(*rapid.T) {
			want := m.used() < m.limit
			f, ok := m.p.Take()
			m.taken(f, ok, want)
		},
		"takeReserve": func(*rapid.T) {
			want := m.used() < len(m.state)
			f, ok := m.p.TakeReserve()
			m.taken(f, ok, want)
		},
		"give": func(*rapid.T) {
			f := m.anyFrame()
			want := m.may(f, Free, Private)
			m.expect("give", m.p.Give(f), want)
		},
		"admit": func(t *rapid.T) {
			f, s := m.anyFrame(), rapid.SampledFrom([]State{Clean, Dirty, Frozen, Free}).Draw(t, "state")
			if m.state[f] == Private {
				m.p.Frame(f).Page.Store(f + 100)
				m.p.Frame(f).Home.Store(1)
			}
			want := (s == Clean || s == Dirty) && m.may(f, s, Private)
			m.expect("admit", m.p.Admit(f, s, f%2 == 0), want)
		},
		"touch":     func(*rapid.T) { m.touch() },
		"markDirty": func(*rapid.T) { f := m.anyFrame(); m.expect("mark", m.p.MarkDirty(f), m.may(f, Dirty, Clean, Dirty)) },
		"setClean":  func(*rapid.T) { f := m.anyFrame(); m.expect("clean", m.p.SetClean(f), m.may(f, Clean, Dirty)) },
		"freeze":    func(*rapid.T) { f := m.anyFrame(); m.expect("freeze", m.p.Freeze(f), m.may(f, Frozen, Clean, Dirty)) },
		"supplant": func(*rapid.T) {
			old, f := m.anyFrame(), m.anyFrame()
			want := m.state[f] == Private && m.may(old, Frozen, Clean, Dirty) && m.may(f, Dirty, Private)
			if want {
				m.p.Frame(f).Page.Store(f + 100)
			}
			m.expect("supplant", m.p.Supplant(old, f), want)
		},
		"retire": func(*rapid.T) {
			fs, want := []uint32{m.anyFrame(), m.anyFrame()}, 0
			for _, f := range fs {
				if m.may(f, Limbo, Dirty, Frozen) {
					want++
				}
			}
			m.expect("retire", m.p.Retire(fs), want)
			fs[0], fs[1] = 99, 99 // it has copied them
		},
		"evict": func(t *rapid.T) {
			m.evict(rapid.IntRange(0, 9).Draw(t, "n"), rapid.IntRange(0, 3).Draw(t, "refuse") == 0)
		},
		"dirtyVictims": func(t *rapid.T) { m.dirtyVictims(rapid.IntRange(0, 9).Draw(t, "n")) },
		"pin": func(*rapid.T) {
			if m.guard == nil {
				g := m.domain.Pin()
				m.guard = &g
			}
		},
		"unpin": func(*rapid.T) {
			if m.guard != nil {
				m.guard.Unpin()
				m.guard = nil
			}
		},
	}
}

func (m *modelPool) touch() {
	if f := m.anyFrame(); m.state[f] != Free {
		m.p.Touch(f)
	}
}
