package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// ErrInjected is wrapped by every error that a Fault made up.
var ErrInjected = errors.New("injected")

// Fault is a file system in which calls go wrong by Rules. It passes all
// others on.
//
// Each rule counts the calls that match it by itself, from the moment it was
// set. Where several fire at one call their delays add up, and the first with
// an error or a lie decides; those behind it have counted the call but do not
// fire. An invalid rule (see Rule.Check) fails every call.
//
// # Errors
//
// An error that is injected has the form that the contract of FS asks for. It
// wraps the rule's error and ErrInjected, and its text holds the rule. A call
// that failed has done nothing, except that
//
//   - short=N and budget=S write a part, as the returned count says;
//   - done does all of it first, and reports a count of 0;
//   - a Close always closes, whatever it returns.
//
// # Failed syncs
//
// What a kernel does with pages that it could not write differs. A plain
// error= leaves them dirty: a later Sync that is let through makes them
// durable. With lost they are gone, as on Linux, where a failed fsync marks
// them clean: the next fsync succeeds and means nothing. Fault then lets no
// later sync of that file (through whatever handle, also under a new name or a
// second one, but not of a new file under its old name) reach the disk; it
// reports success. A write past O_DSYNC is no call of Sync and does. Until a
// crash reads find what is lost, as from a page cache that keeps it. Use lost
// to catch those who try again and believe the answer. A sync that lies
// succeeds without an error before it.
//
// # Loops
//
// To fail each call of a history in turn: set any nth=N for N = 1, 2, ... and
// stop when Fired is 0 after a history. Calls says how many there are.
//
// Advise, which cannot fail, and the Close of locks and mappings are passed on
// uncounted. Fault is safe for concurrent use.
type Fault struct {
	inner FS
	*injector
}

// injector is what the views of a Fault share.
type injector struct {
	calls [kindCount]atomic.Uint64
	rules atomic.Pointer[ruleSet]
	lost  lostFiles
}

var (
	_ FS         = (*Fault)(nil)
	_ Classifier = (*Fault)(nil)
)

// NewFault returns inner with faults.
func NewFault(inner FS, rules ...Rule) *Fault {
	f := &Fault{inner, &injector{}}
	f.Set(rules...)
	return f
}

// Set replaces the rules, also while calls are under way; those see the old
// ones or the new ones. Counting begins anew, also for rules that stay. Files
// that lost their data stay so.
func (f *Fault) Set(rules ...Rule) { f.rules.Store(newRuleSet(rules)) }

// Fired returns how often the rules that are set now have fired.
func (f *Fault) Fired() uint64 { return f.rules.Load().fired.Load() }

// Calls returns how many calls there were since NewFault.
func (f *Fault) Calls() Calls {
	var c Calls
	for i := range f.calls {
		c[i] = f.calls[i].Load()
	}
	return c
}

// Calls counts calls of each kind.
type Calls [kindCount]uint64

// Of returns how many calls were of one of these kinds.
func (c Calls) Of(kinds Kind) uint64 {
	var n uint64
	for i := range c {
		if kinds&(1<<i) != 0 {
			n += c[i]
		}
	}
	return n
}

// Classed returns a view with the same rules and counts.
func (f *Fault) Classed(c Class) FS { return &Fault{Classed(f.inner, c), f.injector} }

// callError is why a call failed.
type callError struct {
	rule string
	err  error
}

func (e *callError) Error() string { return fmt.Sprintf("%v (injected: %s)", e.err, e.rule) }

func (e *callError) Unwrap() []error { return []error{e.err, ErrInjected} }

// call runs a call as the verdict says; from and to are its paths.
func (v *verdict) call(from, to string, do func() error) error {
	switch {
	case v.lie:
		return nil
	case v.err == nil:
		return do()
	case v.done:
		if err := do(); err != nil {
			return err
		}
	}
	return v.failure(from, to)
}

func (v *verdict) failure(from, to string) error {
	if to != "" {
		return &os.LinkError{Op: v.kind.String(), Old: from, New: to, Err: v.err}
	}
	return &fs.PathError{Op: v.kind.String(), Path: from, Err: v.err}
}

// do is one call of an FS that yields nothing but an error.
func (f *Fault) do(k Kind, from, to string, call func() error) error {
	v := f.decide(k, from, to, 0)
	return v.call(from, to, call)
}

