package table

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/blob"
	"github.com/kvbench/kvbench/lsm/block"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"github.com/kvbench/kvbench/lsm/version"
)

// Limits of an entry.
const (
	MaxKey   = 1<<16 - 1
	MaxValue = 1<<30 + 1<<10 // a value of 1 GiB, and what goes before it
)

const (
	defaultBlockBytes = 8 << 10
	defaultWriteBytes = 512 << 10
)

// Options say how a table is written.
type Options struct {
	ID    uint64 // of the table: never used for another
	Block block.Options

	// BlockBytes is how long data blocks are before compression, trailer
	// included: a block ends before the entry that would make it longer, give
	// or take a few bytes; one with a single entry may be of any length. 0 is
	// 8 KiB. Smaller ones are read faster by lookups that miss the cache, and
	// take more index.
	BlockBytes int

	// Compression of data blocks. A block that it does not make shorter by an
	// eighth stays as it is. Codec does it; nil is one for this Writer alone.
	Compression compress.Kind
	Codec       *compress.Codec

	Filter filter.Policy
	// FilterPrefix, if not 0, makes the filter hold the first so many bytes of
	// each key too.
	FilterPrefix int

	// Created and OldestTombstone are what the properties are to say: times,
	// as in version.Table. The second counts only if the table has deletes.
	Created, OldestTombstone int64

	// WriteBytes is how much is written at once; 0 is 512 KiB.
	WriteBytes int
	// WriteBack has the system begin to write what it was given, so that the
	// sync at the end finds less to do.
	WriteBack bool

	// Cache, if there is one, is given the data blocks as they are written,
	// with Admission. Who gives up a table then erases the blocks of its id.
	Cache     *cache.Cache
	Admission cache.Admission
}

// A Writer writes a table to a file, in order, in large pieces. It belongs to
// one goroutine. After an error it is of no use before the next Reset.
type Writer struct {
	file  vfs.File
	o     Options
	block *block.Builder
	props Properties
	err   error

	filter  *filter.Builder
	filters filter.Policy // that filter builds
	codec   *compress.Codec
	blocks  block.Options // that block builds

	buf     []byte // what is not written yet
	written uint64
	raw     []byte // a block before compression
	rows    []indexRow
	seps    separators
	sepSize int

	last     []byte // key
	lastAt   ikey.Trailer
	expiry   int64
	forever  bool // some put does not expire
	ranges   *tombstone.Set
	blobs    []version.BlobUse
	blob     int // of these, the one that was used last
	filling  []byte
	fillFunc func([]byte) error
}

// NewWriter returns a writer of a table to an empty file.
func NewWriter(f vfs.File, o Options) *Writer {
	w := new(Writer)
	w.fillFunc = func(p []byte) error { copy(p, w.filling); return nil }
	w.Reset(f, o)
	return w
}

// Reset begins another table, and keeps the memory. The file of the last one
// is the caller's.
func (w *Writer) Reset(f vfs.File, o Options) {
	if o.BlockBytes <= 0 {
		o.BlockBytes = defaultBlockBytes
	}
	if o.WriteBytes <= 0 {
		o.WriteBytes = defaultWriteBytes
	}
	if o.Block.Layout == 0 {
		o.Block.Layout = block.Heads
	}
	if w.block == nil || w.blocks != o.Block {
		w.block, w.blocks = block.NewBuilder(o.Block), o.Block
	}
	if w.filter == nil || w.filters != o.Filter {
		w.filter, w.filters = filter.NewBuilder(o.Filter), o.Filter
	}
	w.block.Reset()
	w.filter.Reset()
	w.file, w.o, w.err = f, o, nil
	if o.Codec != nil {
		w.codec = o.Codec
	} else if o.Compression != compress.None && w.codec == nil {
		w.codec, w.err = compress.New(compress.Options{})
	}
	w.props = Properties{
		Table: version.Table{ID: o.ID, Created: o.Created, MinSeq: ikey.MaxSeq},
		Block: o.Block, BlockBytes: o.BlockBytes, Compression: o.Compression,
		Filter: o.Filter, FilterPrefix: o.FilterPrefix,
	}
	w.buf, w.written = w.buf[:0], 0
	if cap(w.buf) > 4*o.WriteBytes {
		w.buf = nil
	}
	w.rows, w.sepSize = w.rows[:0], 0
	w.seps.reset()
	w.last, w.lastAt = w.last[:0], 0
	w.expiry, w.forever = 0, false
	w.ranges, w.blobs, w.blob = nil, nil, 0
}

