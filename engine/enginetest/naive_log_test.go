package enginetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/kvbench/kvbench/engine/vfs"
)

// naiveLog is a plain log for ref, in which everything can be broken that a
// log has to get right: broken is one of the sentences in ref_mutants_test.go.
// It holds a mutex while it syncs, and reads its files whole.
//
//	record   offset  size  field
//	         0       4     crc of all that follows, then of the record's offset
//	         4       4     length of the payload
//	         8       4     segment
//	         12      4     offset below which the segment was durable
//	         16      1     kind
//	         17      -     payload
//
// A segment that another follows ends with a seal, and was durable before the
// other was made. Positions are segment << 32 | offset.
type naiveLog struct {
	broken string
	fsys   vfs.FS
	dir    string
	o      logOptions

	mu       sync.Mutex
	segments []uint32 // that are there, ascending; the last is written
	free     []string // paths of files to write again
	file     vfs.File
	off      int64 // where pending goes
	durable  int64
	pending  []byte
	last     int64 // where the last record is
	syncs    uint64
	err      error // the first
}

const (
	naiveHeader = 17

	naiveData  = 1
	naiveSeal  = 2
	naiveClose = 3
)

var errNaiveClosed = errors.New("log is closed")

func (l *naiveLog) is(broken string) bool { return l.broken == broken }

func (l *naiveLog) segment() uint32 { return l.segments[len(l.segments)-1] }

func (l *naiveLog) path(segment uint32) string {
	return filepath.Join(l.dir, fmt.Sprintf("%08d.seg", segment))
}

func naiveAt(segment uint32, off int64) uint64 { return uint64(segment)<<32 | uint64(off) }

// record encodes one that will be at off.
func (l *naiveLog) record(off int64, kind byte, payload []byte) []byte {
	p := binary.LittleEndian.AppendUint32(make([]byte, 4), uint32(len(payload)))
	p = binary.LittleEndian.AppendUint32(p, l.segment())
	p = binary.LittleEndian.AppendUint32(p, uint32(l.durable))
	p = append(append(p, kind), payload...)
	binary.LittleEndian.PutUint32(p, naiveCRC(p, off))
	return p
}

func naiveCRC(p []byte, off int64) uint32 {
	crc := crc32.Checksum(p[4:], castagnoli())
	return crc32.Update(crc, castagnoli(), binary.LittleEndian.AppendUint64(nil, uint64(off)))
}

func (l *naiveLog) Append(payload []byte) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	end := l.off + int64(len(l.pending))
	if n := int64(2*naiveHeader + len(payload)); end > 0 && end+n > l.o.segmentBytes {
		if err := l.rotate(); err != nil {
			return 0, l.poison(err)
		}
		end = 0
	}
	l.pending = append(l.pending, l.record(end, naiveData, payload)...)
	l.last = end
	return naiveAt(l.segment(), end), nil
}

func (l *naiveLog) poison(err error) error {
	if !l.is("writes on after a failed write") {
		l.err = err
	}
	return err
}

// rotate ends the segment and begins the next.
func (l *naiveLog) rotate() error {
	l.pending = append(l.pending, l.record(l.off+int64(len(l.pending)), naiveSeal, nil)...)
	if err := l.flush(); err != nil {
		return err
	}
	if !l.is("begins a segment before the last is durable") {
		if err := l.sync(); err != nil {
			return err
		}
	}
	if err := l.file.Close(); err != nil {
		return err
	}
	return l.begin(l.segment() + 1)
}

// begin makes a segment, of a file that is not needed any more if there is one.
func (l *naiveLog) begin(segment uint32) (err error) {
	path := l.path(segment)
	if n := len(l.free); n > 0 {
		if err := l.fsys.Rename(l.free[n-1], path); err != nil {
			return err
		}
		l.free = l.free[:n-1]
		l.file, err = l.fsys.OpenReadWrite(path)
	} else {
		l.file, err = l.fsys.Create(path)
	}
	if err != nil {
		return err
	}
	l.segments = append(l.segments, segment)
	l.off, l.durable = 0, 0
	if l.is("forgets to sync its directory") {
		return nil
	}
	return l.fsys.SyncDir(l.dir)
}

func (l *naiveLog) Wait(at uint64, durable bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	err := l.flush()
	if err == nil && durable && !l.is("acknowledges before it syncs") && naiveAt(l.segment(), l.durable) <= at {
		err = l.sync()
	}
	if err != nil {
		return l.poison(err)
	}
	return nil
}

func (l *naiveLog) flush() error {
	n, err := l.file.WriteAt(l.pending, l.off)
	if l.is("takes a full disk for a written log") && errors.Is(err, syscall.ENOSPC) {
		n, err = len(l.pending), nil
	}
	if err != nil {
		return err
	}
	l.off += int64(n)
	l.pending = l.pending[:0]
	return nil
}

func (l *naiveLog) sync() error {
	l.syncs++
	err := l.file.SyncData()
	switch {
	case l.is("ignores a failed sync"):
		err = nil
	case l.is("tries a failed sync again") && err != nil:
		err = l.file.SyncData()
	}
	if err == nil {
		l.durable = l.off
	}
	return err
}

func (l *naiveLog) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	err := l.flush()
	if err == nil {
		err = l.sync()
	}
	if err != nil {
		return l.poison(err)
	}
	return nil
}

func (l *naiveLog) Syncs() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.syncs
}

// Prune keeps up to o.recycle files to write them again.
func (l *naiveLog) Prune(before uint64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	for len(l.segments) > 1 && naiveAt(l.segments[1], 0) <= before {
		if err := l.drop(l.path(l.segments[0])); err != nil {
			return l.poison(err)
		}
		l.segments = l.segments[1:]
	}
	return nil
}

func (l *naiveLog) drop(path string) error {
	if len(l.free) >= l.o.recycle {
		return l.fsys.Remove(path)
	}
	free := path + ".free"
	if err := l.fsys.Rename(path, free); err != nil {
		return err
	}
	l.free = append(l.free, free)
	return nil
}

// Close makes everything durable and says so in the log.
func (l *naiveLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil { // read-only
		return nil
	}
	err := l.err
	if err == nil && l.is("drops what is buffered when it closes") {
		l.pending = nil
	}
	if err == nil && !l.o.readOnly {
		if err = l.flush(); err == nil {
			err = l.sync()
		}
		if err == nil {
			l.pending = l.record(l.off, naiveClose, nil)
			if err = l.flush(); err == nil {
				err = l.sync()
			}
		}
	}
	err = errors.Join(err, l.file.Close())
	l.file, l.err = nil, errNaiveClosed
	return err
}
