package memtable

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// A feed numbers ops that writers add in any order, and knows up to which all
// have been added.
type feed struct {
	n    int
	next atomic.Int64
	done []atomic.Bool
	upto atomic.Int64
}

// key is the key of an op. Ops of a key come close together at first, so that
// several writers race to be the first; and again much later.
func (f *feed) key(seq int) string {
	if seq%5 == 0 {
		seq /= 8
	}
	return fmt.Sprintf("key%05d", seq/3*7919%f.n)
}

// write adds ops until there are no more.
func (f *feed) write(m *Table) {
	for {
		seq := int(f.next.Add(1))
		if seq > f.n {
			return
		}
		key := []byte(f.key(seq))
		m.Add(xxh3.Hash(key), ikey.Make(ikey.Seq(seq), ikey.Put), key, fmt.Append(nil, seq))
		f.done[seq].Store(true)
		for at := f.upto.Load(); at < int64(f.n) && f.done[at+1].Load(); at = f.upto.Load() {
			f.upto.CompareAndSwap(at, at+1)
		}
	}
}

// scan counts what a reader at at sees, and checks its order.
func (f *feed) scan(t *testing.T, m *Table, at int, forward bool) {
	it := m.NewIter()
	defer it.Close()
	begin, move, want := it.First, it.Next, -1
	if !forward {
		begin, move, want = it.Last, it.Prev, 1
	}
	seen := 0
	var last []byte
	var lastTrailer ikey.Trailer
	for on := begin(); on; on = move() {
		if last != nil && ikey.Compare(last, lastTrailer, it.Key(), it.Trailer()) != want {
			t.Errorf("%q %v comes after %q %v", it.Key(), it.Trailer(), last, lastTrailer)
			return
		}
		last, lastTrailer = it.Key(), it.Trailer()
		seq := int(it.Trailer().Seq())
		if string(it.Key()) != f.key(seq) || string(it.Value()) != fmt.Sprint(seq) {
			t.Errorf("%q %v has value %q", it.Key(), it.Trailer(), it.Value())
			return
		}
		if seq <= at {
			seen++
		}
	}
	if seen != at {
		t.Errorf("a reader at %d sees %d ops", at, seen)
	}
}

func TestReadersSeeWhatWasAddedBefore(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		for _, order := range []Order{Lazy, Eager} {
			t.Run(fmt.Sprintf("order=%d/round=%d", order, round), func(t *testing.T) {
				stress(t, order)
			})
		}
	}
}

func stress(t *testing.T, order Order) {
	const n = 6000
	m := newTable(t, Options{Bytes: 2 << 20, Order: order})
	f := &feed{n: n, done: make([]atomic.Bool, n+1)}
	if !m.Reserve(n*Need(8, 5), n) {
		t.Fatal("does not fit")
	}
	var writers, readers sync.WaitGroup
	for range 4 {
		writers.Go(func() { f.write(m) })
	}
	var over atomic.Bool
	for r := range 3 {
		readers.Go(func() {
			for round := 0; !t.Failed(); round++ {
				last := over.Load()
				at := int(f.upto.Load())
				if r < 2 {
					f.scan(t, m, at, r == 0)
				} else {
					f.lookUp(t, m, at)
				}
				if last {
					break
				}
			}
		})
	}
	writers.Wait()
	over.Store(true)
	readers.Wait()
	if m.Entries() != n {
		t.Errorf("%d entries", m.Entries())
	}
	checkLeaves(t, m)
}

// lookUp gets all keys of ops up to at.
func (f *feed) lookUp(t *testing.T, m *Table, at int) {
	newest := map[string]int{}
	for seq := 1; seq <= at; seq++ {
		newest[f.key(seq)] = seq
	}
	it := m.NewIter()
	defer it.Close()
	for key, want := range newest {
		if !it.SeekGE([]byte(key)) || string(it.Key()) != key {
			t.Errorf("%q at %d is not where it is sought", key, at)
			return
		}
		if it.SeekLT([]byte(key)) && (string(it.Key()) >= key || it.Next() && string(it.Key()) > key) {
			t.Errorf("%q is beyond %q", it.Key(), key)
			return
		}
		trailer, value, ok := m.Get(xxh3.HashString(key), []byte(key), ikey.Seq(at))
		if !ok || int(trailer.Seq()) != want || string(value) != fmt.Sprint(want) {
			t.Errorf("%q at %d: %v %q %t, want %d", key, at, trailer, value, ok, want)
			return
		}
	}
}

