package memtable

import "unsafe"

// prefetch begins to bring two cache lines from p on into the processor's
// cache, and waits for neither.
//
//go:noescape
func prefetch(p unsafe.Pointer)
