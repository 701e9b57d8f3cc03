package index

import "math/bits"

const (
	// targetBytes16 is 16 times the bytes of lines per key: there are splits
	// while there is less. What pages hold beyond is in the few tenths that
	// this leaves below 17.
	targetBytes16 = 264

	// presizeKeys is a little more than how many keys there are per bucket
	// at the target.
	presizeKeys = 5

	// reportEvery is how many keys a stripe counts for itself before it
	// tells, and maxSplits how many buckets one report may split: more than
	// it adds, so that what was put off is made up for.
	reportEvery = 4
	maxSplits   = 8
)

// behind reports whether there are fewer lines than the keys are worth. It
// counts overflow lines that are free, since they take memory too.
func (x *Index) behind() bool {
	lines := x.count.Load() + x.over.made.Load()
	return int64(lines)*int64(lineBytes)*16 < x.keys.Load()*targetBytes16
}

// grow splits a bounded number of buckets if there are too few. It waits for
// nobody: what another holds up is split by a later insert. The caller holds
// no lock.
func (x *Index) grow() {
	if !x.behind() || !x.growing.TryLock() {
		return
	}
	for range maxSplits {
		if !x.behind() || !x.split() {
			break
		}
	}
	x.growing.Unlock()
}

// split splits one bucket; false if it cannot now. The caller holds growing.
//
// The order is what readers rely on: entries are copied, the new count is
// published, then their old slots are cleared.
func (x *Index) split() bool {
	n := x.count.Load()
	if bits.Len64(n) > HashBits {
		return false
	}
	if x.home.reach(n+1) != nil {
		x.refused.Add(1)
		return false
	}
	bit := uint64(1) << (bits.Len64(n) - 1)
	old := n - bit
	s := &x.stripes[old%stripeCount]
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	from, to := x.home.at(old), x.home.at(n)
	to.tail.Store(0) // it is 0: fresh memory is cheaper to write, then read
	if !x.copyMovers(from, to, old, bit) {
		x.refused.Add(1)
		return false
	}
	x.count.Store(n + 1)
	x.splits.Add(1)
	for l := from; l != nil; l = x.after(l) {
		for i := range l.slots {
			if l.slots[i].Load() != 0 && uint64(l.code(old, i))&bit != 0 {
				l.slots[i].Store(0)
			}
		}
	}
	x.densify(s, from)
	return true
}

// after is the next line of a chain; nil at its end.
func (x *Index) after(l *line) *line {
	n := l.next()
	if n == 0 {
		return nil
	}
	return x.over.at(uint64(n))
}

// copyMovers copies the entries of a bucket whose codes have the bit into a
// chain that no reader can reach yet. If memory is short it leaves that empty
// and returns false.
func (x *Index) copyMovers(from, to *line, bucket, bit uint64) bool {
	for l := from; l != nil; l = x.after(l) {
		for i := range l.slots {
			w := l.slots[i].Load()
			if w == 0 || uint64(l.code(bucket, i))&bit == 0 {
				continue
			}
			if x.add(to, w, l.low(i)) != nil {
				x.discard(to)
				return false
			}
		}
	}
	return true
}

// discard empties a chain that no reader ever reached.
func (x *Index) discard(home *line) {
	for n := home.next(); n != 0; {
		l := x.over.at(uint64(n))
		next := l.next()
		clearSlots(l)
		x.over.giveBack(n)
		n = next
	}
	home.link(0)
	clearSlots(home)
}

func clearSlots(l *line) {
	for i := range l.slots {
		l.slots[i].Store(0)
	}
}

// densify fills the holes of a chain with entries of its first overflow line,
// and unlinks that once it is empty, so that only the first overflow line has
// room, and the home line only without any. The caller holds the stripe.
func (x *Index) densify(s *stripe, home *line) {
	head := home.next()
	if head == 0 {
		return
	}
	source := x.over.at(uint64(head))
	for hole := home; hole != nil; hole = x.after(hole) {
		if hole == source {
			continue
		}
		for i := range hole.slots {
			if hole.slots[i].Load() != 0 {
				continue
			}
			j := source.used()
			for j < 0 {
				source = x.unlinkHead(home)
				if source == nil || source == hole {
					break
				}
				j = source.used()
			}
			if source == nil {
				return
			}
			if source == hole {
				break
			}
			hole.put(i, source.slots[j].Load(), source.low(j))
			s.moves.Add(1) // between copy and clear: a walk that missed both starts again
			source.slots[j].Store(0)
		}
	}
	for source != nil && source.used() < 0 {
		source = x.unlinkHead(home)
	}
}

// unlinkHead takes the first overflow line, which is empty, out of a chain,
// and returns the one after it, if there is one.
func (x *Index) unlinkHead(home *line) *line {
	n := home.next()
	next := x.over.at(uint64(n)).next()
	home.link(next)
	x.over.unlinked(n)
	if next == 0 {
		return nil
	}
	return x.over.at(uint64(next))
}
