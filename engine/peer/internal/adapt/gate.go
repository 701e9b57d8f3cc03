package adapt

import (
	"math"
	"sync/atomic"
	"unsafe"
)

// A Gate lets calls in until Close. Passing it costs two atomic additions on a
// cache line that goroutines seldom share, so that it does not show in the
// speed of the library behind it.
type Gate struct {
	slots [gateSlots]Slot
}

const (
	gateBits  = 4
	gateSlots = 1 << gateBits
	shut      = math.MinInt64 / 2 // added to a slot's count by Close
)

// A Slot counts some of the calls that are inside.
type Slot struct {
	count atomic.Int64
	wake  chan struct{}
	_     [112]byte // to two cache lines, which prefetchers fetch together
}

// NewGate returns an open gate.
func NewGate() *Gate {
	g := new(Gate)
	for i := range g.slots {
		g.slots[i].wake = make(chan struct{}, 1)
	}
	return g
}

// Enter begins a call, which Leave of the result ends. It returns nil once the
// gate is shut.
func (g *Gate) Enter() *Slot {
	// Goroutines have stacks of their own, so the address of a local variable
	// spreads them over the slots.
	var here byte
	at := uint64(uintptr(unsafe.Pointer(&here))) >> 11
	s := &g.slots[at*0x9e3779b97f4a7c15>>(64-gateBits)]
	if s.count.Add(1) < 0 {
		s.Leave()
		return nil
	}
	return s
}

// Leave ends the call.
func (s *Slot) Leave() {
	if s.count.Add(-1) == shut {
		select {
		case s.wake <- struct{}{}:
		default: // Close has a token already
		}
	}
}

// Close shuts the gate and waits for the calls inside. It is for one caller.
func (g *Gate) Close() {
	for i := range g.slots {
		g.slots[i].count.Add(shut)
	}
	for i := range g.slots {
		for s := &g.slots[i]; s.count.Load() != shut; {
			<-s.wake
		}
	}
}
