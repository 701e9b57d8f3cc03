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

const (
	newSuffix = ".new"
	codeChunk = 4096
)

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
	totals  totals
	codes   [][]uint64 // chunks, so that none is ever copied
	made    *Filter
	err     error
}

// Create begins the hint of a sealed segment in dir. Finish or Abort ends it.
func Create(fsys vfs.FS, dir string, s Segment) (*Writer, error) {
	if s.Bytes < 0 || s.Bytes > math.MaxUint32 {
		return nil, fmt.Errorf("create hint %s: %w: segment of %d bytes", s.Name(), engine.ErrInvalid, s.Bytes)
	}
	w := &Writer{fsys: vfs.Classed(fsys, vfs.Hint), dir: dir, segment: s, totals: noOps()}
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
	n := len(w.block)
	n += putRow((*[maxRow]byte)(w.block[n:cap(w.block)]), &o, w.end, w.before)
	w.block = w.block[:n]
	w.rows++
	w.end, w.before = o.Offset+o.Length, o.Sequence
	w.remember(codeOf(o.Hash))
	w.totals.add(o.Sequence)
	if n >= blockHeader+blockTarget {
		return w.flush()
	}
	return nil
}

// remember keeps a code for the filter, whose size is not known yet.
func (w *Writer) remember(code uint64) {
	i := int(w.totals.count % codeChunk)
	if i == 0 {
		w.codes = append(w.codes, make([]uint64, codeChunk))
	}
	w.codes[len(w.codes)-1][i] = code
}

// filter is the filter of all codes.
func (w *Writer) filter() *Filter {
	f := newFilter(int(w.totals.count))
	f.lowest = w.totals.lowest
	left := int(w.totals.count)
	for _, codes := range w.codes {
		for _, c := range codes[:min(left, codeChunk)] {
			f.set(c)
		}
		left -= codeChunk
	}
	return f
}

func (w *Writer) failure(err error) error {
	return fmt.Errorf("write hint %s: %w", w.segment.Name(), err)
}

func (w *Writer) fail(err error) error {
	w.err = w.failure(err)
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
		f := w.filter()
		w.codes = nil
		foot := encodeFooter(w.segment, crc32.Checksum(f.words, castagnoli), w.totals, w.off)
		err := w.install(append(f.words, foot[:]...))
		if err == nil {
			w.made, w.err = f, w.failure(fs.ErrClosed)
			return nil
		}
		w.err = fmt.Errorf("finish hint %s: %w", w.segment.Name(), err)
	}
	err := w.err // Abort sets another
	return errors.Join(err, w.Abort())
}

// Ops, Lowest and Highest are what the Reader of the same name will say of the
// ops so far.
func (w *Writer) Ops() uint64     { return w.totals.count }
func (w *Writer) Lowest() uint64  { return w.totals.lowest }
func (w *Writer) Highest() uint64 { return w.totals.highest }

// Filter is what the hint has, once Finish has returned nil; else nil.
func (w *Writer) Filter() *Filter { return w.made }

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
	w.file, w.err = nil, w.failure(fs.ErrClosed)
	if err = errors.Join(err, w.fsys.Remove(w.path()+newSuffix)); err != nil {
		return fmt.Errorf("abort hint %s: %w", w.segment.Name(), err)
	}
	return nil
}
