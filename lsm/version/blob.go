package version

import (
	"cmp"
	"fmt"
	"slices"
)

// Live returns what the tables refer to of v.Blobs[i].
func (v *Version) Live(i int) BlobUse { return v.live[i] }

// Garbage returns how many bytes of v.Blobs[i] are values to which no table
// refers.
func (v *Version) Garbage(i int) uint64 { return v.Blobs[i].ValueBytes - v.live[i].Bytes }

// Blob returns where in v.Blobs a file is.
func (v *Version) Blob(id uint64) (i int, ok bool) { return searchBlob(v.Blobs, id) }

func searchBlob(blobs []*Blob, id uint64) (int, bool) {
	return slices.BinarySearchFunc(blobs, id, func(b *Blob, id uint64) int { return cmp.Compare(b.ID, id) })
}

// applyBlobs counts what the tables of an edit do to uses of blob files, of
// which those without any fall out.
func (v *Version) applyBlobs(e *Edit, dropped *Dropped) error {
	if !e.touchesBlobs(dropped) {
		return nil
	}
	for _, b := range e.AddedBlobs {
		if err := b.check(); err != nil {
			return fmt.Errorf("%w: add %w", ErrEdit, err)
		}
	}
	blobs := slices.Concat(v.Blobs, e.AddedBlobs)
	slices.SortFunc(blobs, func(a, b *Blob) int { return cmp.Compare(a.ID, b.ID) })
	live := make([]BlobUse, len(blobs))
	for i, b := range blobs {
		if i > 0 && blobs[i-1].ID == b.ID {
			return fmt.Errorf("%w: add blob file %d: it is there already", ErrEdit, b.ID)
		}
		live[i].File = b.ID
		if j, ok := v.Blob(b.ID); ok {
			live[i] = v.live[j]
		}
	}
	for _, t := range dropped.Tables {
		for _, use := range t.Blobs {
			i, _ := searchBlob(blobs, use.File) // there as long as t is
			live[i].Values -= use.Values
			live[i].Bytes -= use.Bytes
		}
	}
	for _, a := range e.Added {
		if e.deletes(a.Table.ID) {
			continue
		}
		if err := addUses(blobs, live, a.Table); err != nil {
			return fmt.Errorf("%w: %w", ErrEdit, err)
		}
	}
	v.keepBlobs(blobs, live, dropped)
	return nil
}

// keepBlobs takes over the blob files that tables have values in.
func (v *Version) keepBlobs(blobs []*Blob, live []BlobUse, dropped *Dropped) {
	v.Blobs, v.live = nil, nil
	for i, b := range blobs {
		if live[i].Values == 0 {
			dropped.Blobs = append(dropped.Blobs, b)
			continue
		}
		v.Blobs = append(v.Blobs, b)
		v.live = append(v.live, live[i])
	}
}

// addUses adds what a table has in blob files.
func addUses(blobs []*Blob, live []BlobUse, t *Table) error {
	for _, use := range t.Blobs {
		i, ok := searchBlob(blobs, use.File)
		if !ok {
			return fmt.Errorf("table %d has values in blob file %d, which is not there", t.ID, use.File)
		}
		if use.Bytes > blobs[i].ValueBytes-live[i].Bytes {
			return fmt.Errorf("blob file %d has %d bytes of values, tables have %d+%d", use.File, blobs[i].ValueBytes, live[i].Bytes, use.Bytes)
		}
		live[i].Values += use.Values
		live[i].Bytes += use.Bytes
	}
	return nil
}

// touchesBlobs reports whether an edit, which drops these tables, may change
// what there is of blob files.
func (e *Edit) touchesBlobs(dropped *Dropped) bool {
	return len(e.AddedBlobs) > 0 ||
		slices.ContainsFunc(e.Added, func(a Placed) bool { return len(a.Table.Blobs) > 0 }) ||
		slices.ContainsFunc(dropped.Tables, func(t *Table) bool { return len(t.Blobs) > 0 })
}

func (e *Edit) deletes(id uint64) bool {
	return slices.ContainsFunc(e.Deleted, func(d Place) bool { return d.ID == id })
}
