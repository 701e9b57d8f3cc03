package store

import (
	"errors"
	"fmt"
	"io"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// The ways to read pages.
const (
	IOPread  = "pread"
	IOMmap   = "mmap"
	IODirect = "direct"
)

// Options say how to open a file.
type Options struct {
	PageBytes int    // what the file must have; 0: whatever it has
	IO        string // one of the above; "" is IOPread
	ReadOnly  bool
}

// Open opens a file and returns the superblock that counts: the newest that is
// whole. See Superblock.Damage for the other. It is engine.ErrCorrupt if none
// is, or the file is shorter than the superblock says; ErrUnborn is wrapped as
// well where Create never finished. What a killed process had not synced yet,
// Open does, unless it is for reading only.
func Open(fsys vfs.FS, path string, o Options) (*File, Superblock, error) {
	f := &File{path: path, readOnly: o.ReadOnly}
	if err := f.openHandles(fsys, o); err != nil {
		return nil, Superblock{}, errors.Join(fmt.Errorf("open the file of pages: %w", err), f.Close())
	}
	sb, err := f.begin(o)
	if err != nil {
		return nil, Superblock{}, errors.Join(err, f.Close())
	}
	return f, sb, nil
}

func (f *File) openHandles(fsys vfs.FS, o Options) (err error) {
	open := func(c vfs.Class) (vfs.File, error) {
		fsys := vfs.Classed(fsys, c)
		switch {
		case f.direct && (c == vfs.Data || !o.ReadOnly):
			h, err := fsys.OpenDirect(f.path, false)
			if errors.Is(err, errors.ErrUnsupported) {
				err = fmt.Errorf("io=%s (use %s where the file system has no direct I/O): %w", IODirect, IOPread, err)
			}
			return h, err
		case c == vfs.Data || o.ReadOnly:
			return fsys.Open(f.path)
		}
		return fsys.OpenReadWrite(f.path)
	}
	switch o.IO {
	case "", IOPread, IOMmap:
	case IODirect:
		f.direct = true
	default:
		return fmt.Errorf("io=%q, want %s, %s or %s", o.IO, IOPread, IOMmap, IODirect)
	}
	if f.reads, err = open(vfs.Data); err != nil {
		return err
	}
	if f.meta, err = open(vfs.Meta); err != nil {
		return err
	}
	if !o.ReadOnly {
		f.pages, err = open(vfs.Page)
	}
	return err
}

// begin reads what the file says of itself.
func (f *File) begin(o Options) (Superblock, error) {
	size, err := f.meta.Size()
	if err != nil {
		return Superblock{}, fmt.Errorf("open the file of pages: %w", err)
	}
	sb, err := f.superblock()
	if err != nil {
		return sb, err
	}
	if o.PageBytes != 0 && o.PageBytes != sb.PageBytes {
		return sb, fmt.Errorf("%s has pages of %d bytes, want %d", f.path, sb.PageBytes, o.PageBytes)
	}
	if want := sb.Slots * uint64(sb.PageBytes); uint64(size) < want {
		return sb, engine.Corrupt(f.path, size, fmt.Sprintf("the file ends, its superblock wants %d bytes", want), nil)
	}
	f.pageBytes = sb.PageBytes
	f.scratch.New = func() any { return newScratch(f.pageBytes) }
	f.length.Store(uint64(size) / uint64(sb.PageBytes))
	f.generation, f.needed = sb.Generation, sb.Slots
	if !f.readOnly {
		if err := f.sync(f.meta); err != nil {
			return sb, err
		}
	}
	if f.direct {
		f.reads.Advise(vfs.DontNeed, 0, 0) // it may be in the page cache
	} else {
		f.reads.Advise(vfs.Random, 0, 0)
	}
	if o.IO == IOMmap {
		f.mapped = true
		if err := f.mapTo(uint64(size)); err != nil {
			if errors.Is(err, errors.ErrUnsupported) {
				err = fmt.Errorf("io=%s (use %s where files cannot be mapped): %w", IOMmap, IOPread, err)
			}
			return sb, fmt.Errorf("open the file of pages: %w", err)
		}
	}
	return sb, nil
}

// superblock reads both and decides.
func (f *File) superblock() (Superblock, error) {
	p := vfs.AlignedBuffer(2 * blockBytes)
	n, err := f.meta.ReadAt(p, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Superblock{}, fmt.Errorf("read superblocks: %w", err)
	}
	var found [2]Superblock
	var damage [2]error
	for i := range found {
		if n < (i+1)*blockBytes {
			damage[i] = errors.New("the file ends before the superblock does")
			continue
		}
		found[i], damage[i] = (*superblock)(p[i*blockBytes:]).decode()
	}
	if damage[0] != nil && damage[1] != nil {
		detail, cause := "both superblocks are damaged", errors.Join(damage[:]...)
		if zero(p[:min(n, blockBytes)]) {
			detail, cause = "no superblock was ever finished", errors.Join(ErrUnborn, damage[1])
		}
		return Superblock{}, engine.Corrupt(f.path, 0, detail, cause)
	}
	return f.choose(&found, &damage), nil
}

// choose takes the newest superblock that is whole; one is.
func (f *File) choose(found *[2]Superblock, damage *[2]error) Superblock {
	newer := 0
	if damage[0] != nil || damage[1] == nil && found[1].Generation > found[0].Generation {
		newer = 1
	}
	sb, other := &found[newer], 1-newer
	why := damage[other]
	first := blockAt(sb.Generation) == int64(newer)*blockBytes
	switch old := found[other].Generation; {
	case why != nil:
		// The next generation would have gone to the other block, if this is
		// not a copy. If it is, it was the last that was begun.
		sb.Fallback = first
	case old == sb.Generation || first && old+1 == sb.Generation:
		return *sb
	default:
		why = fmt.Errorf("generation is %d, the other block has %d", old, sb.Generation)
	}
	f.damaged, f.lone = true, !first
	sb.Damage = engine.Corrupt(f.path, int64(other)*blockBytes, "superblock is damaged", why)
	return *sb
}
