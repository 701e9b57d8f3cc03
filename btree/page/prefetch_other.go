//go:build !amd64

package page

import "unsafe"

func prefetch(unsafe.Pointer) {}
