package offheap

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// A Budget limits how many bytes its users hold together. Budgets form a tree:
// what one of them counts, all above it count too.
//
// Concurrency: every method may be called from many goroutines at once;
// reserving and releasing take no locks.
type Budget struct {
	used  atomic.Int64
	peak  atomic.Int64
	limit atomic.Int64 // 0: none of its own
	_     [lineBytes - 24]byte

	name   string
	parent *Budget

	mu   sync.Mutex
	subs []*Budget
}

// lineBytes keeps what different goroutines write apart: two cache lines,
// since processors prefetch in pairs.
const lineBytes = 128

// NewBudget returns the root of a tree. A limit of zero or less is none: the
// budget then only counts.
func NewBudget(limit int64) *Budget {
	b := &Budget{name: "all"}
	b.SetLimit(limit)
	return b
}

// Sub returns a new part of b with a quota of its own, in bytes; zero or less
// is none, so that only the budgets above limit it. Quotas may add up to more
// than b has. The name is for reports.
func (b *Budget) Sub(name string, quota int64) *Budget {
	sub := &Budget{name: name, parent: b}
	sub.SetLimit(quota)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subs = append(b.subs, sub)
	return sub
}

// Drop takes b, whose user is gone, out of the reports of the budget above, which
// would list it, and keep it in memory, for ever. What b still counts, that one
// counts too until it is released. Of a root, and a second time, it does nothing.
func (b *Budget) Drop() {
	if b.parent == nil {
		return
	}
	b.parent.mu.Lock()
	defer b.parent.mu.Unlock()
	// A copy: a report may be reading the old one.
	b.parent.subs = slices.DeleteFunc(slices.Clone(b.parent.subs), func(sub *Budget) bool { return sub == b })
}

// Reserve adds n bytes, unless that takes b or a budget above it beyond its
// limit: then it adds nothing and returns false. A negative n is refused.
//
// While a budget above refuses, b counts the bytes for a moment, and others may
// be refused that would just have fitted.
func (b *Budget) Reserve(n int64) bool {
	if n < 0 {
		return false
	}
	for level := b; level != nil; level = level.parent {
		if !level.reserve(n) {
			for undo := b; undo != level; undo = undo.parent {
				undo.used.Add(-n)
			}
			return false
		}
	}
	for level := b; level != nil; level = level.parent {
		level.raisePeak(level.used.Load())
	}
	return true
}

// reserve is Reserve on one level.
func (b *Budget) reserve(n int64) bool {
	for {
		used, limit := b.used.Load(), b.limit.Load()
		if limit == 0 {
			limit = math.MaxInt64
		}
		if n > limit-max(0, used) {
			return false
		}
		if b.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// Force adds n bytes whatever the limits say: for what must not fail, or is
// there already. Reserve then fails until enough is released.
func (b *Budget) Force(n int64) {
	for level := b; level != nil; level = level.parent {
		level.raisePeak(level.used.Add(n))
	}
}

// Release takes back n bytes that were reserved or forced on the same budget.
// To release more than that is a bug of the caller; Used then falls below
// zero, where tests see it.
func (b *Budget) Release(n int64) {
	for level := b; level != nil; level = level.parent {
		level.used.Add(-n)
	}
}

func (b *Budget) raisePeak(used int64) {
	for {
		peak := b.peak.Load()
		if used <= peak || b.peak.CompareAndSwap(peak, used) {
			return
		}
	}
}

// Used is how many bytes are reserved, in b and below.
func (b *Budget) Used() int64 { return b.used.Load() }

// Limit is b's own limit; zero is none.
func (b *Budget) Limit() int64 { return b.limit.Load() }

// SetLimit changes the limit. If more is used already, Reserve fails until
// enough is released.
func (b *Budget) SetLimit(limit int64) { b.limit.Store(max(0, limit)) }

// Name is what Sub was given; the root is "all".
func (b *Budget) Name() string { return b.name }

// A Usage is a line of a report.
type Usage struct {
	Name              string // names from below the root, joined by slashes
	Used, Peak, Limit int64  // bytes; a Limit of zero is none
}

// Report lists b and all below it, each before its parts.
func (b *Budget) Report() []Usage { return b.report(nil, b.name, "") }

func (b *Budget) report(lines []Usage, name, prefix string) []Usage {
	lines = append(lines, Usage{name, b.used.Load(), b.peak.Load(), b.limit.Load()})
	b.mu.Lock()
	subs := b.subs[:len(b.subs):len(b.subs)]
	b.mu.Unlock()
	for _, sub := range subs {
		lines = sub.report(lines, prefix+sub.name, prefix+sub.name+"/")
	}
	return lines
}

// reserveOrNil is Reserve; no budget has room for everything.
func (b *Budget) reserveOrNil(n int64) bool { return b == nil || b.Reserve(n) }

func (b *Budget) releaseOrNil(n int64) {
	if b != nil {
		b.Release(n)
	}
}

// refusal is an ErrBudget that says how full b and those above it are.
func (b *Budget) refusal() error {
	text := ""
	for level := b; level != nil; level = level.parent {
		if limit := level.limit.Load(); limit > 0 {
			text += fmt.Sprintf(", %s holds %d of %d bytes", level.name, level.used.Load(), limit)
		}
	}
	return fmt.Errorf("%w%s", ErrBudget, text)
}
