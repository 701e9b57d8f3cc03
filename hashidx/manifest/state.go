package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine/wal"
)

// ErrEdit: an edit breaks a rule. Nothing was written, and the manifest goes
// on. It is a mistake in the engine, not of the disk.
var ErrEdit = errors.New("impossible manifest edit")

// Log says which of the two logs a segment belongs to.
type Log uint8

const (
	// Hot has all writes of users, in order.
	Hot Log = 1
	// Cold has what GC copied out of garbage.
	Cold Log = 2
)

// String is the name of the log's directory.
func (l Log) String() string {
	switch l {
	case Hot:
		return "hot"
	case Cold:
		return "cold"
	}
	return fmt.Sprintf("log %d", uint8(l))
}

// A Segment is a file of a log that places in the index may name.
type Segment struct {
	Number   uint16 // in places; 1 to 65535
	Log      Log
	ID       uint32 // in its log; not 0
	Bytes    int64  // where its records end; while it is written, maybe less
	Frames   int64  // bytes of all frames in it, when this was last said
	Live     int64  // bytes of those that are live, likewise: a hint for GC
	Expiring int64  // bytes of the live ones that expire, likewise a hint
	Expires  int64  // when the last of those does: nanoseconds since 1970, UTC
	Ops      uint64 // how many it has, likewise
	Lowest   uint64 // sequence of its ops, or lower
	Highest  uint64 // sequence of its ops; 0 if that is not known
	Hinted   bool   // it has a hint file
}

// A Snapshot names an index snapshot. The zero Snapshot is none.
type Snapshot struct {
	Name       string  // of the file
	Covers     wal.LSN // every op of hot below is in it
	ColdCovers wal.LSN // every op of cold below is in it

	// Ops of hot that it names are below Through, of cold below ColdThrough:
	// positions up to which the logs were durable when the edit came. They are
	// not below Covers and ColdCovers.
	Through, ColdThrough wal.LSN
}

// A State is what a manifest says.
type State struct {
	Seed     uint64    // of the hash of keys; set once
	Segments []Segment // by number
	From     wal.LSN   // where in hot recovery begins to replay
	ColdFrom wal.LSN   // where in cold
	Snapshot Snapshot
	Sequence uint64 // of the last edit or mark

	// Through and ColdThrough are positions up to which the logs were durable
	// when a segment was dropped: what was in it is void by what they have
	// there.
	Through, ColdThrough wal.LSN
}

// An Edit changes a state: all of it or nothing. Fields that are zero change
// nothing. It drops first, then adds, then changes.
type Edit struct {
	Seed     uint64    // only where there is none yet
	Drop     []uint16  // numbers, of which each is there
	Add      []Segment // whose numbers are free, also before this edit
	Change   []Segment // that are there: all but Number, Log and ID
	From     wal.LSN   // not lower than before
	ColdFrom wal.LSN   // likewise
	Snapshot *Snapshot // covers no less than before of either log, or is none

	Through, ColdThrough wal.LSN // lower ones than before change nothing
}

// state is a State while edits come.
type state struct {
	State    // but Segments
	segments map[uint16]Segment
	owners   map[owner]uint16
}

type owner struct {
	log Log
	id  uint32
}

func newState() *state {
	return &state{segments: map[uint16]Segment{}, owners: map[owner]uint16{}}
}

// public is a copy of the state.
func (s *state) public() State {
	out := s.State
	out.Segments = slices.SortedFunc(maps.Values(s.segments), func(a, b Segment) int {
		return cmp.Compare(a.Number, b.Number)
	})
	return out
}

// whole is the edit that makes an empty state into this one.
func (s *state) whole() Edit { return s.public().Edit() }

// Edit is the edit that makes an empty state into this one.
func (s State) Edit() Edit {
	e := Edit{Seed: s.Seed, Add: s.Segments, From: s.From, ColdFrom: s.ColdFrom, Through: s.Through, ColdThrough: s.ColdThrough}
	if s.Snapshot != (Snapshot{}) {
		e.Snapshot = &s.Snapshot
	}
	return e
}

// with returns the state after an edit, or says which rule it breaks. s stays.
func (s *state) with(e *Edit) (*state, error) {
	next := &state{State: s.State, segments: maps.Clone(s.segments), owners: maps.Clone(s.owners)}
	if err := next.apply(e); err != nil {
		return nil, err
	}
	return next, nil
}

// apply changes s by an edit. After an error s is of no use.
func (s *state) apply(e *Edit) error {
	if e.Seed != 0 {
		if s.Seed != 0 {
			return fmt.Errorf("%w: the hash seed is set already", ErrEdit)
		}
		s.Seed = e.Seed
	}
	dropped := make(map[uint16]struct{}, len(e.Drop))
	for _, n := range e.Drop {
		if err := s.drop(n); err != nil {
			return err
		}
		dropped[n] = struct{}{}
	}
	for _, g := range e.Add {
		if _, ok := dropped[g.Number]; ok {
			return fmt.Errorf("%w: add segment %d: the same edit drops it", ErrEdit, g.Number)
		}
		if err := s.add(g); err != nil {
			return err
		}
	}
	for _, g := range e.Change {
		if err := s.change(g); err != nil {
			return err
		}
	}
	return s.move(e)
}

