//go:build rocksdb

package rocksdb

import (
	"sync"

	"github.com/linxGnu/grocksdb"

	"github.com/kvbench/kvbench/engine"
)

// snapshot is an engine.Snapshot and a Scanner.
type snapshot struct {
	e *store

	mu   sync.RWMutex       // shared by reads, alone to end
	snap *grocksdb.Snapshot // nil once ended
	ro   *grocksdb.ReadOptions
}

var _ engine.Scanner = (*snapshot)(nil)

func (e *store) NewSnapshot() (engine.Snapshot, error) {
	call := e.gate.Enter()
	if call == nil {
		return nil, engine.ErrClosed
	}
	defer call.Leave()
	s := &snapshot{e: e, snap: e.db.NewSnapshot(), ro: grocksdb.NewDefaultReadOptions()}
	s.ro.SetSnapshot(s.snap)
	if err := e.views.Add(s); err != nil {
		s.End()
		return nil, err
	}
	return s, nil
}

func (s *snapshot) Get(dst, key []byte) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.snap == nil {
		return dst, engine.ErrClosed
	}
	return s.e.get(s.ro, dst, key)
}

// NewIter makes an iterator that outlives s, if need be: it holds on to what
// it reads by itself.
func (s *snapshot) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.snap == nil {
		return nil, engine.ErrClosed
	}
	return s.e.newIter(o, s.snap)
}

func (s *snapshot) Close() error {
	s.End()
	s.e.views.Remove(s)
	return nil
}

// End frees the snapshot.
func (s *snapshot) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snap == nil {
		return
	}
	s.ro.Destroy()
	s.e.db.ReleaseSnapshot(s.snap)
	s.snap = nil
}
