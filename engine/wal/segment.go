package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine/vfs"
)

// A segment is one file of the log.
type segment struct {
	id   uint32
	path string
	file vfs.File // for writing and syncing; nil for one before Options.From

	// read is for reading: file, unless that is for direct I/O. For one
	// before Options.From it is opened when it is wanted; the log's mu guards
	// it then.
	read vfs.File

	// examined: Open or this log has seen its records, and end is known.
	examined bool

	// size is where the log would go on in the next segment; where that is
	// not ready in time, writing goes on behind it.
	size int64

	// link is where the log came from.
	link link

	// end is the offset behind the last record, fixed once the log goes on
	// elsewhere; the log's mu guards it. written is what is in the file, kept
	// for readers.
	end     int64
	written atomic.Int64

	// dirty: written, not synced since. The log's mu guards it.
	dirty bool

	// filled: it holds a record of a caller. The log's mu guards it.
	filled bool

	// dropped: others may have its file, which is not to be written again.
	dropped bool
}

// first is the offset of the first record behind the link.
func (s *segment) first() int64 { return headerBytes + recordHeaderBytes + linkBytes + 4 }

// close closes its files.
func (s *segment) close() error {
	var err error
	if s.file != nil {
		err = s.file.Close()
	}
	if s.read != nil && s.read != s.file {
		err = errors.Join(err, s.read.Close())
	}
	return err
}

// Names in a log's directory. What ends in tempSuffix is nobody's after a
// crash.
const (
	segmentSuffix = ".wal"
	tempSuffix    = ".tmp"
	prepareName   = "prepare" + tempSuffix
	recyclePrefix = "recycle-"
)

func segmentName(id uint32) string { return fmt.Sprintf("%010d%s", id, segmentSuffix) }

func recycleName(id uint32) string { return fmt.Sprintf("%s%010d%s", recyclePrefix, id, tempSuffix) }

// segmentID is the inverse of segmentName.
func segmentID(name string) (uint32, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok {
		return 0, false
	}
	id, err := strconv.ParseUint(digits, 10, 32)
	return uint32(id), err == nil && id != 0 && segmentName(uint32(id)) == name
}

// IsSegmentBefore reports whether a file in a log's directory is a segment with
// a lower id, which Open does not look at if Options.From is in segment id.
func IsSegmentBefore(name string, id uint32) bool {
	n, ok := segmentID(name)
	return ok && n < id
}

// openSegment opens the file of a segment that exists.
func (l *Log) openSegment(id uint32) (*segment, error) {
	path := filepath.Join(l.dir, segmentName(id))
	f, err := l.openFile(path)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, err
	}
	s := &segment{id: id, path: path, file: f, read: f, size: size, end: headerBytes, examined: true}
	if l.o.Direct && !l.o.ReadOnly {
		if s.read, err = l.logFS.Open(path); err != nil {
			f.Close()
			return nil, err
		}
	}
	s.written.Store(headerBytes)
	return s, nil
}

func (l *Log) openFile(path string) (vfs.File, error) {
	switch {
	case l.o.ReadOnly:
		return l.logFS.Open(path)
	case l.o.Direct:
		f, err := l.logFS.OpenDirect(path, true)
		if errors.Is(err, errors.ErrUnsupported) {
			err = fmt.Errorf("%w; open the log without direct I/O", err)
		}
		return f, err
	}
	return l.logFS.OpenReadWrite(path)
}

// makeSegment makes a segment of its own, ready to be written: its name and
// header are durable, and so are its blocks as far as fill asks for it. pace,
// if not nil, is called between steps of the fill and may end it.
//
// The file comes under its name only once it is whole, so that a segment never
// has a bad header but by damage.
func (l *Log) makeSegment(id uint32, size int64, fill Fill, pace func(done, size int64) error) (*segment, error) {
	from, size, err := l.recycled(id, size)
	if err != nil {
		return nil, fmt.Errorf("recycle log segment: %w", err)
	}
	if from == "" {
		from = filepath.Join(l.dir, prepareName)
		if err := l.writeNew(from, id, size, fill, pace); err != nil {
			l.fsys.Remove(from)
			return nil, fmt.Errorf("prepare log segment %d: %w", id, err)
		}
	}
	s, err := l.nameSegment(from, id)
	if err != nil { // those that fail one after the other must not fill the disk
		l.fsys.Remove(from)
		l.fsys.Remove(filepath.Join(l.dir, segmentName(id)))
		return nil, err
	}
	s.size = size
	return s, nil
}

