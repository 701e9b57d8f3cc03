package hashidx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/record"
	"github.com/zeebo/xxh3"
)

const (
	// guessBytes is read of a frame whose length is not known: most are not
	// longer.
	guessBytes = 2 << 10

	// trustedBytes is how long a frame may claim to be before the size of its
	// file is asked for.
	trustedBytes = 1 << 20

	// keptBytes is how large a scratch may be to be used again.
	keptBytes = 1 << 20
)

// scratch is memory for one call.
type scratch struct{ buf []byte }

func (e *store) scratch() *scratch { return e.scratches.Get().(*scratch) }

func (e *store) release(s *scratch) {
	if s != nil && cap(s.buf) <= keptBytes {
		e.scratches.Put(s)
	}
}

func (e *store) hash(key []byte) uint64 { return xxh3.HashSeed(key, e.seed) }

// Get implements engine.Engine.
func (e *store) Get(dst, key []byte) ([]byte, error) {
	if err := e.caps.CheckKey(key); err != nil {
		return dst, err
	}
	hash := e.hash(key)
	g := e.domain.Pin()
	if e.closed.Load() {
		g.Unpin()
		return dst, engine.ErrClosed
	}
	for e.flags[index.LockOrder(hash)].Load() != 0 {
		// A batch is becoming visible. It holds the lock, waits for no epoch,
		// and is done in no time.
		runtime.Gosched()
	}
	var s *scratch
	_, op, found, err := e.find(e.index.Find(hash), key, &s)
	if found && !e.expired(&op) {
		dst = append(dst, op.Value...)
	} else if err == nil {
		err = engine.ErrNotFound
	}
	n := uint64(len(op.Value))
	g.Unpin()
	e.release(s)
	c := e.counts.of(hash)
	c.gets.Add(1)
	if err == nil {
		c.bytesOut.Add(n)
	}
	return dst, err
}

// find looks for a key among candidates. The op's bytes are valid while the
// caller is pinned, and until s is used again.
func (e *store) find(c index.Cursor, key []byte, s **scratch) (place uint64, op record.Op, found bool, err error) {
	for {
		place, ok := c.Next()
		if !ok {
			return 0, record.Op{}, false, nil
		}
		op, _, err := e.view(place, s)
		if err != nil {
			return 0, record.Op{}, false, err
		}
		if string(op.Key) == string(key) {
			return place, op, true, nil
		}
	}
}

// view returns the op at a place and the length of its frame: in the tail, or
// read into a scratch, which it takes where there is none.
func (e *store) view(place uint64, s **scratch) (record.Op, int, error) {
	seg, off := e.segments.at(place)
	p, at := e.tail.find(seg, off)
	if p != nil {
		op, n, err := record.Split(p.bytes[at:])
		if err == nil {
			return op, n, nil
		}
		// It goes on in the next page.
	}
	if *s == nil {
		*s = e.scratch()
	}
	if p != nil && e.assemble(seg, off, *s) {
		op, n, err := record.Split((*s).buf)
		if err == nil {
			return op, n, nil
		}
	}
	return e.load(seg, off, *s)
}

// assemble copies a frame out of pages, if all of it is there. It touches no
// byte behind the frame, where a writer may be at work.
func (e *store) assemble(seg *segment, off int64, s *scratch) bool {
	s.buf = s.buf[:0]
	want := 1 // byte by byte until the length is known
	for known := false; len(s.buf) < want; {
		p, at := e.tail.find(seg, off+int64(len(s.buf)))
		if p == nil {
			return false
		}
		s.buf = append(s.buf, p.bytes[at:min(len(p.bytes), at+want-len(s.buf))]...)
		if known {
			continue
		}
		n, err := record.Length(s.buf)
		switch {
		case err == nil:
			want, known = n, true
		case errors.Is(err, record.ErrShort):
			want++
		default:
			return false
		}
	}
	return true
}

// load reads a frame from its file.
func (e *store) load(seg *segment, off int64, s *scratch) (record.Op, int, error) {
	f, err := e.segments.open(seg)
	if err != nil {
		return record.Op{}, 0, err
	}
	if err := s.read(f, off, guessBytes); err != nil {
		return record.Op{}, 0, fmt.Errorf("read op: %w", err)
	}
	n, err := record.Length(s.buf)
	if err == nil && n > len(s.buf) {
		if n > trustedBytes {
			size, err := f.Size()
			if err != nil {
				return record.Op{}, 0, fmt.Errorf("read op: %w", err)
			}
			n = int(min(int64(n), max(0, size-off)))
		}
		if err := s.read(f, off, n); err != nil {
			return record.Op{}, 0, fmt.Errorf("read op: %w", err)
		}
	}
	if err == nil {
		var op record.Op
		if op, n, err = record.Parse(s.buf); err == nil {
			return op, n, nil
		}
	}
	e.corruptions.Add(1)
	return record.Op{}, 0, engine.Corrupt(seg.path, off, "no op where the index has one", err)
}

// read reads up to n bytes, fewer at the file's end.
func (s *scratch) read(f io.ReaderAt, off int64, n int) error {
	s.buf = slices.Grow(s.buf[:0], n)[:n]
	n, err := f.ReadAt(s.buf, off)
	s.buf = s.buf[:n]
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// expired reports whether an op has ceased to be.
func (e *store) expired(op *record.Op) bool {
	return op.Kind == record.PutExpiring && e.now().UnixNano() >= op.Expire
}

// MultiGet implements engine.MultiGetter.
func (e *store) MultiGet(keys [][]byte, out []engine.Value) error {
	if len(keys) != len(out) {
		return fmt.Errorf("%w: multiget of %d keys has %d places", engine.ErrInvalid, len(keys), len(out))
	}
	for i, key := range keys {
		data, err := e.Get(out[i].Data[:0], key)
		out[i].Data, out[i].Found = data, err == nil
		if err != nil && !errors.Is(err, engine.ErrNotFound) {
			return err
		}
	}
	return nil
}

// Scan implements engine.UnorderedScanner. f runs without locks and pins.
func (e *store) Scan(ctx context.Context, f func(key, value []byte) error) error {
	if !e.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer e.scans.RUnlock()
	if e.closed.Load() {
		return engine.ErrClosed
	}
	e.counts.of(0).scans.Add(1)
	var buf []byte
	err := ctx.Err()
	e.index.Walk(func(entry index.Entry) bool {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return false
		}
		err = e.visit(entry, &buf, f)
		return err == nil
	})
	return err
}

func (e *store) visit(entry index.Entry, buf *[]byte, f func(key, value []byte) error) error {
	var s *scratch
	g := e.domain.Pin()
	if e.closed.Load() {
		g.Unpin()
		return engine.ErrClosed
	}
	op, _, err := e.view(entry.Place, &s)
	live := err == nil && !e.expired(&op)
	split := len(op.Key)
	if live {
		*buf = append(append((*buf)[:0], op.Key...), op.Value...)
	}
	g.Unpin()
	e.release(s)
	if !live {
		return err
	}
	e.counts.of(0).bytesOut.Add(uint64(len(*buf) - split))
	return f((*buf)[:split:split], (*buf)[split:])
}
