package hashidx

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/hashidx/diskindex"
	"github.com/kvbench/kvbench/hashidx/hint"
	"github.com/kvbench/kvbench/hashidx/index"
	"github.com/kvbench/kvbench/hashidx/manifest"
	"github.com/kvbench/kvbench/hashidx/record"
)

// applySealed applies the ops of a segment by its hint, or, without a usable
// one, by its records.
func (r *recovery) applySealed(s *segment) error {
	err := r.applyHint(s)
	if err == nil || !errors.Is(err, hint.ErrUnusable) {
		return err
	}
	r.e.env.Log.Warn("read the segment instead of its hint", "segment", s.path, "error", err)
	s.hinted = false // another is made
	s.notes.missing.Store(true)
	covers := r.covers(s.log)
	return asCorrupt(wal.Scan(r.e.counting, r.e.segments.dir(s.log), s.id, 0, s.end.Load(), func(rec wal.Record) error {
		r.e.recovered += int64(len(rec.Payload))
		return eachOp(s, rec, func(op *record.Op, o hint.Op) error {
			o.Hash = r.e.hash(op.Key)
			if rec.LSN < covers {
				return nil
			}
			return r.apply(s, o, op.Key)
		})
	}))
}

func (r *recovery) applyHint(s *segment) error {
	in, err := hint.Open(r.e.counting, r.e.home.Path(hintDir), s.hintSegment())
	if err != nil {
		return err
	}
	defer in.Close()
	covers := r.covers(s.log)
	return in.Each(func(ops []hint.Op) error {
		if covers.Segment() == s.id {
			ops = slices.DeleteFunc(ops, func(o hint.Op) bool { return int64(o.Offset) < covers.Offset() })
		}
		r.hashes = r.hashes[:0]
		for _, o := range ops {
			r.hashes = append(r.hashes, o.Hash)
		}
		for len(ops) > 0 {
			n := min(touchOps, len(ops))
			r.e.index.Touch(r.hashes[:n])
			for _, o := range ops[:n] {
				if err := r.apply(s, o, nil); err != nil {
					return err
				}
			}
			ops, r.hashes = ops[n:], r.hashes[n:]
		}
		return nil
	})
}

// touchOps is how many look-ups wait for memory at once.
const touchOps = 32

// replay applies a record of a log that is not sealed.
func (r *recovery) replay(log manifest.Log, rec wal.Record) error {
	s, err := r.e.segments.of(log, rec.LSN.Segment(), 1<<offsetBits)
	if err != nil {
		return err
	}
	r.e.recovered += int64(len(rec.Payload))
	return eachOp(s, rec, func(op *record.Op, o hint.Op) error {
		o.Hash = r.e.hash(op.Key)
		s.bytes.Add(int64(o.Length))
		s.ops.Add(1)
		s.notes.add(o.Hash, o.Kind, int(o.Offset), int(o.Length))
		if op.Kind == record.PutExpiring {
			s.expiresBy(op.Expire)
		}
		if log == manifest.Cold {
			r.e.gc.filters.noteCold(s, o.Hash, o.Sequence)
			s.highest.Store(max(s.highest.Load(), o.Sequence))
		}
		if rec.LSN < r.covers(log) {
			return nil
		}
		return r.apply(s, o, op.Key)
	})
}

// eachOp takes a record apart, whose checksum is right. It leaves the hash out.
func eachOp(s *segment, rec wal.Record, f func(*record.Op, hint.Op) error) error {
	off := rec.LSN.Offset() + wal.PayloadOffset
	ops := 0
	for p := rec.Payload; len(p) > 0; ops++ {
		op, n, err := record.Parse(p)
		if err != nil {
			return engine.Corrupt(s.path, off, "replay the log", err)
		}
		o := hint.Op{Offset: uint32(off), Length: uint32(n), Kind: record.KindByte(p), Sequence: sequenceOf(s.id, off)}
		if op.Sequenced {
			o.Sequence = op.Sequence
		}
		if op.Sequenced != (s.log == manifest.Cold) {
			return engine.Corrupt(s.path, off, "an op that belongs into the other log", nil)
		}
		if err := f(&op, o); err != nil {
			return err
		}
		p = p[n:]
		off += int64(n)
	}
	if rec.Kind > manyOps || rec.Kind == oneOp && ops != 1 {
		return engine.Corrupt(s.path, off, fmt.Sprintf("a record of kind %d with %d ops", rec.Kind, ops), nil)
	}
	return nil
}

