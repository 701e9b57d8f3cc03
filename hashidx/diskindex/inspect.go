package diskindex

import (
	"fmt"

	"github.com/kvbench/kvbench/engine/vfs"
)

// FileInfo is what a bucket file says of itself.
type FileInfo struct {
	Header   Header
	Entries  uint64 // of segments that live, and others
	Bytes    int64
	Pages    uint64   // of buckets
	Overflow uint64   // pages beyond those
	Load     float64  // entries per entry that the pages have room for
	Numbers  []uint16 // of the segments that places name, ascending
}

// Inspect describes a file, without its pages. It is ErrUnusable if it is
// missing or damaged.
func Inspect(fsys vfs.FS, dir, name string) (FileInfo, error) {
	f, err := openFile(vfs.Classed(fsys, vfs.Page), dir, name, false)
	if err != nil {
		return FileInfo{}, fmt.Errorf("inspect: %w", err)
	}
	return f.info(), f.handle.Close()
}

func (f *file) info() FileInfo {
	return FileInfo{
		Header:   f.head.decode(),
		Entries:  f.entries,
		Bytes:    f.size,
		Pages:    f.buckets,
		Overflow: f.pages - f.buckets - 1,
		Load:     float64(f.entries) / float64((f.pages-1)*pageEntries),
		Numbers:  f.numbers,
	}
}
