package version

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kvbench/kvbench/engine/wal"
	"github.com/kvbench/kvbench/lsm/ikey"
)

// ErrEdit: an edit breaks a rule. It is a mistake in the engine, or damage
// where the edit was read from a file.
var ErrEdit = errors.New("impossible version edit")

// A Placed is a table and where it is.
type Placed struct {
	Level int
	// Run is the ID of the run. In level 0 that is the one that the table was
	// flushed with, not that of the sublevel.
	Run   uint64
	Table *Table
}

// A Place says which table of a level is meant.
type Place struct {
	Level int
	ID    uint64
}

// An Edit changes a state: all of it or nothing. Fields that are zero change
// nothing.
type Edit struct {
	// Deleted are tables, each of which is where it says.
	Deleted []Place
	// Added are tables with new IDs, or such that are also Deleted: these
	// move. A run is one of its level, which the table joins, or newer than
	// all in it; in level 0 only a run of which this edit deletes a table may
	// be joined.
	Added []Placed
	// AddedBlobs are blob files with new IDs. To which no table refers after
	// the edit, they fall out at once, like all others.
	AddedBlobs []*Blob

	// LogFrom is where in the log recovery begins; not lower than before.
	LogFrom wal.LSN

	// Of these, lower ones than before change nothing.
	Through wal.LSN  // what the edit relies on was durable in the log to here
	LastSeq ikey.Seq // the highest that was given to an op
	NextID  uint64   // lowest that no file has had
	NextRun uint64   // lowest that no run has had

	// Note says why, for people. It is at most MaxNote bytes.
	Note string
}

// MaxNote is the length of a note.
const MaxNote = 1 << 10

// String is for people: what is deleted, what is added, and why.
func (e *Edit) String() string {
	var b strings.Builder
	for _, d := range e.Deleted {
		fmt.Fprintf(&b, "- L%d %d\n", d.Level, d.ID)
	}
	for _, a := range e.Added {
		fmt.Fprintf(&b, "+ %v\n", a)
	}
	for _, x := range e.AddedBlobs {
		fmt.Fprintf(&b, "+ %v\n", x)
	}
	for _, f := range []struct {
		name  string
		value fmt.Stringer
	}{{"log from", e.LogFrom}, {"log through", e.Through}} {
		if f.value != wal.LSN(0) {
			fmt.Fprintf(&b, "%s %v\n", f.name, f.value)
		}
	}
	for _, f := range []struct {
		name  string
		value uint64
	}{{"last seq", uint64(e.LastSeq)}, {"next id", e.NextID}, {"next run", e.NextRun}} {
		if f.value != 0 {
			fmt.Fprintf(&b, "%s %d\n", f.name, f.value)
		}
	}
	if e.Note != "" {
		fmt.Fprintf(&b, "note %q\n", e.Note)
	}
	return b.String()
}

// A State is a version, and positions that must be true together with it. It
// never changes.
type State struct {
	Version *Version
	LogFrom wal.LSN  // where in the log recovery begins
	Through wal.LSN  // to where the log is known to have been durable
	LastSeq ikey.Seq // no op in a table has a higher one
	NextID  uint64   // no table and no blob file had this ID, or a higher one
	NextRun uint64   // no run had this ID, or a higher one
}

// NewState returns the state of an empty tree.
func NewState() *State {
	return &State{Version: new(Version), NextID: 1, NextRun: 1}
}

// Apply returns the state after an edit, and what is no longer in it. Errors
// wrap ErrEdit. s stays as it is.
func (s *State) Apply(e *Edit) (*State, Dropped, error) {
	switch {
	case e.LogFrom != 0 && e.LogFrom < s.LogFrom:
		return nil, Dropped{}, fmt.Errorf("%w: recovery goes back from %v to %v", ErrEdit, s.LogFrom, e.LogFrom)
	case e.LastSeq > ikey.MaxSeq:
		return nil, Dropped{}, fmt.Errorf("%w: last seq %d is more than %d", ErrEdit, e.LastSeq, ikey.MaxSeq)
	case len(e.Note) > MaxNote:
		return nil, Dropped{}, fmt.Errorf("%w: note of %d bytes, at most %d", ErrEdit, len(e.Note), MaxNote)
	}
	v, dropped, err := s.Version.Apply(e)
	if err != nil {
		return nil, Dropped{}, err
	}
	next := &State{
		Version: v,
		LogFrom: max(s.LogFrom, e.LogFrom),
		Through: max(s.Through, e.Through),
		LastSeq: max(s.LastSeq, e.LastSeq),
		NextID:  max(s.NextID, e.NextID),
		NextRun: max(s.NextRun, e.NextRun),
	}
	for _, a := range e.Added {
		next.LastSeq = max(next.LastSeq, a.Table.MaxSeq)
		next.NextID = max(next.NextID, a.Table.ID+1)
		next.NextRun = max(next.NextRun, a.Run+1)
	}
	for _, b := range e.AddedBlobs {
		next.NextID = max(next.NextID, b.ID+1)
	}
	return next, dropped, nil
}

// Edit returns the edit that makes the state of an empty tree into this one.
func (s *State) Edit() *Edit {
	return &Edit{
		Added: s.Version.All(), AddedBlobs: s.Version.Blobs,
		LogFrom: s.LogFrom, Through: s.Through, LastSeq: s.LastSeq,
		NextID: s.NextID, NextRun: s.NextRun,
	}
}

// All returns all tables with their places: by level, the newest run first, of
// a run by key.
func (v *Version) All() []Placed {
	all := make([]Placed, 0, v.Totals().Tables)
	all = append(all, v.Flushed...)
	for n := 1; n < Levels; n++ {
		for _, r := range v.Levels[n].Runs {
			for _, t := range r.Tables {
				all = append(all, Placed{n, r.ID, t})
			}
		}
	}
	return all
}
