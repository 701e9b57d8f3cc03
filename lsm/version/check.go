package version

import (
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// MaxKey is the length of a key, in bytes.
const MaxKey = math.MaxUint16

func (t *Table) check() error {
	if t == nil {
		return errors.New("table: there is none")
	}
	wrong := ""
	switch {
	case t.ID == 0 || t.ID == math.MaxUint64:
		wrong = "that is no ID"
	case t.Bytes <= 0:
		wrong = fmt.Sprintf("file of %d bytes", t.Bytes)
	case len(t.Smallest) > MaxKey || len(t.Largest) > MaxKey:
		wrong = fmt.Sprintf("bounds of %d and %d bytes, at most %d", len(t.Smallest), len(t.Largest), MaxKey)
	case len(t.Largest) == 0 && !t.LargestExclusive:
		wrong = "its largest key is empty"
	case t.Bounds().Empty():
		wrong = fmt.Sprintf("bounds %v are empty", t.Bounds())
	case t.MinSeq > t.MaxSeq || t.MaxSeq > ikey.MaxSeq:
		wrong = fmt.Sprintf("seqs from %d to %d", t.MinSeq, t.MaxSeq)
	case t.Tombstones > t.Entries:
		wrong = fmt.Sprintf("%d of %d entries are tombstones", t.Tombstones, t.Entries)
	}
	if wrong != "" {
		return fmt.Errorf("table %d: %s", t.ID, wrong)
	}
	for i, use := range t.Blobs {
		switch {
		case use.File == 0 || i > 0 && use.File <= t.Blobs[i-1].File:
			return fmt.Errorf("table %d: blob file %d is out of order", t.ID, use.File)
		case use.Values == 0:
			return fmt.Errorf("table %d: no values in blob file %d", t.ID, use.File)
		}
	}
	return nil
}

func (b *Blob) check() error {
	switch {
	case b == nil:
		return errors.New("blob file: there is none")
	case b.ID == 0 || b.ID == math.MaxUint64:
		return fmt.Errorf("blob file %d: that is no ID", b.ID)
	case b.Bytes <= 0:
		return fmt.Errorf("blob file %d: file of %d bytes", b.ID, b.Bytes)
	}
	return nil
}

// check is for the order of a run's tables.
func (r *Run) check() error {
	if r.ID == 0 || r.ID == math.MaxUint64 {
		return fmt.Errorf("run %d: that is no ID", r.ID)
	}
	if len(r.Tables) == 0 {
		return fmt.Errorf("run %d is empty", r.ID)
	}
	for i := 1; i < len(r.Tables); i++ {
		a, b := r.Tables[i-1], r.Tables[i]
		if !a.Bounds().Before(b.Bounds()) {
			return fmt.Errorf("run %d: table %d %v does not end before table %d %v", r.ID, a.ID, a.Bounds(), b.ID, b.Bounds())
		}
	}
	return nil
}

// checkFlushed is for the runs that level 0 is made of: each is disjoint.
func (v *Version) checkFlushed() error {
	for i, p := range v.Flushed {
		if p.Level != 0 || p.Run == 0 || p.Run == math.MaxUint64 {
			return fmt.Errorf("level 0: table %d in run %d of level %d", p.Table.ID, p.Run, p.Level)
		}
		if i == 0 || v.Flushed[i-1].Run != p.Run {
			continue
		}
		if o := v.Flushed[i-1].Table; !o.Bounds().Before(p.Table.Bounds()) {
			return fmt.Errorf("level 0: run %d: table %d %v does not end before table %d %v", p.Run, o.ID, o.Bounds(), p.Table.ID, p.Table.Bounds())
		}
	}
	return nil
}

// checkAges is for the order of tables of level 0 that overlap t, which is in
// one of the sublevels: newer ones have a higher MaxSeq.
func (v *Version) checkAges(t *Table) error {
	newer := true
	for _, r := range v.Levels[0].Runs {
		for _, o := range r.Overlap(t.Bounds()) {
			switch {
			case o.ID == t.ID:
				newer = false
			case newer && o.MaxSeq <= t.MaxSeq:
				return fmt.Errorf("level 0: table %d with seqs to %d is above table %d, which it overlaps, with seqs to %d", o.ID, o.MaxSeq, t.ID, t.MaxSeq)
			case !newer && o.MaxSeq >= t.MaxSeq:
				return fmt.Errorf("level 0: table %d with seqs to %d is above table %d, which it overlaps, with seqs to %d", t.ID, t.MaxSeq, o.ID, o.MaxSeq)
			}
		}
	}
	return nil
}

// Check checks everything that is true of a version, and returns all that is
// not.
func (v *Version) Check() error {
	var all []error
	ids := make(map[uint64]struct{})
	for n := range v.Levels {
		runs := v.Levels[n].Runs
		for i := range runs {
			if err := runs[i].check(); err != nil {
				all = append(all, fmt.Errorf("level %d: %w", n, err))
			}
			if i > 0 && runs[i-1].ID <= runs[i].ID {
				all = append(all, fmt.Errorf("level %d: run %d is before run %d", n, runs[i-1].ID, runs[i].ID))
			}
			for _, t := range runs[i].Tables {
				if err := t.check(); err != nil {
					all = append(all, fmt.Errorf("level %d: %w", n, err))
				}
				if _, ok := ids[t.ID]; ok {
					all = append(all, fmt.Errorf("level %d: table %d is there twice", n, t.ID))
				}
				ids[t.ID] = struct{}{}
			}
		}
	}
	all = append(all, v.checkFlushed(), v.checkBlobs())
	for _, p := range v.Flushed {
		all = append(all, v.checkAges(p.Table))
	}
	if !reflect.DeepEqual(v.Levels[0].Runs, sublevels(v.Flushed)) {
		all = append(all, errors.New("level 0: the sublevels are not those of its tables"))
	}
	return errors.Join(all...)
}

func (v *Version) checkBlobs() error {
	live := make([]BlobUse, len(v.Blobs))
	for i, b := range v.Blobs {
		if err := b.check(); err != nil {
			return err
		}
		if i > 0 && v.Blobs[i-1].ID >= b.ID {
			return fmt.Errorf("blob file %d is before blob file %d", v.Blobs[i-1].ID, b.ID)
		}
		live[i].File = b.ID
	}
	for n := range v.Levels {
		for _, r := range v.Levels[n].Runs {
			for _, t := range r.Tables {
				if err := addUses(v.Blobs, live, t); err != nil {
					return err
				}
			}
		}
	}
	for i, use := range live {
		if use.Values == 0 {
			return fmt.Errorf("no table has values in blob file %d", use.File)
		}
		if i >= len(v.live) || v.live[i] != use {
			return fmt.Errorf("blob file %d: the count of its live values is wrong", use.File)
		}
	}
	return nil
}
