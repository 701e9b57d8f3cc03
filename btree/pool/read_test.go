package pool

import (
	"testing"
	"unsafe"
)

// admitted takes a frame and puts a page into it.
func admitted(t testing.TB, p *Pool, page uint32, s State) uint32 {
	t.Helper()
	f, ok := p.Take()
	if !ok {
		t.Fatal("no frame is free")
	}
	p.Frame(f).Page.Store(page)
	if !p.Admit(f, s, false) {
		t.Fatalf("frame %d was not admitted", f)
	}
	return f
}

func agree(_, _ uint32) bool  { return true }
func refuse(_, _ uint32) bool { return false }

func TestLeaveNoticesWhatHappenedToThePage(t *testing.T) {
	for _, c := range []struct {
		name  string
		state State
		same  bool
		do    func(p *Pool, f uint32)
	}{
		{"nothing", Clean, true, func(*Pool, uint32) {}},
		{"hits", Clean, true, func(p *Pool, f uint32) { p.Touch(f) }},
		{"mark dirty", Clean, true, func(p *Pool, f uint32) { p.MarkDirty(f) }},
		{"set clean", Dirty, true, func(p *Pool, f uint32) { p.SetClean(f) }},
		{"freeze", Dirty, true, func(p *Pool, f uint32) { p.Freeze(f) }},
		{"supersede", Dirty, false, func(p *Pool, f uint32) { p.Supersede(f) }},
		{"change", Dirty, false, func(p *Pool, f uint32) { p.Lock(f); p.Unlock(f) }},
		{"retire", Dirty, false, func(p *Pool, f uint32) { p.Retire([]uint32{f}) }},
		{"evict", Clean, false, func(p *Pool, f uint32) { p.Evict(1, agree) }},
		{"evict, refused", Clean, false, func(p *Pool, f uint32) { p.Evict(1, refuse) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPool(t, Options{Frames: 1})
			f := admitted(t, p, 1, c.state)
			v, ok := p.Enter(f)
			if !ok {
				t.Fatal("a page that nobody changes cannot be entered")
			}
			if Optimistic {
				c.do(p, f)
			}
			// Where readers lock, what happens while they are in must be
			// done by others: here it is done once they have left.
			if same := p.Leave(f, v); same != (c.same || !Optimistic) {
				t.Errorf("Leave: unchanged %v", same)
			}
			if !Optimistic {
				c.do(p, f)
			}
			if same := p.Version(f) == v; same != c.same {
				t.Errorf("Version: unchanged %v", same)
			}
		})
	}
}

func TestNobodyEntersAFrameThatIsWrittenOrOnItsWayOut(t *testing.T) {
	p := newPool(t, Options{Frames: 1})
	enter := func(when string, want bool) {
		t.Helper()
		v, ok := p.Enter(0)
		if ok {
			p.Leave(0, v)
		}
		if ok != want {
			t.Errorf("%s: entered %v", when, ok)
		}
	}
	f := admitted(t, p, 1, Dirty)
	if Optimistic {
		p.Lock(f)
		enter("locked", false)
		p.Unlock(f)
	}
	enter("unlocked", true)
	p.SetClean(f)
	p.Evict(1, func(uint32, uint32) bool { enter("leaving", false); return false })
	enter("back", true)
	g := p.domain.Pin()
	p.Evict(1, agree)
	enter("in limbo", false)
	g.Unpin()
	p.domain.Reclaim()
	if f := admitted(t, p, 2, Clean); f != 0 {
		t.Fatalf("frame %d of one", f)
	}
	enter("taken again", true)
}

func TestReadersAllocateNothing(t *testing.T) {
	p := newPool(t, Options{Frames: 1})
	f := admitted(t, p, 1, Clean)
	n := testing.AllocsPerRun(100, func() {
		if v, ok := p.Enter(f); ok {
			_ = p.Page(f)[0]
			p.Leave(f, v)
			p.Touch(f)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAFrameIsACacheLine(t *testing.T) {
	if n := unsafe.Sizeof(Frame{}); n != 64 {
		t.Errorf("a descriptor has %d bytes", n)
	}
	p := newPool(t, Options{Frames: 100})
	if at := uintptr(unsafe.Pointer(p.Frame(0))); at%64 != 0 {
		t.Errorf("descriptors begin at %#x", at)
	}
}
