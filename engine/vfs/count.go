package vfs

import (
	"sync/atomic"
	"time"
)

// Counts is what was done to files of a class since NewCounting.
//
// Calls on open files count whether they succeed or not, bytes as far as they
// were moved, and changes of names when they succeed.
type Counts struct {
	Reads, ReadBytes   uint64 // ReadAt; what is read through a mapping is not seen
	Writes, WriteBytes uint64 // Write, WriteAt

	Syncs    uint64        // Sync, SyncData, and writes past O_DSYNC
	SyncTime time.Duration // spent in them

	DirSyncs    uint64
	DirSyncTime time.Duration

	Creates, Opens uint64
	Removes        uint64 // Remove and RemoveAll, however much that removes
	Renames, Links uint64
	Truncates      uint64
	Preallocations uint64
	Punches        uint64
	PunchedBytes   uint64
	Maps, MapBytes uint64 // Mmap
}

// Plus returns the sum.
func (c Counts) Plus(d Counts) Counts { return c.join(d, func(a, b uint64) uint64 { return a + b }) }

// Minus returns what was added since d was taken.
func (c Counts) Minus(d Counts) Counts { return c.join(d, func(a, b uint64) uint64 { return a - b }) }

func (c Counts) join(d Counts, f func(a, b uint64) uint64) Counts {
	to, from := c.fields(), d.fields()
	for i := range to {
		*to[i] = f(*to[i], *from[i])
	}
	c.SyncTime = time.Duration(f(uint64(c.SyncTime), uint64(d.SyncTime)))
	c.DirSyncTime = time.Duration(f(uint64(c.DirSyncTime), uint64(d.DirSyncTime)))
	return c
}

// fields lists the numbers that are no times.
func (c *Counts) fields() [17]*uint64 {
	return [...]*uint64{
		&c.Reads, &c.ReadBytes, &c.Writes, &c.WriteBytes, &c.Syncs, &c.DirSyncs, &c.Creates, &c.Opens,
		&c.Removes, &c.Renames, &c.Links, &c.Truncates, &c.Preallocations, &c.Punches, &c.PunchedBytes,
		&c.Maps, &c.MapBytes,
	}
}

// Counting is a file system that counts what is done through it, by Class. It
// passes every call on and changes none.
//
// An engine wraps the FS that it is handed when it opens, takes one view per
// class, and opens every file through the view for what it will do with it:
//
//	counting := vfs.NewCounting(env.FS)
//	db.log = vfs.Classed(counting, vfs.Log)
//	db.flush = vfs.Classed(counting, vfs.Flush)
//	...
//	m.LogBytes = counting.Counts(vfs.Log).WriteBytes
//
// A file counts under the class of the view that opened it until it is closed:
// a table that a flush wrote is opened again, through the view of Data, for
// the reads of users. What goes through the Counting itself is Other.
//
// Counting is safe for concurrent use. Reads and writes cost two atomic
// additions each and allocate nothing.
type Counting struct {
	countingView
	classes [Classes]counters
}

var (
	_ FS         = (*Counting)(nil)
	_ Classifier = (*Counting)(nil)
)

// NewCounting returns inner, counted.
func NewCounting(inner FS) *Counting {
	c := &Counting{}
	c.countingView = countingView{inner, c, &c.classes[Other]}
	return c
}

// Counts returns what was counted under a class. Where calls are under way it
// is no snapshot of one moment; each number is exact by itself.
func (c *Counting) Counts(class Class) Counts {
	if class >= Classes {
		return Counts{}
	}
	return c.classes[class].counts()
}

// Total returns the sum over all classes.
func (c *Counting) Total() Counts {
	var sum Counts
	for class := range Classes {
		sum = sum.Plus(c.Counts(class))
	}
	return sum
}

// readStripes is over how many cache lines the reads of a class are spread, so
// that cores that read at once seldom take a line from one another. A power of
// two.
const readStripes = 8

// stripeBytes is the length of the ranges of a file that share a stripe: that
// of a block.
const stripeBytes = 4096

// counters belong to a class.
type counters struct {
	reads [readStripes]struct {
		calls, bytes atomic.Uint64
		_            [48]byte // a cache line each
	}
	writes, writeBytes  atomic.Uint64
	syncs, syncTime     atomic.Uint64
	dirs, dirTime       atomic.Uint64
	creates, opens      atomic.Uint64
	removes, renames    atomic.Uint64
	links, truncates    atomic.Uint64
	preallocations      atomic.Uint64
	punches, punchBytes atomic.Uint64
	maps, mapBytes      atomic.Uint64
	_                   [56]byte
}

