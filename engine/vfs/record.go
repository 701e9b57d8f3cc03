package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
)

// Recorder is a file system that records every call that changes files or
// names, and passes all calls on. From the Trace, on whatever file system it
// was taken, come the states that a power loss could have left.
//
// # Order
//
// One lock is held around each call that changes something, so that the order
// in the trace is the order of the effects. Only syncs run beside others: a
// sync covers what was done before it began, and promises it when it returns.
// It stands in the trace as late as it may: where it returned, or just before
// the first change of the same file (or directory) that came while it ran,
// since it may not have covered that. So no state is drawn from a trace that
// could not have been; and what others did during a sync is in the trace
// before it, where a crash may lose what it had not promised yet. Only of
// changes of the same file that came meanwhile some states are missing: those in
// which one of them survived, but not all that the sync covers.
//
// Calls that fail are not recorded, except a write for what it did write, and
// a sync, which then promises nothing. A RemoveAll that fails half-way leaves
// the trace without what it removed.
//
// # What was there before
//
// A file or directory that exists when it is first opened, renamed, linked or
// removed becomes part of the trace's base with the content that it has then,
// as durable. To have all of a directory there, Include it first. Two names of
// one file, where the trace has not seen the Link, become two files.
//
// A Recorder keeps all that is written in memory. It is safe for concurrent
// use.
type Recorder struct {
	inner FS
	*recording
}

// recording is what the views of a Recorder share.
type recording struct {
	mu    sync.Mutex
	trace Trace                    // guarded by mu, with all below
	files map[string]*recordedFile // by clean path
	dirs  map[string]*recordedFile // by clean path
	count uint32
}

// recordedFile is a file or directory with the syncs of it that run now.
type recordedFile struct {
	id    uint32 // 0 for directories
	dsync bool   // the trace has a handle for writes past O_DSYNC
	syncs []*runningSync
}

// runningSync has its place in the trace, once it is decided.
type runningSync struct {
	placed bool
	at     int
}

var (
	_ FS         = (*Recorder)(nil)
	_ Classifier = (*Recorder)(nil)
)

// NewRecorder returns inner, recorded.
func NewRecorder(inner FS) *Recorder {
	return &Recorder{inner, &recording{
		files: map[string]*recordedFile{}, dirs: map[string]*recordedFile{},
	}}
}

// Trace returns what was recorded until now. A sync that has not returned is in
// it as one that failed, or not yet.
func (r *Recorder) Trace() *Trace {
	r.mu.Lock()
	defer r.mu.Unlock()
	return &Trace{slices.Clone(r.trace.Base), slices.Clone(r.trace.Ops)}
}

// Mark puts a text into the trace: what was acknowledged, or is tried next.
func (r *Recorder) Mark(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(TraceOp{Path: text})
}

// Include takes a directory and all below it into the base.
func (r *Recorder) Include(dir string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.include(r.inner, filepath.Clean(dir))
}

func (r *recording) include(inner FS, path string) error {
	info, err := inner.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.adopt(inner, path); err != nil || !info.IsDir() {
		return err
	}
	names, err := inner.List(path)
	for _, name := range names {
		err = errors.Join(err, r.include(inner, filepath.Join(path, name)))
	}
	return err
}

// Classed returns a view that records into the same trace.
func (r *Recorder) Classed(c Class) FS { return &Recorder{Classed(r.inner, c), r.recording} }

func (r *recording) add(op TraceOp) { r.trace.Ops = append(r.trace.Ops, op) }

// adopt takes what exists at a path into the base, unless it is known.
func (r *recording) adopt(inner FS, path string) error {
	if r.files[path] != nil || r.dirs[path] != nil {
		return nil
	}
	info, err := inner.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.IsDir() {
		r.adoptDir(path)
		return nil
	}
	var data []byte
	if err == nil {
		data, err = ReadFile(inner, path)
	}
	if err != nil {
		return fmt.Errorf("record what %s holds: %w", path, err)
	}
	r.adoptDir(filepath.Dir(path))
	r.count++
	r.files[path] = &recordedFile{id: r.count}
	r.trace.Base = append(r.trace.Base, TraceOp{Kind: KindCreate, File: r.count, Path: path, Data: data})
	return nil
}

// adoptDir takes a directory that exists into the base, with its parents.
func (r *recording) adoptDir(path string) *recordedFile {
	if d := r.dirs[path]; d != nil {
		return d
	}
	if parent := filepath.Dir(path); parent != path {
		r.adoptDir(parent)
		r.trace.Base = append(r.trace.Base, TraceOp{Kind: KindMkdir, Path: path})
	}
	r.dirs[path] = &recordedFile{}
	return r.dirs[path]
}

// change runs a call that changes names, and adds op if it succeeds. call runs
// with the lock held and may complete op, whose paths are clean.
func (r *Recorder) change(op TraceOp, call func(op *TraceOp) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, path := range []string{op.Path, op.To} {
		if path == "" {
			continue
		}
		take := r.adopt
		if op.All {
			take = r.include
		}
		if err := take(r.inner, path); err != nil {
			return err
		}
	}
	if err := call(&op); err != nil {
		return err
	}
	for _, path := range []string{op.Path, op.To} {
		if path != "" {
			dir := filepath.Dir(path)
			r.place(r.adoptDir(dir), TraceOp{Kind: KindSyncDir, Path: dir})
		}
	}
	r.add(op)
	return nil
}

// place gives the syncs of f that run now their places: before a change.
func (r *recording) place(f *recordedFile, op TraceOp) {
	op.Failed = true // until it has returned
	for _, s := range f.syncs {
		if !s.placed {
			s.placed, s.at = true, len(r.trace.Ops)
			r.add(op)
		}
	}
}

// sync runs a sync of f.
func (r *recording) sync(f *recordedFile, op TraceOp, call func() error) error {
	s := &runningSync{}
	r.mu.Lock()
	f.syncs = append(f.syncs, s)
	r.mu.Unlock()
	err := call()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.placed {
		s.at = len(r.trace.Ops)
		r.add(op)
	}
	r.trace.Ops[s.at].Failed = err != nil
	f.syncs = slices.DeleteFunc(f.syncs, func(x *runningSync) bool { return x == s })
	return err
}

func (r *Recorder) SyncDir(dir string) error {
	clean := filepath.Clean(dir)
	r.mu.Lock()
	if err := r.adopt(r.inner, clean); err != nil {
		r.mu.Unlock()
		return err
	}
	d := r.dirs[clean]
	r.mu.Unlock()
	if d == nil {
		return r.inner.SyncDir(dir) // which says that there is no such directory
	}
	return r.sync(d, TraceOp{Kind: KindSyncDir, Path: clean}, func() error { return r.inner.SyncDir(dir) })
}

func (r *Recorder) List(dir string) ([]string, error) { return r.inner.List(dir) }

func (r *Recorder) Stat(path string) (fs.FileInfo, error) { return r.inner.Stat(path) }

func (r *Recorder) Lock(path string, exclusive bool) (io.Closer, error) {
	return r.inner.Lock(path, exclusive)
}
