package hint

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/kvbench/kvbench/engine/vfs"
)

// A Reader reads the hint of one segment.
type Reader struct {
	path string
	file vfs.File
	size int64
	foot footer
}

// Open opens the hint of a segment in dir. It is ErrUnusable if there is none,
// if it is damaged, or about another segment or another length of it.
func Open(fsys vfs.FS, dir string, s Segment) (*Reader, error) {
	r := &Reader{path: filepath.Join(dir, s.Name())}
	f, err := vfs.Classed(fsys, vfs.Hint).Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open hint: %w: %w", ErrUnusable, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open hint: %w", err)
	}
	r.file = f
	if err := r.begin(s); err != nil {
		return nil, fmt.Errorf("open hint: %w", errors.Join(err, f.Close()))
	}
	return r, nil
}

func (r *Reader) begin(s Segment) error {
	var err error
	if r.size, err = r.file.Size(); err != nil {
		return err
	}
	if r.size < footerBytes {
		return damage(r.path, 0, "file of %d bytes, the footer has %d", r.size, footerBytes)
	}
	if err := r.read(r.foot[:], r.size-footerBytes); err != nil {
		return err
	}
	if err := r.foot.check(s, r.size); err != nil {
		return damage(r.path, r.size-footerBytes, "%v", err)
	}
	return nil
}

func (r *Reader) read(p []byte, off int64) error {
	n, err := r.file.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return damage(r.path, off+int64(n), "the file ends")
	}
	return err
}

// Ops is the number of ops.
func (r *Reader) Ops() uint64 { return r.foot.count() }

// Lowest is the lowest sequence of an op; the greatest number if there is none.
func (r *Reader) Lowest() uint64 { return r.foot.lowest() }

// Highest is the highest sequence of an op; 0 if there is none.
func (r *Reader) Highest() uint64 { return r.foot.highest() }

// Each calls f with all ops in the order of the segment, some hundreds at a
// time, which are valid during the call. An error of f ends it and is
// returned as it is. An ErrUnusable may come after some calls, whose ops are
// right.
func (r *Reader) Each(f func([]Op) error) error { return r.EachIn(new(Buffer), f) }

// A Buffer is memory for EachIn, which makes what is missing. It serves one
// call at a time, and any Reader.
type Buffer struct {
	bytes []byte
	ops   []Op
}

const readChunk = 256 << 10

// EachIn is Each in memory of the caller's, who reads many hints.
func (r *Reader) EachIn(b *Buffer, f func([]Op) error) error {
	limit := int64(r.foot.blocksEnd())
	if need := int(min(limit, readChunk)); cap(b.bytes) < need {
		b.bytes = make([]byte, need)
	}
	if b.ops == nil {
		b.ops = make([]Op, 0, maxBlock/minRow+1)
	}
	var (
		p    = b.bytes[:cap(b.bytes)]
		at   int64 // where p[:n] begins
		n    int
		seen = noOps()
	)
	for off := int64(0); off < limit; {
		if rest := min(limit-off, blockHeader+maxBlock); off+rest > at+int64(n) {
			at, n = off, int(min(limit-off, int64(len(p))))
			if err := r.read(p[:n], at); err != nil {
				return err
			}
		}
		head, rows, err := r.block(p[off-at:n], off)
		if err != nil {
			return err
		}
		ops, err := decodeRows(b.ops[:0], head, rows, r.foot.identity().Bytes)
		if err != nil {
			return damage(r.path, off, "%v", err)
		}
		for i := range ops {
			seen.add(ops[i].Sequence)
		}
		if err := f(ops); err != nil {
			return err
		}
		off += blockHeader + int64(len(rows))
	}
	if want := r.foot.totals(); seen != want {
		return damage(r.path, limit, "%d ops of sequences %d to %d, the footer says %d of %d to %d",
			seen.count, seen.lowest, seen.highest, want.count, want.lowest, want.highest)
	}
	return nil
}

// block returns the block that p begins with, which is at off of the file.
func (r *Reader) block(p []byte, off int64) (*block, []byte, error) {
	if len(p) < blockHeader {
		return nil, nil, damage(r.path, off, "%d bytes are no block", len(p))
	}
	b := (*block)(p)
	n := int(b.length())
	if n > maxBlock || n > len(p)-blockHeader {
		return nil, nil, damage(r.path, off, "block of %d bytes, there are %d", n, len(p)-blockHeader)
	}
	if b.crc() != blockCRC(p[4:blockHeader+n], off) {
		return nil, nil, damage(r.path, off, "checksum of the block is wrong")
	}
	if b.count() == 0 || int(b.count()) > n/minRow {
		return nil, nil, damage(r.path, off, "%d rows in %d bytes", b.count(), n)
	}
	return b, p[blockHeader:][:n], nil
}

// Filter reads the filter: 1.5 bytes of memory per op. It outlives the Reader.
func (r *Reader) Filter() (*Filter, error) {
	off := int64(r.foot.blocksEnd())
	f := &Filter{lowest: r.foot.lowest(), words: make([]byte, r.size-footerBytes-off)}
	if err := r.read(f.words, off); err != nil {
		return nil, err
	}
	if crc32.Checksum(f.words, castagnoli) != r.foot.filterCRC() {
		return nil, damage(r.path, off, "checksum of the filter is wrong")
	}
	if len(f.words) == 0 && r.foot.count() > 0 {
		return nil, damage(r.path, off, "no filter for %d ops", r.foot.count())
	}
	return f, nil
}

// Close closes the file.
func (r *Reader) Close() error {
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("close hint %s: %w", r.path, err)
	}
	return nil
}
