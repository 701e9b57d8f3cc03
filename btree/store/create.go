package store

import (
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine/vfs"
)

// ErrUnborn is wrapped by the error of Open for a file that no Create finished
// with: no superblock was ever durable. The same is left of a file whose first
// bytes were all zeroed or cut off, and the second superblock damaged; who
// knows that there was a checkpoint takes it for the damage that it is.
var ErrUnborn = errors.New("file was never finished")

// firstGeneration is what Create writes.
const firstGeneration = 1

// Create makes a file with one page, the root, whose memory it seals. Of sb it
// takes PageBytes, the fields about the log and the flags, Stamp, Keys and
// LiveBytes. When it returns the file is durable, and the caller has to make
// its name so.
//
// The file must not exist. After a crash, or where it fails, it may be there
// with an error of Open that wraps ErrUnborn, or be whole.
func Create(fsys vfs.FS, path string, sb Superblock, root []byte) error {
	if err := checkPageBytes(sb.PageBytes); err != nil {
		return err
	}
	if len(root) != sb.PageBytes || page.IDOf(root) != page.RootID {
		return fmt.Errorf("root of %d bytes and id %d, want %d and %d", len(root), page.IDOf(root), sb.PageBytes, page.RootID)
	}
	f, err := vfs.Classed(fsys, vfs.Meta).Create(path)
	if err != nil {
		return fmt.Errorf("create the file of pages: %w", err)
	}
	if err := errors.Join(fill(f, sb, root), f.Close()); err != nil {
		return fmt.Errorf("create the file of pages: %w", err)
	}
	return nil
}

// fill writes pages, the superblock, which is in block 1, and its copy, one
// after another. So while block 0 is zero no superblock was durable but that in
// block 1; and if that one is not whole, none was.
func fill(f vfs.File, sb Superblock, root []byte) error {
	first := Reserved(sb.PageBytes)
	pages := make([]byte, 3*sb.PageBytes)
	mapPage, directory := pages[sb.PageBytes:][:sb.PageBytes], pages[2*sb.PageBytes:]
	only := func(ref Ref) func(int) mapping.Entry {
		return func(i int) mapping.Entry {
			if i == 0 {
				return ref
			}
			return 0
		}
	}
	rootRef := Seal(root, first)
	copy(pages, root)
	EncodeMap(mapPage, 0, only(rootRef))
	EncodeDirectory(directory, 0, only(Seal(mapPage, first+1)))
	sb.Directories = []Ref{Seal(directory, first+2)}
	sb.Generation, sb.Pages, sb.Slots = firstGeneration, 1, first+3
	b, err := sb.encode()
	if err != nil {
		return err
	}
	for _, w := range []struct {
		off int64
		p   []byte
	}{
		{int64(first) * int64(sb.PageBytes), pages},
		{blockAt(firstGeneration), b[:]},
		{blockAt(firstGeneration + 1), b[:]},
	} {
		if _, err := f.WriteAt(w.p, w.off); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	}
	return nil
}

// blockAt is where the superblock of a generation is written first; that of the
// next is where its copy goes.
func blockAt(generation uint64) int64 { return int64(generation%2) * blockBytes }
