//go:build lmdb

package lmdb

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/PowerDNS/lmdb-go/lmdb"

	"github.com/kvbench/kvbench/engine"
)

// translate turns an error of the binding, whose errors do not unwrap, into
// one that errors.Is can tell apart. path is the directory. nil stays nil.
func translate(path string, err error) error {
	var op *lmdb.OpError
	if !errors.As(err, &op) {
		return err
	}
	if number, ok := op.Errno.(syscall.Errno); ok {
		return fmt.Errorf("%s: %w%s", op.Op, number, hint(number))
	}
	switch op.Errno {
	case lmdb.Corrupted, lmdb.PageNotFound, lmdb.Invalid, lmdb.VersionMismatch:
		return engine.Corrupt(path, -1, "", err)
	case lmdb.MapFull:
		return fmt.Errorf("%w: the file has reached map_bytes: %w", engine.ErrTooLarge, err)
	case lmdb.TxnFull:
		return fmt.Errorf("%w: more pages than a transaction may change: %w", engine.ErrTooLarge, err)
	case lmdb.ReadersFull:
		return fmt.Errorf("more readers than max_readers: %w", err)
	}
	return err
}

// hint says what LMDB may have meant by a number of the system's.
func hint(number syscall.Errno) string {
	switch number {
	case syscall.ENOMEM:
		return " (the memory map may not fit: give a smaller map_bytes)"
	case syscall.EIO:
		return " (LMDB's name for a write cut short as well: the disk may be full)"
	}
	return ""
}

func (e *store) translate(err error) error { return translate(e.path, err) }

// isRefusal reports whether a failed update was refused before it wrote, so
// that the engine is as it was.
func isRefusal(err error) bool { return errors.Is(err, engine.ErrTooLarge) }
