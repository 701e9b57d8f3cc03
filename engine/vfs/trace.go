package vfs

import (
	"fmt"
	"path/filepath"
	"slices"
)

// A Trace is what a Recorder saw: calls that change files or names, in an order
// in which they may have happened one after another.
type Trace struct {
	// Base is what was there before: KindMkdir and KindCreate with content.
	// It is durable.
	Base []TraceOp
	// Ops are the calls. A position in the trace is a count of them.
	Ops []TraceOp
}

// A TraceOp is one call. Which fields a kind has says the table; the others are
// zero. Path is, for calls on an open file, the one under which it was opened.
//
//	kind             fields
//	0                Path             a mark (Recorder.Mark)
//	KindCreate       File Path        Data, in the base
//	KindOpen         File Path        a handle that writes past O_DSYNC
//	KindWrite        File Path Off Data, Dsync
//	KindTruncate     File Path Size
//	KindPreallocate  File Path Off Size
//	KindPunch        File Path Off Size
//	KindSync         File Path        Failed
//	KindSyncDir      Path             Failed
//	KindRename       Path To
//	KindLink         Path To
//	KindRemove       Path             All
//	KindMkdir        Path
type TraceOp struct {
	Kind      Kind
	File      uint32 // which file, whatever its names are; numbered from 1
	Path, To  string
	Off, Size int64
	Data      []byte

	Dsync  bool // durable when it returned
	All    bool // RemoveAll
	Failed bool // a sync that failed, or had not returned yet
}

// String is for messages of tests.
func (o TraceOp) String() string {
	s := o.Kind.String()
	if o.Kind == 0 {
		return "mark " + o.Path
	}
	if o.All {
		s += " all"
	}
	if o.Path != "" {
		s += " " + o.Path
	}
	if o.To != "" {
		s += " to " + o.To
	}
	switch o.Kind {
	case KindWrite:
		s += fmt.Sprintf(" [%d, %d)", o.Off, o.Off+int64(len(o.Data)))
	case KindPunch, KindPreallocate:
		s += fmt.Sprintf(" [%d, %d)", o.Off, o.Off+o.Size)
	case KindTruncate:
		s += fmt.Sprintf(" to %d", o.Size)
	}
	if o.Dsync {
		s += " dsync"
	}
	if o.Failed {
		s += " failed"
	}
	return s
}

// Mem returns a file system on which the first n operations were done. Crash
// of it returns what a power loss at this moment may have left, Image what is
// certain, or what kill -9 leaves.
func (t *Trace) Mem(n int) (*Mem, error) {
	if n < 0 || n > len(t.Ops) {
		return nil, fmt.Errorf("replay %d operations of a trace of %d", n, len(t.Ops))
	}
	r, err := t.replayBase()
	for i := 0; i < n && err == nil; i++ {
		err = r.step(i, t.Ops[i])
	}
	if err != nil {
		return nil, err
	}
	return r.mem, nil
}

// Walk calls f at each position of the trace, from 0 (the base) to the number
// of operations. m is the same all the time: f may crash and read it, and must
// not change it. An error of f ends the walk and is returned.
func (t *Trace) Walk(f func(n int, m *Mem) error) error {
	r, err := t.replayBase()
	if err != nil {
		return err
	}
	for i, op := range t.Ops {
		if err := f(i, r.mem); err != nil {
			return err
		}
		if err := r.step(i, op); err != nil {
			return err
		}
	}
	return f(len(t.Ops), r.mem)
}

// replay does operations on a Mem.
type replay struct {
	mem   *Mem
	files map[uint32]File
	dsync map[uint32]File // handles whose writes are durable
}

func (t *Trace) replayBase() (*replay, error) {
	r := &replay{NewMem(), map[uint32]File{}, map[uint32]File{}}
	base := slices.Clone(t.Base)
	slices.SortStableFunc(base, func(a, b TraceOp) int { // directories first
		return int(a.Kind&KindCreate) - int(b.Kind&KindCreate)
	})
	for i, op := range base {
		err := r.do(op)
		if err == nil && op.Kind == KindCreate {
			f := r.files[op.File]
			if _, err = f.WriteAt(op.Data, 0); err == nil {
				err = f.Sync()
			}
		}
		if err != nil {
			return nil, fmt.Errorf("replay base %d (%v): %w", i, op, err)
		}
	}
	for _, op := range base {
		if err := r.mem.SyncDir(filepath.Dir(op.Path)); err != nil {
			return nil, fmt.Errorf("replay base (%v): %w", op, err)
		}
	}
	return r, nil
}

func (r *replay) step(i int, op TraceOp) error {
	if err := r.do(op); err != nil {
		return fmt.Errorf("replay operation %d (%v): %w", i, op, err)
	}
	return nil
}

func (r *replay) do(op TraceOp) (err error) {
	switch op.Kind {
	case KindCreate:
		r.files[op.File], err = r.mem.Create(op.Path)
	case KindOpen:
		// Not as direct: what the disk took may be aligned to less than
		// DirectAlign.
		r.dsync[op.File], err = r.mem.open(op.Path, memMode{writable: true, dsync: true})
	case KindSyncDir:
		if !op.Failed {
			err = r.mem.SyncDir(op.Path)
		}
	case KindRename:
		err = r.mem.Rename(op.Path, op.To)
	case KindLink:
		err = r.mem.Link(op.Path, op.To)
	case KindRemove:
		if op.All {
			return r.mem.RemoveAll(op.Path)
		}
		err = r.mem.Remove(op.Path)
	case KindMkdir:
		err = r.mem.MkdirAll(op.Path)
	case KindWrite, KindTruncate, KindPreallocate, KindPunch, KindSync:
		err = r.doFile(op)
	}
	return err
}

func (r *replay) doFile(op TraceOp) (err error) {
	f := r.files[op.File]
	if op.Dsync {
		f = r.dsync[op.File]
	}
	if f == nil {
		return fmt.Errorf("file %d was never opened so", op.File)
	}
	switch op.Kind {
	case KindWrite:
		_, err = f.WriteAt(op.Data, op.Off)
	case KindTruncate:
		err = f.Truncate(op.Size)
	case KindPreallocate:
		err = f.Preallocate(op.Off, op.Size)
	case KindPunch:
		err = f.PunchHole(op.Off, op.Size)
	case KindSync:
		if !op.Failed {
			err = f.Sync()
		}
	}
	return err
}
