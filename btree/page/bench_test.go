package page

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchKeys are n keys of 16 bytes, as a workload has them, in random order.
func benchKeys(n int) [][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "user%012d", rng.Uint64N(1e12))
	}
	return keys
}

// fullLeaf is a leaf of 8 KiB with these keys, between two of a large tree.
func fullLeaf(b *testing.B, n int) (p []byte, keys [][]byte) {
	rng := rand.New(rand.NewPCG(3, 4))
	p = make([]byte, 8192)
	InitLeaf(p, 2, []byte("user62847"), []byte("user62848"), 3)
	value := make([]byte, 100)
	for len(keys) < n {
		key := fmt.Appendf(nil, "user62847%07d", rng.Uint64N(1e7))
		i, found, _ := Find(p, key)
		if found {
			continue
		}
		if !Insert(p, i, key, 0, value) {
			b.Fatalf("%d entries fit", len(keys))
		}
		keys = append(keys, key)
	}
	rng.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return p, keys
}

func BenchmarkGet(b *testing.B) {
	p, keys := fullLeaf(b, 60)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		_, payload, found, _ := Get(p, keys[i])
		if !found || len(payload) != 100 {
			b.Fatal("not found")
		}
		if i++; i == len(keys) {
			i = 0
		}
	}
}

// BenchmarkGetOfTies gets keys which all have the same head.
func BenchmarkGetOfTies(b *testing.B) {
	p := make([]byte, 8192)
	InitLeaf(p, 2, nil, nil, 3)
	keys := [][]byte{[]byte("a")}
	Insert(p, 0, keys[0], 0, make([]byte, 100))
	for n := range 59 {
		key := fmt.Appendf(nil, "user%012d", n*7919)
		i, _, _ := Find(p, key)
		Insert(p, i, key, 0, make([]byte, 100))
		keys = append(keys, key)
	}
	i := 0
	for b.Loop() {
		if _, _, found, _ := Get(p, keys[i]); !found {
			b.Fatal("not found")
		}
		if i++; i == len(keys) {
			i = 0
		}
	}
}

func BenchmarkChild(b *testing.B) {
	p := make([]byte, 8192)
	InitInner(p, 2, 1, []byte("user62"), []byte("user63"), 9)
	rng := rand.New(rand.NewPCG(5, 6))
	var keys [][]byte
	for n := 0; n < 300; {
		key := fmt.Appendf(nil, "user62%06d", rng.Uint64N(1e6))
		if i, found, _ := Find(p, key); !found {
			InsertChild(p, i, key, uint32(10+n))
			n++
		}
	}
	for range 1024 {
		keys = append(keys, fmt.Appendf(nil, "user62%010d", rng.Uint64N(1e10)))
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if child, _, ok := Child(p, keys[i%1024]); child == 0 || !ok {
			b.Fatal("no child")
		}
		i++
	}
}

// BenchmarkInsert inserts until there is no room, then begins anew.
func BenchmarkInsert(b *testing.B) {
	keys := benchKeys(1 << 12)
	p, value := make([]byte, 8192), make([]byte, 100)
	b.ReportAllocs()
	InitLeaf(p, 2, nil, nil, 3)
	n := 0
	for b.Loop() {
		key := keys[n%len(keys)]
		n++
		i, _, _ := Find(p, key)
		if !Insert(p, i, key, 0, value) {
			InitLeaf(p, 2, nil, nil, 3)
		}
	}
}

// BenchmarkInsertInOrder is as a load in order has it.
func BenchmarkInsertInOrder(b *testing.B) {
	p, right, value := make([]byte, 8192), make([]byte, 8192), make([]byte, 100)
	key := make([]byte, 8)
	b.ReportAllocs()
	InitLeaf(p, 2, nil, nil, 3)
	n := uint64(0)
	for b.Loop() {
		binary.BigEndian.PutUint64(key, n)
		n++
		if !Insert(p, Count(p), key, 0, value) {
			at := SplitPoint(p, Count(p), 108, 1, true)
			if _, ok := Split(p, right, at, 7); !ok {
				b.Fatal("no split")
			}
			p, right = right, p
		}
	}
}

func BenchmarkReplace(b *testing.B) {
	p, keys := fullLeaf(b, 60)
	value := make([]byte, 100)
	n := 0
	for b.Loop() {
		i, _, _ := Find(p, keys[n%60])
		Replace(p, i, 0, value)
		n++
	}
}

// BenchmarkRow reads the entries of a leaf in order, as a scan does.
func BenchmarkRow(b *testing.B) {
	p, _ := fullLeaf(b, 60)
	Rebuild(p)
	var key []byte
	n, i := 0, 0
	for b.Loop() {
		key, _ = AppendKey(key[:0], p, i)
		_, payload, ok := Cell(p, i)
		if !ok {
			b.Fatal("no cell")
		}
		n += len(payload) + len(key)
		if i++; i == 60 {
			i = 0
		}
	}
}

// BenchmarkRows is BenchmarkRow by way of Rows.
func BenchmarkRows(b *testing.B) {
	p, _ := fullLeaf(b, 60)
	Rebuild(p)
	var r Rows
	r.Reset(p)
	var key []byte
	n, i := 0, 0
	for b.Loop() {
		var payload []byte
		var ok bool
		if key, _, payload, ok = r.Row(key[:0], i); !ok {
			b.Fatal("no row")
		}
		n += len(payload) + len(key)
		if i++; i == r.Count() {
			i = 0
		}
	}
}

func BenchmarkSplitAndMerge(b *testing.B) {
	p, _ := fullLeaf(b, 60)
	right := make([]byte, len(p))
	b.ReportAllocs()
	for b.Loop() {
		Split(p, right, SplitPoint(p, 30, 116, 1, false), 7)
		if !Merge(p, right) {
			b.Fatal("no room")
		}
	}
}

func BenchmarkRebuild(b *testing.B) {
	p, _ := fullLeaf(b, 60)
	for b.Loop() {
		Rebuild(p)
	}
}

func BenchmarkSealAndVerify(b *testing.B) {
	p, _ := fullLeaf(b, 60)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if err := Verify(p, 2, 9, Seal(p, 9)); err != nil {
			b.Fatal(err)
		}
	}
}
