package tombstone

import (
	"sync"
	"sync/atomic"
)

// A List is the range deletes of a memtable. The zero List is empty and ready.
//
// Concurrency: Add, Set and Len may be called from many goroutines at once. A
// Set that begins after an Add has returned has the range. Reset may not be
// called beside any.
type List struct {
	// now is what Set returns: nil if nothing was added, and stale if
	// something was since it was made.
	now atomic.Pointer[Set]

	mu    sync.Mutex
	set   *Set    // all but those that wait
	waits []Range // not empty if now is stale
	added int
	bytes int
}

// stale is no Set: it says that one must be made.
var stale = new(Set)

// Add adds a range, and copies its bytes. A range that deletes nothing is not
// added.
func (l *List) Add(r Range) {
	if r.Empty() {
		return
	}
	a := arena{make([]byte, 0, len(r.Lower)+len(r.Upper))}
	r.Lower, r.Upper = a.copy(r.Lower), a.copy(r.Upper)
	l.mu.Lock()
	l.waits = append(l.waits, r)
	l.added++
	l.bytes += len(r.Lower) + len(r.Upper)
	l.now.Store(stale)
	l.mu.Unlock()
}

// Set returns all that was added. If something was since the last call, it
// first makes the new Set, which takes time in proportion to the fragments.
func (l *List) Set() *Set {
	s := l.now.Load()
	if s != stale {
		return s
	}
	return l.remake()
}

func (l *List) remake() *Set {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waits) > 0 {
		l.set = l.set.with(l.waits)
		l.waits = nil
		l.now.Store(l.set)
	}
	return l.set
}

// Len is how many ranges were added.
func (l *List) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.added
}

// Bytes is the length of the bounds that were added.
func (l *List) Bytes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

// Reset makes l empty. Sets that it gave out stay what they are.
func (l *List) Reset() {
	l.set, l.waits, l.added, l.bytes = nil, nil, 0, 0
	l.now.Store(nil)
}
