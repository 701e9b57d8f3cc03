package machine

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData makes the contents of f durable, and of its metadata what reading
// them back needs.
func syncData(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}