// nameSegment gives the file of a segment its name and opens it.
func (l *Log) nameSegment(from string, id uint32) (*segment, error) {
	if err := l.fsys.Rename(from, filepath.Join(l.dir, segmentName(id))); err != nil {
		return nil, fmt.Errorf("name log segment %d: %w", id, err)
	}
	if err := l.fsys.SyncDir(l.dir); err != nil {
		return nil, fmt.Errorf("sync log directory: %w", err)
	}
	s, err := l.openSegment(id)
	if err != nil {
		return nil, fmt.Errorf("open log segment %d: %w", id, err)
	}
	return s, nil
}

// recycled takes a pruned segment, gives it the header of segment id, and
// returns where it is and how large; or no path where there is none. Those that
// are too small go: they would keep others out.
func (l *Log) recycled(id uint32, size int64) (path string, _ int64, _ error) {
	l.mu.Lock()
	small := slices.Clone(l.recycle)
	small = slices.DeleteFunc(small, func(r recyclable) bool { return r.size >= size })
	l.recycle = slices.DeleteFunc(l.recycle, func(r recyclable) bool { return r.size < size })
	if len(l.recycle) > 0 {
		path, size = l.recycle[0].path, l.recycle[0].size
		l.recycle = slices.Delete(l.recycle, 0, 1)
		l.stats.Recycled++
	}
	l.mu.Unlock()
	for _, r := range small {
		l.fsys.Remove(r.path) // else the next Open finds it
	}
	if path == "" {
		return "", size, nil
	}
	if err := l.rewriteHeader(path, id); err != nil {
		l.fsys.Remove(path)
		return "", 0, err
	}
	return path, size, nil
}

// rewriteHeader gives the file of a pruned segment another id, durably.
func (l *Log) rewriteHeader(path string, id uint32) error {
	f, err := vfs.Classed(l.fsys, vfs.ZeroFill).OpenReadWrite(path)
	if err != nil {
		return err
	}
	var header [headerBytes]byte
	encodeSegmentHeader(header[:], id)
	_, err = f.WriteAt(header[:], 0)
	if err == nil {
		err = f.SyncData()
	}
	return errors.Join(err, f.Close())
}

// fillBytes is one step of a fill: short enough not to hold up the syncs of
// the log.
const fillBytes = 64 << 10

// writeNew writes the file of a new segment at path and syncs it.
func (l *Log) writeNew(path string, id uint32, size int64, fill Fill, pace func(done, size int64) error) error {
	fsys := vfs.Classed(l.fsys, vfs.ZeroFill)
	if err := fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := fsys.Create(path)
	if err != nil {
		return err
	}
	err = l.fillFile(f, id, size, fill, pace)
	return errors.Join(err, f.Close())
}

func (l *Log) fillFile(f vfs.File, id uint32, size int64, fill Fill, pace func(done, size int64) error) error {
	buf := make([]byte, max(headerBytes, min(fillBytes, size)))
	encodeSegmentHeader(buf, id)
	if _, err := f.WriteAt(buf[:headerBytes], 0); err != nil {
		return err
	}
	if fill == FillZero || fill == FillReserve {
		if err := f.Preallocate(0, size); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	clear(buf[:headerFields])
	for off := int64(headerBytes); fill == FillZero && off < size; {
		n := min(int64(len(buf)), size-off)
		if _, err := f.WriteAt(buf[:n], off); err != nil {
			return err
		}
		off += n
		l.zeroed.Add(uint64(n))
		if off == size || pace == nil {
			continue
		}
		// The disk gets it now, and the syncs of the log flush it bit by bit;
		// a sync of its own would make those wait.
		f.Advise(vfs.WriteBack, off-n, n)
		if err := pace(off, size); err != nil {
			return err
		}
	}
	return f.Sync()
}
