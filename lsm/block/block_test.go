package block

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/lsm/ikey"
)

func TestFindAnswersAsTheModelDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		o := rapid.SampledFrom(allOptions()).Draw(t, "options")
		data := encode(o, items)
		seqs := []ikey.Seq{0, ikey.MaxSeq, items[0].trailer.Seq(), items[len(items)/2].trailer.Seq()}
		if seqs[3] > 0 {
			seqs = append(seqs, seqs[3]-1)
		}
		for _, key := range asked(items) {
			for _, seq := range seqs {
				if err := checkFind(data, items, key, seq); err != nil {
					t.Fatalf("%v: %v", o, err)
				}
			}
		}
	})
}

func TestACursorWalksAsOnASortedSlice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		o := rapid.SampledFrom(allOptions()).Draw(t, "options")
		keys := asked(items)
		var c Cursor
		if err := c.Init(encode(o, items)); err != nil {
			t.Fatal(err)
		}
		i, on := 0, false
		for range rapid.IntRange(1, 60).Draw(t, "moves") {
			var ok bool
			move := rapid.SampledFrom([]string{"first", "last", "ge", "lt", "next", "next", "next", "prev", "prev", "prev"}).Draw(t, "move")
			switch move {
			case "first":
				i, ok = 0, c.First()
			case "last":
				i, ok = len(items)-1, c.Last()
			case "ge":
				key := rapid.SampledFrom(keys).Draw(t, "key")
				i = sort.Search(len(items), func(i int) bool { return items[i].key >= key })
				ok = c.SeekGE([]byte(key))
			case "lt":
				key := rapid.SampledFrom(keys).Draw(t, "key")
				i = sort.Search(len(items), func(i int) bool { return items[i].key >= key }) - 1
				ok = c.SeekLT([]byte(key))
			case "next":
				if ok = c.Next(); on {
					i++
				}
			case "prev":
				if ok = c.Prev(); on {
					i--
				}
			}
			if !on && (move == "next" || move == "prev") {
				if ok || c.Valid() {
					t.Fatal("moved from nowhere")
				}
				continue
			}
			if err := at(&c, ok, items, i); err != nil {
				t.Fatalf("%v, %s: %v", o, move, err)
			}
			on = ok
		}
	})
}

func TestABlockHasWhatWasAddedAndTheSizeThatWasSaid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := rapid.SampledFrom(allOptions()).Draw(t, "options")
		b := NewBuilder(o)
		for range rapid.IntRange(1, 3).Draw(t, "blocks") {
			items := drawItems(t)
			add(b, items)
			size, n := b.Size(), b.Len()
			data := b.Finish([]byte("before"))
			if len(data) != 6+size || n != len(items) || string(data[:6]) != "before" {
				t.Fatalf("%v: %d entries of %d, %d bytes, Size said %d", o, n, len(items), len(data)-6, size)
			}
			if !b.Empty() || b.Len() != 0 || b.Size() != 0 || len(b.Finish(nil)) != 0 {
				t.Fatal("Finish left something")
			}
			if fresh := encode(o, items); !bytes.Equal(fresh, data[6:]) {
				t.Fatalf("%v: a builder that was used before writes another block", o)
			}
			got, err := walk(data[6:])
			if err != nil || !slices.Equal(got, items) {
				t.Fatalf("%v: %d entries of %d, %v", o, len(got), len(items), err)
			}
			if n, err := Check(data[6:]); err != nil || n != len(items) {
				t.Fatalf("%v: Check counts %d of %d, %v", o, n, len(items), err)
			}
		}
	})
}

func TestOneCursorWalksBlockAfterBlock(t *testing.T) {
	var c Cursor
	if c.First() || c.Last() || c.Next() || c.Prev() || c.SeekGE([]byte("a")) || c.SeekLT([]byte("a")) || c.Valid() || c.Err() != nil {
		t.Fatal("a cursor without a block is on an entry")
	}
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		if err := c.Init(encode(rapid.SampledFrom(allOptions()).Draw(t, "options"), items)); err != nil {
			t.Fatal(err)
		}
		if c.Next() || c.Prev() || c.Valid() {
			t.Fatal("is on an entry before it moved")
		}
		i := len(items) - 1
		for ok := c.Last(); ; ok = c.Prev() {
			if err := at(&c, ok, items, i); err != nil {
				t.Fatal(err)
			}
			if i--; !ok {
				break
			}
		}
	})
}

func TestManyVersionsOfOneKeyAreToldApart(t *testing.T) {
	for _, o := range allOptions() {
		var items []item
		for seq := ikey.Seq(1000); seq > 0; seq -= 2 {
			items = append(items, item{"key", ikey.Make(seq, ikey.Put), fmt.Sprint(seq)})
		}
		items = append([]item{{"ke", ikey.Make(7, ikey.Delete), ""}}, items...)
		data := encode(o, items)
		for seq := ikey.Seq(0); seq < 1003; seq++ {
			if err := checkFind(data, items, "key", seq); err != nil {
				t.Fatal(o, err)
			}
		}
		items = append(items, item{"key\x00", ikey.Make(5, ikey.Put), "after"})
		data = encode(o, items)
		for _, key := range []string{"k", "ke", "ke\x00", "key", "key\x00", "key\x00\x00", "kez"} {
			for _, seq := range []ikey.Seq{0, 1, 5, 500, ikey.MaxSeq} {
				if err := checkFind(data, items, key, seq); err != nil {
					t.Fatal(o, err)
				}
			}
		}
	}
}

