package blob

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/version"
)

// ReaderOptions say how files are read.
type ReaderOptions struct {
	// Cache keeps values, by the file's number and the record's offset, for
	// Cached. Without one there is Cached only of mapped values.
	Cache *cache.Cache
	IO    IO

	// Codec decompresses; nil is one of the reader's own, if it needs one.
	Codec *compress.Codec

	// Scratch is shared by readers; nil is one of the reader's own.
	Scratch *Scratch
}

// mostCached is the longest value that the cache is given: longer ones would
// displace too much for what it saves to read them in one piece.
const mostCached = 1 << 20

// A Reader reads a blob file. It may be used by many goroutines, but for
// Close.
type Reader struct {
	id      uint64
	path    string
	totals  totals
	io      IO
	file    vfs.File // nil if mapped
	mapping vfs.Mapping
	mapped  []byte // all of the file, or nil
	cache   *cache.Cache
	codec   *compress.Codec
	scratch *Scratch
}

// Open opens a finished file. One that is damaged, or was not finished, is
// engine.ErrCorrupt.
func Open(fsys vfs.FS, path string, id uint64, o ReaderOptions) (*Reader, error) {
	r := &Reader{id: id, path: path, io: o.IO, cache: o.Cache, codec: o.Codec, scratch: o.Scratch}
	if r.scratch == nil {
		r.scratch = new(Scratch)
	}
	f, err := fsys.Open(path)
	if err == nil {
		if err = r.begin(f); err == nil {
			err = r.source(fsys, f)
		}
		if r.file != f {
			f.Close() // was only read
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open blob file %d: %w", id, err)
	}
	return r, nil
}

// begin reads what is around the records.
func (r *Reader) begin(f vfs.File) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	if size < headerBytes+footerBytes {
		return r.corrupt(uint64(size), fmt.Errorf("the file has %d bytes: it was not finished", size))
	}
	var head header
	var foot footer
	if err := errors.Join(readFull(f, head[:], 0), readFull(f, foot[:], size-footerBytes)); err != nil {
		return err
	}
	if err := head.check(r.id); err != nil {
		return r.corrupt(0, err)
	}
	if err := foot.check(r.id, size); err != nil {
		return r.corrupt(uint64(size-footerBytes), err)
	}
	r.totals = foot.totals()
	if r.codec == nil && r.compressed() {
		r.codec, err = compress.New(compress.Options{Level: compress.Default})
	}
	return err
}

// source takes over f, or what else values are read from.
func (r *Reader) source(fsys vfs.FS, f vfs.File) error {
	switch r.io {
	case Mmap:
		m, err := f.Mmap(0, int(r.totals.end()+footerBytes))
		if err != nil {
			return err
		}
		r.mapping, r.mapped = m, m.Bytes()
	case Direct:
		d, err := fsys.OpenDirect(r.path, false)
		if err != nil {
			return err
		}
		f.Advise(vfs.DontNeed, 0, 0) // the writes have left it in the page cache
		r.file = d
		return nil
	default:
		r.file = f
	}
	f.Advise(vfs.Random, 0, 0)
	return nil
}

// compressed reports whether any value is. One that is is shorter for it.
func (r *Reader) compressed() bool { return r.totals.plain != r.totals.stored }

func (r *Reader) corrupt(off uint64, err error) error {
	return engine.Corrupt(r.path, int64(min(off, math.MaxInt64)), err.Error(), nil)
}

// Info is what the file says of itself.
func (r *Reader) Info() version.Blob { return r.totals.blob(r.id) }

// Values is how many the file has, and how many bytes they are without
// compression.
func (r *Reader) Values() (n, bytes uint64) { return r.totals.values, r.totals.plain }

// fits says where a pointer cannot be right.
func (r *Reader) fits(p Pointer) error {
	end := r.totals.end()
	if p.File == r.id && p.Offset >= headerBytes && p.Offset <= end &&
		end-p.Offset >= recordHeader && p.Length <= end-p.Offset-recordHeader && p.Length <= MaxValue {
		return nil
	}
	return r.corrupt(p.Offset, fmt.Errorf("a value of %d bytes of blob file %d cannot be here: records end at %d", p.Length, p.File, end))
}

// record returns the record of a pointer that fits, checked.
func (r *Reader) record(s *scratch, p Pointer) (record, error) {
	b, err := r.read(s, p.Offset, recordHeader+int(p.Length))
	return r.checked(b, p, err)
}

func (r *Reader) checked(rec record, p Pointer, err error) (record, error) {
	if err == nil {
		if err = rec.check(r.id, p.Offset); err == nil {
			return rec, nil
		}
		return nil, r.corrupt(p.Offset, err)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, r.corrupt(p.Offset, err)
	}
	return nil, fmt.Errorf("blob file %d: %w", r.id, err)
}

