package merge

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

// A failer is what testing.TB and rapid.T have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// An entry is one of a source.
type entry struct {
	key   string
	t     ikey.Trailer
	value string
}

func (e entry) String() string { return fmt.Sprintf("%q %v %q", e.key, e.t, e.value) }

func compareEntries(a, b entry) int {
	return ikey.Compare([]byte(a.key), a.t, []byte(b.key), b.t)
}

func put(key string, seq ikey.Seq) entry {
	return entry{key, ikey.Make(seq, ikey.Put), fmt.Sprint(seq)}
}

func del(key string, seq ikey.Seq) entry { return entry{key, ikey.Make(seq, ikey.Delete), ""} }

func expiring(key string, seq ikey.Seq, at int64) entry {
	return entry{key, ikey.Make(seq, ikey.PutTTL), string(ikey.AppendExpiry(nil, at)) + fmt.Sprint(seq)}
}

// sliceIter walks a slice. Its key is in a buffer that each move overwrites,
// as the iterators of tables do.
type sliceIter struct {
	entries []entry
	at      int
	on      bool
	key     []byte
	value   []byte
	failAt  int // the move with this number fails, if not 0
	moves   int
	seeks   int
	err     error
	closed  int
}

var errBroken = errors.New("broken")

func (s *sliceIter) arrive(at int, ok bool) bool {
	for i := range s.key {
		s.key[i] = 0xDB
	}
	for i := range s.value {
		s.value[i] = 0xDB
	}
	if s.moves++; s.failAt != 0 && s.moves >= s.failAt {
		s.on, s.err = false, errBroken
		return false
	}
	s.at, s.on = at, ok && at >= 0 && at < len(s.entries)
	if s.on {
		s.key = append(s.key[:0], s.entries[at].key...)
	}
	return s.on
}

func (s *sliceIter) find(key []byte) int {
	return sort.Search(len(s.entries), func(i int) bool { return s.entries[i].key >= string(key) })
}
func (s *sliceIter) First() bool { return s.arrive(0, true) }
func (s *sliceIter) Last() bool  { return s.arrive(len(s.entries)-1, true) }
func (s *sliceIter) SeekGE(key []byte) bool {
	s.seeks++
	return s.arrive(s.find(key), true)
}

func (s *sliceIter) SeekLT(key []byte) bool {
	s.seeks++
	return s.arrive(s.find(key)-1, true)
}
func (s *sliceIter) Next() bool            { return s.arrive(s.at+1, s.on) }
func (s *sliceIter) Prev() bool            { return s.arrive(s.at-1, s.on) }
func (s *sliceIter) Key() []byte           { s.must(); return s.key }
func (s *sliceIter) Trailer() ikey.Trailer { s.must(); return s.entries[s.at].t }
func (s *sliceIter) Value() []byte {
	s.must()
	s.value = append(s.value[:0], s.entries[s.at].value...)
	return s.value
}
func (s *sliceIter) Err() error   { return s.err }
func (s *sliceIter) Close() error { s.closed++; return s.err }

func (s *sliceIter) must() {
	if !s.on {
		panic("asked an iterator that is on no entry")
	}
}

// newIter returns an Iter over sources of these entries, which it sorts.
func newIter(sources ...[]entry) *Iter {
	var its []ikey.Iterator
	for _, s := range sources {
		slices.SortFunc(s, compareEntries)
		its = append(its, &sliceIter{entries: s})
	}
	return New(its)
}

// entryAt is where it is.
func entryAt(it ikey.Iterator) entry {
	return entry{string(it.Key()), it.Trailer(), string(it.Value())}
}

// walk returns all entries.
func walk(t failer, it ikey.Iterator) []entry {
	t.Helper()
	var got []entry
	for ok := it.First(); ok; ok = it.Next() {
		got = append(got, entryAt(it))
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

func sameEntries(t failer, what string, got, want []entry) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s:\ngot  %s\nwant %s", what, list(got), list(want))
	}
}

func list(entries []entry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%v; ", e)
	}
	return b.String()
}

// covers is what range deletes mean.
func covers(ranges []tombstone.Range, key string, seq, at ikey.Seq) bool {
	for _, r := range ranges {
		if seq < r.Seq && r.Seq <= at && string(r.Lower) <= key && (r.Upper == nil || key < string(r.Upper)) {
			return true
		}
	}
	return false
}

// view is what is seen at a number of entries in any order: the naive model.
func view(entries []entry, ranges []tombstone.Range, at ikey.Seq, now int64) []entry {
	newest := map[string]entry{}
	for _, e := range entries {
		if n, ok := newest[e.key]; e.t.Seq() <= at && (!ok || e.t > n.t) {
			newest[e.key] = e
		}
	}
	var rows []entry
	for _, e := range newest {
		if e.t.Kind() == ikey.Delete || covers(ranges, e.key, e.t.Seq(), at) {
			continue
		}
		if e.t.Kind().Expires() {
			if x, _, _ := ikey.Expiry([]byte(e.value)); x <= now {
				continue
			}
		}
		rows = append(rows, e)
	}
	slices.SortFunc(rows, compareEntries)
	return rows
}

func rangeDelete(lower, upper string, seq ikey.Seq) tombstone.Range {
	r := tombstone.Range{Lower: []byte(lower), Seq: seq}
	if upper != "" {
		r.Upper = []byte(upper)
	}
	return r
}

// A walker is what Iter and Live have in common.
type walker interface {
	First() bool
	Last() bool
	SeekGE(key []byte) bool
	SeekLT(key []byte) bool
	Next() bool
	Prev() bool
	Key() []byte
	Trailer() ikey.Trailer
	Value() []byte
	Err() error
}

// A model walks rows in the plainest way.
type model struct {
	rows []entry
	at   int
	on   bool
}

func (m *model) move(at int) bool {
	m.at, m.on = at, at >= 0 && at < len(m.rows)
	return m.on
}

func (m *model) lower(key []byte) int {
	return sort.Search(len(m.rows), func(i int) bool { return bytes.Compare([]byte(m.rows[i].key), key) >= 0 })
}

// do makes a move of w and of the model, and compares where they are.
func (m *model) do(t failer, w walker, op int, key []byte) {
	t.Helper()
	var got, want bool
	name := ""
	switch op {
	case 0:
		name, got, want = "First", w.First(), m.move(0)
	case 1:
		name, got, want = "Last", w.Last(), m.move(len(m.rows)-1)
	case 2:
		name, got, want = "SeekGE", w.SeekGE(key), m.move(m.lower(key))
	case 3:
		name, got, want = "SeekLT", w.SeekLT(key), m.move(m.lower(key)-1)
	case 4:
		name, got = "Next", w.Next()
		want = m.on && m.move(m.at+1)
	default:
		name, got = "Prev", w.Prev()
		want = m.on && m.move(m.at-1)
	}
	if got != want {
		t.Fatalf("%s(%q) = %v, want %v; rows %s", name, key, got, want, list(m.rows))
	}
	if !got {
		if err := w.Err(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if e := (entry{string(w.Key()), w.Trailer(), string(w.Value())}); e != m.rows[m.at] {
		t.Fatalf("%s(%q) came to %v, want %v; rows %s", name, key, e, m.rows[m.at], list(m.rows))
	}
}
