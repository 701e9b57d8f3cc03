package lsm

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/lsm/ikey"
)

// snapshots are the sequence numbers at which somebody reads for long: what is
// visible at one of them no compaction drops.
type snapshots struct {
	mu   sync.Mutex
	seqs []ikey.Seq // rising; as often as there are snapshots
}

// add registers what is visible now. A compaction that has chosen its inputs
// before and asks for the list after finds nothing in them that is newer.
func (s *snapshots) add(c *commits) ikey.Seq {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := c.at()
	s.seqs = append(s.seqs, at) // none is higher
	return at
}

func (s *snapshots) remove(at ikey.Seq) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := slices.BinarySearch(s.seqs, at); ok {
		s.seqs = slices.Delete(s.seqs, i, i+1)
	}
}

// list returns the numbers, rising, each once.
func (s *snapshots) list() []ikey.Seq {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Compact(slices.Clone(s.seqs))
}

// A snapshot reads at one sequence number.
type snapshot struct {
	tree   *tree
	at     ikey.Seq
	closed atomic.Bool
}

// NewSnapshot implements engine.Snapshotter.
func (t *tree) NewSnapshot() (engine.Snapshot, error) {
	if t.closed.Load() {
		return nil, engine.ErrClosed
	}
	return &snapshot{tree: t, at: t.snapshots.add(&t.commits)}, nil
}

// Get implements engine.Snapshot.
func (s *snapshot) Get(dst, key []byte) ([]byte, error) {
	if s.closed.Load() {
		return dst, engine.ErrClosed
	}
	return s.tree.get(dst, key, s.at)
}

// NewIter implements engine.Scanner.
func (s *snapshot) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	if s.closed.Load() {
		return nil, engine.ErrClosed
	}
	return s.tree.newIter(o, s.at)
}

// Scan implements engine.UnorderedScanner.
func (s *snapshot) Scan(ctx context.Context, f func(key, value []byte) error) error {
	if s.closed.Load() {
		return engine.ErrClosed
	}
	return s.tree.scan(ctx, s.at, f)
}

// Close implements engine.Snapshot.
func (s *snapshot) Close() error {
	if !s.closed.Swap(true) {
		s.tree.snapshots.remove(s.at)
	}
	return nil
}
