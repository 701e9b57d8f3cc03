package cache

import (
	"fmt"
	"strings"
)

// The policies by name.
const (
	S3FIFO = "s3fifo"
	LRU    = "lru"
	Clock  = "clock"
)

// Policies lists the names that Options.Policy may have.
func Policies() []string { return []string{S3FIFO, LRU, Clock} }

// A policy decides which block leaves next. It is a data structure over the
// entries of a slab: it links them by number and knows their sizes and hits,
// but not the table, the budget or any lock.
//
// It has no capacity of its own: its owner asks for a victim when there is not
// enough room, so the sum of what it holds is the capacity whenever that
// matters.
//
// Concurrency: the owner's lock is held for every call. Hits are not calls:
// readers raise entry.freq up to the cap and the policy finds that later. Only
// a policy that wants to be told, LRU, has touch called.
type policy interface {
	// expect prepares for n entries. It returns how many bytes it could not
	// get for that; without them it works, but decides worse.
	expect(n int) (missing int64)

	// admit takes an entry that is in no queue. A frequency of zero means a
	// block that is new to the cache.
	admit(id uint32, hash uint64)

	// touch tells of a hit, to a policy whose form wants it.
	touch(id uint32)

	// remove lets go of an entry that the policy holds.
	remove(id uint32)

	// victim lets go of an entry and returns it, or 0 if it holds none.
	victim() uint32

	// ghosts is the memory for keys that have left, and how often one of
	// them came back in time to matter.
	ghosts() (bytes int64, hits uint64)

	// release frees that memory.
	release()
}

// A form is how hits reach a policy.
type form struct {
	cap     uint32 // of entry.freq
	touched bool   // each hit is a call of touch, under the shard's lock
}

func formOf(name string) (form, error) {
	switch name {
	case S3FIFO:
		return form{cap: 3}, nil
	case Clock:
		return form{cap: 1}, nil
	case LRU:
		return form{cap: 1, touched: true}, nil
	}
	return form{}, fmt.Errorf("cache: unknown policy %q: choose %s", name, strings.Join(Policies(), ", "))
}

// newPolicy returns a policy that formOf knows.
func newPolicy(name string, s *slab) policy {
	switch name {
	case LRU:
		return newLRU(s)
	case Clock:
		return newClock(s)
	}
	return newS3FIFO(s)
}

// withoutGhosts is for policies that forget.
type withoutGhosts struct{}

func (withoutGhosts) expect(int) (missing int64)         { return 0 }
func (withoutGhosts) ghosts() (bytes int64, hits uint64) { return 0, 0 }
func (withoutGhosts) release()                           {}
