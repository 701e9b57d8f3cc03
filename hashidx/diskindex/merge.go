package diskindex

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kvbench/kvbench/engine/vfs"
)

const newSuffix = ".new"

// Info is what came of a Merge.
type Info struct {
	Name     string
	Header   Header // of the file: see Merge
	Entries  uint64
	Bytes    int64
	Numbers  []uint16 // of the segments that places name, ascending
	Dropped  uint64   // entries left out as their segments did not live
	Previous string   // the file before; empty for none. Discard it.
}

// Merge writes all of the index to a new file in Dir and goes on with that. All
// it holds of the state at one moment after the call began: the header says
// what had been applied before. The file is durable when Merge returns. The
// one before stays until Discard: the manifest should name the new one first.
//
// Readers and writers go on, but for a moment that writers wait. Merges run one
// at a time.
//
// After an error the index is complete and goes on as it was, with its old
// file; the new name may be there. What was to be merged stays in memory, and
// the next Merge writes that only, with the Header that this one was given: it
// is that moment's image, whatever came later. Info tells which it is. Once
// Dir could not be synced, no Merge can promise anything, and all fail: open
// the index again.
//
// From the call until the manifest names the file no segment number may be
// used again: the file may name it.
func (x *Index) Merge(ctx context.Context, name string, h Header) (Info, error) {
	x.merging.Lock()
	defer x.merging.Unlock()
	if f := x.view.Load().file; f != nil && f.name == name {
		return Info{}, fmt.Errorf("merge index into %s: %w", f.path, ErrName)
	}
	info, err := x.merge(ctx, name, h)
	if err != nil {
		return Info{}, fmt.Errorf("merge index into %s: %w", filepath.Join(x.options.Dir, name), err)
	}
	return info, nil
}

func (x *Index) merge(ctx context.Context, name string, h Header) (Info, error) {
	if err := errors.Join(ctx.Err(), x.unsynced); err != nil {
		return Info{}, err
	}
	if x.view.Load().frozen == nil {
		if err := x.freeze(h); err != nil {
			return Info{}, err
		}
	}
	v := x.view.Load()
	info := Info{Name: name, Header: v.frozen.covers}
	if v.file != nil {
		info.Previous = v.file.name
	}
	if err := x.create(ctx, v, &info); err != nil {
		return Info{}, err
	}
	f, err := x.openFile(name)
	if err != nil {
		return Info{}, err
	}
	warm := x.warmth(v.file, f)
	x.swap(v, f)
	x.warm(f, warm)
	x.base.Add(-int64(info.Dropped))
	x.merges.Add(1)
	x.mergeBytes.Add(uint64(info.Bytes))
	return info, nil
}

// freeze puts an empty front before the active one.
func (x *Index) freeze(h Header) error {
	next, err := x.newFront()
	if err != nil {
		return err
	}
	// Writers of the old front are done, and those to come see the new one.
	x.LockAll()
	v := x.view.Load()
	v.active.covers = h
	x.view.Store(&view{active: next, frozen: v.active, file: v.file})
	x.UnlockAll()
	return nil
}

// swap makes f, which has the same entries, what file and frozen front were.
// No lock is needed: the active front stays, and hides the same of both.
func (x *Index) swap(v *view, f *file) {
	x.view.Store(&view{active: v.active, file: f})
	if v.file != nil {
		x.cache.EraseFile(v.file.id) // to make room; readers may still insert
	}
	bytes := v.frozen.bytes()
	x.domain.Retire(int(bytes), func() {
		// There is nobody to tell: memory that the system does not take back,
		// and a file that was only read.
		_ = v.frozen.close()
		if v.file != nil {
			x.cache.EraseFile(v.file.id)
			_ = v.file.handle.Close()
		}
	})
	x.domain.Reclaim()
}

