package lsm

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

const benchValue = 100 // bytes

// benchKeys is how many keys trees of benchmarks have.
func benchKeys() int {
	if testing.Short() {
		return 1e5
	}
	return 1e6
}

func benchName(keys int) string { return fmt.Sprintf("engine=lsm/keys=%s/value=100", exponent(keys)) }

// exponent writes a power of ten as 1e6.
func exponent(n int) string {
	digits := 0
	for ; n >= 10; n /= 10 {
		digits++
	}
	return fmt.Sprintf("1e%d", digits)
}

// benchKey is the i-th key: keys come in no order.
func benchKey(p []byte, i int) []byte {
	return binary.BigEndian.AppendUint64(p[:0], uint64(i)*0x9E3779B97F4A7C15)
}

func benchOpen(b *testing.B, dir string, given map[string]string) *tree {
	b.Helper()
	all := map[string]string{"durability": "buffered", "cache_bytes": "1g"}
	maps.Copy(all, given)
	e, err := open(dir, all, engine.Env{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	})
	return e.(*tree)
}

// benchPut puts keys from lo to hi.
func benchPut(b *testing.B, t *tree, lo, hi int) {
	b.Helper()
	key, value := make([]byte, 8), make([]byte, benchValue)
	for i := lo; i < hi; i++ {
		if err := t.Put(benchKey(key, i), value, engine.Buffered); err != nil {
			b.Fatal(err)
		}
	}
}

// benchLoad loads keys, in order, to one run.
func benchLoad(b *testing.B, t *tree, keys int) {
	b.Helper()
	sorted := make([]uint64, keys)
	for i := range sorted {
		sorted[i] = uint64(i) * 0x9E3779B97F4A7C15
	}
	slices.Sort(sorted)
	l, err := t.NewBulkLoad()
	if err != nil {
		b.Fatal(err)
	}
	key, value := make([]byte, 8), make([]byte, benchValue)
	for _, k := range sorted {
		binary.BigEndian.PutUint64(key, k)
		if err := l.Add(key, value); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Finish(); err != nil {
		b.Fatal(err)
	}
}

// benchWarm reads all keys, so that what fits in the cache is there.
func benchWarm(b *testing.B, t *tree, keys int) {
	b.Helper()
	key, dst := make([]byte, 8), make([]byte, 0, 2*benchValue)
	for i := range keys {
		if _, err := t.Get(dst, benchKey(key, i)); err != nil {
			b.Fatalf("key %d: %v", i, err)
		}
	}
}

// benchPlaces are where keys lie: in a memtable; in one run of tables, of which
// all blocks are in the cache, none is, or all are mapped; or, as puts in no
// order leave them, in levels.
var benchPlaces = []struct {
	name  string
	given map[string]string
}{
	{"memtable", map[string]string{"memtable_bytes": "1g", "memory_bytes": "2g"}},
	{"cache", nil},
	{"file", map[string]string{"cache_bytes": "64k"}},
	{"mmap", map[string]string{"io": ioMmap}},
	{"levels", map[string]string{"base_bytes": "8m", "memtable_bytes": "4m", "table_bytes": "2m"}},
}

// benchOps are what readers do. Those with a step that is not one call say so.
var benchOps = []struct {
	name string
	f    func(b *testing.B, t *tree, keys int)
}{
	{"get", benchGet},
	{"miss", benchMiss},         // of keys between those that are there
	{"multiget", benchMultiGet}, // 100 keys per call; a step is one key
	{"seek", benchSeek},         // to a key that is there
	{"short", benchShort},       // makes an iterator, seeks, reads 10 rows, closes it
	{"scan", benchScan},         // upwards; a step is one row
	{"reverse", benchReverse},   // downwards
}

func benchRead(b *testing.B, t *tree, keys int, ops ...string) {
	for _, op := range benchOps {
		if len(ops) == 0 || slices.Contains(ops, op.name) {
			b.Run("op="+op.name, func(b *testing.B) {
				b.ReportAllocs()
				op.f(b, t, keys)
			})
		}
	}
}

// BenchmarkRead reads from each place. Files are in the page cache.
func BenchmarkRead(b *testing.B) {
	keys := benchKeys()
	for _, p := range benchPlaces {
		b.Run(benchName(keys)+"/from="+p.name, func(b *testing.B) {
			t := benchOpen(b, b.TempDir(), p.given)
			switch p.name {
			case "memtable":
				benchPut(b, t, 0, keys)
			case "levels":
				benchPut(b, t, 0, keys)
				if err := t.Settle(b.Context()); err != nil {
					b.Fatal(err)
				}
			default:
				benchLoad(b, t, keys)
			}
			benchWarm(b, t, keys)
			benchRead(b, t, keys)
		})
	}
}

// BenchmarkLayout reads from cached blocks of each layout.
func BenchmarkLayout(b *testing.B) {
	benchKnob(b, "block_layout", []string{layoutHeads, layoutRestarts}, "get", "miss", "seek", "scan", "reverse")
}

// BenchmarkFilter looks for keys that are absent, with each kind of filter.
// Blocks are in the cache, so that a read in vain costs no more than a search.
func BenchmarkFilter(b *testing.B) {
	benchKnob(b, "filter", []string{"none", "bloom", "blocked", "fuse"}, "get", "miss")
}

// benchKnob reads one run, of which all blocks are in the cache, with each value
// of a setting.
func benchKnob(b *testing.B, knob string, values []string, ops ...string) {
	keys := benchKeys()
	for _, value := range values {
		b.Run(benchName(keys)+"/"+knob+"="+value, func(b *testing.B) {
			t := benchOpen(b, b.TempDir(), map[string]string{knob: value})
			benchLoad(b, t, keys)
			benchWarm(b, t, keys)
			benchRead(b, t, keys, ops...)
		})
	}
}

func benchGet(b *testing.B, t *tree, keys int) {
	key, dst := make([]byte, 8), make([]byte, 0, 2*benchValue)
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		if _, err := t.Get(dst, benchKey(key, r.IntN(keys))); err != nil {
			b.Fatal(err)
		}
	}
}

