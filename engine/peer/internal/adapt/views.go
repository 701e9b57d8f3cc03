package adapt

import (
	"slices"
	"sync"

	"github.com/kvbench/kvbench/engine"
)

// A View is an iterator or a snapshot, as Close of the engine sees it.
type View interface {
	// End frees what the library holds for the view. Its owner may still call
	// it, and then gets ErrClosed.
	End()
}

// Views are the open ones of an engine. The zero value is ready.
type Views struct {
	mu    sync.Mutex
	born  uint64 // how many there have been
	open  map[View]uint64
	ended bool
}

// Add makes v known. After EndAll it is ErrClosed, and v is not known.
func (s *Views) Add(v View) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return engine.ErrClosed
	}
	if s.open == nil {
		s.open = make(map[View]uint64)
	}
	s.born++
	s.open[v] = s.born
	return nil
}

// Remove forgets v, which its owner has closed.
func (s *Views) Remove(v View) {
	s.mu.Lock()
	delete(s.open, v)
	s.mu.Unlock()
}

// Len returns how many are open.
func (s *Views) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// EndAll ends the views that are open, the youngest first, so that iterators
// end before the snapshots that they read.
func (s *Views) EndAll() {
	s.mu.Lock()
	s.ended = true
	left := make([]View, 0, len(s.open))
	for v := range s.open {
		left = append(left, v)
	}
	slices.SortFunc(left, func(a, b View) int { return int(s.open[b]) - int(s.open[a]) })
	clear(s.open)
	s.mu.Unlock()
	for _, v := range left {
		v.End()
	}
}
