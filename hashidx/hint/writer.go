package hint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"path/filepath"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

const newSuffix = ".new"

// A Writer writes the hint of one segment. It keeps 8 bytes per op in memory,
// for the filter. After a failure all that is left is Abort.
type Writer struct {
	fsys    vfs.FS
	dir     string
	segment Segment
	file    vfs.File
	off     int64 // of the block under way
	block   []byte
	rows    int
	end     uint32 // of the last op
	before  uint64 // its sequence
	lowest  uint64
	codes   []uint64
	err     error
}

// Create begins the hint of a sealed segment in dir. Finish or Abort ends it.
func Create(fsys vfs.FS, dir string, s Segment) (*Writer, error) {
	if s.Bytes < 0 || s.Bytes > math.MaxUint32 {
		return nil, fmt.Errorf("create hint %s: %w: segment of %d bytes", s.Name(), engine.ErrInvalid, s.Bytes)
	}
	w := &Writer{fsys: vfs.Classed(fsys, vfs.Hint), dir: dir, segment: s, lowest: math.MaxUint64}
	err := w.fsys.Remove(w.path() + newSuffix)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		w.file, err = w.fsys.Create(w.path() + newSuffix)
	}
	if err != nil {
		return nil, fmt.Errorf("create hint %s: %w", s.Name(), err)
	}
	w.block = make([]byte, 0, blockHeader+maxBlock)
	return w, nil
}

func (w *Writer) path() string { return filepath.Join(w.dir, w.segment.Name()) }

// Add adds the next op of the segment. Ops come in the order of their offsets
// and do not overlap.
func (w *Writer) Add(o Op) error {
	if w.err != nil {
		return w.err
	}
	if o.Length == 0 || o.Offset < w.end || uint64(o.Offset)+uint64(o.Length) > uint64(w.segment.Bytes) {
		return w.fail(fmt.Errorf("%w: op of %d bytes at %d, the one before ends at %d, the segment at %d",
			engine.ErrInvalid, o.Length, o.Offset, w.end, w.segment.Bytes))
	}
	if w.rows == 0 {
		var b block
		binary.LittleEndian.PutUint32(b[12:], w.end)
		binary.LittleEndian.PutUint64(b[16:], w.before)
		w.block = append(w.block[:0], b[:]...)
	}
	w.block = appendRow(w.block, o, w.end, w.before)
	w.rows++
	w.end, w.before = o.Offset+o.Length, o.Sequence
	w.lowest = min(w.lowest, o.Sequence)
	w.codes = append(w.codes, codeOf(o.Hash))
	if len(w.block) >= blockHeader+blockTarget {
		return w.flush()
	}
	return nil
}

func (w *Writer) fail(err error) error {
	w.err = fmt.Errorf("write hint %s: %w", w.segment.Name(), err)
	return w.err
}

func (w *Writer) flush() error {
	if w.rows == 0 {
		return nil
	}
	seal(w.block, w.off, w.rows)
	if _, err := w.file.WriteAt(w.block, w.off); err != nil {
		return w.fail(err)
	}
	w.off += int64(len(w.block))
	w.rows = 0
	return nil
}

// Finish makes the hint durable and gives it its name, in the place of an
// older one. After an error there is the older one, none, or the whole new one.
func (w *Writer) Finish() error {
	if w.err == nil && w.flush() == nil {
		f := filterOf(w.codes)
		foot := encodeFooter(w.segment, crc32.Checksum(f.words, castagnoli), uint64(len(w.codes)), w.lowest, w.off)
		if err := w.install(append(f.words, foot[:]...)); err != nil {
			w.err = fmt.Errorf("finish hint %s: %w", w.segment.Name(), err)
		}
	}
	if err := w.err; err != nil {
		return errors.Join(err, w.Abort())
	}
	return nil
}

func (w *Writer) install(tail []byte) error {
	if _, err := w.file.WriteAt(tail, w.off); err != nil {
		return err
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	err := w.file.Close()
	w.file = nil
	if err != nil {
		return err
	}
	if err := w.fsys.Rename(w.path()+newSuffix, w.path()); err != nil {
		return err
	}
	return w.fsys.SyncDir(w.dir)
}

// Abort gives up: what was written is removed. After Finish it does nothing.
func (w *Writer) Abort() error {
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	w.file, w.err = nil, fs.ErrClosed
	if err = errors.Join(err, w.fsys.Remove(w.path()+newSuffix)); err != nil {
		return fmt.Errorf("abort hint %s: %w", w.segment.Name(), err)
	}
	return nil
}
