package hashidx

import (
	"cmp"
	"errors"
	"slices"

	"github.com/kvbench/kvbench/hashidx/hint"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

// A coldFilter says what a segment of cold/ holds that has no hint yet: filters
// of growing size, made while it is written or replayed.
type coldFilter struct{ parts []filling }

type filling struct {
	*hint.Filter
	room int
}

const coldFilterRoom = 4 << 10

func (f *coldFilter) add(hash, sequence uint64) {
	n := len(f.parts)
	if n == 0 || f.parts[n-1].room == 0 {
		room := coldFilterRoom << n
		f.parts = append(f.parts, filling{hint.NewFilter(room), room})
		n++
	}
	last := &f.parts[n-1]
	last.Add(hash, sequence)
	last.room--
}

func (f *coldFilter) mayHold(hash, below uint64) bool {
	return slices.ContainsFunc(f.parts, func(p filling) bool { return p.MayHold(hash, below) })
}

// filters are those of the segments, as far as they are in memory. Who works
// (see keeper.turn), or recovers, uses them.
type filters struct {
	cold   map[*segment]*coldFilter // not sealed
	sealed map[*segment]*hint.Filter
	bytes  int // of sealed
}

// filterBudget is how much memory filters of sealed segments may have. Others
// are read when they are asked for.
const filterBudget = 64 << 20

func newFilters() filters {
	return filters{cold: map[*segment]*coldFilter{}, sealed: map[*segment]*hint.Filter{}}
}

// noteCold notes an op of a segment of cold/ that is not sealed.
func (f *filters) noteCold(s *segment, hash, sequence uint64) {
	c := f.cold[s]
	if c == nil {
		c = new(coldFilter)
		f.cold[s] = c
	}
	c.add(hash, sequence)
}

// forget drops what is known of a segment.
func (f *filters) forget(s *segment) {
	delete(f.cold, s)
	if old := f.sealed[s]; old != nil {
		f.bytes -= old.Bytes()
		delete(f.sealed, s)
	}
}

// filter returns the filter of a sealed segment; nil if it cannot be read.
func (e *store) filter(s *segment) *hint.Filter {
	all := &e.gc.filters
	if f := all.sealed[s]; f != nil {
		return f
	}
	f, err := e.readFilter(s)
	if err != nil {
		e.env.Log.Warn("tombstones stay, a hint cannot be read", "segment", s.path, "error", err)
		return nil
	}
	delete(all.cold, s)
	if all.bytes+f.Bytes() <= filterBudget {
		all.sealed[s] = f
		all.bytes += f.Bytes()
	}
	return f
}

func (e *store) readFilter(s *segment) (*hint.Filter, error) {
	r, err := hint.Open(e.counting, e.home.Path(hintDir), s.hintSegment())
	if err != nil {
		return nil, err
	}
	f, err := r.Filter()
	return f, errors.Join(err, r.Close())
}

// older says what a segment may hold that a tombstone of another one hides.
type older func(hash, below uint64) bool

func nothingOlder(_, _ uint64) bool  { return false }
func anythingOlder(_, _ uint64) bool { return true }

// olderIn returns what is known of a segment, for tombstones with sequences up
// to highest, all of which are from sealed segments of hot/.
func (e *store) olderIn(s *segment, highest uint64) older {
	if s.log == manifest.Hot && sequenceOf(s.id, 0) > highest {
		// So are all that are not sealed: an op comes to cold/, or is a victim,
		// once its segment is sealed, and those before are sealed then.
		return nothingOlder
	}
	if !s.hinted {
		if f := e.gc.filters.cold[s]; f != nil {
			return f.mayHold
		}
		if s.log == manifest.Cold && s.ops.Load() == 0 {
			return nothingOlder
		}
		return anythingOlder
	}
	f := e.filter(s)
	if f == nil {
		return anythingOlder
	}
	return f.MayHold
}

// keepTombstones marks the tombstones of a victim, and what may become one by
// expiring, that some other segment makes necessary: it may hold an older op
// of the same code.
func (e *store) keepTombstones(v *victim) {
	var open []int // tasks that nothing speaks for yet
	highest := uint64(0)
	for i := range v.tasks {
		if t := &v.tasks[i]; t.isTombstone() || t.mayExpire() {
			open = append(open, i)
			highest = max(highest, t.sequence)
		}
	}
	all := e.segments.list()
	slices.SortFunc(all, func(a, b *segment) int { return cmp.Compare(a.number, b.number) })
	for _, s := range all {
		if s == v.segment || len(open) == 0 {
			continue
		}
		holds := e.olderIn(s, highest)
		open = slices.DeleteFunc(open, func(i int) bool {
			t := &v.tasks[i]
			if !holds(t.hash, t.sequence) {
				return false
			}
			t.keep()
			return true
		})
	}
}
