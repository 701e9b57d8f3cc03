package space

import "math"

// End is one behind the highest slot that is held or fixed: how long the file
// must be.
func (m *Map) End() uint64 { return m.end }

// ShrinkTo says where the file could end if every slot behind were moved down,
// keeping slackShare of what is used, and minSlack slots at least, for the pages
// that the next checkpoint writes out of place. Below target there is a free
// slot for each that is used at target or behind. It is worth it if the file
// gets shorter by more than that slack: a file whose length wavers by less than
// a checkpoint is left alone. With a slackShare of less than about half of what
// SetSpare says, it takes back what TakeRun has the file grow by.
//
// Fixed slots count as used even if nothing holds them: what the last deletes
// left counts from the next checkpoint on.
func (m *Map) ShrinkTo(slackShare float64, minSlack uint64) (target uint64, worth bool) {
	slack := minSlack
	if slackShare > 0 {
		share := math.Ceil(slackShare * float64(m.usedN))
		slack = max(slack, uint64(min(share, maxSlots)))
	}
	target = m.usedN + min(slack, maxSlots)
	if target >= m.end {
		return m.end, false
	}
	return target, m.end-target > slack
}

// UsedFrom is how many slots at s and behind are held or fixed: how much there
// is to move.
func (m *Map) UsedFrom(s uint64) (n uint64) {
	if s >= m.end {
		return 0
	}
	mask := ^uint64(0) << (s & 63)
	for w := s >> 6; w <= (m.end-1)>>6; w++ {
		n += count((m.held[w] | m.fixed[w]) & mask)
		mask = ^uint64(0)
	}
	return n
}