func TestASecondNodeOfAKeyBecomesAVersion(t *testing.T) {
	m := newTable(t, Options{Bytes: 1 << 16})
	key := []byte("key")
	hash := xxh3.Hash(key)
	_, slot := m.find(hash, m.home(hash), key)
	var o model
	// All three found the key absent.
	for _, seq := range []int{2, 3, 1} {
		e := entry{"key", ikey.Make(ikey.Seq(seq), ikey.Put), fmt.Sprint("value", seq)}
		o.add(e)
		m.Reserve(Need(len(e.key), len(e.value)), 1)
		m.addKey(hash, slot, e.trailer, key, []byte(e.value))
	}
	o.check(t, m)
	if m.Keys() != 1 || m.Entries() != 3 {
		t.Errorf("%d keys, %d entries", m.Keys(), m.Entries())
	}
	if m.Bytes() > 3*int64(Need(3, 6)) {
		t.Errorf("%d bytes", m.Bytes())
	}
	for i := range m.pending {
		if m.pending[i].head.Load() != 0 {
			t.Error("an orphan stays pending")
		}
	}
}

func TestAnOpDoesNotWaitForTheOneThatBroughtItsKey(t *testing.T) {
	m := newTable(t, Options{Bytes: 1 << 16})
	key := []byte("key")
	hash := xxh3.Hash(key)
	// A writer of 5 has stopped at each point of its Add in turn.
	m.Reserve(Need(3, 1), 1)
	node := m.newKey(ikey.Make(5, ikey.Put), key, []byte("5"))
	m.push(hash, node)
	var o model
	o.check(t, m) // keeps the node for later
	if _, _, ok := m.Get(hash, key, ikey.MaxSeq); ok {
		t.Error("an op is seen that is not in the index")
	}
	_, slot := m.find(hash, m.home(hash), key)
	m.slot(slot).Store(hash&tagMask | uint64(node))
	o.check(t, m)
	if _, _, ok := m.Get(hash, key, 4); ok {
		t.Error("a reader at 4 sees op 5")
	}
	// An older op completes meanwhile, and must be seen by an iterator.
	put(t, m, "key", 4, "4")
	o.add(entry{"key", ikey.Make(5, ikey.Put), "5"})
	o.add(entry{"key", ikey.Make(4, ikey.Put), "4"})
	o.check(t, m)
	m.settle(node)
	o.check(t, m)
}

func TestALeafThatIsBeingSplitShowsNoKeyTwice(t *testing.T) {
	m := newTable(t, Options{Bytes: 1 << 16})
	var o model
	for i := range leafSlots {
		e := entry{fmt.Sprintf("%02d", i), ikey.Make(ikey.Seq(i+1), ikey.Put), ""}
		o.add(e)
		add(t, m, e.key, e.trailer, e.value)
	}
	m.Order()
	l := &m.linker
	left := m.perm(l.basis.first)
	full := left.Load()
	const half = leafSlots / 2
	l.split(m, half, item{l.at.heads[half], l.at.keys[half]})
	cut := left.Load()
	// As it is between linking the new leaf and cutting the old one.
	for _, p := range []uint64{full, cut} {
		left.Store(p)
		it := m.NewIter()
		i := 0
		for on := it.First(); on; on = it.Next() {
			o.at(t, it, on, i)
			i++
		}
		for on := it.Last(); on; on = it.Prev() {
			i--
			o.at(t, it, on, i)
		}
		if i != 0 {
			t.Errorf("%d entries more forward than backward", i)
		}
		for i, e := range o {
			o.at(t, it, it.SeekGE([]byte(e.key)), i)
			o.at(t, it, it.SeekLT([]byte(e.key)), i-1)
		}
	}
	o.check(t, m)
}