func benchMiss(b *testing.B, t *tree, keys int) {
	key := make([]byte, 9)
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		_, err := t.Get(nil, append(benchKey(key, r.IntN(keys)), 1))
		if err != engine.ErrNotFound {
			b.Fatal(err)
		}
	}
}

func benchMultiGet(b *testing.B, t *tree, keys int) {
	const batch = 100
	wanted, out := make([][]byte, batch), make([]engine.Value, batch)
	for i := range wanted {
		wanted[i] = make([]byte, 0, 8)
		out[i].Data = make([]byte, 0, 2*benchValue)
	}
	r := rand.New(rand.NewPCG(1, 2))
	b.ResetTimer()
	for n := 0; n < b.N; n += batch {
		for i := range wanted {
			wanted[i] = benchKey(wanted[i], r.IntN(keys))
		}
		if err := t.MultiGet(wanted, out); err != nil {
			b.Fatal(err)
		}
	}
}

func benchSeek(b *testing.B, t *tree, keys int) {
	it := benchIter(b, t)
	key := make([]byte, 8)
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		if !it.SeekGE(benchKey(key, r.IntN(keys))) {
			b.Fatal(it.Err())
		}
	}
}

func benchShort(b *testing.B, t *tree, keys int) {
	key := make([]byte, 8)
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		it, err := t.NewIter(engine.IterOptions{})
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for ok := it.SeekGE(benchKey(key, r.IntN(keys))); ok && n < 10; ok = it.Next() {
			n++
		}
		if err := it.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchScan(b *testing.B, t *tree, _ int) {
	it := benchIter(b, t)
	benchRows(b, it, it.First, it.Next)
}

func benchReverse(b *testing.B, t *tree, _ int) {
	it := benchIter(b, t)
	benchRows(b, it, it.Last, it.Prev)
}

func benchIter(b *testing.B, t *tree) engine.Iterator {
	b.Helper()
	it, err := t.NewIter(engine.IterOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := it.Close(); err != nil {
			b.Error(err)
		}
	})
	return it
}

func benchRows(b *testing.B, it engine.Iterator, first, next func() bool) {
	b.SetBytes(8 + benchValue)
	ok := first()
	for b.Loop() {
		if !ok {
			if ok = first(); !ok {
				b.Fatal(it.Err())
			}
		}
		if _, err := it.Value(); err != nil || len(it.Key()) == 0 {
			b.Fatal(err)
		}
		ok = next()
	}
}
