package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// ErrClosed: the manifest has been closed.
var ErrClosed = errors.New("manifest is closed")

const (
	newSuffix = ".new"
	// longBytes and longFactor say when a manifest is rewritten: when it is
	// longer than both, the factor counting the length of the last rewriting.
	longBytes  = 256 << 10
	longFactor = 4
)

// A Manifest is the open manifest of a directory. The caller holds the
// directory's lock: nobody else writes it.
//
// Concurrency: all methods may be called from many goroutines at once.
//
// Errors: after the first failed write, sync or rename every later Apply
// returns engine.ErrReadOnly with that failure: what the disk holds beyond the
// acknowledged edits is unknown until the next Open.
type Manifest struct {
	fsys vfs.FS
	dir  string
	long int // longBytes, but in tests

	mu     sync.Mutex
	file   vfs.File
	state  *state
	size   int // up to where frames are written
	safe   int // up to where they are durable
	base   int // size after the last rewriting
	err    error
	closed bool
}

// Create makes the manifest of a directory that has none, with a seed that is
// not 0, and opens it. After a crash there is a whole one, or none.
func Create(fsys vfs.FS, dir string, seed uint64) (*Manifest, error) {
	m := &Manifest{fsys: vfs.Classed(fsys, vfs.Meta), dir: dir, long: longBytes, state: newState()}
	if seed == 0 {
		return nil, fmt.Errorf("create manifest: %w: the hash seed is 0", ErrEdit)
	}
	if _, err := fsys.Stat(m.path()); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &fs.PathError{Op: "create", Path: m.path(), Err: fs.ErrExist}
		}
		return nil, fmt.Errorf("create manifest: %w", err)
	}
	m.state.Seed = seed
	if err := m.rewrite(m.state); err != nil {
		return nil, fmt.Errorf("create manifest: %w", err)
	}
	return m, nil
}

// Open opens the manifest of a directory and writes it anew, so that what
// State says from now on is durable. An absent one is fs.ErrNotExist, damage
// engine.ErrCorrupt with file and offset.
func Open(fsys vfs.FS, dir string) (*Manifest, error) {
	m := &Manifest{fsys: vfs.Classed(fsys, vfs.Meta), dir: dir, long: longBytes}
	s, err := read(m.fsys, m.path())
	if err != nil {
		return nil, fmt.Errorf("open manifest: %w", err)
	}
	if err := m.rewrite(s); err != nil {
		return nil, fmt.Errorf("open manifest: %w", err)
	}
	return m, nil
}

func (m *Manifest) path() string { return filepath.Join(m.dir, Name) }

// State returns a copy of what acknowledged edits have made.
func (m *Manifest) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.public()
}

// Apply makes an edit durable and then true. Errors wrap ErrEdit where it
// breaks a rule; nothing has happened then. After any other error it may be
// found done or not done by the next Open.
func (m *Manifest) Apply(e Edit) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fmt.Errorf("apply manifest edit: %w", ErrClosed)
	}
	if m.err != nil {
		return fmt.Errorf("apply manifest edit: %w: %w", engine.ErrReadOnly, m.err)
	}
	next, err := m.state.with(&e)
	if err != nil {
		return fmt.Errorf("apply manifest edit: %w", err)
	}
	payload := e.encode(nil)
	switch {
	case len(payload) == 0:
		return nil
	case len(payload) > maxPayload:
		return fmt.Errorf("apply manifest edit: %w: %d bytes, at most %d", ErrEdit, len(payload), maxPayload)
	case m.size > max(m.long, longFactor*m.base):
		err = m.rewrite(next)
	default:
		err = m.append(next, payload)
	}
	if err != nil {
		m.err = err
		return fmt.Errorf("apply manifest edit: %w", err)
	}
	return nil
}

// append writes a frame, and a mark behind it once it is durable.
func (m *Manifest) append(next *state, payload []byte) error {
	next.Sequence++
	if err := m.put(next.Sequence, payload); err != nil {
		return err
	}
	if err := m.sync(); err != nil {
		return err
	}
	m.state = next
	m.mark()
	return nil
}

// mark writes a mark. The edit before is durable, whatever happens to it: a
// failure is for the next Apply and for Close to tell.
func (m *Manifest) mark() {
	m.state.Sequence++
	m.err = m.put(m.state.Sequence, nil)
}

func (m *Manifest) put(sequence uint64, payload []byte) error {
	p := appendFrame(nil, m.size, sequence, uint64(m.safe), payload)
	if _, err := m.file.WriteAt(p, int64(m.size)); err != nil {
		return err
	}
	m.size += len(p)
	return nil
}

func (m *Manifest) sync() error {
	if err := m.file.SyncData(); err != nil {
		return err
	}
	m.safe = m.size
	return nil
}

// rewrite makes a new file that says what s does, in the place of the old.
func (m *Manifest) rewrite(s *state) error {
	s.Sequence++
	e := s.whole()
	p := appendFrame(appendHeader(nil), 0, s.Sequence, 0, e.encode(nil))
	path := m.path() + newSuffix
	if err := m.fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := m.fsys.Create(path)
	if err != nil {
		return err
	}
	if err := m.install(f, path, p); err != nil {
		return errors.Join(err, f.Close())
	}
	if m.file != nil {
		if err := m.file.Close(); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	m.file, m.state = f, s
	m.size, m.safe, m.base = len(p), len(p), len(p)
	m.mark()
	return nil
}

func (m *Manifest) install(f vfs.File, path string, p []byte) error {
	if _, err := f.WriteAt(p, 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := m.fsys.Rename(path, m.path()); err != nil {
		return err
	}
	return m.fsys.SyncDir(m.dir)
}

// Close waits for the last mark, so that all damage will be noticed, and frees
// what the manifest holds. A second call does nothing.
func (m *Manifest) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	err := m.err
	if err == nil {
		err = m.sync()
	}
	if err = errors.Join(err, m.file.Close()); err != nil {
		return fmt.Errorf("close manifest: %w", err)
	}
	return nil
}
