package wal

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrClosed: the log has been closed.
	ErrClosed = errors.New("log is closed")
	// ErrDamage: what was durable is not what was written. See DamageError.
	ErrDamage = errors.New("log is damaged")
	// ErrPoisoned: a write or a sync failed before. Nothing is known of what
	// the disk holds beyond what was durable, so nothing more is written; a
	// new Open finds out. Wraps the first failure as well.
	ErrPoisoned = errors.New("log takes no more writes")
	// ErrReadOnly: the log was opened so.
	ErrReadOnly = errors.New("log is open for reading only")
	// ErrNoRecord: no record starts at that position: it was pruned,
	// truncated, or never appended.
	ErrNoRecord = errors.New("no such record in the log")
	// ErrTooLarge: a payload of more than MaxPayload bytes.
	ErrTooLarge = errors.New("record is too large")
)

// A DamageError says where damage was found. It wraps ErrDamage.
type DamageError struct {
	Path   string
	Offset int64 // in bytes; negative when it is the whole file
	Detail string
}

// Error names file, offset and detail.
func (e *DamageError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%v: %s: %s", ErrDamage, e.Path, e.Detail)
	}
	return fmt.Sprintf("%v: %s at offset %d: %s", ErrDamage, e.Path, e.Offset, e.Detail)
}

// Unwrap makes errors.Is find ErrDamage.
func (e *DamageError) Unwrap() error { return ErrDamage }
