package index

import "fmt"

// A Lock holds up other writers of the keys with the same lowest bits of their
// hashes, so that its holder can look for a key's entry and then change it.
// Readers go on. To hold several at once, take them in the order of
// LockOrder.
type Lock struct {
	x    *Index
	s    *stripe
	code code
}

// LockOrder is the place of a hash's lock among all. Hashes with the same
// number share a lock; taking it twice waits forever.
func LockOrder(hash uint64) int { return int(codeOf(hash) % stripeCount) }

// Lock waits for the lock of a hash. Unlock ends it.
func (x *Index) Lock(hash uint64) Lock {
	c := codeOf(hash)
	s := x.stripe(c)
	s.mu.Lock()
	return Lock{x: x, s: s, code: c}
}

// For is the lock for another hash with the same LockOrder: who holds one
// holds all of them. Only one of them is to be unlocked.
func (l Lock) For(hash uint64) Lock { return Lock{x: l.x, s: l.s, code: codeOf(hash)} }

// Unlock ends the lock. It may split a few buckets, for the inserts before.
func (l Lock) Unlock() {
	unreported := l.s.keys.Load() - l.s.reported
	due := unreported >= reportEvery || unreported <= -reportEvery
	if due {
		l.s.reported += unreported
	}
	l.s.mu.Unlock()
	if due {
		l.x.keys.Add(unreported)
		l.x.grow()
	}
	l.x.over.settle(l.x.domain)
}

// LockAll waits for the locks of all hashes: no writer is under way then. Who
// holds a lock must not call it.
func (x *Index) LockAll() {
	for i := range x.stripes {
		x.stripes[i].mu.Lock()
	}
}

// UnlockAll ends LockAll.
func (x *Index) UnlockAll() {
	for i := range x.stripes {
		x.stripes[i].mu.Unlock()
	}
}

// Find is Index.Find for the locked hash. What it yields stays until the lock
// ends or its holder changes it.
func (l Lock) Find() Cursor { return Cursor{x: l.x, code: l.code} }

// Insert adds an entry for the locked hash. Errors wrap [ErrPlace] or those of
// offheap.Map; nothing is changed then.
func (l Lock) Insert(place uint64) error {
	if place == 0 || place > MaxPlace {
		return fmt.Errorf("hash index: insert place %#x: %w", place, ErrPlace)
	}
	home := l.x.home.at(bucketOf(l.code, l.x.count.Load()))
	if err := l.x.add(home, l.code.word(place), l.code.low()); err != nil {
		return fmt.Errorf("hash index: insert: %w", err)
	}
	l.s.keys.Add(1)
	return nil
}

// add enters an entry into a chain.
func (x *Index) add(home *line, word uint64, low uint32) error {
	if i := home.free(); i >= 0 {
		home.put(i, word, low)
		return nil
	}
	head := home.next()
	if head != 0 {
		l := x.over.at(uint64(head))
		if i := l.free(); i >= 0 {
			l.put(i, word, low)
			return nil
		}
	}
	n, err := x.over.take()
	if err != nil {
		return err
	}
	l := x.over.at(uint64(n))
	l.link(head)
	l.put(0, word, low)
	home.link(n)
	return nil
}

// Replace puts the entry of the locked hash at another place, in one step for
// readers. It returns false if there is none at the old place.
func (l Lock) Replace(old, place uint64) bool {
	if place == 0 || place > MaxPlace {
		return false
	}
	_, at, i := l.search(old)
	if at == nil {
		return false
	}
	at.slots[i].Store(l.code.word(place))
	return true
}

// Delete takes out the entry of the locked hash at a place. It returns false if
// there is none.
func (l Lock) Delete(place uint64) bool {
	home, at, i := l.search(place)
	if at == nil {
		return false
	}
	at.slots[i].Store(0)
	l.s.keys.Add(-1)
	l.x.densify(l.s, home)
	return true
}

// search returns the home line of the locked hash, and line and slot of its
// entry at a place; no line if there is none.
func (l Lock) search(place uint64) (home, at *line, slot int) {
	home = l.x.home.at(bucketOf(l.code, l.x.count.Load()))
	if place == 0 || place > MaxPlace {
		return home, nil, 0
	}
	word, low := l.code.word(place), l.code.low()
	for at = home; ; {
		tail := at.tail.Load()
		for m := at.match(tail, low); m != 0; m &= m - 1 {
			if i := m.first(); at.slots[i].Load() == word {
				return home, at, i
			}
		}
		n := nextOf(tail)
		if n == 0 {
			return home, nil, 0
		}
		at = l.x.over.at(uint64(n))
	}
}

// Insert adds an entry. It is Lock, Insert, Unlock.
func (x *Index) Insert(hash, place uint64) error {
	l := x.Lock(hash)
	err := l.Insert(place)
	l.Unlock()
	return err
}

// Replace puts an entry at another place if it is still at the old one. It is
// Lock, Replace, Unlock.
func (x *Index) Replace(hash, old, place uint64) bool {
	l := x.Lock(hash)
	ok := l.Replace(old, place)
	l.Unlock()
	return ok
}

// Delete takes out an entry. It is Lock, Delete, Unlock.
func (x *Index) Delete(hash, place uint64) bool {
	l := x.Lock(hash)
	ok := l.Delete(place)
	l.Unlock()
	return ok
}

// An Entry is what Walk yields and Load takes.
type Entry struct {
	Hash  uint64 // only HashBits of it matter
	Place uint64
}

// loadBatch is how many lines Load has under way at once.
const loadBatch = 32

// Load inserts many entries, with overlapping cache misses. Several goroutines
// may load at once. After an error some of the entries are there.
func (x *Index) Load(entries []Entry) error {
	var hashes [loadBatch]uint64
	for len(entries) > 0 {
		part := entries[:min(loadBatch, len(entries))]
		entries = entries[len(part):]
		for i := range part {
			hashes[i] = part[i].Hash
		}
		x.Touch(hashes[:len(part)])
		for _, e := range part {
			if err := x.Insert(e.Hash, e.Place); err != nil {
				return err
			}
		}
	}
	return nil
}
