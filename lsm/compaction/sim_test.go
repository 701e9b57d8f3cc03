package compaction

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/version"
)

// entryBytes is what an entry counts for in the size of a table.
const entryBytes = 1 << 10

// An entry of the simulated tree.
type entry struct {
	key     int
	seq     ikey.Seq
	deleted bool
	expiry  int64
}

func keyOf(k int) []byte { return fmt.Appendf(nil, "%06d", k) }

// A simulation is a tree whose tables are entries in memory: jobs do to them
// what Fold does.
type simulation struct {
	tb      testing.TB
	picker  *Picker
	state   *version.State
	content map[uint64][]entry
	model   map[int]entry
	seq     ikey.Seq
	now     int64
	cursors [version.Levels][]byte
	running []*job
	idle    bool

	flushed, written int64
	reasons          [Reasons]int
	kinds            [4]int
}

// A job has been chosen and is not installed yet.
type job struct {
	c     Choice
	older *version.Older
}

func simulate(tb testing.TB, s Settings) *simulation {
	p, err := New(s)
	if err != nil {
		tb.Fatal(err)
	}
	return &simulation{
		tb: tb, picker: p, state: version.NewState(), now: 1,
		content: make(map[uint64][]entry), model: make(map[int]entry),
	}
}

func (s *simulation) version() *version.Version { return s.state.Version }

// write makes entries of keys; those below 0 are deletes of -key-1.
func (s *simulation) write(keys []int, expiry int64) []entry {
	byKey := make(map[int]entry)
	for _, k := range keys {
		s.seq++
		e := entry{key: k, seq: s.seq, expiry: expiry}
		if k < 0 {
			e = entry{key: -k - 1, seq: s.seq, deleted: true}
		}
		byKey[e.key] = e
		s.model[e.key] = e
	}
	return slices.SortedFunc(maps.Values(byKey), func(a, b entry) int { return cmp.Compare(a.key, b.key) })
}

// flush puts entries on level 0, in tables of so many.
func (s *simulation) flush(es []entry, perTable int) {
	run := s.state.NextRun
	e := &version.Edit{NextRun: run + 1}
	for part := range slices.Chunk(es, perTable) {
		x := s.table(part, e)
		e.Added = append(e.Added, version.Placed{Level: 0, Run: run, Table: x})
		s.flushed += x.Bytes
		s.written += x.Bytes
	}
	s.install(e)
}

// table makes one.
func (s *simulation) table(es []entry, e *version.Edit) *version.Table {
	id := max(s.state.NextID, e.NextID)
	e.NextID = id + 1
	x := &version.Table{
		ID: id, Bytes: int64(len(es)) * entryBytes, Entries: uint64(len(es)),
		Smallest: keyOf(es[0].key), Largest: keyOf(es[len(es)-1].key),
		MinSeq: es[0].seq, MaxSeq: es[0].seq, Created: s.now,
		LastExpiry: es[0].expiry,
	}
	for _, y := range es {
		x.MinSeq, x.MaxSeq = min(x.MinSeq, y.seq), max(x.MaxSeq, y.seq)
		switch {
		case y.deleted:
			x.Tombstones++
			x.OldestTombstone = s.now
		case y.expiry == 0 || x.LastExpiry == 0:
			x.LastExpiry = 0
		default:
			x.LastExpiry = max(x.LastExpiry, y.expiry)
		}
	}
	s.content[id] = es
	return x
}

func (s *simulation) install(e *version.Edit) {
	s.tb.Helper()
	next, dropped, err := s.state.Apply(e)
	if err != nil {
		s.tb.Fatalf("%v\n%v\nof\n%v", err, e, s.version())
	}
	s.state = next
	for _, x := range dropped.Tables {
		delete(s.content, x.ID)
	}
}

func (s *simulation) ask() State {
	st := State{Version: s.version(), Now: s.now, Idle: s.idle, Cursors: s.cursors}
	for _, j := range s.running {
		st.Running = append(st.Running, &j.c)
	}
	return st
}

// begin starts what pick chooses.
func (s *simulation) begin(c Choice) bool {
	s.tb.Helper()
	if c.Kind == None {
		return false
	}
	busy := make(map[uint64]bool)
	for _, j := range s.running {
		for _, in := range j.c.Inputs {
			for _, x := range in.Tables {
				busy[x.ID] = true
			}
		}
	}
	for _, in := range c.Inputs {
		for _, x := range in.Tables {
			if busy[x.ID] {
				s.tb.Fatalf("table %d is chosen while it is busy: %v", x.ID, &c)
			}
			busy[x.ID] = true
			if level, found, _ := s.version().Find(x.ID); found != x || level != in.Level {
				s.tb.Fatalf("table %d is not where the choice says: %v", x.ID, &c)
			}
		}
	}
	s.noneLeftBehind(&c)
	s.running = append(s.running, &job{c: c, older: Bottom(s.version(), &c)})
	return true
}

