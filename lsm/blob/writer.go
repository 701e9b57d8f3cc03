package blob

import (
	"encoding/binary"
	"fmt"
	"io/fs"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/version"
)

// Options say how a file is written.
type Options struct {
	ID uint64 // of the file: never used for another, nor for a table

	// Compression of values. One that it does not make shorter by an eighth
	// stays as it is. Codec does it; nil is one for this Writer alone.
	Compression compress.Kind
	Codec       *compress.Codec

	// WriteBytes is how much is written at once; 0 is 512 KiB.
	WriteBytes int
	// WriteBack has the system begin to write what it was given, so that the
	// sync at the end finds less to do.
	WriteBack bool
}

const writeBytes = 512 << 10

// A Writer writes a blob file, in order, in large pieces. It belongs to one
// goroutine. After an error all that is left is Abort, or Reset.
type Writer struct {
	file    vfs.File
	o       Options
	codec   *compress.Codec
	buf     []byte
	written uint64
	totals  totals
	err     error
}

// NewWriter begins a file, which is empty and open for writing.
func NewWriter(f vfs.File, o Options) *Writer {
	w := new(Writer)
	w.Reset(f, o)
	return w
}

// Reset begins another file, and uses the memory of the one before.
func (w *Writer) Reset(f vfs.File, o Options) {
	if o.WriteBytes <= 0 {
		o.WriteBytes = writeBytes
	}
	*w = Writer{file: f, o: o, codec: w.codec, buf: w.buf[:0]}
	if o.Codec != nil {
		w.codec = o.Codec
	}
	if w.codec == nil && o.Compression != compress.None {
		w.codec, w.err = compress.New(compress.Options{Level: compress.Default})
	}
	if o.ID == 0 {
		w.err = w.failure(fmt.Errorf("%w: a file needs a number", engine.ErrInvalid))
	}
	w.buf = append(w.buf, encodeHeader(o.ID)[:]...)
}

func (w *Writer) failure(err error) error { return fmt.Errorf("write blob file %d: %w", w.o.ID, err) }

// Add adds a value and returns where it is. It is not there for anybody before
// Finish.
func (w *Writer) Add(value []byte) (Pointer, error) {
	if w.err == nil && len(value) > MaxValue {
		w.err = w.failure(fmt.Errorf("value of %d bytes: %w (limit %d)", len(value), engine.ErrTooLarge, MaxValue))
	}
	if w.err != nil {
		return Pointer{}, w.err
	}
	start, offset := len(w.buf), w.offset()
	kind, rest := w.append(value)
	rec := record(w.buf[start:])
	rec.seal(kind, rest, w.o.ID, offset)
	p := Pointer{File: w.o.ID, Offset: offset, Length: uint64(len(rec) - recordHeader + len(rest))}
	w.totals.values++
	w.totals.stored += p.Length
	w.totals.plain += uint64(len(value))
	if rest != nil {
		w.flush(0)
		w.write(rest)
	} else {
		w.flush(w.o.WriteBytes)
	}
	return p, w.err
}

// append puts a record into the buffer, except its checksum and, if it is
// long and not compressed, the rest.
func (w *Writer) append(value []byte) (kind compress.Kind, rest []byte) {
	start := len(w.buf)
	w.buf = append(w.buf, make([]byte, recordHeader)...)
	if kind = w.o.Compression; kind != compress.None {
		w.buf = binary.AppendUvarint(w.buf, uint64(len(value)))
		var ok bool
		w.buf, ok = w.codec.Compress(kind, w.buf, value)
		// With its length before it, it must still be shorter: that is how a
		// reader knows from the sums whether anything is compressed.
		if ok && len(w.buf)-start-recordHeader < len(value) {
			return kind, nil
		}
		w.buf = w.buf[:start+recordHeader]
	}
	if len(value) >= w.o.WriteBytes {
		return compress.None, value
	}
	w.buf = append(w.buf, value...)
	return compress.None, nil
}

// offset is where what comes next will be in the file.
func (w *Writer) offset() uint64 { return w.written + uint64(len(w.buf)) }

// flush writes the buffer if there is so much in it.
func (w *Writer) flush(least int) {
	if len(w.buf) < least {
		return
	}
	w.write(w.buf)
	w.buf = w.buf[:0]
	if cap(w.buf) > 4*w.o.WriteBytes {
		w.buf = nil // it had a value that was compressed from much more
	}
}

func (w *Writer) write(p []byte) {
	if w.err != nil || len(p) == 0 {
		return
	}
	if _, err := w.file.Write(p); err != nil {
		w.err = w.failure(err)
		return
	}
	if w.o.WriteBack {
		w.file.Advise(vfs.WriteBack, int64(w.written), int64(len(p)))
	}
	w.written += uint64(len(p))
}

// Empty reports whether nothing was added: then there is nothing to finish.
func (w *Writer) Empty() bool { return w.totals.values == 0 }

// Size is how long the file would be if it were finished now.
func (w *Writer) Size() int64 { return int64(w.totals.end() + footerBytes) }

// Values is how many were added, and how many bytes they had.
func (w *Writer) Values() (n, bytes uint64) { return w.totals.values, w.totals.plain }

// Finish writes what is left, and syncs the file: it is durable, though its
// name is the caller's to sync. The file stays open.
func (w *Writer) Finish() (version.Blob, error) {
	if w.err == nil && w.Empty() {
		w.err = w.failure(fmt.Errorf("%w: it has no values", engine.ErrInvalid))
	}
	if w.err != nil {
		return version.Blob{}, w.err
	}
	w.buf = append(w.buf, encodeFooter(w.o.ID, w.totals)[:]...)
	w.flush(0)
	if w.err == nil {
		if err := w.file.SyncData(); err != nil {
			w.err = fmt.Errorf("sync blob file %d: %w", w.o.ID, err)
		}
	}
	if w.err != nil {
		return version.Blob{}, w.err
	}
	w.err = w.failure(fs.ErrClosed)
	return w.totals.blob(w.o.ID), nil
}

// Abort gives the file up. It stays open, for the caller to close and remove:
// nobody can read it.
func (w *Writer) Abort() {
	w.buf = w.buf[:0]
	w.err = w.failure(fs.ErrClosed)
}
