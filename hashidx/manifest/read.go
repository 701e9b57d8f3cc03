package manifest

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// Name is the name of a manifest in its directory.
const Name = "MANIFEST"

// Read returns what the manifest in dir says, without changing anything. An
// absent one is fs.ErrNotExist, damage engine.ErrCorrupt.
func Read(fsys vfs.FS, dir string) (State, error) {
	s, err := read(vfs.Classed(fsys, vfs.Meta), filepath.Join(dir, Name))
	if err != nil {
		return State{}, fmt.Errorf("read manifest: %w", err)
	}
	return s.public(), nil
}

func read(fsys vfs.FS, path string) (*state, error) {
	p, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return nil, err
	}
	s, off, err := decode(p)
	if err != nil {
		return nil, engine.Corrupt(path, off, err.Error(), nil)
	}
	return s, nil
}

// decode reads a file. An error says what is wrong at the offset.
func decode(p []byte) (*state, int64, error) {
	if len(p) < headerBytes {
		return nil, 0, fmt.Errorf("file of %d bytes, the header has %d", len(p), headerBytes)
	}
	if err := (*header)(p).check(); err != nil {
		return nil, 0, err
	}
	s := newState()
	for off := headerBytes; ; {
		f, payload, whole := frameAt(p, off)
		if !whole {
			if off == headerBytes {
				return nil, int64(off), errors.New("the first frame is not whole")
			}
			if by := claimed(p, off); by != 0 {
				return nil, int64(off), fmt.Errorf("frame is not whole, but was durable, says the one at %d", by)
			}
			return s, 0, nil
		}
		if off > headerBytes && f.sequence() != s.Sequence+1 {
			return nil, int64(off), fmt.Errorf("frame %d follows frame %d", f.sequence(), s.Sequence)
		}
		e, err := decodeEdit(payload)
		if err != nil {
			return nil, int64(off), err
		}
		if err := s.apply(&e); err != nil {
			return nil, int64(off), err
		}
		s.Sequence = f.sequence()
		off += frameBytes + len(payload)
	}
}

// claimed looks behind off for a whole frame that claims that what is at off
// was durable, and returns its offset, or 0.
func claimed(p []byte, off int) int {
	for at := off + 1; at+frameBytes <= len(p); at++ {
		f := (*frame)(p[at:])
		if f.durable() <= uint64(off) || f.durable() > uint64(at) {
			continue
		}
		if _, _, whole := frameAt(p, at); whole {
			return at
		}
	}
	return 0
}
