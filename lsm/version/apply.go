package version

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
)

// Dropped is what an edit leaves behind: files that the version before had, or
// that the edit added, and the version after has not.
type Dropped struct {
	Tables []*Table
	Blobs  []*Blob
}

// Apply returns the version after an edit, and which files are no longer in it.
// Errors wrap ErrEdit. v stays as it is; levels that do not change, and tables
// that move, are shared.
func (v *Version) Apply(e *Edit) (*Version, Dropped, error) {
	next := new(Version)
	*next = *v
	d := draft{next: next, old: v, edit: e, gone: make(map[uint64]*Table, len(e.Deleted))}
	if err := d.apply(); err != nil {
		return nil, Dropped{}, fmt.Errorf("%w: %w", ErrEdit, err)
	}
	var dropped Dropped
	for _, p := range e.Deleted {
		if !d.moved(p.ID) {
			dropped.Tables = append(dropped.Tables, d.gone[p.ID])
		}
	}
	if err := next.applyBlobs(e, &dropped); err != nil {
		return nil, Dropped{}, err
	}
	return next, dropped, nil
}

// A draft is a version that an edit is applied to.
type draft struct {
	next, old *Version
	edit      *Edit
	gone      map[uint64]*Table // what is deleted, also to be moved
	added     map[uint64]*Table
	places    [Levels][]Placed // what is added
	touched   [Levels]bool
}

func (d *draft) moved(id uint64) bool { _, ok := d.added[id]; return ok }

func (d *draft) apply() error {
	if err := d.delete(); err != nil {
		return err
	}
	if err := d.add(); err != nil {
		return err
	}
	if err := d.flushed(); err != nil {
		return err
	}
	for n := 1; n < Levels; n++ {
		if err := d.level(n); err != nil {
			return fmt.Errorf("level %d: %w", n, err)
		}
	}
	return nil
}

// delete finds what is deleted.
func (d *draft) delete() error {
	var places [Levels]map[uint64]struct{}
	for _, p := range d.edit.Deleted {
		if p.Level < 0 || p.Level >= Levels {
			return fmt.Errorf("delete table %d: there is no level %d", p.ID, p.Level)
		}
		if places[p.Level] == nil {
			places[p.Level] = make(map[uint64]struct{}, len(d.edit.Deleted))
		}
		places[p.Level][p.ID] = struct{}{}
		d.touched[p.Level] = true
	}
	for n, ids := range places {
		if ids == nil {
			continue
		}
		for _, r := range d.old.Levels[n].Runs {
			for _, t := range r.Tables {
				if _, ok := ids[t.ID]; ok {
					d.gone[t.ID] = t
					delete(ids, t.ID)
				}
			}
		}
		for id := range ids {
			return fmt.Errorf("delete table %d: it is not in level %d", id, n)
		}
	}
	if len(d.gone) != len(d.edit.Deleted) {
		return fmt.Errorf("delete %d tables, but only %d are different", len(d.edit.Deleted), len(d.gone))
	}
	return nil
}

// add checks what is added, by itself and for its ID.
func (d *draft) add() error {
	d.added = make(map[uint64]*Table, len(d.edit.Added))
	for _, a := range d.edit.Added {
		if a.Level < 0 || a.Level >= Levels || a.Run == 0 {
			return fmt.Errorf("add table to run %d of level %d: there is none", a.Run, a.Level)
		}
		if err := a.Table.check(); err != nil {
			return fmt.Errorf("add %w", err)
		}
		if d.moved(a.Table.ID) {
			return fmt.Errorf("add table %d: twice", a.Table.ID)
		}
		if old, ok := d.gone[a.Table.ID]; ok {
			if !same(old, a.Table) {
				return fmt.Errorf("move table %d: it is not what it was", a.Table.ID)
			}
			a.Table = old
		}
		d.added[a.Table.ID] = a.Table
		d.places[a.Level] = append(d.places[a.Level], a)
		d.touched[a.Level] = true
	}
	if len(d.added) == 0 {
		return nil
	}
	for n := range d.old.Levels {
		for _, r := range d.old.Levels[n].Runs {
			for _, t := range r.Tables {
				if d.moved(t.ID) && d.gone[t.ID] == nil {
					return fmt.Errorf("add table %d: it is in level %d", t.ID, n)
				}
			}
		}
	}
	return nil
}

