package blob

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
)

// SetOptions say where files are and how they are read.
type SetOptions struct {
	FS     vfs.FS
	Path   func(id uint64) string // of a file
	Reader ReaderOptions
}

// A Set is the blob files of an engine, each opened when it is first read.
//
// Concurrency: all methods but Drop and Close may be called from many
// goroutines at once. Drop may run beside all of them as far as they are about
// other files.
type Set struct {
	o    SetOptions
	open atomic.Pointer[map[uint64]*Reader] // never written to; nil when closed
	mu   sync.Mutex                         // for changing open
}

// NewSet is a Set that has nothing open.
func NewSet(o SetOptions) *Set {
	if o.Reader.Scratch == nil {
		o.Reader.Scratch = new(Scratch)
	}
	s := &Set{o: o}
	s.open.Store(new(map[uint64]*Reader))
	return s
}

// opened returns the reader of a file if it is open, else nil.
func (s *Set) opened(id uint64) *Reader {
	if m := s.open.Load(); m != nil {
		return (*m)[id]
	}
	return nil
}

// Reader returns the reader of a file, which stays the Set's to close.
func (s *Set) Reader(id uint64) (*Reader, error) {
	if r := s.opened(id); r != nil {
		return r, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.open.Load()
	if m == nil {
		return nil, fmt.Errorf("open blob file %d: %w", id, engine.ErrClosed)
	}
	if r := (*m)[id]; r != nil {
		return r, nil
	}
	r, err := Open(s.o.FS, s.o.Path(id), id, s.o.Reader)
	if err != nil {
		return nil, err
	}
	s.replace(*m, func(next map[uint64]*Reader) { next[id] = r })
	return r, nil
}

// replace changes a copy of what is open. mu is held.
func (s *Set) replace(m map[uint64]*Reader, change func(map[uint64]*Reader)) {
	next := maps.Clone(m)
	if next == nil {
		next = make(map[uint64]*Reader)
	}
	change(next)
	s.open.Store(&next)
}

// Cached is Reader.Cached. A file that is not open has nothing cached.
func (s *Set) Cached(p Pointer) (value []byte, ok bool) {
	if r := s.opened(p.File); r != nil {
		return r.Cached(p)
	}
	return nil, false
}

// Load is Reader.Load.
func (s *Set) Load(dst []byte, p Pointer, a cache.Admission) ([]byte, error) {
	r, err := s.Reader(p.File)
	if err != nil {
		return dst, err
	}
	return r.Load(dst, p, a)
}

// Get is Reader.Get.
func (s *Set) Get(dst []byte, p Pointer) ([]byte, error) {
	r, err := s.Reader(p.File)
	if err != nil {
		return dst, err
	}
	return r.Get(dst, p)
}

// Prefetch is Reader.Prefetch. It opens no file.
func (s *Set) Prefetch(p Pointer) {
	if r := s.opened(p.File); r != nil {
		r.Prefetch(p)
	}
}

// Len is how many files are open.
func (s *Set) Len() int {
	if m := s.open.Load(); m != nil {
		return len(*m)
	}
	return 0
}

// Drop closes a file and takes its values out of the cache. Nobody may be
// reading it, nor come to.
func (s *Set) Drop(id uint64) error {
	if s.o.Reader.Cache != nil {
		s.o.Reader.Cache.EraseFile(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.opened(id)
	if r == nil {
		return nil
	}
	s.replace(*s.open.Load(), func(next map[uint64]*Reader) { delete(next, id) })
	return r.Close()
}

// Close closes all files. Nobody may be reading. A second call does nothing.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.open.Swap(nil)
	if m == nil {
		return nil
	}
	var err error
	for _, r := range *m {
		err = errors.Join(err, r.Close())
	}
	return err
}
