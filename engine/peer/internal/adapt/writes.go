package adapt

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
)

// Writes says whether an engine takes writes, and at which levels.
type Writes struct {
	ReadOnly bool              // opened so
	Default  engine.Durability // of writes that ask for none

	first atomic.Pointer[error]
}

// Level returns the level that a write asking for d gets, or why there is
// none.
func (w *Writes) Level(c *engine.Caps, d engine.Durability) (engine.Durability, error) {
	if err := w.Allowed(); err != nil {
		return d, err
	}
	return c.Durabilities.Resolve(d, w.Default)
}

// Allowed returns nil, or ErrReadOnly with the reason.
func (w *Writes) Allowed() error {
	if w.ReadOnly {
		return fmt.Errorf("%w: it was opened with read_only", engine.ErrReadOnly)
	}
	if first := w.first.Load(); first != nil {
		return fmt.Errorf("%w since a write failed: %w", engine.ErrReadOnly, *first)
	}
	return nil
}

// Fail returns err with the operation, and remembers the first one, after
// which nothing is written.
func (w *Writes) Fail(op string, err error) error {
	err = fmt.Errorf("%s: %w", op, err)
	w.first.CompareAndSwap(nil, &err)
	return err
}

// Failed returns the first failure, or nil.
func (w *Writes) Failed() error {
	if first := w.first.Load(); first != nil {
		return *first
	}
	return nil
}

// ErrPanic is wrapped by what Rescue makes of a panic. Locks of the library's
// may be held since then.
var ErrPanic = errors.New("the library panicked")

// Rescue, deferred, turns a panic of the library into damage in err: these
// libraries panic when what they read makes no sense.
func Rescue(file string, err *error) {
	if r := recover(); r != nil {
		cause, ok := r.(error)
		if !ok {
			cause = fmt.Errorf("%v", r)
		}
		*err = engine.Corrupt(file, -1, "", fmt.Errorf("%w: %w", ErrPanic, cause))
	}
}
