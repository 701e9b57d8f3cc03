package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// An appender is a file that grows by whole records. A write that failed half
// way is undone, so that what follows it does not stand behind a torn record.
type appender struct {
	file appendFile
	size int64 // whole records
	err  error // set once a torn record could not be removed
}

// appendFile is what an appender needs of an *os.File.
type appendFile interface {
	Name() string
	WriteAt(p []byte, offset int64) (int, error)
	Sync() error
	Truncate(size int64) error
	Close() error
}

// newAppender creates the file, which must not exist.
func newAppender(path string) (*appender, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &appender{file: f}, nil
}

// add writes one record with one call and syncs it. Its errors name the file.
func (a *appender) add(record []byte) error {
	if a.err != nil {
		return a.err
	}
	if len(record) == 0 {
		return nil
	}
	_, err := a.file.WriteAt(record, a.size)
	if err == nil {
		err = a.file.Sync()
	}
	if err == nil {
		a.size += int64(len(record))
		return nil
	}
	if undo := a.file.Truncate(a.size); undo != nil {
		a.err = fmt.Errorf("%s ends in a torn record: %w", a.file.Name(), errors.Join(err, undo))
	}
	return err
}

func (a *appender) close() error { return a.file.Close() }

// ReplaceFile makes path hold data, all at once: a reader and a crash see the
// former content or the new one.
func ReplaceFile(path string, data []byte) (err error) {
	temp := path + ".tmp"
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		// The temporary file is of no use; the first error tells why.
		_ = os.Remove(temp)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in dir survive a power loss. File systems that
// cannot sync a directory do not need it.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) {
		err = nil
	}
	if closed := d.Close(); err == nil {
		err = closed
	}
	return err
}
