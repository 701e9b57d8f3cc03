package merge

import (
	"errors"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// An Iter walks the entries of several sources as if they were one: an
// ikey.Iterator. Of entries that are equal in key and trailer, that of the
// newer source comes first.
//
// Entries may come into a source while it is walked, as into a memtable; the
// walk stays in order, and may or may not show them.
type Iter struct {
	sources []source
	tree    []int32 // of losers: see play
	round   []int32 // scratch of play

	// first is the source whose entry the walk is on. second is the one that
	// comes after it, or unknown, or none if no other has entries.
	first, second int32

	reverse bool
	on      bool
	err     error

	prefix   []byte // of all keys whose heads are real: see anchor
	flip     uint64 // what heads are xored with: all ones in reverse
	ties     int    // comparisons that heads did not decide, since anchor
	patience int    // how many there may be before anchor
}

// A source is an iterator and what is known of the entry that it is on.
type source struct {
	it   ikey.Iterator
	key  []byte // nil if it is on none
	head uint64 // heads that differ have the order of the walk
	on   bool
}

const (
	unknown int32 = -1
	none    int32 = -2
)

// New returns an Iter over sources, the newest first. It owns them: Close
// closes them.
func New(sources []ikey.Iterator) *Iter {
	m := &Iter{}
	m.Init(sources)
	return m
}

// Init makes m an Iter over other sources, as New does. It does not close
// those that it had, and keeps the memory that it has.
func (m *Iter) Init(sources []ikey.Iterator) {
	clear(m.sources)
	m.sources = m.sources[:0]
	for _, it := range sources {
		m.sources = append(m.sources, source{it: it})
	}
	for len(m.tree) < len(sources) {
		m.tree = append(m.tree, 0)
		m.round = append(m.round, 0, 0)
	}
	m.on, m.err = false, nil
}

// First moves to the first entry of all.
func (m *Iter) First() bool {
	m.start(false)
	for i := range m.sources {
		s := &m.sources[i]
		m.arrive(s, s.it.First())
	}
	return m.play()
}

// Last moves to the last entry of all.
func (m *Iter) Last() bool {
	m.start(true)
	for i := range m.sources {
		s := &m.sources[i]
		m.arrive(s, s.it.Last())
	}
	return m.play()
}

// SeekGE moves to the newest entry of the first key that is >= key.
func (m *Iter) SeekGE(key []byte) bool {
	m.start(false)
	for i := range m.sources {
		s := &m.sources[i]
		m.arrive(s, s.it.SeekGE(key))
	}
	return m.play()
}

// SeekLT moves to the oldest entry of the last key that is < key.
func (m *Iter) SeekLT(key []byte) bool {
	m.start(true)
	for i := range m.sources {
		s := &m.sources[i]
		m.arrive(s, s.it.SeekLT(key))
	}
	return m.play()
}

// Next moves to the next entry.
func (m *Iter) Next() bool {
	if !m.on {
		return false
	}
	if m.reverse {
		return m.turn()
	}
	s := &m.sources[m.first]
	return m.moved(s, s.it.Next())
}

// Prev moves to the entry before.
func (m *Iter) Prev() bool {
	if !m.on {
		return false
	}
	if !m.reverse {
		return m.turn()
	}
	s := &m.sources[m.first]
	return m.moved(s, s.it.Prev())
}

// Key returns the user key of the entry.
func (m *Iter) Key() []byte { return m.sources[m.first].key }

// Trailer returns the trailer of the entry.
func (m *Iter) Trailer() ikey.Trailer { return m.sources[m.first].it.Trailer() }

// Value returns the value of the entry.
func (m *Iter) Value() []byte { return m.sources[m.first].it.Value() }

// Source returns which of the sources has the entry.
func (m *Iter) Source() int { return int(m.first) }

// Err returns what ended the walk early: the error of a source.
func (m *Iter) Err() error { return m.err }

// Close closes the sources and returns Err, or what closing them returned.
func (m *Iter) Close() error {
	var errs []error
	for i := range m.sources {
		if err := m.sources[i].it.Close(); err != nil {
			errs = append(errs, err)
		}
	}
	clear(m.sources)
	m.sources = m.sources[:0]
	m.on = false
	if m.err == nil && len(errs) > 0 {
		m.err = errors.Join(errs...)
	}
	return m.err
}

// start begins a walk from a new position.
func (m *Iter) start(reverse bool) {
	m.reverse, m.on, m.err = reverse, false, nil
}

// arrive notes where a source has come to.
func (m *Iter) arrive(s *source, ok bool) {
	s.on = ok
	if ok {
		s.key = s.it.Key()
		return
	}
	m.ended(s)
}

// ended notes that a source has no more entries.
func (m *Iter) ended(s *source) {
	s.on, s.key, s.head = false, nil, ^uint64(0)
	if err := s.it.Err(); err != nil && m.err == nil {
		m.err = err
	}
}

// moved finds the next entry of the walk after its source has moved on.
func (m *Iter) moved(s *source, ok bool) bool {
	if !ok {
		m.ended(s)
		if m.err != nil {
			m.on = false
			return false
		}
		return m.replay()
	}
	s.key = s.it.Key()
	if m.second == none {
		return true
	}
	s.head = m.head(s.key)
	if m.second >= 0 {
		r := &m.sources[m.second]
		if s.head < r.head || s.head == r.head && m.tied(m.first, m.second) {
			return true
		}
	}
	return m.replay()
}

// turn changes the direction, and moves by one entry. All other sources are
// on the far side of the entry that the walk is on, or have ended there: they
// are brought to the near side. More than one step is only needed where
// entries have come in meanwhile, or have been leapt over.
func (m *Iter) turn() bool {
	m.reverse = !m.reverse
	w := &m.sources[m.first]
	for i := range m.sources {
		s := &m.sources[i]
		if s == w {
			continue
		}
		var ok bool
		switch {
		case s.on:
			ok = m.step(s)
		case m.reverse:
			ok = s.it.Last()
		default:
			ok = s.it.First()
		}
		m.arrive(s, ok)
		for s.on && m.before(int32(i), m.first) {
			m.arrive(s, m.step(s))
		}
	}
	m.arrive(w, m.step(w))
	return m.play()
}

// step moves a source by one entry.
func (m *Iter) step(s *source) bool {
	if m.reverse {
		return s.it.Prev()
	}
	return s.it.Next()
}

// behind reports whether source i is on an entry that a walk to key would pass;
// nil is its end.
func (m *Iter) behind(i int, key []byte) bool {
	s := &m.sources[i]
	return s.on && (key == nil || (compare(s.key, key) < 0) != m.reverse)
}

// leap moves source i, which is behind key, to it. The caller leaps with all
// sources that are to, and then calls play.
func (m *Iter) leap(i int, key []byte) {
	s := &m.sources[i]
	switch {
	case key == nil:
		s.on, s.key = false, nil
	case m.reverse:
		m.arrive(s, s.it.SeekLT(key))
	default:
		m.arrive(s, s.it.SeekGE(key))
	}
}
