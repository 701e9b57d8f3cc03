package block

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// An item is an entry of a model.
type item struct {
	key     string
	trailer ikey.Trailer
	value   string
}

func (a item) compare(b item) int {
	return ikey.Compare([]byte(a.key), a.trailer, []byte(b.key), b.trailer)
}

func encode(o Options, items []item) []byte {
	b := NewBuilder(o)
	add(b, items)
	return b.Finish(nil)
}

func add(b *Builder, items []item) {
	for _, it := range items {
		b.Add([]byte(it.key), it.trailer, []byte(it.value))
	}
}

// allOptions are options of each layout.
func allOptions() []Options {
	return []Options{{}, {Layout: Restarts}, {Layout: Restarts, RestartInterval: 1}, {Layout: Restarts, RestartInterval: 3}}
}

// drawItems draws entries in order, of which many have common keys, heads and
// prefixes.
func drawItems(t *rapid.T) []item {
	prefix := rapid.SampledFrom([]string{"", "p", "user62847818"}).Draw(t, "prefix")
	tail := rapid.StringOfN(rapid.RuneFrom([]rune{0, 'a', 'b'}), 0, 7, -1)
	if rapid.Bool().Draw(t, "fixed") {
		tail = rapid.StringOfN(rapid.RuneFrom([]rune{'a', 'b'}), 5, 5, -1)
	}
	base := rapid.SampledFrom([]uint64{0, 1, 1 << 40, uint64(ikey.MaxSeq) - 70000}).Draw(t, "base")
	span := rapid.SampledFrom([]uint64{0, 6, 300, 70000}).Draw(t, "span")
	kinds := rapid.SampledFrom([][]ikey.Kind{
		{ikey.Put},
		{ikey.Delete, ikey.Put},
		{ikey.Delete, ikey.Put, ikey.PutTTL, ikey.PutBlob, ikey.PutBlobTTL},
	}).Draw(t, "kinds")
	bytes := rapid.SampledFrom([]int{0, 10, 30000}).Draw(t, "value bytes")
	var items []item
	for range rapid.IntRange(1, 40).Draw(t, "entries") {
		key := prefix + tail.Draw(t, "tail")
		if key == "" {
			key = "\x00"
		}
		seq := ikey.Seq(base + rapid.Uint64Range(0, span).Draw(t, "seq"))
		n := rapid.IntRange(0, bytes).Draw(t, "n")
		items = append(items, item{
			key, ikey.Make(seq, rapid.SampledFrom(kinds).Draw(t, "kind")),
			fmt.Sprintf("%0*d", n, len(items)),
		})
	}
	slices.SortStableFunc(items, item.compare)
	return slices.CompactFunc(items, func(a, b item) bool {
		return a.key == b.key && a.trailer.Seq() == b.trailer.Seq()
	})
}

// asked are keys worth asking for.
func asked(items []item) []string {
	keys := []string{"\x00", "\xff", "p", "user62847818", "user62847818\x00", "v"}
	for _, it := range items {
		k := it.key
		keys = append(keys, k, k+"\x00", k+"b", k[:len(k)-1]+"\x00", k[:len(k)-1]+"c")
		if len(k) > 1 {
			keys = append(keys, k[:len(k)-1], k[:len(k)/2+1])
		}
	}
	return keys
}

// checkFind compares Find with a search of the model.
func checkFind(data []byte, items []item, key string, seq ikey.Seq) error {
	want := slices.IndexFunc(items, func(it item) bool { return it.key == key && it.trailer.Seq() <= seq })
	t, value, found, more, err := Find(data, []byte(key), seq)
	if err != nil {
		return err
	}
	if found != (want >= 0) {
		return fmt.Errorf("%q at %d: found is %t", key, seq, found)
	}
	if found && (t != items[want].trailer || string(value) != items[want].value) {
		return fmt.Errorf("%q at %d: %v %.20q, want %v %.20q", key, seq, t, value, items[want].trailer, items[want].value)
	}
	last := items[len(items)-1]
	if wantMore := !found && (key > last.key || key == last.key); more != wantMore {
		return fmt.Errorf("%q at %d: more is %t", key, seq, more)
	}
	return nil
}

