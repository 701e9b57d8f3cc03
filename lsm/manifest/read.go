package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/version"
)

// A Scanned is what a manifest looks like.
type Scanned struct {
	Path  string // of the manifest; empty if the directory is new
	Edits int
	Bytes int64 // of its whole frames
	Torn  int64 // bytes behind them, which a crash left
	State *version.State
}

// Scan reads the manifest of a directory without changing anything, and calls
// each with every edit and its offset, in order; an edit says how the state
// differs from that after the edits before, the first one from an empty tree.
// An error of each ends the scan and is returned. Where there is damage, the
// edits before it were handed out, and Scanned says how far it came.
func Scan(fsys vfs.FS, dir string, belongs func(name string) bool, each func(e *version.Edit, off int64) error) (Scanned, error) {
	fsys = vfs.Classed(fsys, vfs.Meta)
	d, err := look(fsys, dir, belongs)
	if err == nil {
		err = d.read(fsys, each)
	}
	if err != nil {
		err = fmt.Errorf("scan manifest: %w", err)
	}
	return d.Scanned, err
}

// A directory is what was found in one.
type directory struct {
	Scanned
	dir      string
	fresh    bool     // there is no CURRENT
	number   uint64   // of the manifest, unless fresh
	sequence uint64   // of its last frame
	found    []uint64 // all manifests, rising
}

// look finds out which manifest counts.
func look(fsys vfs.FS, dir string, belongs func(name string) bool) (*directory, error) {
	d := &directory{dir: dir, fresh: true, Scanned: Scanned{State: version.NewState()}}
	names, err := fsys.List(dir)
	if err != nil {
		return d, err
	}
	file := ""
	for _, name := range names {
		if n, ok := Number(name); ok {
			d.found = append(d.found, n)
		} else if belongs != nil && belongs(name) {
			file = name
		}
		d.fresh = d.fresh && name != Current
	}
	slices.Sort(d.found)
	if d.fresh {
		return d, d.checkFresh(fsys, file)
	}
	d.number, err = readCurrent(fsys, dir)
	d.Path = filepath.Join(dir, Name(d.number))
	return d, err
}

// checkFresh tells a directory that never had a CURRENT from one that lost it.
func (d *directory) checkFresh(fsys vfs.FS, file string) error {
	path := filepath.Join(d.dir, Current)
	if file != "" {
		return engine.Corrupt(path, -1, "there is none, but there is "+file, nil)
	}
	for _, n := range d.found {
		info, err := fsys.Stat(filepath.Join(d.dir, Name(n)))
		if err != nil {
			return err
		}
		if n > 1 || info.Size() > int64(len(firstBytes(n, 1, d.State))) {
			return engine.Corrupt(path, -1, "there is none, but there is "+Name(n), nil)
		}
	}
	return nil
}

// read replays the manifest.
func (d *directory) read(fsys vfs.FS, each func(e *version.Edit, off int64) error) error {
	if d.fresh {
		return nil
	}
	p, err := vfs.ReadFile(fsys, d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return engine.Corrupt(d.Path, -1, "CURRENT names it, but there is no such file", err)
	}
	if err != nil {
		return err
	}
	var stopped error
	off, err := d.replay(p, func(e *version.Edit, off int64) error {
		if each != nil {
			stopped = each(e, off)
		}
		return stopped
	})
	if err != nil && stopped == nil {
		return engine.Corrupt(d.Path, int64(off), err.Error(), nil)
	}
	return err
}

// replay applies all edits of a file. An error says what is wrong at off.
func (d *directory) replay(p []byte, each func(e *version.Edit, off int64) error) (off int, err error) {
	if len(p) < headerBytes {
		return 0, fmt.Errorf("file of %d bytes, the header has %d", len(p), headerBytes)
	}
	if err := (*header)(p).check(d.number); err != nil {
		return 0, err
	}
	for off = headerBytes; ; {
		f, payload, whole := frameAt(p, d.number, off)
		if !whole {
			if off == headerBytes {
				return off, errors.New("the first frame is not whole")
			}
			if by := claimed(p, d.number, off); by != 0 {
				return off, fmt.Errorf("frame is not whole, but was durable, says the one at %d", by)
			}
			d.Torn = int64(len(p) - off)
			return off, nil
		}
		if off > headerBytes && f.sequence() != d.sequence+1 {
			return off, fmt.Errorf("frame %d follows frame %d", f.sequence(), d.sequence)
		}
		if len(payload) > 0 {
			if err := d.edit(payload, off, each); err != nil {
				return off, err
			}
		}
		d.sequence = f.sequence()
		off += frameBytes + len(payload)
		d.Bytes = int64(off)
	}
}

func (d *directory) edit(payload []byte, off int, each func(e *version.Edit, off int64) error) error {
	e, err := decodeEdit(payload)
	if err != nil {
		return err
	}
	next, _, err := d.State.Apply(e)
	if err != nil {
		return err
	}
	if err := each(e, int64(off)); err != nil {
		return err
	}
	d.State = next
	d.Edits++
	return nil
}

// claimed looks behind off for a whole frame that claims that what is at off
// was durable, and returns its offset, or 0.
func claimed(p []byte, number uint64, off int) int {
	for at := off + 1; at+frameBytes <= len(p); at++ {
		f := (*frame)(p[at:])
		if f.durable() <= uint64(off) || f.durable() > uint64(at) {
			continue
		}
		if _, _, whole := frameAt(p, number, at); whole {
			return at
		}
	}
	return 0
}
