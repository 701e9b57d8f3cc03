package hashidx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/hashidx/diskindex"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/snapshot"
)

// The choices of the setting index.
const (
	indexMemory = "memory"
	indexDisk   = "disk"
)

// Places are an index, in memory or in a file: one of the two is there. Get and
// MultiGet know the one in memory by itself.
type places struct {
	mem  *index.Index
	disk *diskindex.Index
}

// begin makes the index of an engine, empty.
func (x *places) begin(e *store) (err error) {
	if e.settings.Index == indexDisk {
		x.disk, err = diskindex.New(e.diskOptions())
		return err
	}
	x.mem, err = index.New(index.Options{Domain: e.domain, HugePages: e.settings.HugePages})
	return err
}

// load makes the index that an image has, but for entries of segments that do
// not live, and returns which segments the image names. Where the image is
// snapshot.ErrUnusable there may be some of it, or no index.
func (x *places) load(e *store, image manifest.Snapshot, lives func(uint16) bool) (numbers []uint16, err error) {
	if e.settings.Index == indexDisk {
		return x.loadDisk(e, image, lives)
	}
	in, err := snapshot.Open(e.counting, e.home.Path(imageDir), image.Name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if h := in.Header(); h.Seed != e.seed || h.Covers != image.Covers {
		return nil, fmt.Errorf("%w: %s is of another time", snapshot.ErrUnusable, image.Name)
	}
	x.mem, err = index.New(index.Options{Domain: e.domain, HugePages: e.settings.HugePages, Buckets: in.Buckets(), Keys: int(in.Entries())})
	if err != nil {
		return nil, err
	}
	_, err = in.Fill(recoveryWorkers, lives, x.mem)
	return slices.Clone(in.Segments()), err
}

func (x *places) loadDisk(e *store, image manifest.Snapshot, lives func(uint16) bool) (numbers []uint16, err error) {
	x.disk, err = diskindex.Open(e.diskOptions(), image.Name, lives)
	if errors.Is(err, diskindex.ErrUnusable) {
		return nil, fmt.Errorf("%w: %w", snapshot.ErrUnusable, err)
	}
	if err != nil {
		return nil, err
	}
	if _, h := x.disk.Header(); h.Seed != e.seed || h.Covers != image.Covers || h.ColdCovers != image.ColdCovers {
		return nil, fmt.Errorf("%w: %s is of another time", snapshot.ErrUnusable, image.Name)
	}
	return slices.Clone(x.disk.Numbers()), nil
}

func (e *store) diskOptions() diskindex.Options {
	return diskindex.Options{
		Domain: e.domain, FS: e.counting, Dir: e.home.Path(imageDir),
		CacheBytes: e.settings.IndexCacheBytes, FrontBytes: e.settings.IndexFrontBytes,
		Direct: e.settings.IO == ioDirect, HugePages: e.settings.HugePages,
	}
}

// A cursor yields candidates; see index.Cursor. Where the index is a file, err
// says why there are no more.
type cursor struct {
	mem  index.Cursor
	disk *diskindex.Cursor
	err  error
}

// Find returns the candidates for a hash. The caller is pinned.
func (x *places) Find(hash uint64) cursor {
	if x.disk != nil {
		c := x.disk.Find(hash)
		return cursor{disk: &c}
	}
	return cursor{mem: x.mem.Find(hash)}
}

func (c *cursor) Next() (place uint64, ok bool) {
	if c.disk == nil {
		return c.mem.Next()
	}
	place, ok, c.err = c.disk.Next()
	return place, ok
}

// A lock is that of a hash; see index.Lock.
type lock struct {
	mem  index.Lock
	disk diskindex.Lock
	file bool
}

func (x *places) Lock(hash uint64) lock {
	if x.disk != nil {
		return lock{disk: x.disk.Lock(hash), file: true}
	}
	return lock{mem: x.mem.Lock(hash)}
}

// For is the lock for another hash with the same index.LockOrder. Only one of
// them is to be unlocked.
func (l lock) For(hash uint64) lock {
	if l.file {
		l.disk = l.disk.For(hash)
		return l
	}
	l.mem = l.mem.For(hash)
	return l
}

func (l lock) Unlock() {
	if l.file {
		l.disk.Unlock()
		return
	}
	l.mem.Unlock()
}

func (l lock) Find() cursor {
	if l.file {
		c := l.disk.Find()
		return cursor{disk: &c}
	}
	return cursor{mem: l.mem.Find()}
}

func (l lock) Insert(place uint64) error {
	if l.file {
		return l.disk.Insert(place)
	}
	return l.mem.Insert(place)
}

// Replace reports whether there was an entry at the old place.
func (l lock) Replace(old, place uint64) (bool, error) {
	if l.file {
		return l.disk.Replace(old, place)
	}
	return l.mem.Replace(old, place), nil
}

// Delete reports whether there was an entry at the place.
func (l lock) Delete(place uint64) (bool, error) {
	if l.file {
		return l.disk.Delete(place)
	}
	return l.mem.Delete(place), nil
}

func (x *places) LockAll() {
	if x.disk != nil {
		x.disk.LockAll()
		return
	}
	x.mem.LockAll()
}

func (x *places) UnlockAll() {
	if x.disk != nil {
		x.disk.UnlockAll()
		return
	}
	x.mem.UnlockAll()
}

// Touch makes finding the hashes quick, if that is possible.
func (x *places) Touch(hashes []uint64) {
	if x.mem != nil {
		x.mem.Touch(hashes)
	}
}

// A walk goes through all entries; see index.Walk.
type walk struct {
	mem  *index.Walk
	disk *diskindex.Walk
}

func (x *places) StartWalk() walk {
	if x.disk != nil {
		return walk{disk: x.disk.StartWalk()}
	}
	return walk{mem: x.mem.StartWalk()}
}

// Next calls f with some entries under the lock of their hashes; more is false
// at the end.
func (w walk) Next(f func([]index.Entry)) (more bool, err error) {
	if w.disk != nil {
		return w.disk.Next(f)
	}
	return w.mem.Next(f), nil
}

// Beside appends what another index has beside what Next is yielding; f of Next
// calls it. See index.Walk.Beside.
func (w walk) Beside(to []index.Entry, other *index.Index) []index.Entry {
	if w.disk != nil {
		return w.disk.Beside(to, other)
	}
	return w.mem.Beside(to, other)
}

// Passed reports whether Next has yielded what has this hash, whose lock the
// caller holds.
func (w walk) Passed(hash uint64) bool {
	if w.disk != nil {
		return w.disk.Passed(hash)
	}
	return w.mem.Passed(hash)
}

// All calls f with all entries, some at a time, without locks.
func (w walk) All(f func([]index.Entry) error) error {
	var some []index.Entry
	for {
		more, err := w.Next(func(entries []index.Entry) { some = append(some[:0], entries...) })
		if err != nil || !more {
			return err
		}
		if err := f(some); err != nil {
			return err
		}
	}
}

// file is the name of the file that the index is in; empty for none.
func (x *places) file() string {
	if x.disk == nil {
		return ""
	}
	name, _ := x.disk.Header()
	return name
}

// Len is the number of entries.
func (x *places) Len() int {
	if x.disk != nil {
		return x.disk.Len()
	}
	return x.mem.Len()
}

// Bytes is the memory that the index takes.
func (x *places) Bytes() int64 {
	if x.disk != nil {
		return x.disk.Bytes()
	}
	return x.mem.Bytes()
}

// Close frees it. Nobody uses it any more.
func (x *places) Close() (err error) {
	if x.mem != nil {
		err = x.mem.Close()
	}
	if x.disk != nil {
		err = errors.Join(err, x.disk.Close())
	}
	x.mem, x.disk = nil, nil
	return err
}
