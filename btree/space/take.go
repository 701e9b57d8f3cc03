package space

import "math/bits"

// searchWords bounds what one TakeRun looks at: 64 Ki slots.
const searchWords = 1024

// Take appends n slots to dst, which are held from now on: the lowest that are
// free, ascending. What lacks the file grows by.
func (m *Map) Take(dst []uint64, n int) []uint64 {
	for n > 0 {
		w := m.notFull()
		m.reach(w << 6)
		free := ^(m.held[w] | m.fixed[w])
		taken := uint64(0)
		for ; n > 0 && free != 0; n-- {
			bit := free & -free
			dst = append(dst, w<<6+uint64(bits.TrailingZeros64(bit)))
			taken |= bit
			free &^= bit
		}
		m.occupy(w, taken)
	}
	return dst
}

// SetSpare lets TakeRun make the file longer while no more than this share of
// it, 0 to 1, is free. It is 0 in a new map.
func (m *Map) SetSpare(share float64) { m.spare = share }

// TakeRun takes n slots in a row and returns the first; all are held from now
// on. They lie below End if a bounded search finds such a row, else at the end
// of the file if fewer than n slots are free or SetSpare allows it. If not, or
// if n is not positive, ok is false and nothing is taken: ask for fewer, or
// [Map.Take] what there is. A run of one is the lowest free slot.
func (m *Map) TakeRun(n int) (first uint64, ok bool) {
	if n <= 0 {
		return 0, false
	}
	if n == 1 {
		var one [1]uint64
		return m.Take(one[:0], 1)[0], true
	}
	if free := m.end - m.usedN; free >= uint64(n) {
		first, ok = m.findRun(uint64(n))
		if !ok && float64(free) > m.spare*float64(m.end) {
			return 0, false
		}
	}
	if !ok {
		first = m.end
	}
	last := first + uint64(n) - 1
	m.reach(last)
	for w := first >> 6; w <= last>>6; w++ {
		mask := ^uint64(0)
		if w == first>>6 {
			mask &= ^uint64(0) << (first & 63)
		}
		if w == last>>6 {
			mask &= ^uint64(0) >> (63 - last&63)
		}
		m.occupy(w, mask)
	}
	return first, true
}

// occupy makes the free slots of word w held whose bits are set.
func (m *Map) occupy(w, taken uint64) {
	if taken == 0 {
		return
	}
	n := count(taken)
	m.held[w] |= taken
	m.heldN += n
	m.usedN += n
	m.end = max(m.end, w<<6+uint64(bits.Len64(taken)))
	if m.held[w]|m.fixed[w] == ^uint64(0) {
		m.full[w>>6] |= 1 << (w & 63)
	}
}

// notFull is the lowest word with a free slot, perhaps one behind all.
func (m *Map) notFull() uint64 {
	for m.low < len(m.full) && m.full[m.low] == ^uint64(0) {
		m.low++
	}
	if m.low == len(m.full) {
		return uint64(m.low) << 6
	}
	return uint64(m.low)<<6 + uint64(bits.TrailingZeros64(^m.full[m.low]))
}

// findRun looks for n free slots in a row below End, beginning where the last
// search ended and going round once at most. It leaves the hand where the next
// begins: a run back, so that a row that lies across is found.
func (m *Map) findRun(n uint64) (first uint64, ok bool) {
	words, span := (m.end+63)>>6, n>>6+1
	if m.hand >= words {
		m.hand = 0
	}
	w, run := m.hand, uint64(0) // run: free slots that end where w begins
	for range min(max(searchWords, 4*span), words+span) {
		used := m.held[w] | m.fixed[w]
		if w == words-1 {
			used |= ^uint64(0) << ((m.end - 1) & 63) << 1
		}
		low := uint64(bits.TrailingZeros64(used))
		if run+low >= n {
			first, ok = w<<6-run, true
		} else if at, found := gap(^used, n); found {
			first, ok = w<<6+at, true
		}
		if ok {
			m.hand = (first + n) >> 6
			return first, true
		}
		if run += low; low < 64 {
			run = uint64(bits.LeadingZeros64(used))
		}
		if w++; w == words {
			w, run = 0, 0
		}
	}
	m.hand = w - min(w, span)
	return 0, false
}

// gap is the lowest place in free where n bits in a row are set.
func gap(free, n uint64) (at uint64, ok bool) {
	if n > 64 {
		return 0, false
	}
	for n > 1 && free != 0 { // a bit of free: so many bits from here were set
		half := n >> 1
		free &= free >> half
		n -= half
	}
	return uint64(bits.TrailingZeros64(free)), free != 0
}

func count(word uint64) uint64 { return uint64(bits.OnesCount64(word)) }
