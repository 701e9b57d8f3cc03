//go:build rocksdb

package rocksdb

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/kvbench/kvbench/engine"
)

// translate turns an error of the binding, which is RocksDB's text and nothing
// else, into one that errors.Is can tell apart. path is the directory.
func translate(path string, err error) error {
	text := err.Error()
	if strings.HasPrefix(text, "Corruption:") {
		return engine.Corrupt(path, -1, "", err)
	}
	for _, known := range knownTexts() {
		if strings.Contains(text, known.text) {
			return fmt.Errorf("%w: %w", known.err, err)
		}
	}
	return err
}

type knownText struct {
	text string
	err  error
}

// knownTexts are the C library's names of errors that callers handle.
func knownTexts() []knownText {
	return []knownText{
		{"No space left on device", syscall.ENOSPC},
		{"Permission denied", syscall.EACCES},
		{"Too many open files", syscall.EMFILE},
	}
}

func (e *store) translate(err error) error { return translate(e.path, err) }