// Add adds an entry; they come in the order of ikey.Compare. It copies key
// and value.
func (w *Writer) Add(key []byte, t ikey.Trailer, value []byte) error {
	if w.o.Filter.Kind == filter.None {
		return w.AddHashed(key, t, value, 0)
	}
	return w.AddHashed(key, t, value, xxh3.Hash(key))
}

// AddHashed is Add for who has the hash of the key: that of xxh3.
func (w *Writer) AddHashed(key []byte, t ikey.Trailer, value []byte, hash uint64) error {
	order := bytes.Compare(w.last, key)
	if order > 0 || order == 0 && t >= w.lastAt || len(key) > MaxKey || len(value) > MaxValue || !t.Kind().Valid() || w.err != nil {
		return w.refuse(key, t, value)
	}
	if w.block.Size()+len(key)+len(value)+entryExtra > w.o.BlockBytes && !w.block.Empty() {
		w.cut(key)
	}
	w.block.Add(key, t, value)
	if order < 0 {
		w.filter.Add(hash)
		if n := w.o.FilterPrefix; n > 0 && len(key) >= n {
			w.filter.AddPrefix(xxh3.Hash(key[:n]))
		}
		w.last = append(w.last[:0], key...)
	}
	w.lastAt = t
	w.count(key, t, value)
	return w.err
}

// entryExtra is what an entry and the trailer add to a block besides key and
// value, or more.
const entryExtra = 10 + trailerBytes

func (w *Writer) refuse(key []byte, t ikey.Trailer, value []byte) error {
	if w.err != nil {
		return w.err
	}
	switch {
	case len(key) == 0 || len(key) > MaxKey:
		w.err = fmt.Errorf("%w: key of %d bytes", engine.ErrInvalid, len(key))
	case len(value) > MaxValue:
		w.err = fmt.Errorf("%w: value of %d bytes", engine.ErrInvalid, len(value))
	case !t.Kind().Valid():
		w.err = fmt.Errorf("%w: entry of kind %v", engine.ErrInvalid, t.Kind())
	default:
		w.err = fmt.Errorf("%w: entry %.64q %v comes after %.64q %v", engine.ErrInvalid, key, t, w.last, w.lastAt)
	}
	w.err = fmt.Errorf("write table %d: %w", w.o.ID, w.err)
	return w.err
}

// count enters an entry into the properties.
func (w *Writer) count(key []byte, t ikey.Trailer, value []byte) {
	p := &w.props
	if p.Entries == 0 {
		p.Smallest = slices.Clone(key)
	}
	p.Entries++
	p.KeyBytes += uint64(len(key))
	p.MinSeq, p.MaxSeq = min(p.MinSeq, t.Seq()), max(p.MaxSeq, t.Seq())
	size := uint64(len(value))
	switch kind := t.Kind(); kind {
	case ikey.Put:
		w.forever = true
	case ikey.Delete:
		p.Tombstones++
	default:
		size = w.countOther(kind, key, value)
	}
	p.ValueBytes += size
}

// countOther enters what is special of an entry, and returns how long its
// value is.
func (w *Writer) countOther(kind ikey.Kind, key, value []byte) uint64 {
	size := uint64(len(value))
	if !kind.Expires() {
		w.forever = true
	} else if at, rest, ok := ikey.Expiry(value); ok {
		value = rest
		w.expiry = max(w.expiry, at)
	} else {
		w.odd(kind, key)
	}
	if kind.Separate() {
		if at, ok := blob.ParsePointer(value); ok {
			w.use(at.File, at.Length)
			size = at.Length
		} else {
			w.odd(kind, key)
		}
	}
	if kind.Expires() {
		w.props.ExpiringBytes += uint64(len(key)) + size
	}
	return size
}

