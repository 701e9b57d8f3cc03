package machine

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openDirect opens a file for reading past the page cache.
func openDirect(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
}

// aligned returns size bytes whose address is a multiple of a page, as reads
// past the page cache need them.
func aligned(size int) []byte {
	buf := make([]byte, size+probePage)
	past := int(uintptr(unsafe.Pointer(unsafe.SliceData(buf))) % probePage)
	return buf[probePage-past:][:size]
}
