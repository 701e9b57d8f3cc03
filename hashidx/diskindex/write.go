package diskindex

import (
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/hashidx/index"
)

// A Lock holds up other writers of the keys with the same index.LockOrder, so
// that its holder can look for a key's entry and then change it. Readers go
// on. To hold several at once, take them in the order of index.LockOrder. Its
// holder is pinned.
type Lock struct {
	x    *Index
	hash uint64
	pin  epoch.Guard
}

func (x *Index) stripe(hash uint64) *stripe { return &x.stripes[hash%stripeCount] }

// Lock waits for the lock of a hash. Unlock ends it.
func (x *Index) Lock(hash uint64) Lock {
	x.stripe(hash).mu.Lock()
	return Lock{x: x, hash: hash, pin: x.domain.Pin()}
}

// For is the lock for another hash with the same index.LockOrder: who holds
// one holds all of them. Only one of them is to be unlocked.
func (l Lock) For(hash uint64) Lock {
	l.hash = hash
	return l
}

// Unlock ends the lock.
func (l Lock) Unlock() {
	l.pin.Unpin()
	l.x.stripe(l.hash).mu.Unlock()
}

// LockAll waits for the locks of all hashes, in their order. Nothing is
// inserted, replaced or deleted until UnlockAll. Its caller holds none of them.
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
func (l Lock) Find() Cursor { return l.x.Find(l.hash) }

// Insert adds an entry for the locked hash. Errors wrap index.ErrPlace or those
// of offheap.Map; nothing is changed then.
func (l Lock) Insert(place uint64) error {
	if err := l.add(l.x.view.Load().active, place, 1); err != nil {
		return err
	}
	l.x.stripe(l.hash).entries.Add(1)
	return nil
}

// add adds n equal entries to a front, or none.
func (l Lock) add(f *front, place uint64, n int) error {
	for i := range n {
		if err := f.added.Insert(l.hash, place); err != nil {
			l.drop(f, place, i)
			return err
		}
	}
	f.size.Add(int64(n))
	return nil
}

// drop takes n equal entries out of a front that are there.
func (l Lock) drop(f *front, place uint64, n int) {
	for range n {
		f.added.Delete(l.hash, place)
	}
}

// Replace puts the entry of the locked hash at another place: in one step for
// readers, who see it at one of the two. It returns false if there is none at
// the old place. After an error, of reading a page or of memory, nothing is
// changed.
func (l Lock) Replace(old, place uint64) (bool, error) {
	if place == 0 || place > index.MaxPlace {
		return false, nil
	}
	f := l.x.view.Load().active
	if f.added.Replace(l.hash, old, place) {
		return true, nil
	}
	n, err := l.count(old)
	if n == 0 || err != nil {
		return false, err
	}
	if err := l.add(f, place, 1); err != nil {
		return false, err
	}
	if err := l.hide(f, old, n-1); err != nil {
		l.drop(f, place, 1)
		f.size.Add(-1)
		return false, err
	}
	return true, nil
}

// Delete takes out the entry of the locked hash at a place. It returns false if
// there is none. After an error, of reading a page or of memory, nothing is
// changed.
func (l Lock) Delete(place uint64) (bool, error) {
	f := l.x.view.Load().active
	if f.added.Delete(l.hash, place) {
		f.size.Add(-1)
	} else {
		n, err := l.count(place)
		if n == 0 || err != nil {
			return false, err
		}
		if err := l.hide(f, place, n-1); err != nil {
			return false, err
		}
	}
	l.x.stripe(l.hash).entries.Add(-1)
	return true, nil
}

// count is how often an entry is in the base.
func (l Lock) count(place uint64) (int, error) {
	c := l.Find()
	c.base()
	for n := 0; ; {
		p, ok, err := c.Next()
		if !ok || err != nil {
			return n, err
		}
		if p == place {
			n++
		}
	}
}

// hide takes all entries out of the base that are equal to this one, and leaves
// so many copies. What readers are to find instead is in the front before they
// miss what it replaces, and moves tells them to look there again.
func (l Lock) hide(f *front, place uint64, copies int) error {
	if err := l.add(f, place, copies); err != nil {
		return err
	}
	l.x.stripe(l.hash).moves.Add(1)
	if err := f.removed.Insert(l.hash, place); err != nil {
		l.drop(f, place, copies)
		f.size.Add(int64(-copies))
		return err
	}
	f.size.Add(1)
	return nil
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
func (x *Index) Replace(hash, old, place uint64) (bool, error) {
	l := x.Lock(hash)
	ok, err := l.Replace(old, place)
	l.Unlock()
	return ok, err
}

// Delete takes out an entry. It is Lock, Delete, Unlock.
func (x *Index) Delete(hash, place uint64) (bool, error) {
	l := x.Lock(hash)
	ok, err := l.Delete(place)
	l.Unlock()
	return ok, err
}

// Load inserts many entries. Several goroutines may load at once. After an
// error some of the entries are there. It does not Merge: ask Full in between.
func (x *Index) Load(entries []index.Entry) error {
	for _, e := range entries {
		if err := x.Insert(e.Hash, e.Place); err != nil {
			return err
		}
	}
	return nil
}