func (c *counters) counts() Counts {
	n := Counts{
		Writes: c.writes.Load(), WriteBytes: c.writeBytes.Load(),
		Syncs: c.syncs.Load(), SyncTime: time.Duration(c.syncTime.Load()),
		DirSyncs: c.dirs.Load(), DirSyncTime: time.Duration(c.dirTime.Load()),
		Creates: c.creates.Load(), Opens: c.opens.Load(),
		Removes: c.removes.Load(), Renames: c.renames.Load(), Links: c.links.Load(),
		Truncates: c.truncates.Load(), Preallocations: c.preallocations.Load(),
		Punches: c.punches.Load(), PunchedBytes: c.punchBytes.Load(),
		Maps: c.maps.Load(), MapBytes: c.mapBytes.Load(),
	}
	for i := range c.reads {
		n.Reads += c.reads[i].calls.Load()
		n.ReadBytes += c.reads[i].bytes.Load()
	}
	return n
}

func (c *counters) read(off int64, n int) {
	stripe := &c.reads[uint64(off)/stripeBytes%readStripes]
	stripe.calls.Add(1)
	stripe.bytes.Add(uint64(n))
}

func (c *counters) wrote(n int) {
	c.writes.Add(1)
	c.writeBytes.Add(uint64(n))
}

func (c *counters) synced(start time.Time) {
	c.syncs.Add(1)
	c.syncTime.Add(uint64(time.Since(start)))
}

// countIf counts a call that succeeded.
func countIf(err error, n *atomic.Uint64) error {
	if err == nil {
		n.Add(1)
	}
	return err
}

// countingView is a Counting as one class sees it.
type countingView struct {
	FS
	counting *Counting
	n        *counters
}

func (v countingView) Classed(c Class) FS {
	if c >= Classes {
		c = Other
	}
	return countingView{Classed(v.FS, c), v.counting, &v.counting.classes[c]}
}

func (v countingView) file(f File, err error, n *atomic.Uint64) (File, error) {
	if err != nil {
		return nil, err
	}
	n.Add(1)
	return &countingFile{f, v.n}, nil
}

func (v countingView) Create(path string) (File, error) {
	f, err := v.FS.Create(path)
	return v.file(f, err, &v.n.creates)
}

func (v countingView) Open(path string) (File, error) {
	f, err := v.FS.Open(path)
	return v.file(f, err, &v.n.opens)
}

func (v countingView) OpenReadWrite(path string) (File, error) {
	f, err := v.FS.OpenReadWrite(path)
	return v.file(f, err, &v.n.opens)
}

func (v countingView) OpenDirect(path string, dsync bool) (File, error) {
	f, err := v.FS.OpenDirect(path, dsync)
	if f, err = v.file(f, err, &v.n.opens); err != nil || !dsync {
		return f, err
	}
	return &countingDsyncFile{f, v.n}, nil
}

func (v countingView) Remove(path string) error { return countIf(v.FS.Remove(path), &v.n.removes) }

func (v countingView) RemoveAll(path string) error {
	return countIf(v.FS.RemoveAll(path), &v.n.removes)
}

func (v countingView) Rename(from, to string) error {
	return countIf(v.FS.Rename(from, to), &v.n.renames)
}

func (v countingView) Link(from, to string) error { return countIf(v.FS.Link(from, to), &v.n.links) }

func (v countingView) SyncDir(dir string) error {
	start := time.Now()
	err := v.FS.SyncDir(dir)
	v.n.dirs.Add(1)
	v.n.dirTime.Add(uint64(time.Since(start)))
	return err
}

// countingFile counts on behalf of the view that opened it.
type countingFile struct {
	File
	n *counters
}

func (f *countingFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	f.n.read(off, n)
	return n, err
}

func (f *countingFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	f.n.wrote(n)
	return n, err
}

func (f *countingFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.n.wrote(n)
	return n, err
}

func (f *countingFile) Sync() error {
	defer f.n.synced(time.Now())
	return f.File.Sync()
}

func (f *countingFile) SyncData() error {
	defer f.n.synced(time.Now())
	return f.File.SyncData()
}

func (f *countingFile) Truncate(size int64) error {
	f.n.truncates.Add(1)
	return f.File.Truncate(size)
}

func (f *countingFile) Preallocate(off, n int64) error {
	f.n.preallocations.Add(1)
	return f.File.Preallocate(off, n)
}

func (f *countingFile) PunchHole(off, n int64) error {
	err := f.File.PunchHole(off, n)
	f.n.punches.Add(1)
	if err == nil {
		f.n.punchBytes.Add(uint64(n))
	}
	return err
}

func (f *countingFile) Mmap(off int64, n int) (Mapping, error) {
	m, err := f.File.Mmap(off, n)
	f.n.maps.Add(1)
	if err == nil {
		f.n.mapBytes.Add(uint64(n))
	}
	return m, err
}

// countingDsyncFile is a countingFile whose writes are syncs as well.
type countingDsyncFile struct {
	File
	n *counters
}

func (f *countingDsyncFile) WriteAt(p []byte, off int64) (int, error) {
	defer f.n.synced(time.Now())
	return f.File.WriteAt(p, off)
}

func (f *countingDsyncFile) Write(p []byte) (int, error) {
	defer f.n.synced(time.Now())
	return f.File.Write(p)
}
