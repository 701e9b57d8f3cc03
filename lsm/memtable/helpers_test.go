package memtable

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/lsm/ikey"
)

func newTable(t testing.TB, o Options) *Table {
	t.Helper()
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Free(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// A tester is what tests and rapid's checks share.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
}

// add reserves and adds.
func add(t tester, m *Table, key string, trailer ikey.Trailer, value string) {
	t.Helper()
	if !m.Reserve(Need(len(key), len(value)), 1) {
		t.Fatalf("no room for %d + %d bytes: %d of %d used", len(key), len(value), m.Bytes(), m.Capacity())
	}
	m.Add(xxh3.HashString(key), trailer, []byte(key), []byte(value))
}

func put(t tester, m *Table, key string, seq int, value string) {
	t.Helper()
	add(t, m, key, ikey.Make(ikey.Seq(seq), ikey.Put), value)
}

type entry struct {
	key     string
	trailer ikey.Trailer
	value   string
}

func (e entry) String() string { return fmt.Sprintf("%.40q %v %.20q", e.key, e.trailer, e.value) }

// A model is entries in their order.
type model []entry

func (o *model) add(e entry) {
	i := sort.Search(len(*o), func(i int) bool {
		x := (*o)[i]
		return ikey.Compare([]byte(x.key), x.trailer, []byte(e.key), e.trailer) > 0
	})
	*o = slices.Insert(*o, i, e)
}

// get is what Table.Get should return.
func (o model) get(key string, at ikey.Seq) (e entry, ok bool) {
	for _, e := range o[o.ge(key):] {
		if e.key != key {
			break
		}
		if e.trailer.Seq() <= at {
			return e, true
		}
	}
	return entry{}, false
}

// ge is the place of the first entry whose key is not below key.
func (o model) ge(key string) int {
	return sort.Search(len(o), func(i int) bool { return o[i].key >= key })
}

// at compares an iterator with place i of the model.
func (o model) at(t tester, it *Iter, on bool, i int) {
	t.Helper()
	if want := i >= 0 && i < len(o); on != want {
		t.Fatalf("on an entry: %t, want %t (%d of %d)", on, want, i, len(o))
	} else if !on {
		return
	}
	got := entry{string(it.Key()), it.Trailer(), string(it.Value())}
	if got != o[i] {
		t.Fatalf("at %v, want %v (%d of %d)", got, o[i], i, len(o))
	}
}

// check compares all of m with the model, in both directions.
func (o model) check(t tester, m *Table) {
	t.Helper()
	it := m.NewIter()
	defer it.Close()
	i := 0
	for on := it.First(); on; on = it.Next() {
		o.at(t, it, on, i)
		i++
	}
	if i != len(o) {
		t.Fatalf("%d entries forward, want %d", i, len(o))
	}
	for on := it.Last(); on; on = it.Prev() {
		i--
		o.at(t, it, on, i)
	}
	if i != 0 {
		t.Fatalf("%d entries too few backward", i)
	}
	checkLeaves(t, m)
}

// checkLeaves checks what must hold of leaves while nobody links.
func checkLeaves(t tester, m *Table) {
	t.Helper()
	end := uint32(m.used.Load()) * 8
	if end > m.linker.low {
		t.Fatalf("nodes end at %d, leaves begin at %d", end, m.linker.low)
	}
	tall := m.linker.basis.first
	links := map[uint32]int{} // by level-0 walk: how high each leaf is
	for leaf, left := tall, uint32(0); leaf != 0; leaf, left = m.next(leaf, 0).Load(), leaf {
		links[leaf] = int(*(*uint32)(m.at(leaf + leafHeight)))
		if m.prev(leaf).Load() != left {
			t.Fatalf("leaf %d: previous is %d, want %d", leaf, m.prev(leaf).Load(), left)
		}
		n := perm(m.perm(leaf).Load()).count()
		if last := m.next(leaf, 0).Load() == 0; !last && n < leafSlots/2 {
			t.Fatalf("leaf %d has %d keys", leaf, n)
		}
		var v view
		v.load(m, leaf)
		for i := range v.n {
			key := m.key(v.keys[i])
			if v.heads[i] != m.linker.basis.head(key) {
				t.Fatalf("%q has head %x", key, v.heads[i])
			}
			if leaf != tall && bytes.Compare(m.key(m.lowKey(leaf)), key) > 0 {
				t.Fatalf("%q is below its leaf's low", key)
			}
			if v.next != 0 && bytes.Compare(m.key(m.lowKey(v.next)), key) <= 0 {
				t.Fatalf("%q is not below the next leaf's low", key)
			}
		}
	}
	for level := range maxHeight {
		want := 0
		for _, h := range links {
			if h > level {
				want++
			}
		}
		got := 0
		for leaf := tall; leaf != 0; leaf = m.next(leaf, level).Load() {
			got++
		}
		if got != want {
			t.Fatalf("%d leaves are linked at level %d, want %d", got, level, want)
		}
	}
}
