package table

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// drawKeys draws different keys, in order, that have much in common.
func drawKeys(t *rapid.T, most int) [][]byte {
	prefix := rapid.SampledFrom([]string{"", "p", "eight bytes and more"}).Draw(t, "prefix")
	letter := rapid.SampledFrom(rapid.SampledFrom([][]byte{{0, 1}, {0xfe, 0xff}, {0, 0xff}, []byte("0123456789")}).Draw(t, "letters"))
	keys := rapid.SliceOfN(rapid.SliceOfN(letter, 0, 12), 1, most).Draw(t, "keys")
	for i, k := range keys {
		keys[i] = append([]byte(prefix), k...)
	}
	slices.SortFunc(keys, bytes.Compare)
	return slices.CompactFunc(keys, bytes.Equal)
}

func TestASeparatorIsBetweenItsKeysAndShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := drawKeys(t, 2)
		a, b := keys[0], keys[len(keys)-1]
		s := appendSeparator([]byte("x"), a, b)[1:]
		if bytes.Compare(a, s) > 0 || len(keys) == 1 && !bytes.Equal(s, a) || len(keys) > 1 && bytes.Compare(s, b) >= 0 {
			t.Fatalf("between %x and %x: %x", a, b, s)
		}
		for n := range len(s) { // is there a shorter one?
			// The largest key of n bytes that is < b.
			c := append(bytes.Clone(b[:min(n, len(b))]), bytes.Repeat([]byte{0xff}, n-min(n, len(b)))...)
			if bytes.Compare(c, b) >= 0 {
				i := len(c) - 1
				for ; i >= 0 && c[i] == 0; i-- {
					c[i] = 0xff
				}
				if i < 0 {
					continue
				}
				c[i]--
			}
			if bytes.Compare(c, a) >= 0 && bytes.Compare(c, b) < 0 {
				t.Fatalf("between %x and %x: %x, though %x is shorter", a, b, s, c)
			}
		}
	})
}

func TestTheIndexFindsTheFirstBlockThatMayHaveAKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := drawKeys(t, 700)
		repeat := rapid.SampledFrom([]int{1, 1, 3}).Draw(t, "blocks of one key")
		var w Writer
		var all [][]byte
		for _, k := range keys {
			for range repeat {
				w.seps.add(k, nil)
				raw := rapid.SampledFrom([]uint64{95, 95, 300}).Draw(t, "raw")
				w.rows = append(w.rows, indexRow{stored: 100, raw: raw})
				all = append(all, k)
			}
		}
		p := w.appendIndex(nil)
		n, err := planIndex(p)
		if err != nil {
			t.Fatal(err)
		}
		mem := onHeap(n.bytes() + 64)
		for i := range mem {
			mem[i] = 0xa5
		}
		x, err := n.fill(p, mem[:n.bytes()])
		if err != nil {
			t.Fatal(err)
		}
		for i := range mem[n.bytes():] {
			if mem[n.bytes()+i] != 0xa5 {
				t.Fatal("the index is longer than planned")
			}
		}
		for i := range all {
			if b := x.block(i); b != (extent{100 * uint64(i), 100}) || uint64(x.raw(i)) != w.rows[i].raw {
				t.Fatalf("block %d is %v, %d", i, b, x.raw(i))
			}
		}
		more := drawKeys(t, 20)
		for _, k := range append(more, all...) {
			want := slices.IndexFunc(all, func(s []byte) bool { return bytes.Compare(s, k) >= 0 })
			if want < 0 {
				want = len(all)
			}
			if got := x.search(k); got != want {
				t.Fatalf("key %x: block %d, want %d of %x", k, got, want, all)
			}
			if want < len(all) && x.is(want, k) != bytes.Equal(all[want], k) {
				t.Fatalf("key %x is %x: %t", k, all[want], x.is(want, k))
			}
		}
	})
}

func TestAnIndexOfManyBlocksFindsEachOfThem(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 63, 64, 65, 511, 512, 513, 4097} {
		var w Writer
		for i := range n {
			key := []byte{byte(i >> 8), byte(i), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
			w.seps.add(key, nil)
			w.rows = append(w.rows, indexRow{stored: 6, raw: 1})
		}
		p := w.appendIndex(nil)
		plan, err := planIndex(p)
		if err != nil {
			t.Fatal(err)
		}
		x, err := plan.fill(p, onHeap(plan.bytes()))
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if got := x.search([]byte{byte(i >> 8), byte(i)}); got != i {
				t.Fatalf("of %d: key %d is in %d", n, i, got)
			}
		}
		if got := x.search(bytes.Repeat([]byte{0xff}, 10)); got != n {
			t.Fatalf("of %d: the highest key is in %d", n, got)
		}
	}
}

func TestHeadsAreComparedAsNumbers(t *testing.T) {
	g := [group]uint64{0, 1, 1 << 63, 1<<63 + 1, math.MaxUint64 - 1, math.MaxUint64, math.MaxUint64, math.MaxUint64}
	for want, head := range []uint64{0, 1, 2, 1<<63 + 1, 1<<63 + 2, math.MaxUint64} {
		if got := below(&g, head); got != want {
			t.Errorf("%d are below %d, want %d", got, head, want)
		}
	}
	if got := below(&g, ikey.Head(nil)); got != 0 {
		t.Errorf("%d are below 0", got)
	}
}