// odd refuses an entry whose value is not that of its kind: the account of
// blob files would be wrong, and they be dropped too early.
func (w *Writer) odd(kind ikey.Kind, key []byte) {
	w.err = fmt.Errorf("write table %d: %w: entry %.64q has no value of kind %v", w.o.ID, engine.ErrInvalid, key, kind)
}

// use counts a value in a blob file. There are few files, and what comes next
// is mostly in the same.
func (w *Writer) use(file, bytes uint64) {
	if w.blob >= len(w.blobs) || w.blobs[w.blob].File != file {
		i, ok := slices.BinarySearchFunc(w.blobs, file, func(b version.BlobUse, file uint64) int {
			switch {
			case b.File < file:
				return -1
			case b.File > file:
				return 1
			}
			return 0
		})
		if !ok {
			w.blobs = slices.Insert(w.blobs, i, version.BlobUse{File: file})
		}
		w.blob = i
	}
	b := &w.blobs[w.blob]
	b.Values++
	b.Bytes += bytes
}

// cut ends a block; next is the first key behind it, nil if there is none.
func (w *Writer) cut(next []byte) {
	offset := w.offset()
	start := len(w.buf)
	var raw int
	kind := compress.None
	if w.o.Compression == compress.None {
		w.buf = w.block.Finish(w.buf)
		raw = len(w.buf) - start
	} else {
		w.raw = w.block.Finish(w.raw[:0])
		raw = len(w.raw)
		var ok bool
		if w.buf, ok = w.codec.Compress(w.o.Compression, w.buf, w.raw); ok {
			kind = w.o.Compression
		} else {
			w.buf = append(w.buf, w.raw...)
		}
	}
	w.buf = seal(w.buf, start, uint8(kind), w.o.ID, offset)
	stored := len(w.buf) - start
	w.seps.add(w.last, next)
	w.rows = append(w.rows, indexRow{stored: uint64(stored), raw: uint64(raw)})
	w.props.RawBytes += int64(raw)
	if w.o.Cache != nil {
		w.cache(offset, w.buf[start:], kind)
	}
	w.flush(w.o.WriteBytes)
}

// cache gives a block to the cache, in the form in which it is kept there. One
// that it does not take is no loss.
func (w *Writer) cache(offset uint64, stored []byte, kind compress.Kind) {
	w.filling = stored
	if kind != compress.None {
		w.filling = w.raw
	}
	if len(w.filling) > cache.MaxBlock {
		return
	}
	h, err := w.o.Cache.Insert(cache.Key{File: w.o.ID, Offset: offset}, len(w.filling), w.o.Admission, w.fillFunc)
	if err == nil {
		h.Release()
	}
	w.filling = nil
}

// offset is where what comes next will be in the file.
func (w *Writer) offset() uint64 { return w.written + uint64(len(w.buf)) }

// flush writes if there is so much to write.
func (w *Writer) flush(least int) {
	if len(w.buf) < least || len(w.buf) == 0 || w.err != nil {
		return
	}
	if _, err := w.file.Write(w.buf); err != nil {
		w.err = fmt.Errorf("write table %d: %w", w.o.ID, err)
		return
	}
	if w.o.WriteBack {
		w.file.Advise(vfs.WriteBack, int64(w.written), int64(len(w.buf)))
	}
	w.written += uint64(len(w.buf))
	w.buf = w.buf[:0]
}

// AddRanges adds range deletes to those that the table has. They may lie
// anywhere, and come at any time before Finish.
func (w *Writer) AddRanges(s *tombstone.Set) { w.ranges = tombstone.Merge(w.ranges, s) }

// Empty reports whether nothing was added: then there is nothing to finish.
func (w *Writer) Empty() bool { return w.props.Entries == 0 && w.ranges == nil }

// Size estimates how long the file would be if it were finished now.
func (w *Writer) Size() int64 {
	meta := len(w.seps.bytes) + 6*len(w.rows) + w.filter.Size() + propertyBytes
	return int64(w.offset()) + int64(w.block.Size()) + int64(meta)
}
