//go:build !amd64

package memtable

import "unsafe"

// prefetch does nothing.
func prefetch(unsafe.Pointer) {}
