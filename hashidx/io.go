package hashidx

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/record"
)

// The choices of the setting io: how segments are read that are not written
// any more. Others are always read with pread: what was written last is in the
// page cache, and a mapping may not show what a write is doing.
const (
	ioPread  = "pread"
	ioMmap   = "mmap"
	ioDirect = "direct"
)

const (
	// What is read of a frame whose length is not known: twice what the frames
	// of its segment have on average.
	leastGuess   = 512
	mostGuess    = 64 << 10
	unknownGuess = 2 << 10

	// trustedBytes is how long a frame may claim to be before the size of its
	// file is asked for.
	trustedBytes = 1 << 20

	// keptBytes is how large a scratch may be to be used again.
	keptBytes = 1 << 20
)

// A source is where a segment's bytes come from. It does not change; a segment
// that has become settled gets another.
type source struct {
	file    vfs.File // nil if mapped
	direct  bool
	settled bool
	mapping vfs.Mapping
	bytes   []byte // of the mapping: all of the file
}

// mapped returns what is mapped from an offset on, or nil. The caller is
// pinned.
func (s *segment) mapped(off int64) []byte {
	src := s.source.Load()
	if src == nil || off >= int64(len(src.bytes)) {
		return nil
	}
	return src.bytes[off:]
}

// open returns the source of a segment. The caller is pinned; the source is
// open until it unpins. After that, reading its file may fail, but not read
// what is another's: dropped files are not written again.
func (t *segments) open(s *segment) (*source, error) {
	src := s.source.Load()
	if src != nil && (src.settled || t.io == ioPread || !s.settled.Load()) {
		return src, nil
	}
	s.opening.Lock()
	defer s.opening.Unlock()
	old := s.source.Load()
	settled := s.settled.Load()
	if old != nil && (old.settled || !settled) {
		return old, nil
	}
	src, err := t.openSource(s.path, settled)
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	s.source.Store(src)
	if old != nil {
		t.domain.Retire(0, old.close)
	}
	return src, nil
}

func (t *segments) openSource(path string, settled bool) (*source, error) {
	switch {
	case settled && t.io == ioMmap:
		return t.mapSource(path)
	case settled && t.io == ioDirect:
		f, err := t.fsys.OpenDirect(path, false)
		if err != nil {
			return nil, err
		}
		f.Advise(vfs.DontNeed, 0, 0) // the writes have left it in the page cache
		return &source{file: f, direct: true, settled: true}, nil
	}
	f, err := t.fsys.Open(path)
	if err != nil {
		return nil, err
	}
	f.Advise(vfs.Random, 0, 0)
	return &source{file: f, settled: settled}, nil
}

// mapSource maps all of a file, which never becomes shorter.
func (t *segments) mapSource(path string) (*source, error) {
	f, err := t.fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // was only read
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	m, err := f.Mmap(0, int(size))
	if err != nil {
		return nil, err
	}
	f.Advise(vfs.Random, 0, 0)
	return &source{settled: true, mapping: m, bytes: m.Bytes()}, nil
}

// close may come while somebody reads the file, but not the mapping.
func (src *source) close() {
	if src.mapping != nil {
		src.mapping.Close() // was only read
		return
	}
	src.file.Close() // was only read
}

// checkIO fails if the setting io cannot be kept: better now than at the first
// read.
func (e *store) checkIO() error {
	if e.settings.IO != ioDirect {
		return nil
	}
	f, err := e.segments.fsys.OpenDirect(e.home.Path(engine.MarkerName), false)
	if err != nil {
		return fmt.Errorf("io=%s (use %s where the file system has no direct reads): %w", ioDirect, ioPread, err)
	}
	return f.Close()
}

// scratch is memory for one call.
type scratch struct {
	buf     []byte // anything
	aligned []byte // for direct reads

	frame []byte             // the last that was loaded: part of one of these
	fill  func([]byte) error // copies frame
}

func newScratch() any {
	s := new(scratch)
	s.fill = func(p []byte) error { copy(p, s.frame); return nil }
	return s
}

func (e *store) scratch() *scratch { return e.scratches.Get().(*scratch) }

func (e *store) release(s *scratch) {
	if s != nil && cap(s.buf) <= keptBytes && cap(s.aligned) <= keptBytes {
		e.scratches.Put(s)
	}
}

// guess is how much to read of a frame of the segment.
func (s *segment) guess() int {
	ops := s.ops.Load()
	if ops <= 0 {
		return unknownGuess
	}
	mean := s.bytes.Load() / ops
	return int(min(max(2*mean+record.MaxHeader, leastGuess), mostGuess))
}

// load reads the frame at an offset of a segment into s, and checks it. The
// caller has the source, and maybe a pin.
func (s *scratch) load(src *source, seg *segment, off int64) (record.Op, error) {
	p, err := s.read(src, off, seg.guess())
	if err != nil {
		return record.Op{}, err
	}
	n, err := record.Length(p)
	if err == nil && n > len(p) && src.bytes == nil {
		if n, err = src.limit(off, n); err == nil {
			p, err = s.read(src, off, n)
		}
		if err != nil {
			return record.Op{}, err
		}
	}
	var op record.Op
	if err == nil {
		if op, n, err = record.Parse(p); err == nil {
			s.frame = p[:n]
			return op, nil
		}
	}
	return record.Op{}, damagedAt(seg, off, err)
}

func damagedAt(seg *segment, off int64, err error) error {
	return engine.Corrupt(seg.path, off, "no op where the index has one", err)
}

// limit is n, or what the file has, where n bytes are too many to be believed.
func (src *source) limit(off int64, n int) (int, error) {
	if n <= trustedBytes {
		return n, nil
	}
	size, err := src.file.Size()
	return int(min(int64(n), max(0, size-off))), err
}

// read reads up to n bytes, fewer at the file's end.
func (s *scratch) read(src *source, off int64, n int) ([]byte, error) {
	if src.bytes != nil {
		if off >= int64(len(src.bytes)) {
			return nil, nil
		}
		return src.bytes[off:], nil
	}
	if src.direct {
		return s.readAligned(src.file, off, n)
	}
	s.buf = slices.Grow(s.buf[:0], n)[:n]
	n, err := readAt(src.file, s.buf, off)
	return s.buf[:n], err
}

// readAligned reads whole blocks.
func (s *scratch) readAligned(f vfs.File, off int64, n int) ([]byte, error) {
	const mask = vfs.DirectAlign - 1
	start := off &^ mask
	want := int((off+int64(n)+mask)&^mask - start)
	if len(s.aligned) < want {
		s.aligned = vfs.AlignedBuffer(want)
	}
	got, err := readAt(f, s.aligned[:want], start)
	return s.aligned[min(int(off-start), got):got], err
}

// readAt is ReadAt; the file's end is no error.
func readAt(f io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := f.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("read op: %w", err)
	}
	return n, err
}