// at compares what a cursor is on with item i, or with nothing beyond the ends.
func at(c *Cursor, ok bool, items []item, i int) error {
	in := i >= 0 && i < len(items)
	if ok != in || c.Valid() != in || c.Err() != nil {
		return fmt.Errorf("at %d of %d: %t, valid is %t, %w", i, len(items), ok, c.Valid(), c.Err())
	}
	if !in {
		return nil
	}
	want := items[i]
	if string(c.Key()) != want.key || c.Trailer() != want.trailer || string(c.Value()) != want.value {
		return fmt.Errorf("at %d: %q %v, want %q %v", i, c.Key(), c.Trailer(), want.key, want.trailer)
	}
	if c.Head() != ikey.Head([]byte(want.key)) {
		return fmt.Errorf("at %d: head %x", i, c.Head())
	}
	return nil
}

// walk returns all entries, by way of Next.
func walk(data []byte) (items []item, err error) {
	var c Cursor
	if err := c.Init(data); err != nil {
		return nil, err
	}
	for ok := c.First(); ok; ok = c.Next() {
		items = append(items, item{string(c.Key()), c.Trailer(), string(c.Value())})
	}
	return items, c.Err()
}

// poke asks a block all that may be asked. It fails where an error is no
// DamageError, where what is given is not of the block, and where a block that
// Check finds right has other answers than it should.
func poke(data []byte, keys [][]byte) (err error) {
	note := func(what string, e error) {
		var d *DamageError
		if e != nil && !errors.As(e, &d) {
			err = errors.Join(err, fmt.Errorf("%s: %w is no damage", what, e))
		}
	}
	within := func(v []byte) {
		if len(v) > 0 && (len(v) > len(data) || cap(v) > len(v) || !bytes.Contains(data, v)) {
			err = errors.Join(err, errors.New("a value is not of the block"))
		}
	}
	for _, key := range keys {
		for _, seq := range []ikey.Seq{0, 8, ikey.MaxSeq} {
			t, v, found, more, e := Find(data, key, seq)
			note("find", e)
			if found && (more || e != nil || t.Seq() > seq || !t.Kind().Valid()) {
				err = errors.Join(err, fmt.Errorf("found %v, more is %t, %w", t, more, e))
			}
			within(v)
		}
	}
	var c Cursor
	note("init", c.Init(data))
	moves := []func() bool{c.First, c.Next, c.Next, c.Prev, c.Next, c.Next, c.Last, c.Prev, c.Prev, c.Next}
	for _, key := range keys {
		moves = append(moves, func() bool { return c.SeekGE(key) }, c.Next, c.Prev, c.Prev)
		moves = append(moves, func() bool { return c.SeekLT(key) }, c.Prev, c.Next, c.Next)
	}
	for _, move := range moves {
		if c.Err() != nil {
			note("cursor", c.Err())
			_ = c.Init(data)
		}
		if move() {
			within(c.Value())
			if !c.Trailer().Kind().Valid() {
				err = errors.Join(err, fmt.Errorf("kind %v", c.Trailer()))
			}
		}
	}
	items, e := walk(data)
	note("walk", e)
	n, e := Check(data)
	note("check", e)
	if e != nil {
		return err
	}
	if n != len(items) {
		return errors.Join(err, fmt.Errorf("%d entries, Check counts %d", len(items), n))
	}
	return errors.Join(err, right(data, items, keys))
}

// right compares the answers of a block that has these items.
func right(data []byte, items []item, keys [][]byte) error {
	keys = slices.Clone(keys)
	for _, it := range items[:min(len(items), 50)] {
		keys = append(keys, []byte(it.key))
		if err := checkFind(data, items, it.key, it.trailer.Seq()); err != nil {
			return err
		}
	}
	var c Cursor
	if err := c.Init(data); err != nil {
		return err
	}
	for _, key := range keys {
		if len(key) == 0 {
			continue
		}
		if err := checkFind(data, items, string(key), ikey.MaxSeq); err != nil {
			return err
		}
		i, _ := slices.BinarySearchFunc(items, string(key), func(it item, key string) int { return strings.Compare(it.key, key) })
		if err := at(&c, c.SeekGE(key), items, i); err != nil {
			return err
		}
		if err := at(&c, c.SeekLT(key), items, i-1); err != nil {
			return err
		}
	}
	return nil
}
