package lsm

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/table"
	"github.com/kvbench/kvbench/lsm/version"
)

// A file is a table that some version has, or had and somebody still reads.
type file struct {
	meta     *version.Table
	smallest uint64 // head of the smallest key
	owner    *files

	reader  atomic.Pointer[table.Reader] // nil before it is first read
	opening sync.Mutex

	refs     int         // levels and jobs that have it; guarded by files.mu
	obsolete atomic.Bool // no version has it any more
}

// files are the tables by their ids.
type files struct {
	tree *tree
	fsys vfs.FS

	mu    sync.Mutex
	byID  map[uint64]*file
	dead  []*file // nobody has them any more; bury closes them
	bytes int64   // of obsolete files that are not removed yet
}

func (s *files) init(t *tree) {
	s.tree = t
	s.fsys = vfs.Classed(t.counting, vfs.Data)
	s.byID = make(map[uint64]*file)
}

// use returns the file of a table, for somebody more.
func (s *files) use(meta *version.Table) *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.byID[meta.ID]
	if f == nil {
		f = &file{meta: meta, smallest: ikey.Head(meta.Smallest), owner: s}
		s.byID[meta.ID] = f
	}
	// A move makes a table of the same file: what it says is the same.
	f.refs++
	return f
}

// known returns the file of a table that somebody uses.
func (s *files) known(id uint64) *file {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

// release ends a use. It runs wherever the epoch frees, so that bury does what
// takes long.
func (f *file) release() {
	s := f.owner
	s.mu.Lock()
	defer s.mu.Unlock()
	f.refs--
	if f.refs == 0 {
		delete(s.byID, f.meta.ID)
		s.dead = append(s.dead, f)
	}
}

// outdate says that tables are in no version any more: their files go once
// nobody reads them.
func (s *files) outdate(tables []*version.Table) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, meta := range tables {
		if f := s.byID[meta.ID]; f != nil {
			f.obsolete.Store(true)
			s.bytes += meta.Bytes
		}
	}
}

// bury closes the files that nobody has any more, and removes those that no
// version has. Failing to remove one costs space, and is no failure: the next
// Open does it.
func (s *files) bury() error {
	s.mu.Lock()
	dead := s.dead
	s.dead = nil
	s.mu.Unlock()
	var err error
	for _, f := range dead {
		if r := f.reader.Swap(nil); r != nil {
			s.tree.counts.closes(r)
			err = errors.Join(err, r.Close())
		}
		if !f.obsolete.Load() {
			continue
		}
		s.tree.blocks.EraseFile(f.meta.ID)
		s.mu.Lock()
		s.bytes -= f.meta.Bytes
		s.mu.Unlock()
		if s.tree.readOnly {
			continue
		}
		if e := s.fsys.Remove(s.tree.tablePath(f.meta.ID)); e != nil && !errors.Is(e, fs.ErrNotExist) {
			s.tree.env.Log.Warn("a table stays that nobody needs", "error", e)
		}
	}
	return err
}

// newRunIter returns an iterator over tables of a run, which it opens when it
// comes to them.
func newRunIter(fs []*file, o table.IterOptions) ikey.Iterator {
	metas := make([]*version.Table, len(fs))
	for i, f := range fs {
		metas[i] = f.meta
	}
	return table.NewRunIter(metas, func(i int) (*table.Reader, error) { return fs[i].open() }, o)
}

// open returns the reader of a table, opening it if nobody did before. The
// caller holds a view that has it, or is pinned.
func (f *file) open() (*table.Reader, error) {
	if r := f.reader.Load(); r != nil {
		return r, nil
	}
	f.opening.Lock()
	defer f.opening.Unlock()
	if r := f.reader.Load(); r != nil {
		return r, nil
	}
	t := f.owner.tree
	r, err := table.Open(f.owner.fsys, t.tablePath(f.meta.ID), f.meta.ID, t.readerOptions(f.meta))
	if err != nil {
		return nil, t.damaged(fmt.Errorf("open table %d: %w", f.meta.ID, err))
	}
	f.reader.Store(r)
	t.counts.opened(r)
	return r, nil
}

// close closes all that is open. Nobody reads any more.
func (s *files) close() error {
	if s.tree == nil {
		return nil
	}
	return s.bury()
}

const tableDir = "tables"

// tablePath is where a table is.
func (t *tree) tablePath(id uint64) string {
	return t.home.Path(tableDir + "/" + tableName(id))
}

const tableSuffix = ".table"

func tableName(id uint64) string { return fmt.Sprintf("%08d%s", id, tableSuffix) }
