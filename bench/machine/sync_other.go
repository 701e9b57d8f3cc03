//go:build !linux

package machine

import "os"

func syncData(f *os.File) error { return f.Sync() }
