package memtable

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

func TestVersionsOfAKeyAreSeenAsOf(t *testing.T) {
	m := newTable(t, Options{Bytes: 1 << 20})
	const n = 50
	seqs := rand.New(rand.NewPCG(1, 2)).Perm(n)
	for _, s := range seqs {
		put(t, m, "k", 2*(s+1), fmt.Sprint(s+1))
	}
	hash := xxh3.HashString("k")
	for at := range 2*n + 2 {
		trailer, value, ok := m.Get(hash, []byte("k"), ikey.Seq(at))
		if want := min(at/2, n); ok != (want > 0) || ok && (trailer.Seq() != ikey.Seq(2*want) || string(value) != fmt.Sprint(want)) {
			t.Errorf("at %d: %v %s %t", at, trailer, value, ok)
		}
	}
}

func TestAHotKeyStaysQuick(t *testing.T) {
	const n = 100_000
	m := newTable(t, Options{Bytes: 8 << 20})
	put(t, m, "a", 1, "")
	for i := range n {
		put(t, m, "k", i+2, "value")
	}
	// The newest is the first of its chain.
	node, _ := m.find(xxh3.HashString("k"), m.home(xxh3.HashString("k")), []byte("k"))
	if v := m.newest(node).Load(); m.trailer(v).Seq() != n+1 {
		t.Errorf("the first version is %v", m.trailer(v))
	}
	if m.Keys() != 2 || m.Entries() != n+1 {
		t.Errorf("%d keys, %d entries", m.Keys(), m.Entries())
	}
	it := m.NewIter()
	// A walk backward that went through the chain at each step, or one to and
	// fro, would take hours.
	it.Last()
	for i := range n {
		if it.Trailer().Seq() != ikey.Seq(i+2) {
			t.Fatalf("%v at step %d", it.Trailer(), i)
		}
		it.Prev()
		it.Next()
		it.Prev()
	}
	if string(it.Key()) != "a" {
		t.Errorf("before all versions: %q", it.Key())
	}
}

func TestUpdatesGiveBackWhatTheyDoNotNeed(t *testing.T) {
	m := newTable(t, Options{Bytes: 1 << 20, Ops: 10})
	key := strings.Repeat("k", 1000)
	n := 0
	for m.Reserve(Need(len(key), 8), 1) {
		n++
		m.Add(7, ikey.Make(ikey.Seq(n), ikey.Put), []byte(key), make([]byte, 8))
	}
	if used := m.Bytes(); used < m.Capacity()-int64(Need(len(key), 8)) {
		t.Errorf("full at %d of %d bytes, with %d ops", used, m.Capacity(), n)
	}
}

func TestKeysOfOneHashAreApart(t *testing.T) {
	for _, hash := range []uint64{0, 1<<64 - 1, 1<<32 - 1} {
		m := newTable(t, Options{Bytes: 64 << 10, Ops: 40})
		var o model
		for i := range 40 {
			e := entry{fmt.Sprint("key", i), ikey.Make(ikey.Seq(i+1), ikey.Put), fmt.Sprint(i)}
			o.add(e)
			if !m.Reserve(Need(len(e.key), len(e.value)), 1) {
				t.Fatal("does not fit")
			}
			m.Add(hash, e.trailer, []byte(e.key), []byte(e.value))
		}
		for _, e := range o {
			if _, value, ok := m.Get(hash, []byte(e.key), ikey.MaxSeq); !ok || string(value) != e.value {
				t.Errorf("%v: %q %t", e, value, ok)
			}
		}
		if _, _, ok := m.Get(hash, []byte("absent"), ikey.MaxSeq); ok {
			t.Error("an absent key is found")
		}
		o.check(t, m)
	}
}

func TestTheIndexIsNeverFull(t *testing.T) {
	m := newTable(t, Options{Bytes: 1 << 20, Ops: 1000})
	n := 0
	for m.Reserve(Need(4, 0), 1) {
		n++
		put := fmt.Appendf(nil, "%04d", n)
		m.Add(xxh3.Hash(put), ikey.Make(ikey.Seq(n), ikey.Put), put, nil)
	}
	if n < 1000 || n > int(m.slots)*9/10 {
		t.Errorf("%d keys in an index for 1000, of %d slots", n, m.slots)
	}
	// Ops that find their key take no slot.
	for range 3 {
		if m.Reserve(Need(4, 0), 1) {
			t.Error("a full index takes another key")
		}
	}
	m.Reset()
	for i := range 2 * n {
		put(t, m, "k", i+1, "")
	}
}

func TestLongKeysAndValuesComeBack(t *testing.T) {
	large := 64 << 20
	if testing.Short() || offheap.OnHeap {
		large = 4 << 20
	}
	long := strings.Repeat("k", 65535)
	var o model
	for i, e := range []entry{
		{key: long, value: "v"},
		{key: long[1:], value: strings.Repeat("x", large)},
		{key: "k", value: ""},
		{key: "l", value: strings.Repeat("y", 65536)},
		{key: long, value: strings.Repeat("z", 100)},
	} {
		e.trailer = ikey.Make(ikey.Seq(i+1), ikey.Put)
		o.add(e)
	}
	needs := 0
	for _, e := range o {
		needs += Need(len(e.key), len(e.value))
	}
	m := newTable(t, Options{Bytes: BytesFor(needs, len(o)), Ops: len(o)})
	for _, e := range o {
		add(t, m, e.key, e.trailer, e.value)
	}
	o.check(t, m)
}

