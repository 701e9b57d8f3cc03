package page

import "unsafe"

// prefetch begins to bring the first lines of a page into the processor's
// cache, and waits for none of them: header, prefix, heads and slots of a page
// of a common size. Read one after the other, each would wait for the one
// before, which says where it is.
//
//go:noescape
func prefetch(p unsafe.Pointer)
