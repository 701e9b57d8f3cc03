package lsm

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/table"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"github.com/kvbench/kvbench/lsm/version"
)

// An output writes what a job keeps as tables of one run. All versions of a key
// are in one table.
type output struct {
	tree   *tree
	fsys   vfs.FS // of the class that the bytes count under
	level  int
	bytes  int64          // a table that has so many is full
	ranges *tombstone.Set // that are to be kept

	// below are tables of the level after the output's: a table that overlaps
	// more than belowBytes of them is full as well.
	below      []*version.Table
	belowBytes int64

	created, oldest int64 // as in version.Table

	w      *table.Writer
	f      vfs.File
	id     uint64
	last   []byte // key
	lower  []byte // where range deletes of the present table begin; nil: no bound
	passed int64  // bytes of below that the present table has reached

	tables []*version.Table
	ids    []uint64 // of all files that were made
}

// add appends an entry; entries come in order.
func (o *output) add(key []byte, t ikey.Trailer, value []byte) error {
	if o.w != nil && !bytes.Equal(key, o.last) && (o.w.Size() >= o.bytes || o.reached(key)) {
		if err := o.end(key); err != nil {
			return err
		}
	}
	if o.w == nil {
		if err := o.begin(key); err != nil {
			return err
		}
	}
	o.last = append(o.last[:0], key...)
	return o.w.Add(key, t, value)
}

// reached reports whether a table that went on to key would overlap too much.
func (o *output) reached(key []byte) bool {
	for len(o.below) > 0 && bytes.Compare(o.below[0].Largest, key) < 0 {
		o.passed += o.below[0].Bytes
		o.below = o.below[1:]
	}
	return o.belowBytes > 0 && o.passed > o.belowBytes
}

// begin makes the file of a table that begins with key; nil if it has range
// deletes only.
func (o *output) begin(key []byte) error {
	t := o.tree
	o.id = t.nextID.Add(1) - 1
	o.ids = append(o.ids, o.id)
	f, err := o.fsys.Create(t.tablePath(o.id))
	if err != nil {
		return fmt.Errorf("make table %d: %w", o.id, err)
	}
	if key != nil {
		o.reached(key)
	}
	o.passed = 0
	o.f = f
	o.w = table.NewWriter(f, t.tableOptions(o.id, o.level, o.created, o.oldest))
	return nil
}

// end finishes the present table, which gets the range deletes below upper;
// nil is no bound.
func (o *output) end(upper []byte) error {
	o.w.AddRanges(o.ranges.Clip(o.lower, upper))
	o.lower = slices.Clone(upper)
	props, err := o.w.Finish()
	err = errors.Join(err, o.f.Close())
	o.w, o.f = nil, nil
	if err != nil {
		return fmt.Errorf("write table %d: %w", o.id, err)
	}
	meta := props.Table
	o.tables = append(o.tables, &meta)
	return nil
}

// finish ends the last table. Then all are durable but for their names.
func (o *output) finish() error {
	if o.w == nil {
		if o.ranges.Clip(o.lower, nil).Len() == 0 {
			return nil
		}
		if err := o.begin(nil); err != nil {
			return err
		}
	}
	return o.end(nil)
}

// abort removes all that was written.
func (o *output) abort() {
	if o.f != nil {
		o.f.Close()
		o.f, o.w = nil, nil
	}
	for _, id := range o.ids {
		o.tree.blocks.EraseFile(id)
		o.fsys.Remove(o.tree.tablePath(id))
	}
}

// placed says where the tables are to be.
func (o *output) placed(run uint64) []version.Placed {
	placed := make([]version.Placed, len(o.tables))
	for i, meta := range o.tables {
		placed[i] = version.Placed{Level: o.level, Run: run, Table: meta}
	}
	return placed
}
