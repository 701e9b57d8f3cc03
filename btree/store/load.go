package store

import (
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A Mapping is where a checkpoint has its map and directory pages, each in
// order of their numbers.
type Mapping struct {
	Maps, Directories []Ref
}

// LoadMapping reads the mapping of the checkpoint sb. It calls each for the
// pages that exist, in order of their ids: not for those of the ids up to
// sb.Pages that were given back. It calls own with the slots of map and
// directory pages. An error of either ends it, and is returned as damage of the
// page that was being read.
func LoadMapping(f *File, sb *Superblock, each func(id page.ID, e Ref) error, own func(slot uint64) error) (Mapping, error) {
	maps, directories := mapPages(f.pageBytes, sb.Pages)
	if sb.PageBytes != f.pageBytes || len(sb.Directories) != directories {
		return Mapping{}, errors.New("load the mapping: superblock is of another file")
	}
	m := Mapping{Maps: make([]Ref, 0, maps), Directories: sb.Directories}
	p := vfs.AlignedBuffer(f.pageBytes)
	for n, ref := range sb.Directories {
		err := f.load(p, "directory", n, ref, own, func() error {
			return DecodeDirectory(p, n, maps, sb.Slots, func(_ int, ref Ref) error {
				m.Maps = append(m.Maps, ref)
				return nil
			})
		})
		if err != nil {
			return Mapping{}, err
		}
	}
	for n, ref := range m.Maps {
		err := f.load(p, "map", n, ref, own, func() error { return DecodeMap(p, n, sb.Pages, sb.Slots, each) })
		if err != nil {
			return Mapping{}, err
		}
	}
	return m, nil
}

// load reads a map or directory page into p and decodes it.
func (f *File) load(p []byte, what string, n int, ref Ref, own func(slot uint64) error, decode func() error) error {
	id := page.ID(n) + 1
	err := f.checkRead(p, id, ref)
	if err == nil {
		err = f.read(f.meta, p, id, ref)
	}
	if err == nil {
		err = f.verify(p, id, ref)
	}
	if err != nil {
		return fmt.Errorf("load %s page %d: %w", what, n, err)
	}
	if err = own(ref.Slot()); err == nil {
		err = decode()
	}
	if err != nil {
		return engine.Corrupt(f.path, f.offset(ref.Slot()), fmt.Sprintf("%s page %d", what, n), err)
	}
	return nil
}
