package mem

import (
	"context"
	"sync"

	"github.com/kvbench/kvbench/engine"
)

// freeze returns a tree that shows the engine as it is now and never changes.
func (s *store) freeze() (*tree, error) {
	s.mu.RLock()
	frozen, closed := s.frozen, s.closed
	s.mu.RUnlock()
	if closed {
		return nil, engine.ErrClosed
	}
	if frozen != nil {
		return frozen, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, engine.ErrClosed
	}
	if s.frozen == nil {
		s.frozen = s.live.Clone()
	}
	return s.frozen, nil
}

func (s *store) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	frozen, err := s.freeze()
	if err != nil {
		return nil, err
	}
	return newIterator(frozen, o), nil
}

func (s *store) NewSnapshot() (engine.Snapshot, error) {
	frozen, err := s.freeze()
	if err != nil {
		return nil, err
	}
	return &snapshot{tree: frozen}, nil
}

// scanStride is how many keys a scan visits between two looks at its context.
const scanStride = 1024

func (s *store) Scan(ctx context.Context, f func(key, value []byte) error) error {
	frozen, err := s.freeze()
	if err != nil {
		return err
	}
	seen := 0
	frozen.Ascend(func(i item) bool {
		if seen%scanStride == 0 {
			err = ctx.Err()
		}
		seen++
		if err == nil {
			err = f(i.key(), i.value())
		}
		return err == nil
	})
	return err
}

// snapshot is a frozen tree until it is closed.
type snapshot struct {
	mu   sync.RWMutex
	tree *tree // nil once closed
}

var (
	_ engine.Snapshot = (*snapshot)(nil)
	_ engine.Scanner  = (*snapshot)(nil)
)

func (s *snapshot) view() (*tree, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.tree == nil {
		return nil, engine.ErrClosed
	}
	return s.tree, nil
}

func (s *snapshot) Get(dst, key []byte) ([]byte, error) {
	t, err := s.view()
	if err != nil {
		return dst, err
	}
	found, ok := t.Get(probe(key))
	return found.appendTo(dst, key, ok)
}

func (s *snapshot) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	t, err := s.view()
	if err != nil {
		return nil, err
	}
	return newIterator(t, o), nil
}

func (s *snapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tree = nil
	return nil
}
