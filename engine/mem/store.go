package mem

import (
	"bytes"
	"sync"

	"github.com/google/btree"

	"github.com/kvbench/kvbench/engine"
)

// item is a key and its value in one allocation, which is never changed: an
// update replaces the item, because frozen trees may still show the old one.
type item struct {
	data   []byte
	keyLen int
}

func newItem(key, value []byte) item {
	data := make([]byte, len(key)+len(value))
	copy(data, key)
	copy(data[len(key):], value)
	return item{data, len(key)}
}

// probe is an item to search with. It aliases key.
func probe(key []byte) item { return item{key, len(key)} }

func (i item) key() []byte   { return i.data[:i.keyLen:i.keyLen] }
func (i item) value() []byte { return i.data[i.keyLen:len(i.data):len(i.data)] }

func less(a, b item) bool { return bytes.Compare(a.key(), b.key()) < 0 }

type tree = btree.BTreeG[item]

// store is the engine.
type store struct {
	caps engine.Caps

	mu     sync.RWMutex
	closed bool
	live   *tree
	frozen *tree // clone of live as it is; nil when none was needed since the last write
	bytes  uint64
	wrote  counts
}

// counts are the user's writes.
type counts struct{ puts, deletes, batches, bytesIn uint64 }

var (
	_ engine.Engine           = (*store)(nil)
	_ engine.Scanner          = (*store)(nil)
	_ engine.Snapshotter      = (*store)(nil)
	_ engine.RangeDeleter     = (*store)(nil)
	_ engine.UnorderedScanner = (*store)(nil)
)

func newStore(degree int) *store {
	return &store{caps: caps(), live: btree.NewG(degree, less)}
}

func (s *store) Caps() engine.Caps { return s.caps }

func (s *store) Get(dst, key []byte) ([]byte, error) {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return dst, engine.ErrClosed
	}
	found, ok := s.live.Get(probe(key))
	s.mu.RUnlock()
	return found.appendTo(dst, key, ok)
}

// appendTo ends a Get of key that found i, or did not.
func (i item) appendTo(dst, key []byte, ok bool) ([]byte, error) {
	if ok {
		return append(dst, i.value()...), nil
	}
	if len(key) == 0 {
		return dst, engine.ErrEmptyKey
	}
	return dst, engine.ErrNotFound
}

func (s *store) Put(key, value []byte, d engine.Durability) error {
	if err := s.check(key, d); err != nil {
		return err
	}
	i := newItem(key, value)
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.put(i)
	return nil
}

func (s *store) Delete(key []byte, d engine.Durability) error {
	if err := s.check(key, d); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.remove(key)
	return nil
}

func (s *store) DeleteRange(lower, upper []byte, d engine.Durability) error {
	if err := s.allowed(d); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.removeRange(lower, upper)
	return nil
}

func (s *store) Apply(b *engine.Batch, d engine.Durability) error {
	if err := s.allowed(d); err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if err := s.caps.CheckBatch(b); err != nil {
		return err
	}
	var op engine.Op
	r := b.Reader()
	for r.Next(&op) {
		switch op.Kind {
		case engine.KindPut:
			s.put(newItem(op.Key, op.Value))
		case engine.KindDelete:
			s.remove(op.Key)
		case engine.KindDeleteRange:
			s.removeRange(op.Key, op.Value)
		}
	}
	s.wrote.batches++
	return r.Err()
}

// check refuses a key or level before the lock is taken; a closed engine says
// so first.
func (s *store) check(key []byte, d engine.Durability) error {
	if d <= engine.None && len(key) > 0 {
		return nil
	}
	if err := s.allowed(d); err != nil {
		return err
	}
	if err := s.alive(); err != nil {
		return err
	}
	return s.caps.CheckKey(key)
}

func (s *store) allowed(d engine.Durability) error {
	if d <= engine.None {
		return nil
	}
	if err := s.alive(); err != nil {
		return err
	}
	_, err := s.caps.Durabilities.Resolve(d, engine.None)
	return err
}

func (s *store) alive() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return engine.ErrClosed
	}
	return nil
}

// begin takes the lock for a write. Unless it fails, s.mu.Unlock ends it.
func (s *store) begin() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return engine.ErrClosed
	}
	s.frozen = nil
	return nil
}

// put, remove and removeRange need s.mu.
func (s *store) put(i item) {
	old, had := s.live.ReplaceOrInsert(i)
	if had {
		s.bytes -= uint64(len(old.data))
	}
	s.bytes += uint64(len(i.data))
	s.wrote.puts++
	s.wrote.bytesIn += uint64(len(i.data))
}

func (s *store) remove(key []byte) {
	s.drop(key)
	s.wrote.deletes++
	s.wrote.bytesIn += uint64(len(key))
}

func (s *store) drop(key []byte) {
	if old, had := s.live.Delete(probe(key)); had {
		s.bytes -= uint64(len(old.data))
	}
}

func (s *store) removeRange(lower, upper []byte) {
	s.wrote.deletes++
	s.wrote.bytesIn += uint64(len(lower) + len(upper))
	var doomed []item // a tree must not change while it is walked
	s.live.AscendGreaterOrEqual(probe(lower), func(i item) bool {
		if upper != nil && bytes.Compare(i.key(), upper) >= 0 {
			return false
		}
		doomed = append(doomed, i)
		return true
	})
	for _, i := range doomed {
		s.drop(i.key())
	}
}

// Sync has nothing to do.
func (s *store) Sync() error { return s.alive() }

func (s *store) Metrics(m *engine.Metrics) {
	*m = engine.Metrics{}
	s.mu.RLock()
	defer s.mu.RUnlock()
	m.User.Puts = engine.Known(s.wrote.puts)
	m.User.Deletes = engine.Known(s.wrote.deletes)
	m.User.Batches = engine.Known(s.wrote.batches)
	m.User.BytesIn = engine.Known(s.wrote.bytesIn)
	m.Space.DiskBytes = engine.Known(0)
	m.Space.Files = engine.Known(0)
	m.Space.LiveKeys = engine.Known(uint64(s.live.Len()))
	m.Memory.Memtable = engine.Known(s.bytes)
}

// Close drops the tree. Frozen trees live on with whoever has one.
func (s *store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.live = btree.NewG(2, less)
		s.frozen = nil
		s.bytes = 0
	}
	return nil
}
