package engine

import (
	"errors"
	"fmt"
)

// The errors that callers tell apart with errors.Is. ErrNotFound and ErrClosed
// are returned bare, so that a miss costs no allocation; all others are
// wrapped with operation and object.
var (
	// ErrNotFound: the key is absent. Returned bare by Get.
	ErrNotFound = errors.New("key not found")
	// ErrClosed: the engine, snapshot or iterator has been closed.
	ErrClosed = errors.New("engine is closed")
	// ErrUnsupported: this engine cannot do that, and says so in its Caps.
	ErrUnsupported = errors.New("not supported by this engine")
	// ErrCorrupt: what was read from disk is damaged. See CorruptionError.
	ErrCorrupt = errors.New("corrupt")
	// ErrReadOnly: the engine takes no writes: opened so, or after the first
	// failed write, whose error is then wrapped beside it.
	ErrReadOnly = errors.New("engine is read-only")
	// ErrEmptyKey: keys have at least one byte.
	ErrEmptyKey = errors.New("empty key")
	// ErrTooLarge: a key, a value or a batch is over the limit in Caps.
	ErrTooLarge = errors.New("too large")
	// ErrInvalid: an argument or a setting that can never be right.
	ErrInvalid = errors.New("invalid")
	// ErrLocked: the directory is open in this or another process.
	ErrLocked = errors.New("directory is in use")
	// ErrWrongEngine: the directory belongs to another engine or to a format
	// version that this build does not know.
	ErrWrongEngine = errors.New("directory belongs to another engine")
	// ErrNotEngineDir: the directory has files, but no marker of an engine.
	ErrNotEngineDir = errors.New("not an engine directory")
)

// A CorruptionError says where damage was found. It wraps ErrCorrupt and the
// cause, if there is one.
type CorruptionError struct {
	File   string // path as the engine knows it
	Offset int64  // byte offset in File; negative when unknown
	Detail string // what was expected and what was there
	Cause  error  // may be nil
}

// Error names file, offset and detail.
func (e *CorruptionError) Error() string {
	msg := "corrupt: " + e.File
	if e.Offset >= 0 {
		msg = fmt.Sprintf("%s at offset %d", msg, e.Offset)
	}
	if e.Detail != "" {
		msg += ": " + e.Detail
	}
	if e.Cause != nil {
		msg += ": " + e.Cause.Error()
	}
	return msg
}

// Unwrap gives errors.Is both ErrCorrupt and the cause.
func (e *CorruptionError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrCorrupt}
	}
	return []error{ErrCorrupt, e.Cause}
}

// Corrupt returns a CorruptionError. offset is negative when unknown; cause
// may be nil.
func Corrupt(file string, offset int64, detail string, cause error) error {
	return &CorruptionError{File: file, Offset: offset, Detail: detail, Cause: cause}
}

// CheckKey returns ErrEmptyKey or ErrTooLarge for a key that c does not allow.
// MaxKey of 0 means no limit.
func (c *Caps) CheckKey(key []byte) error {
	if len(key) == 0 {
		return ErrEmptyKey
	}
	if c.MaxKey > 0 && len(key) > c.MaxKey {
		return fmt.Errorf("key of %d bytes: %w (limit %d)", len(key), ErrTooLarge, c.MaxKey)
	}
	return nil
}

// CheckValue returns ErrTooLarge for a value that c does not allow.
func (c *Caps) CheckValue(value []byte) error {
	if c.MaxValue > 0 && len(value) > c.MaxValue {
		return fmt.Errorf("value of %d bytes: %w (limit %d)", len(value), ErrTooLarge, c.MaxValue)
	}
	return nil
}

// CheckBatch returns the first reason why b cannot be applied as a whole:
// damage, an empty or oversized key, an oversized value or batch, or an op
// that the engine cannot do. It lets an engine refuse before its first write.
func (c *Caps) CheckBatch(b *Batch) error {
	if c.MaxBatch > 0 && b.Size() > c.MaxBatch {
		return fmt.Errorf("batch of %d bytes: %w (limit %d)", b.Size(), ErrTooLarge, c.MaxBatch)
	}
	var op Op
	r := b.Reader()
	for i := 0; r.Next(&op); i++ {
		if err := c.checkOp(&op); err != nil {
			return fmt.Errorf("op %d of batch: %w", i, err)
		}
	}
	return r.Err()
}

func (c *Caps) checkOp(op *Op) error {
	if op.Kind == KindDeleteRange {
		if !c.RangeDelete {
			return fmt.Errorf("%w: range delete", ErrUnsupported)
		}
		return nil
	}
	if err := c.CheckKey(op.Key); err != nil {
		return err
	}
	if op.Kind == KindPut {
		return c.CheckValue(op.Value)
	}
	return nil
}
