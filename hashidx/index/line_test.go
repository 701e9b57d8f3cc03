package index

import (
	"math/rand/v2"
	"testing"
)

func TestAMatchIsTheSlotsWithTheLows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	limits := []uint32{0, 1, 0x7fff, 0x8000, 0x8001, 0xffff}
	draw := func() uint32 {
		if r.IntN(4) == 0 {
			return r.Uint32() & lowMask
		}
		return limits[r.IntN(len(limits))]
	}
	for range 100_000 {
		var l line
		next := r.Uint32()
		if r.IntN(2) == 0 {
			next = draw()<<lowBits | draw()
		}
		l.link(next)
		lows := [lineSlots]uint32{}
		for _, i := range r.Perm(lineSlots) {
			lows[i] = draw()
			l.put(i, 1, lows[i])
		}
		low := draw()
		got := [lineSlots]bool{}
		for m := l.match(l.tail.Load(), low); m != 0; m &= m - 1 {
			i := m.first()
			if got[i] || lows[i] != low {
				t.Fatalf("slot %d of %x matches %x", i, lows, low)
			}
			got[i] = true
		}
		for i, other := range lows {
			if l.low(i) != other || other == low && !got[i] {
				t.Fatalf("slot %d has %x, want %x; matches of %x: %v", i, l.low(i), lows, low, got)
			}
		}
		if l.next() != next {
			t.Fatalf("next is %x, want %x", l.next(), next)
		}
	}
}