// create writes the file that is the base of v.
func (x *Index) create(ctx context.Context, v *view, info *Info) error {
	fsys, path := x.options.FS, filepath.Join(x.options.Dir, info.Name)
	err := fsys.Remove(path + newSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	handle, err := fsys.Create(path + newSuffix)
	if err != nil {
		return err
	}
	err = x.write(ctx, handle, v, info)
	if err == nil && x.options.Direct {
		handle.Advise(vfs.DontNeed, 0, 0)
	}
	if err = errors.Join(err, handle.Close()); err != nil {
		return errors.Join(err, fsys.Remove(path+newSuffix))
	}
	if err := fsys.Rename(path+newSuffix, path); err != nil {
		return err
	}
	x.unsynced = fsys.SyncDir(x.options.Dir)
	return x.unsynced
}

// write writes what file and frozen front of v are together, in order.
func (x *Index) write(ctx context.Context, handle vfs.File, v *view, info *Info) error {
	total := int64(v.frozen.added.Len() - v.frozen.removed.Len())
	if v.file != nil {
		total += int64(v.file.entries)
	}
	w, err := newBuilder(handle, info.Header, bucketsFor(uint64(max(0, total))))
	if err != nil {
		return err
	}
	w.pace = x.options.Pace
	old := newSource(ctx, v.file)
	var c changes
	for s := range stripeCount {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.read(v.frozen, s)
		if err := w.stripe(old, &c, s); err != nil {
			return err
		}
	}
	if err := old.complete(); err != nil {
		return err
	}
	info.Bytes, err = w.finish()
	info.Entries, info.Numbers, info.Dropped = w.entries, w.named.list(), old.dropped()
	return err
}

// stripe writes the entries of a stripe.
func (w *builder) stripe(old *source, c *changes, stripe int) error {
	added := c.added
	for {
		e, ok, err := old.peek(stripe)
		if err != nil {
			return err
		}
		for len(added) > 0 && (!ok || compare(added[0], e) <= 0) {
			if err := w.add(added[0]); err != nil {
				return err
			}
			added = added[1:]
		}
		if !ok {
			return nil
		}
		old.skip()
		if c.has(e) {
			continue
		}
		if err := w.add(e); err != nil {
			return err
		}
	}
}

// A source yields the entries of a file in order.
type source struct {
	ctx    context.Context
	reader *reader // nil: no file
	next   uint64  // bucket to read
	chunk  []entry
	some   []entry // of chunk, not yet yielded
}

func newSource(ctx context.Context, f *file) *source {
	s := &source{ctx: ctx}
	if f != nil {
		s.reader = newReader(f, chunkPages)
	}
	return s
}

// peek returns the next entry; ok is false if it is not of the stripe.
func (s *source) peek(stripe int) (e entry, ok bool, err error) {
	for len(s.some) == 0 {
		if s.reader == nil || s.next == s.reader.file.buckets {
			return entry{}, false, nil
		}
		if err := s.ctx.Err(); err != nil {
			return entry{}, false, err
		}
		s.chunk, s.next, err = s.reader.buckets(s.chunk[:0], s.next, s.reader.file.buckets)
		if err != nil {
			return entry{}, false, err
		}
		s.some = s.chunk
	}
	return s.some[0], s.some[0].ordinal.stripe() == stripe, nil
}

func (s *source) skip() { s.some = s.some[1:] }

// complete says what was not read at the end.
func (s *source) complete() error {
	if s.reader == nil {
		return nil
	}
	f := s.reader.file
	if n := s.reader.entries - uint64(len(s.some)); n != f.entries {
		return f.damage(-1, fmt.Errorf("%d entries in order, the footer says %d", n, f.entries))
	}
	return nil
}

func (s *source) dropped() uint64 {
	if s.reader == nil {
		return 0
	}
	return s.reader.dropped
}

// Discard removes a file that Merge has replaced. Its readers are not disturbed.
// A file that is gone is no error.
func (x *Index) Discard(name string) error {
	if f := x.view.Load().file; f != nil && f.name == name {
		return fmt.Errorf("discard index file %s: %w", f.path, ErrName)
	}
	err := x.options.FS.Remove(filepath.Join(x.options.Dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("discard index file: %w", err)
	}
	return nil
}
