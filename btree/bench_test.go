package btree

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

const (
	benchKeyBytes   = 16
	benchValueBytes = 100
)

// benchCount is how many keys trees of benchmarks have.
func benchCount() int {
	if testing.Short() {
		return 1e5
	}
	return 1e6
}

func benchName(keys int) string {
	return fmt.Sprintf("engine=btree/keys=%d/value=%d", keys, benchValueBytes)
}

// benchKey is the i-th key: keys come in no order.
func benchKey(p []byte, i int) []byte {
	p = binary.BigEndian.AppendUint64(p[:0], uint64(i)*0x9E3779B97F4A7C15)
	return binary.BigEndian.AppendUint64(p, uint64(i))
}

// orderedKey is the i-th key above all others.
func orderedKey(p []byte, i int) []byte {
	p = binary.BigEndian.AppendUint64(p[:0], ^uint64(0))
	return binary.BigEndian.AppendUint64(p, uint64(i)<<8)
}

// benchOpen opens a tree whose pool has room for all that benchmarks read.
func benchOpen(b *testing.B, dir string, given map[string]string) *tree {
	b.Helper()
	all := map[string]string{"durability": "buffered", "cache_bytes": "512m"}
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

// benchLoad loads keys, in order.
func benchLoad(b *testing.B, t *tree, keys int) {
	b.Helper()
	sorted := make([]int, keys)
	for i := range sorted {
		sorted[i] = i
	}
	const spread = uint64(0x9E3779B97F4A7C15)
	slices.SortFunc(sorted, func(x, y int) int {
		if uint64(x)*spread < uint64(y)*spread {
			return -1
		}
		return 1
	})
	l, err := t.NewBulkLoad()
	if err != nil {
		b.Fatal(err)
	}
	key, value := make([]byte, 0, benchKeyBytes), make([]byte, benchValueBytes)
	for _, i := range sorted {
		key = benchKey(key, i)
		if err := l.Add(key, value); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Finish(); err != nil {
		b.Fatal(err)
	}
}

// benchWarm reads all keys, so that what fits in the pool is there.
func benchWarm(b *testing.B, t *tree, keys int) {
	b.Helper()
	key, dst := make([]byte, 0, benchKeyBytes), make([]byte, 0, 2*benchValueBytes)
	for i := range keys {
		key = benchKey(key, i)
		if _, err := t.Get(dst, key); err != nil {
			b.Fatalf("key %d: %v", i, err)
		}
	}
}

// benchPlaces are where pages are that readers look for: in the pool; in the
// file, with a pool that has nearly none of them; or where the file is mapped.
// Files are in the page cache.
var benchPlaces = []struct {
	name  string
	given map[string]string
}{
	{"pool", nil},
	{"file", map[string]string{"cache_bytes": "4m"}},
	{"mmap", map[string]string{"cache_bytes": "4m", "io": ioMmap}},
}

// benchReads are what readers do. Those with a step that is not one call say
// so.
var benchReads = []struct {
	name string
	f    func(b *testing.B, t *tree, keys int)
}{
	{"get", readHits},
	{"miss", readMisses},       // of keys between those that are there
	{"multiget", readMany},     // 64 keys per call; a step is one key
	{"seek", readSeeks},        // to a key that is there
	{"short", readShort},       // makes an iterator, seeks, reads 10 rows, closes it
	{"scan", readUpwards},      // a step is one row
	{"reverse", readDownwards}, // likewise
}

// BenchmarkRead reads from each place.
func BenchmarkRead(b *testing.B) {
	keys := benchCount()
	for _, p := range benchPlaces {
		b.Run(benchName(keys)+"/from="+p.name, func(b *testing.B) {
			t := benchOpen(b, b.TempDir(), p.given)
			benchLoad(b, t, keys)
			if p.name != "file" {
				benchWarm(b, t, keys)
			}
			for _, op := range benchReads {
				b.Run("op="+op.name, func(b *testing.B) {
					b.ReportAllocs()
					op.f(b, t, keys)
				})
			}
		})
	}
}

func readHits(b *testing.B, t *tree, keys int) {
	key, dst := make([]byte, 0, benchKeyBytes), make([]byte, 0, 2*benchValueBytes)
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		key = benchKey(key, r.IntN(keys))
		if _, err := t.Get(dst, key); err != nil {
			b.Fatal(err)
		}
	}
}

func readMisses(b *testing.B, t *tree, keys int) {
	key := make([]byte, 0, benchKeyBytes+1)
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		key = append(benchKey(key, r.IntN(keys)), 1)
		if _, err := t.Get(nil, key); err != engine.ErrNotFound {
			b.Fatal(err)
		}
	}
}

func readMany(b *testing.B, t *tree, keys int) {
	const batch = 64
	wanted, out := make([][]byte, batch), make([]engine.Value, batch)
	for i := range wanted {
		wanted[i] = make([]byte, 0, benchKeyBytes)
		out[i].Data = make([]byte, 0, 2*benchValueBytes)
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
		for i := range out {
			if !out[i].Found {
				b.Fatalf("key %x is absent", wanted[i])
			}
		}
	}
}

func readSeeks(b *testing.B, t *tree, keys int) {
	it := openIter(b, t)
	key := make([]byte, 0, benchKeyBytes)
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		key = benchKey(key, r.IntN(keys))
		if !it.SeekGE(key) {
			b.Fatal(it.Err())
		}
	}
}

func readShort(b *testing.B, t *tree, keys int) {
	key := make([]byte, 0, benchKeyBytes)
	r := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		it, err := t.NewIter(engine.IterOptions{})
		if err != nil {
			b.Fatal(err)
		}
		key = benchKey(key, r.IntN(keys))
		n := 0
		for ok := it.SeekGE(key); ok && n < 10; ok = it.Next() {
			n++
		}
		if err := it.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func readUpwards(b *testing.B, t *tree, _ int) {
	it := openIter(b, t)
	readRows(b, it, it.First, it.Next)
}

func readDownwards(b *testing.B, t *tree, _ int) {
	it := openIter(b, t)
	readRows(b, it, it.Last, it.Prev)
}

func openIter(b *testing.B, t *tree) engine.Iterator {
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

// readRows walks all rows, again and again.
func readRows(b *testing.B, it engine.Iterator, first, next func() bool) {
	b.SetBytes(benchKeyBytes + benchValueBytes)
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
