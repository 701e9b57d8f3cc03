package memtable

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/lsm/ikey"
)

func TestAPermKeepsWhatIsInUse(t *testing.T) {
	p := emptyPerm
	var want []uint32
	for i, at := range []int{0, 0, 1, 3, 2, 5, 0, 7, 4, 4, 9, 11, 0, 6} {
		slot := p.slot(i)
		want = append(want[:at], append([]uint32{slot}, want[at:]...)...)
		p = p.insert(at)
		used := map[uint32]bool{}
		for j := range leafSlots {
			used[p.slot(j)] = true
			if j <= i && p.slot(j) != want[j] {
				t.Fatalf("%x: slot %d at place %d, want %d", uint64(p), p.slot(j), j, want[j])
			}
		}
		if p.count() != i+1 || len(used) != leafSlots {
			t.Fatalf("%x: count %d, %d slots", uint64(p), p.count(), len(used))
		}
	}
	cut := p.cut(7)
	if cut.count() != 7 || cut.slot(6) != want[6] || cut.slot(13) != want[13] {
		t.Errorf("%x was cut to %x", uint64(p), uint64(cut))
	}
	// A reader must not take a leaf that was cut and filled up again for the
	// one that it saw before.
	for i := 7; i < leafSlots; i++ {
		cut = cut.insert(i)
	}
	if cut == p {
		t.Error("a cut leaves no trace")
	}
}

func TestViewsAreOfOneMoment(t *testing.T) {
	const n = 100_000
	m := newTable(t, Options{Bytes: 16 << 20, Ops: n})
	// Keys that come in falling order are next to each other in the first leaf
	// at every moment, and the next leaf begins right behind them; and so are
	// their nodes.
	nodes := make([]uint32, n)
	for i := range nodes {
		nodes[i] = m.newKey(ikey.Make(1, ikey.Put), fmt.Appendf(nil, "%08d", n-i), nil)
	}
	step := nodes[1] - nodes[0]
	l := &m.linker
	first := l.basis.first
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		var v view
		for !done.Load() {
			v.load(m, first)
			low := nodes[0] - step
			if v.next != 0 {
				low = m.lowKey(v.next)
			}
			for i := range v.n {
				if v.keys[i] != low+step*uint32(v.n-i) || v.heads[i] != ikey.Head(m.key(v.keys[i])) {
					t.Errorf("%d keys at %d, below %d: number %d is at %d", v.n, v.keys[0], low, i, v.keys[i])
					return
				}
			}
		}
	})
	for level := range l.finger {
		l.finger[level] = first
	}
	l.at.load(m, first)
	for _, node := range nodes {
		l.insert(m, item{l.basis.head(m.key(node)), node})
	}
	done.Store(true)
	wg.Wait()
}

func TestKeysOfAnotherPrefixKeepTheOrder(t *testing.T) {
	for _, many := range []int{10, rebaseKeys, 3000} {
		m := newTable(t, Options{Bytes: 16 << 20})
		var o model
		seq := 0
		insert := func(key string) {
			seq++
			e := entry{key, ikey.Make(ikey.Seq(seq), ikey.Put), ""}
			o.add(e)
			add(t, m, e.key, e.trailer, "")
		}
		for i := range many {
			insert("user" + string([]byte{byte(i % 255), byte(i / 255), 255}))
		}
		insert("user\xff\xff\xff\xff\xff\xff\xff\xff")
		insert("user\xff\xff\xff\xff\xff\xff\xff\xff\xff")
		o.check(t, m)
		old := m.NewIter()
		before := o
		if prefix := string(m.linker.basis.prefix); (prefix == "user") != (many >= rebaseKeys) {
			t.Fatalf("%d keys: prefix %q", many, prefix)
		}
		for _, key := range []string{"a", "use", "user", "user\x00", "usez", "usf", "v", "\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\xff", "u"} {
			insert(key)
			o.check(t, m)
		}
		for i := range 2000 {
			insert(fmt.Sprint(i * 7919 % 2000))
			if i%100 == 0 {
				o.check(t, m)
			}
		}
		o.check(t, m)
		// An iterator on an earlier basis sees what it saw, at least.
		i := 0
		for on := old.First(); on; on = old.Next() {
			if i < len(before) && string(old.Key()) == before[i].key {
				i++
			}
		}
		if i != len(before) {
			t.Errorf("an old iterator sees %d of %d", i, len(before))
		}
	}
}

func TestPrevMayLagBehind(t *testing.T) {
	m := newTable(t, Options{Bytes: 1 << 20})
	var o model
	for i := range 300 {
		e := entry{fmt.Sprintf("%04d", i*7%300), ikey.Make(ikey.Seq(i+1), ikey.Put), ""}
		o.add(e)
		add(t, m, e.key, e.trailer, "")
	}
	it := m.NewIter()
	first := it.basis.first
	for leaf := m.next(first, 0).Load(); leaf != 0; leaf = m.next(leaf, 0).Load() {
		m.prev(leaf).Store(first)
	}
	i := len(o)
	for on := it.Last(); on; on = it.Prev() {
		i--
		o.at(t, it, on, i)
	}
	if i != 0 {
		t.Errorf("%d entries are missed", i)
	}
}

func TestWritersOrderOnceSomebodyIterates(t *testing.T) {
	const n = 5000
	for _, order := range []Order{Lazy, Eager} {
		m := newTable(t, Options{Bytes: 4 << 20, Order: order})
		pending := func() (sum int) {
			for i := range m.pending {
				sum += int(m.pending[i].head.Load() >> 32)
			}
			return sum
		}
		for i := range 2 * n {
			if i == n {
				if got := pending(); (got == n) != (order == Lazy) {
					t.Errorf("%v: %d of %d are pending", order, got, n)
				}
				m.NewIter().Close()
				if got := pending(); got != 0 {
					t.Errorf("%v: %d are pending for an iterator", order, got)
				}
			}
			key := fmt.Appendf(nil, "%d", i)
			if !m.Reserve(Need(len(key), 0), 1) {
				t.Fatal("full")
			}
			m.Add(xxh3.Hash(key), ikey.Make(ikey.Seq(i+1), ikey.Put), key, nil)
		}
		if got := pending(); got > 2*batchKeys {
			t.Errorf("%v: %d are pending", order, got)
		}
	}
}

func TestASplitLeafIsFollowedToTheRight(t *testing.T) {
	// To begin at the first leaf is to have missed all splits.
	m := newTable(t, Options{Bytes: 1 << 20})
	for i := range 100 {
		put(t, m, fmt.Sprintf("%04d", i), i+1, "")
	}
	m.Order()
	b := m.linker.basis
	var v view
	for i := range 100 {
		key := fmt.Appendf(nil, "%04d", i)
		v.loadFor(m, b.first, &target{head: b.head(key), key: key})
		if at := v.search(m, &target{head: b.head(key), key: key}); at == v.n || string(m.key(v.keys[at])) != string(key) {
			t.Errorf("%s is not in its leaf", key)
		}
	}
	if v.loadLast(m, b.first); string(m.key(v.keys[v.n-1])) != "0099" {
		t.Errorf("the last is %s", m.key(v.keys[v.n-1]))
	}
}
