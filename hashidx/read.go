package hashidx

import (
	"errors"
	"runtime"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/record"
	"github.com/zeebo/xxh3"
)

func (e *store) hash(key []byte) uint64 { return xxh3.HashSeed(key, e.seed) }

// await returns when no batch is becoming visible that may have a key with
// this hash. The batch holds the lock, waits for no epoch, and is done in no
// time.
func (e *store) await(hash uint64) {
	for e.flags[index.LockOrder(hash)].Load() != 0 {
		runtime.Gosched()
	}
}

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
	e.await(hash)
	if e.index.mem == nil {
		return e.getByDisk(dst, hash, key, g)
	}
	for c := e.index.mem.Find(hash); ; {
		place, ok := c.Next()
		if !ok {
			g.Unpin()
			e.counts.of(hash).absent()
			return dst, engine.ErrNotFound
		}
		if dst, done, err := e.consider(dst, hash, key, place, g); done {
			return dst, err
		}
	}
}

// getByDisk is the end of Get with an index in a file.
func (e *store) getByDisk(dst []byte, hash uint64, key []byte, g epoch.Guard) ([]byte, error) {
	for c := e.index.disk.Find(hash); ; {
		place, ok, err := c.Next()
		if !ok {
			g.Unpin()
			if err != nil {
				return dst, err
			}
			e.counts.of(hash).absent()
			return dst, engine.ErrNotFound
		}
		if dst, done, err := e.consider(dst, hash, key, place, g); done {
			return dst, err
		}
	}
}

// consider answers for a key with a candidate, and then ends the pin; done is
// false if the candidate has another key.
func (e *store) consider(dst []byte, hash uint64, key []byte, place uint64, g epoch.Guard) (_ []byte, done bool, err error) {
	op, err := e.recall(place)
	switch {
	case err == errElsewhere:
		f := e.locate(place)
		g.Unpin()
		dst, err = e.load(dst, hash, key, f)
	case err != nil:
		g.Unpin()
		dst, err = e.seek(dst, hash, key)
	case string(op.Key) == string(key):
		dst, err = e.answer(dst, hash, &op)
		g.Unpin()
	default:
		e.counts.of(hash).collisions.Add(1)
		return dst, false, nil
	}
	return dst, true, err
}

// answer appends what a key has, whose op was found. The caller is pinned, if
// the op is in memory of the engine.
func (e *store) answer(dst []byte, hash uint64, op *record.Op) ([]byte, error) {
	c := e.counts.of(hash)
	c.gets.Add(1)
	if e.expired(op) {
		return dst, engine.ErrNotFound
	}
	c.bytesOut.Add(uint64(len(op.Value)))
	return append(dst, op.Value...), nil
}

// errElsewhere: an op is not in memory in one piece.
var errElsewhere = errors.New("not in memory")

// recall returns the op at a place if it is in memory and whole: in a page of
// the tail, mapped or in the cache. Its bytes are valid while the caller is
// pinned.
func (e *store) recall(place uint64) (op record.Op, err error) {
	seg, off := e.segments.at(place)
	p := seg.held(off)
	if p == nil {
		p = e.tail.find(seg, off)
	}
	if p != nil {
		prefetch(&p[0])
		op, _, err = record.Split(p)
		return op, err
	}
	if p := seg.mapped(off); p != nil {
		op, _, err = record.Parse(p)
		return op, err
	}
	if p := e.records.get(seg, off); p != nil {
		prefetch(&p[0])
		op, _, err = record.Split(p)
		return op, err
	}
	return op, errElsewhere
}

// A far is what is needed to read a place that is not in memory.
type far struct {
	src *source // nil if it cannot be opened, or is memory
	seg *segment
	off int64
}

// locate opens what a place is read from. The caller is pinned.
func (e *store) locate(place uint64) far {
	seg, off := e.segments.at(place)
	src, err := e.segments.open(seg)
	if err != nil || src.bytes != nil {
		return far{} // seek will say
	}
	return far{src, seg, off}
}

