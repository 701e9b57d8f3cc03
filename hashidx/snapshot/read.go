package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/index"
)

// A Reader reads one snapshot. It is safe for concurrent use.
type Reader struct {
	path     string
	file     vfs.File
	head     header
	foot     footer
	segments []uint16
}

// Open opens a snapshot in dir, and checks all but its entries. It is
// ErrUnusable if it is missing or damaged.
func Open(fsys vfs.FS, dir, name string) (*Reader, error) {
	r := &Reader{path: filepath.Join(dir, name)}
	f, err := vfs.Classed(fsys, vfs.Hint).Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open index snapshot: %w: %w", ErrUnusable, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open index snapshot: %w", err)
	}
	r.file = f
	if err := r.begin(); err != nil {
		return nil, fmt.Errorf("open index snapshot: %w", errors.Join(err, f.Close()))
	}
	return r, nil
}

func (r *Reader) begin() error {
	size, err := r.file.Size()
	if err != nil {
		return err
	}
	if size < headerBytes+footerBytes {
		return damage(r.path, 0, "file of %d bytes", size)
	}
	if err := r.read(r.head[:], 0); err != nil {
		return err
	}
	if err := r.head.check(); err != nil {
		return damage(r.path, 0, "%v", err)
	}
	if err := r.read(r.foot[:], size-footerBytes); err != nil {
		return err
	}
	if err := r.foot.check(&r.head, size); err != nil {
		return damage(r.path, size-footerBytes, "%v", err)
	}
	table := make([]byte, 2*r.foot.table())
	if err := r.read(table, r.foot.tableAt()); err != nil {
		return err
	}
	if crc32.Checksum(table, castagnoli) != r.foot.tableCRC() {
		return damage(r.path, r.foot.tableAt(), "checksum of the table is wrong")
	}
	for ; len(table) > 0; table = table[2:] {
		r.segments = append(r.segments, binary.LittleEndian.Uint16(table))
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

// Header is what the snapshot was written with.
func (r *Reader) Header() Header {
	return Header{Covers: wal.LSN(r.head.covers()), Seed: r.head.seed(), Buckets: r.head.buckets()}
}

// Entries is the number of entries.
func (r *Reader) Entries() uint64 { return r.foot.count() }

// Segments are the numbers of the segments that places name, ascending. The
// slice is the Reader's.
func (r *Reader) Segments() []uint16 { return r.segments }

// Close closes the file.
func (r *Reader) Close() error {
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("close index snapshot %s: %w", r.path, err)
	}
	return nil
}

// blocks is the number of blocks.
func (r *Reader) blocks() int64 {
	return int64(r.foot.count()+blockEntries-1) / blockEntries
}

// numbers is a set of segment numbers: in the table, or in it and alive.
type numbers [1 << 16]uint8

const (
	named = 1 << iota
	alive
)

// known is the set of Segments, and of those that live; nil takes all.
func (r *Reader) known(lives func(number uint16) bool) *numbers {
	known := new(numbers)
	for _, n := range r.segments {
		known[n] = named
		if lives == nil || lives(n) {
			known[n] |= alive
		}
	}
	return known
}

// A block is one worker's memory.
type block struct {
	bytes   []byte
	entries []index.Entry
}

func newBlock() *block {
	return &block{make([]byte, blockBytes), make([]index.Entry, 0, blockEntries)}
}

// block reads the entries of block n that are alive, and returns how many are
// not.
func (r *Reader) block(b *block, n int64, known *numbers) (gone uint64, err error) {
	count := min(int64(r.foot.count())-n*blockEntries, blockEntries)
	off := headerBytes + n*blockBytes
	p := b.bytes[:blockHeader+count*entryBytes]
	if err := r.read(p, off); err != nil {
		return 0, err
	}
	if binary.LittleEndian.Uint32(p) != blockCRC(p[4:], n) {
		return 0, damage(r.path, off, "checksum of the block is wrong")
	}
	if c := binary.LittleEndian.Uint32(p[4:]); int64(c) != count {
		return 0, damage(r.path, off, "block of %d entries, want %d", c, count)
	}
	b.entries = b.entries[:0]
	for p = p[blockHeader:]; len(p) >= entryBytes; p = p[entryBytes:] {
		e, ok := decodeEntry((*[entryBytes]byte)(p))
		switch state := known[e.Place>>segmentBits&(1<<16-1)]; {
		case !ok || state&named == 0:
			return 0, damage(r.path, off, "impossible entry with hash %x and place %x", e.Hash, e.Place)
		case state&alive == 0:
			gone++
		default:
			b.entries = append(b.entries, e)
		}
	}
	return gone, nil
}
