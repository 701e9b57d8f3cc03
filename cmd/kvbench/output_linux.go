package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ownOutput keeps the standard output for the messages: whatever a library
// prints there goes to the standard error from now on.
func ownOutput(out io.Writer) (io.Writer, error) {
	if out != io.Writer(os.Stdout) {
		return out, nil
	}
	own, err := unix.FcntlInt(os.Stdout.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.Dup3(int(os.Stderr.Fd()), int(os.Stdout.Fd()), 0)
	}
	if err != nil {
		return nil, fmt.Errorf("keep the standard output: %w", err)
	}
	return os.NewFile(uintptr(own), "messages"), nil
}