func TestLongKeysWithoutValuesAreToldApart(t *testing.T) {
	var items []item
	for i := range 30 {
		items = append(items, item{fmt.Sprintf("%02d", i) + strings.Repeat("k", 3000), ikey.Make(1, ikey.Delete), ""})
	}
	for _, o := range allOptions() {
		if got, err := walk(encode(o, items)); err != nil || !slices.Equal(got, items) {
			t.Error(o, len(got), err)
		}
	}
}

func TestGiantsFitIntoABlock(t *testing.T) {
	key := strings.Repeat("k", 65534)
	items := []item{
		{key, ikey.Make(1, ikey.Put), strings.Repeat("v", 70000)},
		{key + "a", ikey.Make(1, ikey.Put), ""},
		{key + "b", ikey.Make(1<<50, ikey.Put), strings.Repeat("w", 70000)},
		{"l" + key, ikey.Make(9, ikey.Delete), "x"},
	}
	for _, o := range allOptions() {
		for n := 1; n <= len(items); n++ {
			data := encode(o, items[:n])
			for _, it := range items {
				if err := checkFind(data, items[:n], it.key, ikey.MaxSeq); err != nil {
					t.Error(o, err)
				}
			}
			if got, err := walk(data); err != nil || !slices.Equal(got, items[:n]) {
				t.Error(o, len(got), err)
			}
		}
	}
}

func TestKeysOfEveryLengthComeBack(t *testing.T) {
	for _, n := range []int{0, 30, 47, 50, 60} {
		prefix := strings.Repeat("p", n)
		for from := range 80 {
			items := []item{
				{prefix + "a" + strings.Repeat("a", from), ikey.Make(1, ikey.Put), "1"},
				{prefix + "b" + strings.Repeat("c", from+1), ikey.Make(1, ikey.Put), "2"},
				{prefix + "c" + strings.Repeat("d", from+9), ikey.Make(1, ikey.Put), strings.Repeat("v", 30)},
			}
			for _, o := range allOptions() {
				if got, err := walk(encode(o, items)); err != nil || !slices.Equal(got, items) {
					t.Fatalf("%v: %v, %v, want %v", o, got, err, items)
				}
			}
		}
	}
}

func TestASequenceNumberCostsWhatItsDistanceNeeds(t *testing.T) {
	key := func(i int) string { return fmt.Sprintf("key%04d", i) }
	size := func(step uint64) int {
		items := []item{{key(0), ikey.Make(0, ikey.Put), ""}, {key(1), ikey.Make(ikey.Seq(step), ikey.Put), ""}}
		data := encode(Options{}, items)
		if got, err := walk(data); err != nil || !slices.Equal(got, items) {
			t.Errorf("step %d: %v, %v", step, got, err)
		}
		if err := checkFind(data, items, key(1), ikey.Seq(step)); err != nil {
			t.Error(err)
		}
		return len(data)
	}
	for _, c := range []struct {
		step  uint64
		width int
	}{
		{1, 1}, {255, 1}, {256, 2}, {1<<16 - 1, 2}, {1 << 16, 4}, {1<<32 - 1, 4}, {1 << 32, 8}, {uint64(ikey.MaxSeq), 8},
	} {
		if n := size(c.step) - size(0); n != 2*c.width {
			t.Errorf("two steps of up to %d are %d bytes, want %d", c.step, n, 2*c.width)
		}
	}
}

// ycsb are n entries as YCSB loads them, with values of value bytes.
func ycsb(n, value int) []item { return ycsbFrom(0, n, value) }

// ycsbFrom are others for each from.
func ycsbFrom(from, n, value int) []item {
	items := make([]item, n)
	for i := range items {
		x := uint64(from+i+1) * 0x9e3779b97f4a7c15
		items[i] = item{fmt.Sprintf("user628478%013d", x%1e13), ikey.Make(0, ikey.Put), strings.Repeat("v", value)}
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(a.key, b.key) })
	return items
}

func TestKeysCostLittleBesideTheirValues(t *testing.T) {
	items := ycsb(64, 100)
	raw := 64 * (23 + 100)
	data := encode(Options{}, items)
	if len(data) > raw {
		t.Errorf("%d bytes for %d of keys and values", len(data), raw)
	}
	for i := range items {
		items[i].trailer = ikey.Make(1<<40+ikey.Seq(100*i), ikey.Put)
	}
	if n := len(encode(Options{}, items)) - len(data); n != 2*64 {
		t.Errorf("sequence numbers cost %d bytes", n)
	}
}

func TestReadingAndAddingAllocateNothing(t *testing.T) {
	items := ycsb(32, 100)
	keys := make([][]byte, len(items))
	for i := range items {
		keys[i] = []byte(items[i].key)
	}
	value := []byte(items[0].value)
	for _, o := range allOptions() {
		b := NewBuilder(o)
		var (
			c    Cursor
			data []byte
			rows int
		)
		n := testing.AllocsPerRun(20, func() {
			for _, k := range keys {
				b.Add(k, ikey.Make(1, ikey.Put), value)
			}
			data = b.Finish(data[:0])
			for _, k := range keys {
				if _, v, found, _, err := Find(data, k, ikey.MaxSeq); err != nil || !found || len(v) != 100 {
					t.Fatal(err)
				}
			}
			if err := c.Init(data); err != nil {
				t.Fatal(err)
			}
			for ok := c.First(); ok; ok = c.Next() {
				rows++
			}
			for ok := c.SeekLT(keys[9]) && c.SeekGE(keys[20]); ok; ok = c.Prev() {
				rows++
			}
		})
		if n != 0 || rows != 21*(32+21) {
			t.Errorf("%v: %v allocations, %d rows", o, n, rows)
		}
	}
}