func (s *state) drop(number uint16) error {
	g, ok := s.segments[number]
	if !ok {
		return fmt.Errorf("%w: drop segment %d: there is none", ErrEdit, number)
	}
	delete(s.segments, number)
	delete(s.owners, owner{g.Log, g.ID})
	return nil
}

func (s *state) add(g Segment) error {
	if err := g.check(); err != nil {
		return fmt.Errorf("%w: add segment %d: %w", ErrEdit, g.Number, err)
	}
	if _, ok := s.segments[g.Number]; ok {
		return fmt.Errorf("%w: add segment %d: the number is taken", ErrEdit, g.Number)
	}
	if n, ok := s.owners[owner{g.Log, g.ID}]; ok {
		return fmt.Errorf("%w: add segment %d: %v/%d is segment %d already", ErrEdit, g.Number, g.Log, g.ID, n)
	}
	s.segments[g.Number] = g
	s.owners[owner{g.Log, g.ID}] = g.Number
	return nil
}

func (s *state) change(g Segment) error {
	if err := g.check(); err != nil {
		return fmt.Errorf("%w: change segment %d: %w", ErrEdit, g.Number, err)
	}
	old, ok := s.segments[g.Number]
	switch {
	case !ok:
		return fmt.Errorf("%w: change segment %d: there is none", ErrEdit, g.Number)
	case old.Log != g.Log || old.ID != g.ID:
		return fmt.Errorf("%w: change segment %d: it is %v/%d, not %v/%d", ErrEdit, g.Number, old.Log, old.ID, g.Log, g.ID)
	}
	s.segments[g.Number] = g
	return nil
}

// move sets positions.
func (s *state) move(e *Edit) error {
	s.Through = max(s.Through, e.Through)
	s.ColdThrough = max(s.ColdThrough, e.ColdThrough)
	if e.From != 0 {
		if e.From < s.From {
			return fmt.Errorf("%w: recovery of hot goes back from %v to %v", ErrEdit, s.From, e.From)
		}
		s.From = e.From
	}
	if e.ColdFrom != 0 {
		if e.ColdFrom < s.ColdFrom {
			return fmt.Errorf("%w: recovery of cold goes back from %v to %v", ErrEdit, s.ColdFrom, e.ColdFrom)
		}
		s.ColdFrom = e.ColdFrom
	}
	if e.Snapshot == nil {
		return nil
	}
	to := *e.Snapshot
	switch {
	case to == Snapshot{}:
	case to.Name == "" || len(to.Name) > maxName || to.Name == "." || to.Name == ".." || strings.ContainsAny(to.Name, "/\\\x00"):
		return fmt.Errorf("%w: %q is no name of a snapshot", ErrEdit, to.Name)
	case to.Covers < s.Snapshot.Covers:
		return fmt.Errorf("%w: snapshot of hot goes back from %v to %v", ErrEdit, s.Snapshot.Covers, to.Covers)
	case to.ColdCovers < s.Snapshot.ColdCovers:
		return fmt.Errorf("%w: snapshot of cold goes back from %v to %v", ErrEdit, s.Snapshot.ColdCovers, to.ColdCovers)
	case to.Through < to.Covers:
		return fmt.Errorf("%w: snapshot covers hot to %v, but hot is durable to %v", ErrEdit, to.Covers, to.Through)
	case to.ColdThrough < to.ColdCovers:
		return fmt.Errorf("%w: snapshot covers cold to %v, but cold is durable to %v", ErrEdit, to.ColdCovers, to.ColdThrough)
	}
	s.Snapshot = to
	return nil
}

func (g Segment) check() error {
	switch {
	case g.Number == 0:
		return errors.New("0 is no number")
	case g.Log != Hot && g.Log != Cold:
		return fmt.Errorf("there is no %v", g.Log)
	case g.ID == 0:
		return errors.New("0 is no id")
	case g.Bytes < 0:
		return fmt.Errorf("its records end at %d", g.Bytes)
	case g.Live < 0 || g.Live > g.Frames:
		return fmt.Errorf("%d of %d bytes are live", g.Live, g.Frames)
	case g.Expiring < 0:
		return fmt.Errorf("%d bytes expire", g.Expiring)
	case g.Ops > uint64(g.Frames):
		return fmt.Errorf("%d ops in %d bytes", g.Ops, g.Frames)
	case g.Highest != 0 && g.Highest < g.Lowest:
		return fmt.Errorf("sequences from %d to %d", g.Lowest, g.Highest)
	}
	return nil
}
