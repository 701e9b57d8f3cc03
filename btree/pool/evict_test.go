package pool

import (
	"slices"
	"testing"
)

func TestDirtyPagesThatWouldLeaveAreCleanedFirstAndLeaveNext(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		p := newPool(t, Options{Frames: 8, Policy: policy})
		var fs []uint32
		for i := range uint32(8) {
			fs = append(fs, admitted(t, p, i+1, Clean))
		}
		p.MarkDirty(fs[0])
		p.MarkDirty(fs[2])
		p.MarkDirty(fs[5])
		if got := p.DirtyVictims(nil, 9); !slices.Equal(got, []uint32{fs[0], fs[2], fs[5]}) {
			t.Errorf("dirty victims %v: not the oldest first", got)
		}
		p.Touch(fs[0])
		if got := p.DirtyVictims(nil, 9); !slices.Equal(got, []uint32{fs[2], fs[5], fs[0]}) {
			t.Errorf("dirty victims %v: what was hit is not last", got)
		}
		p.frames[fs[0]].ref.Store(0)

		var left []uint32
		note := func(f, _ uint32) bool { left = append(left, f); return true }
		p.Evict(2, note) // passes by 0 and 2
		if want := []uint32{fs[1], fs[3]}; !slices.Equal(left, want) {
			t.Fatalf("%v left, not %v", left, want)
		}
		if got := p.Stats().Held; got != 2 {
			t.Errorf("%d frames are held", got)
		}
		p.Touch(fs[0])
		if got := p.DirtyVictims(nil, 2); !slices.Equal(got, []uint32{fs[0], fs[2]}) {
			t.Errorf("dirty victims %v: not what Evict passed by", got)
		}
		p.SetClean(fs[2])
		p.Evict(1, note)
		if left[2] != fs[2] {
			t.Errorf("frame %d left, not the one that was cleaned, %d", left[2], fs[2])
		}
		if n := p.Evict(9, note); n != 3 {
			t.Errorf("%d left of 3 clean frames", n)
		}
		if looked := p.Stats().Looked; p.Evict(9, note) != 0 || p.Stats().Looked != looked {
			t.Error("Evict looked at frames again that are dirty")
		}
	})
}

func TestEvictTakesWhatIsHitIfThereIsNothingElse(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		p := newPool(t, Options{Frames: 50, Policy: policy})
		for i := range uint32(50) {
			f := admitted(t, p, i+1, Clean)
			p.nodesInner(f)
			for range 5 {
				p.Touch(f)
			}
		}
		// Whenever one is asked for, all others are hit again.
		for left := range 50 {
			n := p.Evict(1, func(uint32, uint32) bool {
				for f := range p.frames {
					p.Touch(uint32(f))
				}
				return true
			})
			if n != 1 {
				t.Fatalf("%d frames left, after %d", n, left)
			}
		}
		p.domain.Reclaim()
	})
}

// A hammered policy finds all frames hit whenever it has looked at one.
type hammered struct {
	policy
	p *Pool
}

func (h hammered) step(force bool) (f uint32, leaves bool) {
	f, leaves = h.policy.step(force)
	for f := range h.p.frames {
		h.p.frames[f].ref.Store(h.p.most)
	}
	return f, leaves
}

func TestEvictEndsHoweverManyHitsThereAre(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		p := newPool(t, Options{Frames: 20, Policy: policy})
		for i := range uint32(20) {
			admitted(t, p, i+1, Clean)
			p.Touch(i)
		}
		real := p.policy
		p.policy = hammered{real, p}
		for i := range 3 {
			if n := p.Evict(1, agree); n != 1 {
				t.Errorf("call %d: %d frames left", i, n)
			}
		}
		if n := p.Evict(99, refuse); n != 0 {
			t.Errorf("%d frames left that should stay", n)
		}
		p.policy = real
		for f := range p.frames { // free frames have none
			p.frames[f].ref.Store(0)
		}
	})
}

// nodesInner makes a frame that is in the policy hold an inner page.
func (p *Pool) nodesInner(f uint32) { p.order.nodes[f].inner = true }

func TestARefusedFrameStaysAndOthersLeave(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		p := newPool(t, Options{Frames: 100, Policy: policy})
		for i := range uint32(100) {
			admitted(t, p, i+1, Clean)
		}
		n := p.Evict(100, func(f, _ uint32) bool { return f%2 == 0 })
		if s := p.Stats(); n != 50 || s.Evictions != 50 || s.Refusals < 50 {
			t.Errorf("%d left: %+v", n, s)
		}
		if c := p.Counts(); c.Clean != 50 {
			t.Errorf("%+v", c)
		}
	})
}
