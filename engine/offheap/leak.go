package offheap

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// A Leak is memory that was not freed: objects of one size, allocated in one
// place.
type Leak struct {
	Bytes int // of an object, as asked for
	Count int
	Site  string // function file:line, innermost first; empty without Options.Sites
}

func (l Leak) String() string {
	text := fmt.Sprintf("%d x %d bytes", l.Count, l.Bytes)
	if l.Site != "" {
		text += " from " + l.Site
	}
	return text
}

// A LeakError lists what is still handed out.
type LeakError struct{ Leaks []Leak }

func (e *LeakError) Error() string {
	const shown = 20
	var lines []string
	for i, l := range e.Leaks {
		if i == shown {
			lines = append(lines, fmt.Sprintf("and %d more", len(e.Leaks)-shown))
			break
		}
		lines = append(lines, l.String())
	}
	return "not freed: " + strings.Join(lines, "; ")
}

// Leaks lists what is handed out now: largest objects first.
func (a *Allocator) Leaks() []Leak {
	counts := map[Leak]int{}
	count := func(addr uintptr, n int) {
		counts[Leak{Bytes: n, Site: a.sites.of(addr)}]++
	}
	for _, c := range a.pages.chunks() {
		for unit := range c.heads {
			word := c.heads[unit].Load()
			if word == 0 || headUnit(word) != unit {
				continue
			}
			h := &a.homes[headClass(word)][headShard(word)]
			h.mu.Lock()
			if c.heads[unit].Load() == word {
				c.spans[unit].each(count)
			}
			h.mu.Unlock()
		}
	}
	a.large.mu.Lock()
	for addr, object := range a.large.byAddr {
		count(addr, object.n)
	}
	a.large.mu.Unlock()

	var leaks []Leak
	for l, n := range counts {
		l.Count = n
		leaks = append(leaks, l)
	}
	slices.SortFunc(leaks, func(x, y Leak) int {
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Site, y.Site))
	})
	return leaks
}

// each calls f with address and size of every object that is handed out.
func (s *span) each(f func(addr uintptr, n int)) {
	shape := &shapes[s.class]
	for i := range shape.objects {
		if s.holds(i) {
			f(addrOf(s.bytes(i)), shape.bytes-s.slack(i))
		}
	}
}

// Close gives back all memory that is not handed out; Alloc is [ErrClosed]
// from then on. If something is still handed out, the error wraps a
// [LeakError]; that memory stays valid and can still be freed, and Close may be
// called again.
func (a *Allocator) Close() error {
	for class := range a.homes {
		for shard := range a.homes[class] {
			h := &a.homes[class][shard]
			h.mu.Lock()
			h.closed = true
			h.mu.Unlock()
		}
	}
	a.large.mu.Lock()
	a.large.closed = true
	a.large.mu.Unlock()
	err := a.Trim()
	if leaks := a.Leaks(); len(leaks) > 0 {
		err = errors.Join(err, fmt.Errorf("offheap: close: %w", &LeakError{leaks}))
	}
	return err
}

// A Reporter is the part of testing.TB that CheckLeaks needs.
type Reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// CheckLeaks is for the end of tests: it reports everything that a still has
// handed out, as an error of the test.
func CheckLeaks(t Reporter, a *Allocator) {
	t.Helper()
	for _, l := range a.Leaks() {
		t.Errorf("offheap: not freed: %v", l)
	}
}

// sites remembers who allocated what.
type sites struct {
	mu     sync.Mutex
	byAddr map[uintptr][siteDepth]uintptr
}

// siteDepth is how many callers a site names.
const siteDepth = 4

func (s *sites) add(b []byte) {
	var pcs [siteDepth]uintptr
	runtime.Callers(3, pcs[:]) // not Callers, add and Alloc
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byAddr == nil {
		s.byAddr = map[uintptr][siteDepth]uintptr{}
	}
	s.byAddr[addrOf(b)] = pcs
}

func (s *sites) remove(addr uintptr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byAddr, addr)
}

func (s *sites) of(addr uintptr) string {
	s.mu.Lock()
	pcs, ok := s.byAddr[addr]
	s.mu.Unlock()
	if !ok {
		return ""
	}
	var text []string
	frames := runtime.CallersFrames(slices.DeleteFunc(pcs[:], func(pc uintptr) bool { return pc == 0 }))
	for {
		f, more := frames.Next()
		if f.Function != "" {
			text = append(text, fmt.Sprintf("%s %s:%d", f.Function, f.File, f.Line))
		}
		if !more {
			return strings.Join(text, " < ")
		}
	}
}
