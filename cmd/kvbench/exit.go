package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// Exit codes.
const (
	exitOK          = 0
	exitInternal    = 1
	exitUsage       = 2 // the command line, a file or a directory needs to be changed
	exitMissed      = 3 // everything ran, and the figures are not what was wanted
	exitInvalid     = 4 // the run is not valid as a whole: a cell failed, or it was interrupted; or a directory is damaged
	exitNotSteady   = 5 // of --require-steady
	exitInterrupted = 130
)

const exitHelp = `Exit codes:
  0    done
  1    internal error
  2    usage: something in the command line, a file or a directory has to change
  3    a regression, a missed threshold, or an experiment without its shape
  4    invalid run: a cell failed, answered wrongly, or the run was interrupted;
       or a directory is damaged
  5    not steady, with --require-steady
  130  interrupted twice: ended at once`

// errUsage marks errors that the user can correct.
var errUsage = errors.New("usage")

// usageError is an error of the user's; its text is the cause's.
type usageError struct{ cause error }

func (e usageError) Error() string        { return e.cause.Error() }
func (e usageError) Unwrap() error        { return e.cause }
func (e usageError) Is(target error) bool { return target == errUsage }

// usage makes err one that the user can correct; nil stays nil.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// invalidRun says that a run's results are there, but not to be relied on.
type invalidRun struct{ reason string }

func (e invalidRun) Error() string { return e.reason }

// missed says that everything ran, and the figures are not what was wanted: a
// threshold or a floor was missed, a counter got worse, a claim did not hold.
type missed struct{ reason string }

func (e missed) Error() string { return e.reason }

// exitCode maps an error to the program's exit code.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if _, ok := errors.AsType[invalidRun](err); ok || errors.Is(err, engine.ErrCorrupt) {
		return exitInvalid
	}
	if _, ok := errors.AsType[missed](err); ok {
		return exitMissed
	}
	if _, ok := errors.AsType[notSteady](err); ok {
		return exitNotSteady
	}
	for _, correctable := range []error{
		errUsage, engine.ErrInvalid, engine.ErrUnsupported, engine.ErrLocked, engine.ErrWrongEngine,
		engine.ErrNotEngineDir, engine.ErrTooLarge, results.ErrExists,
		fs.ErrPermission, fs.ErrNotExist, syscall.EROFS, syscall.ENOSPC, syscall.ENOTDIR, syscall.EISDIR,
	} {
		if errors.Is(err, correctable) {
			return exitUsage
		}
	}
	return exitInternal
}