// noneLeftBehind checks that what goes down from level 0 leaves no older table
// there that overlaps it.
func (s *simulation) noneLeftBehind(c *Choice) {
	if c.Kind == Drop || c.top() != 0 || c.OutputLevel == 0 {
		return
	}
	inputs := make(map[uint64]bool)
	for _, in := range c.Inputs {
		for _, x := range in.Tables {
			inputs[x.ID] = true
		}
	}
	left := []*version.Table{}
	for _, r := range slices.Backward(s.version().Levels[0].Runs) {
		for _, x := range r.Tables {
			if !inputs[x.ID] {
				left = append(left, x)
				continue
			}
			for _, o := range left {
				if o.Bounds().Overlaps(x.Bounds()) {
					s.tb.Fatalf("table %d leaves the older %d behind: %v", x.ID, o.ID, c)
				}
			}
		}
	}
}

// finish installs a running job.
func (s *simulation) finish(n int) {
	s.tb.Helper()
	j := s.running[n]
	s.running = slices.Delete(s.running, n, n+1)
	c := &j.c
	s.reasons[c.Reason]++
	s.kinds[c.Kind]++
	e := &version.Edit{}
	run := c.OutputRun
	if run == 0 {
		run = s.state.NextRun
		e.NextRun = run + 1
	}
	newest := make(map[int]entry)
	for _, in := range c.Inputs {
		for _, x := range in.Tables {
			e.Deleted = append(e.Deleted, version.Place{Level: in.Level, ID: x.ID})
			if c.Kind == Move {
				e.Added = append(e.Added, version.Placed{Level: c.OutputLevel, Run: run, Table: x})
			}
			for _, y := range s.content[x.ID] {
				if old, ok := newest[y.key]; !ok || old.seq < y.seq {
					newest[y.key] = y
				}
			}
		}
	}
	if c.Kind == Merge {
		s.merge(c, j.older, newest, run, e)
	}
	if c.Cursor != nil {
		s.cursors[c.Inputs[0].Level] = c.Cursor
	}
	s.install(e)
}

func (s *simulation) merge(c *Choice, older *version.Older, newest map[int]entry, run uint64, e *version.Edit) {
	var kept []entry
	for _, k := range slices.Sorted(maps.Keys(newest)) {
		y := newest[k]
		if y.expiry > 0 && y.expiry <= s.now {
			y = entry{key: k, seq: y.seq, deleted: true}
		}
		if !y.deleted || older.Has(keyOf(k)) {
			kept = append(kept, y)
		}
	}
	for part := range slices.Chunk(kept, max(1, int(c.TableBytes/entryBytes))) {
		x := s.table(part, e)
		x.Created = 0
		for _, in := range c.Inputs {
			for _, y := range in.Tables {
				x.Created = max(x.Created, y.Created)
				if x.Tombstones > 0 && y.OldestTombstone > 0 {
					x.OldestTombstone = min(x.OldestTombstone, y.OldestTombstone)
				}
			}
		}
		e.Added = append(e.Added, version.Placed{Level: c.OutputLevel, Run: run, Table: x})
		s.written += x.Bytes
	}
}

// settle does what is chosen until nothing is.
func (s *simulation) settle() {
	s.tb.Helper()
	for range 10000 {
		if !s.begin(s.picker.Pick(s.ask())) {
			return
		}
		s.finish(0)
	}
	s.tb.Fatalf("no end of choices; the last: %v\n%v", s.picker.Pick(s.ask()), s.version())
}

// get reads a key as an engine does, newest first.
func (s *simulation) get(k int) (entry, bool) {
	key := keyOf(k)
	for _, l := range s.version().Levels {
		for _, r := range l.Runs {
			x := r.Find(key)
			if x == nil {
				continue
			}
			i, ok := slices.BinarySearchFunc(s.content[x.ID], k, func(y entry, k int) int { return cmp.Compare(y.key, k) })
			if ok {
				return s.content[x.ID][i], true
			}
		}
	}
	return entry{}, false
}

// check compares all that can be read with the model.
func (s *simulation) check() {
	s.tb.Helper()
	for k, want := range s.model {
		got, ok := s.get(k)
		if want.deleted || want.expiry > 0 && want.expiry <= s.now {
			if ok && !got.deleted && !(got.expiry > 0 && got.expiry <= s.now) {
				s.tb.Fatalf("key %d came back: %v, deleted by %d\n%v", k, got, want.seq, s.version())
			}
			continue
		}
		if !ok || got.seq != want.seq {
			s.tb.Fatalf("key %d is %v, not %v\n%v", k, got, want, s.version())
		}
	}
}

// runsToProbe is how many runs may hold a key.
func (s *simulation) runsToProbe() int {
	n := 0
	for _, l := range s.version().Levels {
		n += len(l.Runs)
	}
	return n
}

// rested checks what holds of a tree for which nothing is chosen.
func (s *simulation) rested() {
	s.tb.Helper()
	t := s.picker.tree(s.ask())
	if t.layout.Flat() {
		return
	}
	if n := len(t.runs(0)); n >= t.s.L0Runs {
		s.tb.Fatalf("level 0 rests with %d runs", n)
	}
	for i := 1; i < version.Levels; i++ {
		if n := len(t.runs(i)); n > t.cap(i) {
			s.tb.Fatalf("level %d rests with %d runs, more than %d", i, n, t.cap(i))
		}
		if t.targeted(i) && t.bytes[i] > t.targets.Bytes[i] {
			s.tb.Fatalf("level %d rests with %d bytes, more than %d", i, t.bytes[i], t.targets.Bytes[i])
		}
	}
	if d := s.picker.Debt(s.version()); d != 0 {
		s.tb.Fatalf("a debt of %d rests\n%v", d, s.version())
	}
}