// open is one call that yields a file.
func (f *Fault) open(k Kind, path string, open func() (File, error)) (File, error) {
	var file File
	err := f.do(k, path, "", func() (err error) { file, err = open(); return err })
	if err == nil {
		return &faultFile{inner: file, path: path, injector: f.injector}, nil
	}
	if file != nil {
		file.Close()
	}
	return nil, err
}

func (f *Fault) Create(path string) (File, error) {
	file, err := f.open(KindCreate, path, func() (File, error) { return f.inner.Create(path) })
	if err == nil {
		f.lost.remove(path)
	}
	return file, err
}

func (f *Fault) Open(path string) (File, error) {
	return f.open(KindOpen, path, func() (File, error) { return f.inner.Open(path) })
}

func (f *Fault) OpenReadWrite(path string) (File, error) {
	return f.open(KindOpen, path, func() (File, error) { return f.inner.OpenReadWrite(path) })
}

func (f *Fault) OpenDirect(path string, dsync bool) (File, error) {
	return f.open(KindOpen, path, func() (File, error) { return f.inner.OpenDirect(path, dsync) })
}

func (f *Fault) Remove(path string) error {
	return f.do(KindRemove, path, "", func() error { return f.inner.Remove(path) })
}

func (f *Fault) RemoveAll(path string) error {
	return f.do(KindRemove, path, "", func() error { return f.inner.RemoveAll(path) })
}

func (f *Fault) Rename(from, to string) error {
	return f.do(KindRename, from, to, func() error {
		err := f.inner.Rename(from, to)
		if err == nil {
			f.lost.rename(from, to)
		}
		return err
	})
}

func (f *Fault) Link(from, to string) error {
	return f.do(KindLink, from, to, func() error {
		err := f.inner.Link(from, to)
		if err == nil {
			f.lost.link(from, to)
		}
		return err
	})
}

func (f *Fault) MkdirAll(path string) error {
	return f.do(KindMkdir, path, "", func() error { return f.inner.MkdirAll(path) })
}

func (f *Fault) List(dir string) (names []string, err error) {
	err = f.do(KindList, dir, "", func() (err error) { names, err = f.inner.List(dir); return err })
	if err != nil {
		return nil, err
	}
	return names, nil
}

func (f *Fault) Stat(path string) (info fs.FileInfo, err error) {
	err = f.do(KindStat, path, "", func() (err error) { info, err = f.inner.Stat(path); return err })
	if err != nil {
		return nil, err
	}
	return info, nil
}

func (f *Fault) SyncDir(dir string) error {
	v := f.decide(KindSyncDir, dir, "", 0)
	if v.lost {
		f.lost.add(dir)
	} else if f.lost.has(dir) {
		v.lie = v.err == nil
	}
	return v.call(dir, "", func() error { return f.inner.SyncDir(dir) })
}

func (f *Fault) Lock(path string, exclusive bool) (io.Closer, error) {
	var lock io.Closer
	err := f.do(KindLock, path, "", func() (err error) { lock, err = f.inner.Lock(path, exclusive); return err })
	if err == nil {
		return lock, nil
	}
	if lock != nil {
		lock.Close()
	}
	return nil, err
}

// lostFiles are those whose syncs mean nothing any more.
type lostFiles struct {
	any atomic.Bool // whether there are some: spares the rest the lock

	mu    sync.Mutex
	paths map[string]bool // guarded by mu; keys are clean
}

func (l *lostFiles) add(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paths == nil {
		l.paths = map[string]bool{}
	}
	l.paths[filepath.Clean(path)] = true
	l.any.Store(true)
}

func (l *lostFiles) has(path string) bool {
	if !l.any.Load() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paths[filepath.Clean(path)]
}

func (l *lostFiles) remove(path string) {
	if !l.any.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.paths, filepath.Clean(path))
}

// rename follows a file, or a directory with all below it.
func (l *lostFiles) rename(from, to string) {
	if !l.any.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	from, to = filepath.Clean(from), filepath.Clean(to)
	if from == to {
		return
	}
	moved := map[string]bool{}
	for path := range l.paths {
		if rest, ok := under(path, from); ok {
			moved[to+rest] = true
			delete(l.paths, path)
		}
	}
	delete(l.paths, to)
	maps.Copy(l.paths, moved)
}

func (l *lostFiles) link(from, to string) {
	if l.has(from) {
		l.add(to)
	} else {
		l.remove(to)
	}
}