// same reports whether two descriptions of a table say the same. An empty slice
// is nil.
func same(a, b *Table) bool {
	if a == b {
		return true
	}
	x, y := *a, *b
	if !bytes.Equal(x.Smallest, y.Smallest) || !bytes.Equal(x.Largest, y.Largest) || !slices.Equal(x.Blobs, y.Blobs) {
		return false
	}
	x.Smallest, x.Largest, x.Blobs = y.Smallest, y.Largest, y.Blobs
	return reflect.DeepEqual(x, y)
}

// flushed changes level 0.
func (d *draft) flushed() error {
	if !d.touched[0] {
		return nil
	}
	newest := uint64(0)
	rewritten := make(map[uint64]struct{})
	var all []Placed
	for _, p := range d.old.Flushed {
		newest = max(newest, p.Run)
		if d.gone[p.Table.ID] != nil {
			rewritten[p.Run] = struct{}{}
		} else {
			all = append(all, p)
		}
	}
	for _, a := range d.places[0] {
		if _, ok := rewritten[a.Run]; !ok && a.Run <= newest {
			return fmt.Errorf("add table %d to run %d of level 0, which has run %d", a.Table.ID, a.Run, newest)
		}
		all = append(all, a)
	}
	slices.SortFunc(all, compareFlushed)
	d.next.Flushed = all
	d.next.Levels[0].Runs = sublevels(all)
	if err := d.next.checkFlushed(); err != nil {
		return err
	}
	for _, a := range d.places[0] {
		if err := d.next.checkAges(a.Table); err != nil {
			return err
		}
	}
	return nil
}

// level changes one of the others.
func (d *draft) level(n int) error {
	if !d.touched[n] {
		return nil
	}
	joined := make(map[uint64][]*Table)
	for _, a := range d.places[n] {
		joined[a.Run] = append(joined[a.Run], a.Table)
	}
	old := d.old.Levels[n].Runs
	var runs []Run
	for _, r := range old {
		next, err := d.run(r, joined[r.ID])
		if err != nil {
			return err
		}
		delete(joined, r.ID)
		if len(next.Tables) > 0 {
			runs = append(runs, next)
		}
	}
	for id, tables := range joined {
		if len(old) > 0 && id < old[0].ID {
			return fmt.Errorf("add run %d, older than run %d", id, old[0].ID)
		}
		next, err := d.run(Run{ID: id}, tables)
		if err != nil {
			return err
		}
		runs = append(runs, next)
	}
	slices.SortFunc(runs, func(a, b Run) int { return cmp.Compare(b.ID, a.ID) })
	d.next.Levels[n].Runs = runs
	return nil
}

// run returns a run without what is gone and with what joins it, maybe empty.
func (d *draft) run(r Run, joins []*Table) (Run, error) {
	leaves := slices.ContainsFunc(r.Tables, func(t *Table) bool { return d.gone[t.ID] != nil })
	if !leaves && len(joins) == 0 {
		return r, nil
	}
	next := Run{ID: r.ID, Tables: make([]*Table, 0, len(r.Tables)+len(joins))}
	for _, t := range r.Tables {
		if d.gone[t.ID] == nil {
			next.Tables = append(next.Tables, t)
		}
	}
	next.Tables = append(next.Tables, joins...)
	if len(next.Tables) == 0 {
		return next, nil
	}
	slices.SortFunc(next.Tables, func(a, b *Table) int { return bytes.Compare(a.Smallest, b.Smallest) })
	return next, next.check()
}
