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

	mu   sync.RWMutex // shared by reads, alone for Close and end
	snap *grocksdb.Snapshot
	ro   *grocksdb.ReadOptions
}

var _ engine.Scanner = (*snapshot)(nil)

func (e *store) NewSnapshot() (engine.Snapshot, error) {
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.mu.RUnlock()
	s := &snapshot{e: e, snap: e.db.NewSnapshot(), ro: grocksdb.NewDefaultReadOptions()}
	s.ro.SetSnapshot(s.snap)
	e.addView(s)
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
	if err := s.e.enter(); err != nil {
		return nil, err
	}
	defer s.e.mu.RUnlock()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.snap == nil {
		return nil, engine.ErrClosed
	}
	return s.e.newIter(o, s.snap), nil
}

func (s *snapshot) Close() error {
	s.end()
	s.e.dropView(s)
	return nil
}

// end frees the snapshot; the database must be open.
func (s *snapshot) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.snap == nil {
		return
	}
	s.ro.Destroy()
	s.e.db.ReleaseSnapshot(s.snap)
	s.snap = nil
}