// apply performs an op, unless something newer makes it void. key may be nil:
// then it is read if it is needed.
//
// Of an op that met no other key of its code when it was written, the code is
// the key: it ends whatever is older. So where the newer one of two ops is
// such, keys need not be compared. What the image has may be a twin of which
// all ops but that are gone, and which is absent when o is copied to cold/: so
// copies, which come first, are compared with it.
func (r *recovery) apply(s *segment, o hint.Op, key []byte) error {
	kind, colliding := record.KindOf(o.Kind), o.Kind&record.FlagColliding != 0
	if r.applied++; r.applied%mergeEvery == 0 {
		if err := r.merge(); err != nil {
			return err
		}
	}
	if colliding {
		r.twins[index.Code(o.Hash)] = true
	}
	if kind == record.PutExpiring {
		r.e.expiring.Store(true)
	}
	place := placeOf(s, int64(o.Offset))
	l := r.e.index.Lock(o.Hash)
	defer l.Unlock()
	var gone []uint64
	c := l.Find()
	for {
		at, ok := c.Next()
		if c.err != nil {
			return c.err
		}
		if !ok {
			break
		}
		if at == place { // the image has it already
			return nil
		}
		older, err := r.older(at, o.Sequence)
		if err != nil {
			return err
		}
		if older && !colliding {
			stays, err := r.guards(at, place, &key, s.log)
			if err != nil {
				return err
			}
			if !stays {
				gone = append(gone, at)
			}
			continue
		}
		if older || r.twins[index.Code(o.Hash)] || s.log == manifest.Cold && r.imaged(at) {
			same, met, err := r.sameKey(at, place, &key)
			if err != nil {
				return err
			}
			if !same && (older || met) {
				continue
			}
		}
		if !older {
			return nil
		}
		gone = append(gone, at)
	}
	return r.perform(l, gone, kind, s, place, &o)
}

// imaged reports whether an entry is from the image, while cold/ is applied.
func (r *recovery) imaged(place uint64) bool {
	s, off := r.e.segments.at(place)
	return s.log == manifest.Hot || wal.LSN(s.id)<<offsetBits|wal.LSN(off) < r.image.ColdCovers
}

// guards reports whether a place stands for a delete of another key than that of
// an op of a log that ends it. While cold/ is applied such a one stays, though
// it deletes nothing that is older in cold/: ops of hot/ are to come, and a
// later op of a third key of the code may end this one.
func (r *recovery) guards(at, place uint64, key *[]byte, log manifest.Log) (bool, error) {
	if log != manifest.Cold || !r.guarding[at] {
		return false, nil
	}
	same, _, err := r.sameKey(at, place, key)
	return !same, err
}

// perform makes the index say what an op does. gone are the places of what it
// ends.
func (r *recovery) perform(l lock, gone []uint64, kind record.Kind, s *segment, place uint64, o *hint.Op) error {
	for _, at := range gone {
		old, _ := r.e.segments.at(at)
		if ops := old.ops.Load(); ops > 0 {
			// How long it was is not known, nor whether it expires.
			old.lose(int(old.bytes.Load()/ops), false)
			old.expiring.Add(-old.expiring.Load() / ops)
		}
	}
	// A tombstone of hot/ has no op before it that is still to come.
	keep := kind != record.Delete || s.log == manifest.Cold
	if keep && kind != record.Delete {
		s.gain(int(o.Length), kind == record.PutExpiring, 0)
	}
	if keep && kind == record.Delete {
		r.tombstones = append(r.tombstones, index.Entry{Hash: o.Hash, Place: place})
		r.guarding[place] = true
	}
	if keep && len(gone) > 0 {
		if _, err := l.Replace(gone[0], place); err != nil {
			return err
		}
		gone = gone[1:]
		keep = false
	}
	for _, at := range gone {
		if _, err := l.Delete(at); err != nil {
			return err
		}
	}
	if keep {
		return l.Insert(place)
	}
	return nil
}

// older reports whether the op at a place is older than a sequence.
func (r *recovery) older(place, sequence uint64) (bool, error) {
	s, off := r.e.segments.at(place)
	if s.log == manifest.Hot {
		return sequenceOf(s.id, off) < sequence, nil
	}
	if h := s.highest.Load(); h != 0 && h < sequence {
		return true, nil
	}
	var buf *scratch
	op, _, err := r.e.view(place, &buf)
	defer r.e.release(buf)
	return op.Sequence < sequence, err
}

// sameKey compares the keys of two ops, and says whether the first met another
// key of its code. key is that of the second, if it is known yet.
func (r *recovery) sameKey(at, place uint64, key *[]byte) (same, met bool, err error) {
	var buf *scratch
	defer func() { r.e.release(buf) }()
	if *key == nil {
		op, _, err := r.e.view(place, &buf)
		if err != nil {
			return false, false, err
		}
		*key = slices.Clone(op.Key)
	}
	op, _, err := r.e.view(at, &buf)
	return string(op.Key) == string(*key), op.Colliding, err
}

// mergeEvery is how many ops are applied before the index is asked whether it
// is full.
const mergeEvery = 1 << 12

// merge writes an index in a file that is full. Nothing names the new file: if
// this opening fails, the next begins where it began.
func (r *recovery) merge() error {
	x, e := r.e.index.disk, r.e
	if x == nil || e.readOnly || !x.Full() {
		return nil
	}
	r.merges++
	info, err := x.Merge(context.Background(), fmt.Sprintf("recovery-%d.index", r.merges), diskindex.Header{Seed: e.seed})
	if err != nil {
		return err
	}
	if info.Previous != "" && info.Previous != r.state.Snapshot.Name {
		return x.Discard(info.Previous)
	}
	return nil
}