// load is Get where a candidate has to be read. The caller is pinned no more: a
// read may take long, and what others retire should not wait for it. That is
// right, although GC may move the op and remove the file meanwhile: what is
// read was the key's value when the index was asked, the open file outlives
// its name, and a read that fails because the file was closed, or that finds
// another key, is done again by seek.
func (e *store) load(dst []byte, hash uint64, key []byte, f far) ([]byte, error) {
	if f.src == nil {
		return e.seek(dst, hash, key)
	}
	s := e.scratch()
	defer e.release(s)
	op, err := s.load(f.src, f.seg, f.off)
	if err != nil || string(op.Key) != string(key) {
		return e.seek(dst, hash, key)
	}
	e.remember(f.seg, f.off, s)
	return e.answer(dst, hash, &op)
}

// seek is Get that stays pinned while it reads, so that nothing goes away.
func (e *store) seek(dst []byte, hash uint64, key []byte) ([]byte, error) {
	var s *scratch
	g := e.domain.Pin()
	if e.closed.Load() {
		g.Unpin()
		return dst, engine.ErrClosed
	}
	for c := e.index.Find(hash); ; {
		place, ok := c.Next()
		var op record.Op
		err := c.err
		switch {
		case ok:
			op, _, err = e.view(place, &s)
		case err == nil:
			e.counts.of(hash).absent()
			err = engine.ErrNotFound
		}
		switch {
		case err != nil:
		case string(op.Key) == string(key):
			dst, err = e.answer(dst, hash, &op)
		default:
			e.counts.of(hash).collisions.Add(1)
			continue
		}
		g.Unpin()
		e.release(s)
		return dst, err
	}
}

// view returns the op at a place and the length of its frame, wherever it is.
// Where it has to be copied it is in a scratch, which view takes if there is
// none: the op is valid while the caller is pinned and until s is used again.
// What is read is not kept in the cache: who writes does not need it again.
func (e *store) view(place uint64, s **scratch) (op record.Op, bytes int, err error) {
	op, bytes, _, err = e.look(place, s)
	return op, bytes, err
}

// look is view, and says whether the op is in the cache.
func (e *store) look(place uint64, s **scratch) (op record.Op, bytes int, cached bool, err error) {
	seg, off := e.segments.at(place)
	if p := seg.held(off); p != nil {
		op, bytes, err = record.Split(p)
		return op, bytes, false, err
	}
	p := e.tail.find(seg, off)
	if p != nil {
		if op, bytes, err = record.Split(p); err == nil {
			return op, bytes, false, nil
		}
		// It goes on in the next page.
	} else if frame := e.records.get(seg, off); frame != nil {
		op, bytes, err = record.Split(frame)
		return op, bytes, true, err
	}
	if *s == nil {
		*s = e.scratch()
	}
	if p != nil && e.assemble(seg, off, *s) {
		if op, bytes, err = record.Split((*s).buf); err == nil {
			return op, bytes, false, nil
		}
	}
	src, err := e.segments.open(seg)
	if err != nil {
		return record.Op{}, 0, false, err
	}
	if op, err = (*s).load(src, seg, off); err != nil {
		if errors.Is(err, engine.ErrCorrupt) {
			e.corruptions.Add(1)
		}
		return record.Op{}, 0, false, err
	}
	return op, len((*s).frame), false, nil
}

// assemble copies a frame out of pages, if all of it is there. It touches no
// byte behind the frame, where a writer may be at work.
func (e *store) assemble(seg *segment, off int64, s *scratch) bool {
	s.buf = s.buf[:0]
	want := 1 // byte by byte until the length is known
	for known := false; len(s.buf) < want; {
		p := e.tail.find(seg, off+int64(len(s.buf)))
		if p == nil {
			return false
		}
		s.buf = append(s.buf, p[:min(len(p), want-len(s.buf))]...)
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

// expired reports whether an op has ceased to be.
func (e *store) expired(op *record.Op) bool {
	return op.Kind == record.PutExpiring && e.now().UnixNano() >= op.Expire
}
