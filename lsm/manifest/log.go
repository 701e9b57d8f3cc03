package manifest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/version"
)

// ErrClosed: the log has been closed.
var ErrClosed = errors.New("manifest is closed")

// Options may differ at each Open.
type Options struct {
	// ReadOnly changes nothing in the directory; Append is
	// engine.ErrReadOnly.
	ReadOnly bool

	// Belongs reports whether a file of this name in the directory is part of
	// a tree: a table, a blob file. Where one is, there must be a manifest. Nil
	// is never.
	Belongs func(name string) bool
}

const (
	// longBytes and longFactor say when a new file is begun: when the old one
	// is longer than both, the factor counting its first frame.
	longBytes  = 1 << 20
	longFactor = 2
)

// A Log is the open manifest of a directory.
//
// Concurrency: all methods may be called from many goroutines at once.
//
// Errors: after the first failed write, sync or rename every later Append
// returns engine.ErrReadOnly with that failure: what the disk holds beyond the
// acknowledged edits is unknown until the next Open.
type Log struct {
	fsys     vfs.FS
	dir      string
	readOnly bool
	long     int // longBytes, but in tests

	mu       sync.Mutex
	file     vfs.File // nil if readOnly
	number   uint64
	state    *version.State
	sequence uint64 // of the last frame
	size     int    // up to where frames are written
	safe     int    // up to where they are durable
	base     int    // size when the file was begun
	err      error
	closed   bool
}

// Open reads the manifest of a directory that exists. A directory without one
// is new: the state is that of an empty tree. Unless it is read-only a new file
// is begun, so that the state is durable. Damage is engine.ErrCorrupt with file
// and offset.
func Open(fsys vfs.FS, dir string, o Options) (*Log, *version.State, error) {
	l := &Log{fsys: vfs.Classed(fsys, vfs.Meta), dir: dir, readOnly: o.ReadOnly, long: longBytes}
	d, err := look(l.fsys, dir, o.Belongs)
	if err == nil {
		err = d.read(l.fsys, nil)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open manifest: %w", err)
	}
	l.state, l.sequence = d.State, d.sequence
	if o.ReadOnly {
		l.size = int(d.Bytes)
		return l, l.state, nil
	}
	if err := l.begin(d); err != nil {
		return nil, nil, fmt.Errorf("open manifest: %w", err)
	}
	return l, l.state, nil
}

// State returns the state after all acknowledged edits.
func (l *Log) State() *version.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Size returns the length of the manifest.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(l.size)
}

// Append makes an edit durable and then true. It returns the new state and the
// files that are not in it any more. Errors wrap version.ErrEdit where the edit
// breaks a rule; nothing has happened then. After any other error it may be
// found done or not done by the next Open. The caller changes neither e nor
// what it refers to any more.
func (l *Log) Append(e *version.Edit) (*version.State, version.Dropped, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	dropped, err := l.append(e)
	if err != nil {
		return nil, version.Dropped{}, fmt.Errorf("append manifest edit: %w", err)
	}
	return l.state, dropped, nil
}

func (l *Log) append(e *version.Edit) (version.Dropped, error) {
	switch {
	case l.closed:
		return version.Dropped{}, ErrClosed
	case l.readOnly:
		return version.Dropped{}, engine.ErrReadOnly
	case l.err != nil:
		return version.Dropped{}, fmt.Errorf("%w: %w", engine.ErrReadOnly, l.err)
	}
	next, dropped, err := l.state.Apply(e)
	if err != nil {
		return version.Dropped{}, err
	}
	payload := appendEdit(nil, e)
	switch {
	case len(payload) == 0:
		return dropped, nil
	case len(payload) > maxPayload:
		return version.Dropped{}, fmt.Errorf("%w: %d bytes, at most %d", version.ErrEdit, len(payload), maxPayload)
	case l.size+frameBytes+len(payload) > max(l.long, longFactor*l.base):
		err = l.rotate(next)
	default:
		err = l.write(next, payload)
	}
	if err != nil {
		l.err = err
		return version.Dropped{}, err
	}
	return dropped, nil
}

// write writes a frame, and a mark behind it once it is durable.
func (l *Log) write(next *version.State, payload []byte) error {
	if err := l.put(payload); err != nil {
		return err
	}
	if err := l.sync(); err != nil {
		return err
	}
	l.state = next
	l.mark()
	return nil
}

// mark writes a mark. The edit before is durable, whatever happens to it: a
// failure is for the next Append and for Close to tell.
func (l *Log) mark() { l.err = l.put(nil) }

func (l *Log) put(payload []byte) error {
	l.sequence++
	p := appendFrame(nil, l.number, l.size, l.sequence, uint64(l.safe), payload)
	if _, err := l.file.WriteAt(p, int64(l.size)); err != nil {
		return err
	}
	l.size += len(p)
	return nil
}

func (l *Log) sync() error {
	if err := l.file.SyncData(); err != nil {
		return err
	}
	l.safe = l.size
	return nil
}

// Close waits for the last mark, so that all damage will be noticed, and frees
// what the log holds. It returns what made Append fail. A second call does
// nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.readOnly {
		l.closed = true
		return nil
	}
	l.closed = true
	err := l.err
	if err == nil {
		err = l.sync()
	}
	if err = errors.Join(err, l.file.Close()); err != nil {
		return fmt.Errorf("close manifest: %w", err)
	}
	return nil
}
