package table

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/zeebo/xxh3"
	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/block"
	"github.com/kvbench/kvbench/lsm/compress"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/ikey"
	"github.com/kvbench/kvbench/lsm/tombstone"
)

const dir = "/tables"

// reporter is what testing and rapid have in common.
type reporter interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

func newDir(t reporter) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := m.MkdirAll(dir); err != nil {
		t.Fatal(err)
	}
	return m
}

// entry is what a table has of an op.
type entry struct {
	key   []byte
	t     ikey.Trailer
	value []byte
}

func (e entry) String() string { return fmt.Sprintf("%.40x %v %d bytes", e.key, e.t, len(e.value)) }

func order(a, b entry) int { return ikey.Compare(a.key, a.t, b.key, b.t) }

func same(a, b entry) bool {
	return bytes.Equal(a.key, b.key) && a.t == b.t && bytes.Equal(a.value, b.value)
}

// path is where a table is.
func path(in string, id uint64) string { return filepath.Join(in, fmt.Sprintf("%06d.tab", id)) }

// write makes a table.
func write(t reporter, fsys vfs.FS, in string, o Options, all []entry, ranges *tombstone.Set) Properties {
	t.Helper()
	file, err := fsys.Create(path(in, o.ID))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w := NewWriter(file, o)
	for _, e := range all {
		if err := w.Add(e.key, e.t, e.value); err != nil {
			t.Fatal(err)
		}
	}
	w.AddRanges(ranges)
	p, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// open opens a table.
func open(t reporter, fsys vfs.FS, in string, id uint64, o ReaderOptions) *Reader {
	t.Helper()
	r, err := Open(fsys, path(in, id), id, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func shut(t reporter, r *Reader) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Errorf("%v", err)
	}
}

// rig is a cache and memory that readers share, and sees that all of it is
// given back.
type rig struct {
	cache     *cache.Cache
	domain    *epoch.Domain
	allocator *offheap.Allocator
	codec     *compress.Codec
	scratch   Scratch
}

// newRig returns one whose cache has so many bytes; fewer than 0 is none.
func newRig(t reporter, cacheBytes int64) *rig {
	t.Helper()
	g := &rig{domain: epoch.NewDomain(), allocator: offheap.NewAllocator(offheap.Options{Budget: offheap.NewBudget(0)})}
	var err error
	if g.codec, err = compress.New(compress.Options{}); err != nil {
		t.Fatal(err)
	}
	if cacheBytes >= 0 {
		if g.cache, err = cache.New(cache.Options{Bytes: cacheBytes, Domain: g.domain}); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func (g *rig) options(io IO) ReaderOptions {
	return ReaderOptions{Cache: g.cache, IO: io, Allocator: g.allocator, Codec: g.codec, Scratch: &g.scratch}
}

func (g *rig) close(t reporter) {
	t.Helper()
	var err error
	if g.cache != nil {
		err = g.cache.Close()
	}
	g.domain.Close()
	if err := errors.Join(err, g.allocator.Close()); err != nil {
		t.Errorf("%v", err)
	}
}

// get looks a key up as the tree does it.
func (g *rig) get(r *Reader, key []byte, at ikey.Seq) (e entry, found bool, err error) {
	if !r.MayContain(xxh3.Hash(key)) {
		return e, false, nil
	}
	n, ok := r.BlockFor(key)
	for ok {
		var more bool
		guard := g.domain.Pin()
		data, hit := r.Cached(n)
		var held Held
		if !hit {
			guard.Unpin()
			if held, err = r.Load(n, cache.Normal); err != nil {
				return e, false, err
			}
			data = held.Bytes()
		}
		e.t, e.value, found, more, err = r.Find(data, key, at)
		e.key, e.value = bytes.Clone(key), bytes.Clone(e.value)
		if hit {
			guard.Unpin()
		} else {
			held.Release()
		}
		if found || err != nil {
			return e, found, err
		}
		ok = more && r.BlockMayContinue(n, key)
		n++
	}
	return e, false, nil
}

// find is the oracle of get.
func find(all []entry, key []byte, at ikey.Seq) (entry, bool) {
	for _, e := range all {
		if bytes.Equal(e.key, key) && e.t.Seq() <= at {
			return e, true
		}
	}
	return entry{}, false
}

// walker is an iterator beside an oracle of it.
type walker struct {
	it  ikey.Iterator
	all []entry
	at  int // len(all) or -1: off
	on  bool
}

// move makes one move on both and compares.
func (w *walker) move(t reporter, what string, key []byte) {
	t.Helper()
	got := false
	switch what {
	case "first":
		got, w.at = w.it.First(), 0
	case "last":
		got, w.at = w.it.Last(), len(w.all)-1
	case "ge":
		got = w.it.SeekGE(key)
		w.at = w.lowerBound(key)
	case "lt":
		got = w.it.SeekLT(key)
		w.at = w.lowerBound(key) - 1
	case "next":
		if got = w.it.Next(); w.on {
			w.at++
		}
	case "prev":
		if got = w.it.Prev(); w.on {
			w.at--
		}
	}
	w.on = (w.on || what != "next" && what != "prev") && w.at >= 0 && w.at < len(w.all)
	if err := w.it.Err(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if got != w.on {
		t.Fatalf("%s %x: is on an entry: %t, want %t", what, key, got, w.on)
	}
	if got {
		e := entry{w.it.Key(), w.it.Trailer(), w.it.Value()}
		if !same(e, w.all[w.at]) {
			t.Fatalf("%s %x: on %v, want %v", what, key, e, w.all[w.at])
		}
	}
}

func (w *walker) lowerBound(key []byte) int {
	i, _ := slices.BinarySearchFunc(w.all, key, func(e entry, key []byte) int { return cmp.Or(bytes.Compare(e.key, key), 1) })
	return i
}

var moves = []string{"first", "last", "ge", "ge", "lt", "lt", "next", "next", "next", "next", "prev", "prev", "prev", "prev"}

// wander makes random moves.
func (w *walker) wander(t *rapid.T, keys [][]byte) {
	t.Helper()
	for range rapid.IntRange(0, 40).Draw(t, "moves") {
		what := rapid.SampledFrom(moves).Draw(t, "move")
		times := 1
		if what == "next" || what == "prev" {
			times = rapid.SampledFrom([]int{1, 1, 2, 100}).Draw(t, "times")
		}
		key := rapid.SampledFrom(keys).Draw(t, "key")
		for range times {
			w.move(t, what, key)
		}
	}
}

// both walks all, there and back.
func (w *walker) both(t reporter) {
	t.Helper()
	w.move(t, "first", nil)
	for w.on {
		w.move(t, "next", nil)
	}
	w.move(t, "next", nil)
	w.move(t, "last", nil)
	for w.on {
		w.move(t, "prev", nil)
	}
	w.move(t, "prev", nil)
}

// drawEntries draws entries in order; some keys have many versions.
func drawEntries(t *rapid.T, most int) []entry {
	alphabet := rapid.SampledFrom([]string{"ab", "\x00\xff", "0123456789"}).Draw(t, "alphabet")
	letter := rapid.SampledFrom([]byte(alphabet))
	prefix := rapid.SampledFrom([]string{"", "user", "a long prefix of all keys "}).Draw(t, "prefix")
	versions := rapid.SampledFrom([]int{1, 1, 3, 30}).Draw(t, "versions")
	valueBytes := rapid.SampledFrom([]int{0, 10, 100, 2000}).Draw(t, "value bytes")
	n := rapid.IntRange(0, most).Draw(t, "entries")
	var all []entry
	seq := ikey.Seq(rapid.SampledFrom([]uint64{1, 1 << 20, 1 << 50}).Draw(t, "seq"))
	for len(all) < n {
		tail := rapid.SliceOfN(letter, 0, 12).Draw(t, "key")
		key := append([]byte(prefix), tail...)
		if len(key) == 0 {
			key = []byte{0}
		}
		for range rapid.IntRange(1, versions).Draw(t, "of it") {
			kind := rapid.SampledFrom([]ikey.Kind{ikey.Put, ikey.Put, ikey.Put, ikey.Delete, ikey.PutTTL}).Draw(t, "kind")
			var value []byte
			switch kind {
			case ikey.Put:
				value = bytes.Repeat(tail, 1+valueBytes/(len(tail)+1))
			case ikey.PutTTL:
				value = append(ikey.AppendExpiry(nil, int64(seq)), tail...)
			}
			all = append(all, entry{key, ikey.Make(seq, kind), value})
			seq++
		}
	}
	slices.SortFunc(all, order)
	return all
}

func drawOptions(t *rapid.T, g *rig) Options {
	o := Options{
		ID: rapid.Uint64Range(1, 1<<40).Draw(t, "id"),
		Block: block.Options{
			Layout:          rapid.SampledFrom([]block.Layout{block.Heads, block.Restarts}).Draw(t, "layout"),
			RestartInterval: rapid.IntRange(0, 20).Draw(t, "restarts"),
		},
		BlockBytes:  rapid.SampledFrom([]int{0, 128, 128, 512, 4096, 64 << 10}).Draw(t, "block bytes"),
		Compression: rapid.SampledFrom(compress.Kinds()).Draw(t, "compression"),
		Codec:       g.codec,
		Filter: filter.Policy{
			Kind:       rapid.SampledFrom(filter.Kinds()).Draw(t, "filter"),
			BitsPerKey: rapid.SampledFrom([]float64{0, 2.5, 10}).Draw(t, "bits"),
		},
		WriteBytes: rapid.SampledFrom([]int{0, 1, 1000}).Draw(t, "write bytes"),
		WriteBack:  rapid.Bool().Draw(t, "write back"),
	}
	if rapid.Bool().Draw(t, "fill the cache") {
		o.Cache = g.cache
	}
	return o
}

func drawIO(t *rapid.T) IO { return rapid.SampledFrom([]IO{Pread, Mmap, Direct}).Draw(t, "io") }

// keysOf returns the keys of entries, and others beside them.
func keysOf(all []entry) [][]byte {
	keys := [][]byte{{0}, {0xff, 0xff}, []byte("m")}
	for _, e := range all {
		keys = append(keys, e.key, append(bytes.Clone(e.key), 0), e.key[:max(1, len(e.key)-1)])
	}
	return keys
}

// describe is all of p that can be compared; bytes of nil are none.
func describe(p Properties) string { return fmt.Sprintf("%+v", p) }
