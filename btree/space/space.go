package space

import (
	"errors"
	"fmt"
	"math/bits"
)

// Errors that callers tell apart.
var (
	// ErrHeld: what must have one owner would have two.
	ErrHeld = errors.New("the slot is held already")

	// ErrNotHeld: dropped twice, or never held.
	ErrNotHeld = errors.New("the slot is not held")

	// ErrNotFixed: given back by a checkpoint that does not have it.
	ErrNotFixed = errors.New("the slot is not fixed")

	// ErrReserved: one of the first slots, which hold no pages.
	ErrReserved = errors.New("the slot is reserved")

	// ErrRange: a slot that no file can have.
	ErrRange = errors.New("the slot is beyond every file")
)

// maxSlots is what an entry of the mapping can name.
const maxSlots = 1 << 36

// A Map says which slots are held, which are fixed, and so which are free.
//
// Concurrency: none. Its owner's lock guards it.
type Map struct {
	held  []uint64 // bit slot
	fixed []uint64 // as long as held
	full  []uint64 // bit of a word of held in which none is free
	low   int      // words of full below are all ones

	reserved uint64
	end      uint64
	heldN    uint64
	fixedN   uint64
	usedN    uint64 // held or fixed
	hand     uint64 // word at which TakeRun goes on
	spare    float64
	defects  uint64
}

// Stats are counts of slots.
type Stats struct {
	Slots uint64 // below End
	Held  uint64 // with the reserved ones
	Fixed uint64 // some of them held too
	Free  uint64 // below End

	// Defects counts calls that were refused, which a correct caller never
	// makes.
	Defects uint64
}

// New returns a map of a file with nothing but its reserved slots.
func New(reserved uint64) *Map {
	m := &Map{reserved: reserved, end: reserved}
	for s := range reserved {
		m.hold(s)
	}
	return m
}

// Hold makes a slot held, as the tree is read from a file; slots taken are held
// already. The caller has compared s with the length of the file: the map grows
// to it. Errors wrap [ErrHeld], [ErrReserved] or [ErrRange].
func (m *Map) Hold(s uint64) error {
	if err := m.check(s); err != nil {
		return m.defect("hold", s, err)
	}
	if m.Held(s) {
		return m.defect("hold", s, ErrHeld)
	}
	m.reach(s)
	m.hold(s)
	return nil
}

// Drop makes a held slot no longer held. Errors wrap [ErrNotHeld] or
// [ErrReserved].
func (m *Map) Drop(s uint64) error {
	if s < m.reserved {
		return m.defect("drop", s, ErrReserved)
	}
	if !m.Held(s) {
		return m.defect("drop", s, ErrNotHeld)
	}
	w, bit := s>>6, uint64(1)<<(s&63)
	m.held[w] &^= bit
	m.heldN--
	if m.fixed[w]&bit == 0 {
		m.release(s)
	}
	return nil
}

// Fix makes a slot one that a checkpoint refers to, held or not, fixed already
// or not. The caller has compared s with the length of the file. Errors wrap
// [ErrReserved] or [ErrRange].
func (m *Map) Fix(s uint64) error {
	if err := m.check(s); err != nil {
		return m.defect("fix", s, err)
	}
	if m.Fixed(s) {
		return nil
	}
	m.reach(s)
	w, bit := s>>6, uint64(1)<<(s&63)
	m.fixed[w] |= bit
	m.fixedN++
	if m.held[w]&bit == 0 {
		m.use(s)
	}
	return nil
}

// Unfix makes a fixed slot one that no checkpoint refers to. Errors wrap
// [ErrNotFixed] or [ErrReserved].
func (m *Map) Unfix(s uint64) error {
	if s < m.reserved {
		return m.defect("unfix", s, ErrReserved)
	}
	if !m.Fixed(s) {
		return m.defect("unfix", s, ErrNotFixed)
	}
	w, bit := s>>6, uint64(1)<<(s&63)
	m.fixed[w] &^= bit
	m.fixedN--
	if m.held[w]&bit == 0 {
		m.release(s)
	}
	return nil
}

// Held reports whether a slot is held; reserved ones are.
func (m *Map) Held(s uint64) bool { return has(m.held, s) }

// Fixed reports whether a checkpoint refers to a slot.
func (m *Map) Fixed(s uint64) bool { return has(m.fixed, s) }

// Stats counts. It takes no time.
func (m *Map) Stats() Stats {
	return Stats{Slots: m.end, Held: m.heldN, Fixed: m.fixedN, Free: m.end - m.usedN, Defects: m.defects}
}

// Bytes is what the map takes on the Go heap: a quarter of a byte for a slot.
func (m *Map) Bytes() int64 {
	return int64(cap(m.held)+cap(m.fixed)+cap(m.full)) * 8
}

func has(words []uint64, s uint64) bool {
	return s>>6 < uint64(len(words)) && words[s>>6]>>(s&63)&1 != 0
}

func (m *Map) check(s uint64) error {
	switch {
	case s < m.reserved:
		return ErrReserved
	case s >= maxSlots:
		return ErrRange
	}
	return nil
}

func (m *Map) defect(what string, s uint64, err error) error {
	m.defects++
	return fmt.Errorf("space: %s slot %d: %w", what, s, err)
}

// reach makes sure that there are bits for slot s.
func (m *Map) reach(s uint64) {
	w := int(s >> 6)
	if w < len(m.held) {
		return
	}
	words := max(w+1, len(m.held)+len(m.held)/4, 8)
	m.held = longer(m.held, words)
	m.fixed = longer(m.fixed, words)
	m.full = longer(m.full, (words+63)/64)
}

func longer(words []uint64, n int) []uint64 {
	l := make([]uint64, n)
	copy(l, words)
	return l
}

// hold makes a slot held that is not and has bits.
func (m *Map) hold(s uint64) {
	m.reach(s)
	w, bit := s>>6, uint64(1)<<(s&63)
	m.held[w] |= bit
	m.heldN++
	if m.fixed[w]&bit == 0 {
		m.use(s)
	}
}

// use notes that slot s is free no longer.
func (m *Map) use(s uint64) {
	m.usedN++
	m.end = max(m.end, s+1)
	if w := s >> 6; m.held[w]|m.fixed[w] == ^uint64(0) {
		m.full[w>>6] |= 1 << (w & 63)
	}
}

// release notes that slot s is free.
func (m *Map) release(s uint64) {
	m.usedN--
	w := s >> 6
	m.full[w>>6] &^= 1 << (w & 63)
	m.low = min(m.low, int(w>>6))
	if s+1 != m.end {
		return
	}
	// Words that are passed here were filled once since they were passed last,
	// or never: what was taken pays. Reserved slots, which are held, end it.
	for m.end > m.reserved {
		w := (m.end - 1) >> 6
		if used := m.held[w] | m.fixed[w]; used != 0 {
			m.end = w<<6 + uint64(bits.Len64(used))
			return
		}
		m.end = w << 6
	}
}
