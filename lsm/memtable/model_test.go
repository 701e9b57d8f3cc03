package memtable

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"
	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// drawKey draws keys of which many have one head, and some are prefixes of
// others.
func drawKey(t *rapid.T) string {
	prefix := rapid.SampledFrom([]string{"", "user", "user0000", "user00000000"}).Draw(t, "prefix")
	switch rapid.IntRange(0, 9).Draw(t, "form") {
	case 0:
		return prefix + strings.Repeat("\x00", rapid.IntRange(1, 9).Draw(t, "zeros"))
	case 1:
		return prefix + strings.Repeat("\xff", rapid.IntRange(1, 9).Draw(t, "ones"))
	}
	return prefix + fmt.Sprint(rapid.IntRange(0, 300).Draw(t, "number"))
}

// walk makes random moves and compares each with the model.
func walk(t *rapid.T, it *Iter, o model) {
	place := -1
	on := false
	for range rapid.IntRange(1, 30).Draw(t, "moves") {
		move := rapid.SampledFrom([]string{
			"first", "last", "ge", "lt", "next", "prev", "next", "prev", "next", "prev",
		}).Draw(t, "move")
		switch move {
		case "first":
			place, on = 0, it.First()
		case "last":
			place, on = len(o)-1, it.Last()
		case "ge":
			key := drawKey(t)
			place, on = o.ge(key), it.SeekGE([]byte(key))
		case "lt":
			key := drawKey(t)
			place, on = o.ge(key)-1, it.SeekLT([]byte(key))
		case "next":
			if on {
				place++
			}
			on = it.Next()
		case "prev":
			if on {
				place--
			}
			on = it.Prev()
		}
		if !on && (place >= 0 && place < len(o)) && (move == "next" || move == "prev") {
			t.Fatalf("%s: on no entry at %d of %d", move, place, len(o))
		}
		o.at(t, it, on, place)
		if !on {
			place = -1
		}
	}
}

func TestATableAnswersLikeASortedMap(t *testing.T) {
	m := newTable(t, Options{Bytes: 1 << 20})
	rapid.Check(t, func(t *rapid.T) {
		m.Reset()
		m.eager.Store(rapid.Bool().Draw(t, "eager"))
		var o model
		seq := 0
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1: // a group of ops, added in any order
				n := rapid.IntRange(1, 60).Draw(t, "ops")
				seqs := rapid.Permutation(numbers(seq+1, n)).Draw(t, "order")
				seq += n
				for _, s := range seqs {
					kind := rapid.SampledFrom([]ikey.Kind{ikey.Put, ikey.Delete, ikey.PutTTL}).Draw(t, "kind")
					e := entry{drawKey(t), ikey.Make(ikey.Seq(s), kind), strings.Repeat("v", s%20)}
					o.add(e)
					add(t, m, e.key, e.trailer, e.value)
				}
			case 2:
				for range 10 {
					key := drawKey(t)
					at := ikey.Seq(rapid.IntRange(0, seq+1).Draw(t, "at"))
					want, wantOK := o.get(key, at)
					trailer, value, ok := m.Get(xxh3.HashString(key), []byte(key), at)
					if ok != wantOK || ok && (trailer != want.trailer || string(value) != want.value) {
						t.Fatalf("get %q at %d: %v %q %t, want %v", key, at, trailer, value, ok, want)
					}
				}
			case 3:
				it := m.NewIter()
				walk(t, it, o)
				it.Close()
			}
		}
		o.check(t, m)
		if m.Entries() != len(o) || m.Empty() != (len(o) == 0) {
			t.Fatalf("%d entries, want %d", m.Entries(), len(o))
		}
	})
}

func numbers(from, n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = from + i
	}
	return s
}

func TestWhatWasReservedFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 400).Draw(t, "ops")
		largest := rapid.SampledFrom([]int{0, 10, 1000}).Draw(t, "largest")
		sizes := rapid.SliceOfN(rapid.IntRange(0, largest), n, n).Draw(t, "values")
		form := rapid.SampledFrom([]string{"%d", "%08d", "user%020d"}).Draw(t, "form")
		distinct := rapid.IntRange(1, n).Draw(t, "distinct")
		needs := 0
		keys := make([]string, n)
		for i, size := range sizes {
			k := i % distinct
			switch rapid.IntRange(0, 2).Draw(t, "order") {
			case 0:
				k = distinct - k
			case 1:
				k = (k * 7919) % distinct
			}
			keys[i] = fmt.Sprintf(form, k)
			needs += Need(len(keys[i]), size)
		}
		m, err := New(Options{Bytes: BytesFor(needs, n), Ops: n})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Free()
		if !m.Reserve(needs, n) {
			t.Fatalf("%d ops of %d bytes do not fit into %d", n, needs, m.Capacity())
		}
		every := rapid.IntRange(1, 50).Draw(t, "every")
		for i, key := range keys {
			m.Add(xxh3.HashString(key), ikey.Make(ikey.Seq(i+1), ikey.Put), []byte(key), make([]byte, sizes[i]))
			if i%every == 0 {
				m.Order()
			}
		}
		m.Order()
		checkLeaves(t, m)
		if m.Bytes() > m.Capacity() || m.Bytes() > int64(needs) {
			t.Fatalf("%d bytes used of %d, needed %d", m.Bytes(), m.Capacity(), needs)
		}
	})
}

func TestLeavesKeepWithinTheirShare(t *testing.T) {
	const n = 6_000
	for name, place := range map[string]func(i int) int{
		"rising":    func(i int) int { return i },
		"falling":   func(i int) int { return n - i },
		"scattered": func(i int) int { return i * 7919 % n },
		"in two":    func(i int) int { return i%2*n + i },
		"from the ends": func(i int) int {
			if i%2 == 0 {
				return i
			}
			return 2*n - i
		},
		// Each leaf that was just split is filled up again at its end.
		"half full": func(i int) int { return i/8*8 + (i%8)*5%8 },
	} {
		for _, batch := range []int{1, 3, 500} {
			m := newTable(t, Options{Bytes: 8 << 20, Ops: n})
			before := m.linker.low
			for i := range n {
				put(t, m, fmt.Sprintf("%07d", place(i)), i+1, "")
				if i%batch == 0 {
					m.Order()
				}
			}
			m.Order()
			checkLeaves(t, m)
			if took := int(before - m.linker.low); name == "rising" && took > m.Keys()*20 {
				t.Errorf("batches of %d: leaves of rising keys take %d bytes", batch, took)
			}
			if took := int(before - m.linker.low); took > m.Keys()*leafShare {
				t.Errorf("%s, batches of %d: leaves take %d bytes, more than %d per key", name, batch, took, leafShare)
			}
		}
	}
}
