package lsm

import (
	"bytes"

	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
	"github.com/kvbench/kvbench/lsm/version"
)

// A runCheck walks the tables of a run.
type runCheck struct {
	v     *verifier
	level int
	run   *version.Run
	next  int // table

	table *tableCheck // nil: at the end
	sound bool        // keys come in their order

	ranges []tombstone.Fragment // of the run; those that are behind are cut off
}

// checkTables reads all tables, all runs at once, so that it sees all there is
// of a key.
func (v *verifier) checkTables() error {
	if v.unknown {
		return v.named(tableDir, tableSuffix, v.checkAlone)
	}
	var runs []*runCheck
	for level := range v.state.Version.Levels {
		all := v.state.Version.Levels[level].Runs
		for i := range all {
			runs = append(runs, &runCheck{v: v, level: level, run: &all[i], sound: true})
		}
	}
	defer func() {
		for _, r := range runs {
			r.close()
		}
	}()
	for _, r := range runs {
		if err := r.loadRanges(); err != nil {
			return err
		}
		if err := r.move(); err != nil {
			return err
		}
	}
	var key []byte
	for {
		var least *runCheck
		for _, r := range runs {
			if r.table != nil && (least == nil || bytes.Compare(r.table.key(), least.table.key()) < 0) {
				least = r
			}
		}
		if least == nil {
			return nil
		}
		key = append(key[:0], least.table.key()...)
		if err := v.checkKey(key, runs); err != nil {
			return err
		}
	}
}

// checkAlone checks a table that nothing is known of.
func (v *verifier) checkAlone(id uint64) error {
	c, err := v.openTable(id, nil)
	if c == nil {
		return err
	}
	defer c.close() //nolint:errcheck // was only read
	for {
		if ok, err := c.move(); !ok {
			return err
		}
	}
}

// checkKey looks at all there is of a key, and moves on: the newest run first,
// each must have older ops than those before. A lookup that has found something
// in one does not look at the next.
func (v *verifier) checkKey(key []byte, runs []*runCheck) error {
	lowest := ikey.MaxSeq + 1 // in the runs so far
	var newer *runCheck
	for _, r := range runs {
		from, to, some, err := r.ops(key)
		if err != nil {
			return err
		}
		if !some || !r.sound {
			continue
		}
		if to >= lowest {
			path := v.scanned.Path
			if t := r.run.Find(key); t != nil {
				path = v.Path(tableDir + "/" + tableName(t.ID))
			}
			v.Problem(path, -1, "key %.64q has sequence number %d in run %d of level %d, and the newer run %d of level %d has %d",
				key, to, r.run.ID, r.level, newer.run.ID, newer.level, lowest)
		}
		if from < lowest {
			lowest, newer = from, r
		}
	}
	return nil
}

// loadRanges reads the range deletes of the run.
func (r *runCheck) loadRanges() error {
	var sets []*tombstone.Set
	for _, meta := range r.run.Tables {
		if meta.RangeDeletes == 0 {
			continue
		}
		quiet := &verifier{Dir: r.v.Quiet(), blobs: r.v.blobs}
		c, err := quiet.openTable(meta.ID, meta)
		if err != nil {
			return err
		}
		if c != nil {
			sets = append(sets, c.r.Ranges())
			c.close() //nolint:errcheck // was only read
		}
	}
	r.ranges = tombstone.Merge(sets...).Fragments()
	return nil
}

// move goes to the next entry, of the next table that can be read if need be.
func (r *runCheck) move() error {
	for {
		if r.table != nil {
			ok, err := r.table.move()
			r.sound = r.sound && !r.table.disordered
			if ok || err != nil {
				return err
			}
			r.close()
		}
		if r.next == len(r.run.Tables) {
			return nil
		}
		meta := r.run.Tables[r.next]
		r.next++
		var err error
		if r.table, err = r.v.openTable(meta.ID, meta); err != nil {
			return err
		}
	}
}

// ops goes past all entries of a key, and returns from which to which sequence
// number there is something about it, if there is.
func (r *runCheck) ops(key []byte) (from, to ikey.Seq, some bool, err error) {
	from = ikey.MaxSeq
	for r.table != nil && bytes.Equal(r.table.key(), key) {
		q := r.table.seq()
		from, to, some = min(from, q), max(to, q), true
		if err := r.move(); err != nil {
			return 0, 0, false, err
		}
	}
	for len(r.ranges) > 0 && r.ranges[0].Upper != nil && bytes.Compare(r.ranges[0].Upper, key) <= 0 {
		r.ranges = r.ranges[1:]
	}
	if len(r.ranges) > 0 && bytes.Compare(r.ranges[0].Lower, key) <= 0 {
		seqs := r.ranges[0].Seqs
		from, to, some = min(from, seqs[len(seqs)-1]), max(to, seqs[0]), true
	}
	return from, to, some, nil
}

func (r *runCheck) close() {
	if r.table != nil {
		r.table.close() //nolint:errcheck // was only read
		r.table = nil
	}
}
