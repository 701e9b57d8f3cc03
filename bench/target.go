package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

// A Target is what the harness measures: an engine, a cluster, a server. The
// harness does not know which. Its methods are safe for concurrent use.
type Target interface {
	// Caps says what the target can do; a workload that needs more is not run.
	Caps() engine.Caps
	// Session returns a way in for one worker, used by one goroutine.
	Session(worker int) (Session, error)
	// Metrics fills in the target's own counters.
	Metrics(m *engine.Metrics)
	// Sync makes what was written so far durable.
	Sync() error
	// Settle waits until background work is done or ctx ends. It returns an
	// error wrapping engine.ErrUnsupported when the target cannot tell.
	Settle(ctx context.Context) error
	// Close ends all sessions. The harness closes no session after it.
	Close() error
}

// A Session performs one worker's operations. Arguments are reused by the
// caller as soon as a call returns. It should not allocate.
type Session interface {
	// Get appends the value to dst; absence is engine.ErrNotFound.
	Get(dst, key []byte) ([]byte, error)
	Put(key, value []byte) error
	Delete(key []byte) error
	// DeleteRange makes every key in [lower, upper) absent.
	DeleteRange(lower, upper []byte) error
	// Scan visits up to n records with keys >= start in order, or with
	// reverse, keys <= start downwards. It returns how many it visited.
	Scan(start []byte, n int, reverse bool, v Visitor) (int, error)
	Close() error
}

// A Visitor sees the records of a scan; the slices are valid during the call.
type Visitor interface {
	Visit(key, value []byte) error
}

// EngineTarget makes an engine a Target whose writes are all at level d. It
// owns e from then on.
func EngineTarget(e engine.Engine, d engine.Durability) Target {
	t := &engineTarget{e: e, d: d, caps: e.Caps()}
	t.scanner, _ = engine.As[engine.Scanner](e)
	t.ranges, _ = engine.As[engine.RangeDeleter](e)
	return t
}

type engineTarget struct {
	e       engine.Engine
	d       engine.Durability
	caps    engine.Caps
	scanner engine.Scanner      // nil: not ordered
	ranges  engine.RangeDeleter // nil: no range deletes
}

func (t *engineTarget) Caps() engine.Caps         { return t.caps }
func (t *engineTarget) Metrics(m *engine.Metrics) { t.e.Metrics(m) }
func (t *engineTarget) Sync() error               { return t.e.Sync() }
func (t *engineTarget) Close() error              { return t.e.Close() }

func (t *engineTarget) Settle(ctx context.Context) error {
	s, ok := engine.As[engine.Settler](t.e)
	if !ok {
		return fmt.Errorf("settle: %w", engine.ErrUnsupported)
	}
	return s.Settle(ctx)
}

func (t *engineTarget) Session(int) (Session, error) {
	return &engineSession{engineTarget: t}, nil
}

type engineSession struct {
	*engineTarget
	upper []byte // scratch of reverse scans
}

func (s *engineSession) Close() error { return nil }

func (s *engineSession) Get(dst, key []byte) ([]byte, error) { return s.e.Get(dst, key) }
func (s *engineSession) Put(key, value []byte) error         { return s.e.Put(key, value, s.d) }
func (s *engineSession) Delete(key []byte) error             { return s.e.Delete(key, s.d) }

func (s *engineSession) DeleteRange(lower, upper []byte) error {
	if s.ranges == nil {
		return fmt.Errorf("range delete: %w", engine.ErrUnsupported)
	}
	return s.ranges.DeleteRange(lower, upper, s.d)
}

// Scan opens an iterator, positions it and walks, as an application would.
func (s *engineSession) Scan(start []byte, n int, reverse bool, v Visitor) (visited int, err error) {
	if s.scanner == nil {
		return 0, fmt.Errorf("scan: %w", engine.ErrUnsupported)
	}
	it, err := s.scanner.NewIter(engine.IterOptions{})
	if err != nil {
		return 0, err
	}
	ok := false
	if reverse {
		s.upper = append(append(s.upper[:0], start...), 0) // least key > start
		ok = it.SeekLT(s.upper)
	} else {
		ok = it.SeekGE(start)
	}
	for ok && visited < n {
		var value []byte
		if value, err = it.Value(); err != nil {
			break
		}
		if err = v.Visit(it.Key(), value); err != nil {
			break
		}
		if visited++; visited == n {
			break
		}
		if reverse {
			ok = it.Prev()
		} else {
			ok = it.Next()
		}
	}
	if err == nil {
		err = it.Err()
	}
	if closeErr := it.Close(); err == nil {
		err = closeErr
	}
	return visited, err
}

// needs returns why caps cannot serve the workload, or nil. The error wraps
// engine.ErrUnsupported.
func needs(caps engine.Caps, ordered, reverse, ranges bool) error {
	var errs []error
	if ordered && !caps.Ordered {
		errs = append(errs, fmt.Errorf("%w: the workload scans in order, the engine keeps no order", engine.ErrUnsupported))
	}
	if reverse && caps.Ordered && !caps.Reverse {
		errs = append(errs, fmt.Errorf("%w: the workload scans backwards, the engine's iterators go only forward", engine.ErrUnsupported))
	}
	if ranges && !caps.RangeDelete {
		errs = append(errs, fmt.Errorf("%w: the workload deletes ranges", engine.ErrUnsupported))
	}
	return errors.Join(errs...)
}
