//go:build !linux

package machine

import (
	"errors"
	"os"
)

// openDirect is not there.
func openDirect(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func aligned(size int) []byte { return make([]byte, size) }
