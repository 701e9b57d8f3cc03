package btree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/kvbench/kvbench/engine/vfs"
)

const (
	// suspectName is an empty file that is there after a sync of the file of
	// pages has failed. The kernel may have marked what it could not write as
	// clean: later syncs then succeed and mean nothing, while reads find what
	// is only in memory. So before anything relies on that file again, all of
	// it is written to a new one.
	suspectName = "suspect"
	renewedName = "data.new"

	renewedBytes = 1 << 20 // at once
)

// suspect remembers that a sync of the file of pages has failed, if that is
// what err says. It is all that can be done: where it fails too, nothing is
// remembered.
func (t *tree) suspect(err error) {
	var call *fs.PathError
	path := t.home.Path(dataName)
	if !errors.As(err, &call) || call.Path != path || !strings.Contains(call.Op, "sync") {
		return
	}
	meta := vfs.Classed(t.counting, vfs.Meta)
	f, e := meta.Create(t.home.Path(suspectName))
	if e == nil {
		e = errors.Join(f.Sync(), f.Close())
	}
	if e = errors.Join(e, meta.SyncDir(t.home.Dir)); e != nil && !errors.Is(e, fs.ErrExist) {
		t.env.Log.Error("cannot remember that a sync failed", "file", path, "error", e)
	}
}

// renew writes the file of pages anew if it is suspect. Nobody has it open.
func (t *tree) renew(path string) error {
	mark, renewed := t.home.Path(suspectName), t.home.Path(renewedName)
	there, err := t.exists(mark)
	if err != nil || !there || t.readOnly {
		return err
	}
	meta := vfs.Classed(t.counting, vfs.Meta)
	if err := meta.RemoveAll(renewed); err != nil {
		return err
	}
	if err := t.copyFile(path, renewed); err != nil {
		return err
	}
	if err := meta.Rename(renewed, path); err != nil {
		return err
	}
	if err := meta.SyncDir(t.home.Dir); err != nil {
		return err
	}
	if err := meta.Remove(mark); err != nil {
		return err
	}
	return meta.SyncDir(t.home.Dir)
}

// copyFile makes a durable copy of a file, but for its name.
func (t *tree) copyFile(from, to string) (err error) {
	src, err := vfs.Classed(t.counting, vfs.Meta).Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	dst, err := vfs.Classed(t.counting, vfs.Page).Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	buf := make([]byte, renewedBytes)
	for off := int64(0); ; {
		n, err := src.ReadAt(buf, off)
		if n > 0 {
			if _, err := dst.WriteAt(buf[:n], off); err != nil {
				return err
			}
		}
		off += int64(n)
		if errors.Is(err, io.EOF) {
			return dst.Sync()
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", from, err)
		}
	}
}