// Get appends the value to dst, without looking into the cache. On error dst
// is what it was. It allocates nothing if dst has room for the value, and the
// value is at most 1 MiB.
func (r *Reader) Get(dst []byte, p Pointer) ([]byte, error) {
	if err := r.fits(p); err != nil {
		return dst, err
	}
	need := recordHeader + int(p.Length)
	room := cap(dst) - len(dst)
	if r.io == Pread && !r.compressed() && (room < int(p.Length) || room >= need) {
		return r.getInPlace(dst, p, need)
	}
	s := r.scratch.get()
	rec, err := r.record(s, p)
	if err == nil {
		dst, err = r.decode(dst, rec, p)
	}
	r.scratch.put(s)
	return dst, err
}

// getInPlace reads into dst. No value of the file is compressed.
func (r *Reader) getInPlace(dst []byte, p Pointer, need int) ([]byte, error) {
	at := len(dst)
	grown := slices.Grow(dst, need)
	rec, err := grown[at:at+need], error(nil)
	if err = readFull(r.file, rec, int64(p.Offset)); err != nil {
		_, err = r.checked(nil, p, err)
		return dst, err
	}
	if _, err = r.checked(rec, p, nil); err != nil {
		return dst, err
	}
	if kind := record(rec).kind(); kind != compress.None {
		return dst, r.corrupt(p.Offset, fmt.Errorf("a value is compressed (%v), and the footer knows of none", kind))
	}
	n := copy(rec, record(rec).value())
	return grown[:at+n], nil
}

// decode appends the value of a record.
func (r *Reader) decode(dst []byte, rec record, p Pointer) ([]byte, error) {
	n, stored, err := rec.plain()
	switch {
	case err != nil:
	case rec.kind() == compress.None:
		return append(dst, stored...), nil
	case !r.compressed():
		err = fmt.Errorf("a value is compressed (%v), and the footer knows of none", rec.kind())
	default:
		var out []byte
		if out, err = r.codec.Decompress(rec.kind(), dst, stored, n); err == nil {
			return out, nil
		}
	}
	return dst, r.corrupt(p.Offset, err)
}

// Cached returns the value if that takes no reading: from the cache, where the
// caller is pinned in its domain and the bytes are valid until it unpins; or
// as it is mapped, valid until Close. What is damaged is not there: Load says
// so.
func (r *Reader) Cached(p Pointer) (value []byte, ok bool) {
	if r.mapped != nil && !r.compressed() {
		if r.fits(p) != nil {
			return nil, false
		}
		rec := record(r.mapped[p.Offset:][:recordHeader+p.Length])
		if rec.check(r.id, p.Offset) != nil || rec.kind() != compress.None {
			return nil, false
		}
		return rec.value(), true
	}
	if r.cache == nil || p.File != r.id {
		return nil, false
	}
	value, ok = r.cache.Get(cache.Key{File: r.id, Offset: p.Offset})
	if !r.compressed() && uint64(len(value)) != p.Length {
		return nil, false // a pointer that is no record's
	}
	return value, ok
}

// Load is Get, and puts the value into the cache, if it is at most 1 MiB. The
// caller better is not pinned.
func (r *Reader) Load(dst []byte, p Pointer, a cache.Admission) ([]byte, error) {
	at := len(dst)
	dst, err := r.Get(dst, p)
	n := len(dst) - at
	if err != nil || n == 0 || n > mostCached || r.cache == nil || r.mapped != nil && !r.compressed() {
		return dst, err
	}
	s := r.scratch.get()
	s.value = dst[at:]
	h, err := r.cache.Insert(cache.Key{File: r.id, Offset: p.Offset}, n, a.For(cache.Record), s.fill)
	if err == nil { // else it is not kept, which is no loss
		h.Release()
	}
	r.scratch.put(s)
	return dst, nil
}

// Prefetch has the system begin to read a value that will be asked for.
func (r *Reader) Prefetch(p Pointer) {
	if r.io == Pread && r.fits(p) == nil {
		r.file.Advise(vfs.WillNeed, int64(p.Offset), int64(p.Length)+recordHeader)
	}
}

// Close ends reading. Nobody may be using the Reader, nor bytes of a mapping. A
// second call does nothing.
func (r *Reader) Close() error {
	var err error
	if r.mapping != nil {
		err = r.mapping.Close()
	}
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
	}
	r.mapping, r.mapped, r.file = nil, nil, nil
	if err != nil {
		return fmt.Errorf("close blob file %d: %w", r.id, err)
	}
	return nil
}
