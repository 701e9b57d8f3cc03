package hashidx

import (
	"context"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/hashidx/index"
)

// stepPlaces is about how many places a scan of a snapshot takes at once.
const stepPlaces = 256

// Scan implements engine.UnorderedScanner. f runs without locks and pins.
//
// It walks through the index, and takes from undo, bucket by bucket and under
// the same lock, what belongs to the same bucket: of the two, one has each op
// that the snapshot sees. Writers wait for it no longer than for that.
func (v *frozen) Scan(ctx context.Context, f func(key, value []byte) error) error {
	e := v.e
	if !e.scans.TryRLock() { // only Close locks it
		return engine.ErrClosed
	}
	defer e.scans.RUnlock()
	e.counts.of(0).scans.Add(1)
	s := frozenScan{v: v, walk: e.index.StartWalk()}
	for more := true; more; {
		err := ctx.Err()
		if err == nil {
			more, err = s.step()
		}
		for i := 0; err == nil && i < len(s.places); i++ {
			err = s.visit(s.places[i], f)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A frozenScan is a scan of a snapshot.
type frozenScan struct {
	v      *frozen
	walk   walk
	beside []index.Entry
	places []uint64 // of ops that are to be visited
	buf    []byte
}

// step takes the next places. more is false at the end.
func (s *frozenScan) step() (more bool, err error) {
	v := s.v
	s.places = s.places[:0]
	g := v.e.domain.Pin()
	defer g.Unpin()
	if v.over() {
		return false, engine.ErrClosed
	}
	for len(s.places) < stepPlaces {
		if more, err := s.walk.Next(s.take); !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

// take runs under the lock of the entries.
func (s *frozenScan) take(entries []index.Entry) {
	for _, e := range entries {
		if !s.v.tooNew(e.Place) {
			s.places = append(s.places, e.Place)
		}
	}
	u := s.v.undo.Load()
	if u == nil {
		return
	}
	s.beside = s.walk.Beside(s.beside[:0], u)
	for _, e := range s.beside {
		s.places = append(s.places, e.Place)
	}
}

// visit calls f with the op at a place, if the snapshot sees it.
func (s *frozenScan) visit(place uint64, f func(key, value []byte) error) error {
	v, e := s.v, s.v.e
	var from *scratch
	g := e.domain.Pin()
	if v.over() {
		g.Unpin()
		return engine.ErrClosed
	}
	op, _, err := e.view(place, &from)
	seen := err == nil && !e.expired(&op) && e.sequenceAt(place, &op) < v.limit
	split := len(op.Key)
	if seen {
		s.buf = append(append(s.buf[:0], op.Key...), op.Value...)
	}
	g.Unpin()
	e.release(from)
	if !seen {
		return err
	}
	e.counts.of(0).bytesOut.Add(uint64(len(s.buf) - split))
	return f(s.buf[:split:split], s.buf[split:])
}
