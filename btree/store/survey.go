package store

import "github.com/kvbench/kvbench/engine/vfs"

// ReadSuperblock is what Open does with the superblocks of a file, for who
// reads the rest by itself: errors and Superblock.Damage are as there. The file
// may be shorter than the superblock says.
func ReadSuperblock(h vfs.File, path string) (Superblock, error) {
	f := &File{path: path, meta: h}
	return f.superblock()
}