func TestAnEmptyTableHasNothing(t *testing.T) {
	m := newTable(t, Options{Bytes: 1 << 16})
	if !m.Empty() || m.Entries() != 0 || m.Keys() != 0 || m.Tombstones() != 0 || m.Bytes() != 0 || m.Ranges() != nil {
		t.Errorf("%d entries, %d keys, %d tombstones, %d bytes, ranges %v", m.Entries(), m.Keys(), m.Tombstones(), m.Bytes(), m.Ranges())
	}
	if _, _, ok := m.Get(1, []byte("k"), ikey.MaxSeq); ok {
		t.Error("a key is found")
	}
	it := m.NewIter()
	if it.Next() || it.Prev() || it.First() || it.Last() || it.SeekGE(nil) || it.SeekLT([]byte("x")) || it.Next() || it.Prev() {
		t.Error("an iterator is on an entry")
	}
	if err := errors.Join(it.Err(), it.Close(), it.Close()); err != nil {
		t.Error(err)
	}
}

func TestDeletesAndRangesAreCounted(t *testing.T) {
	m := newTable(t, Options{Bytes: 1 << 16})
	m.AddRange(tombstone.Range{Lower: []byte("a"), Upper: []byte("c"), Seq: 5})
	if m.Empty() || m.Ranges().Covering([]byte("b"), 9) != 5 {
		t.Error("the range delete is not there")
	}
	put(t, m, "k", 6, "v")
	add(t, m, "k", ikey.Make(7, ikey.Delete), "")
	add(t, m, "l", ikey.Make(8, ikey.Delete), "")
	if m.Tombstones() != 2 || m.Entries() != 3 || m.Keys() != 2 {
		t.Errorf("%d tombstones of %d entries of %d keys", m.Tombstones(), m.Entries(), m.Keys())
	}
	if trailer, value, ok := m.Get(xxh3.HashString("k"), []byte("k"), ikey.MaxSeq); !ok || trailer != ikey.Make(7, ikey.Delete) || len(value) != 0 {
		t.Errorf("a deleted key: %v %q %t", trailer, value, ok)
	}
	m.Reset()
	if !m.Empty() || m.Ranges() != nil || m.Tombstones() != 0 {
		t.Error("a reset table is not empty")
	}
}

func TestAResetTableIsAsNew(t *testing.T) {
	for _, order := range []Order{Lazy, Eager} {
		m := newTable(t, Options{Bytes: 256 << 10, Order: order})
		counts := map[int]bool{}
		for round := range 3 {
			var o model
			n := 0
			for ; ; n++ {
				e := entry{fmt.Sprintf("%d-%d", n*7919%5000, round), ikey.Make(ikey.Seq(n+1), ikey.Put), "value"}
				if !m.Reserve(Need(len(e.key), len(e.value)), 1) {
					break
				}
				o.add(e)
				m.Add(xxh3.HashString(e.key), e.trailer, []byte(e.key), []byte(e.value))
			}
			counts[n] = true
			o.check(t, m)
			m.Reset()
			o = nil
			o.check(t, m)
			if _, _, ok := m.Get(xxh3.HashString("0-0"), []byte("0-0"), ikey.MaxSeq); ok {
				t.Error("a key is there after a reset")
			}
		}
		if len(counts) != 1 {
			t.Errorf("it took %v ops", counts)
		}
	}
}

func TestATableIsChargedAsAWhole(t *testing.T) {
	b := offheap.NewBudget(1 << 20)
	m, err := New(Options{Bytes: 1 << 20, Offheap: offheap.Options{Budget: b}})
	if err != nil {
		t.Fatal(err)
	}
	if b.Used() != 1<<20 {
		t.Errorf("%d bytes are charged", b.Used())
	}
	if _, err := New(Options{Bytes: 1 << 20, Offheap: offheap.Options{Budget: b}}); !errors.Is(err, offheap.ErrBudget) {
		t.Errorf("over budget: %v", err)
	}
	if err := m.Free(); err != nil || b.Used() != 0 {
		t.Errorf("freed: %v, %d bytes stay charged", err, b.Used())
	}
	if err := m.Free(); !errors.Is(err, offheap.ErrFreed) {
		t.Errorf("freed twice: %v", err)
	}
}

func TestImpossibleSizesAreErrors(t *testing.T) {
	for _, o := range []Options{{}, {Bytes: -1}, {Bytes: 2047}, {Bytes: 1 << 32}, {Bytes: 1 << 20, Ops: -1}, {Bytes: 1 << 20, Ops: 1 << 20}, {Bytes: 1 << 20, Ops: 1 << 62}} {
		if _, err := New(o); !errors.Is(err, offheap.ErrSize) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestBytesForIsTheLeast(t *testing.T) {
	for _, needs := range []int{0, 1000, 1_000_000, 50_000_000} {
		for _, ops := range []int{1, 10, 7777} {
			n := BytesFor(needs, ops)
			m := newTable(t, Options{Bytes: n, Ops: ops})
			if got := int(m.Capacity()); got < needs || got > needs+1 || !m.Reserve(needs, ops) {
				t.Errorf("%d bytes for %d ops: capacity %d of %d", needs, ops, got, n)
			}
		}
	}
}
