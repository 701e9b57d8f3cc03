package diskindex

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

const (
	dir  = "/index"
	kept = 1<<26 - 1 | 0xffff<<48
)

var (
	ctx  = context.Background()
	head = Header{Covers: 3<<32 | 4096, ColdCovers: 5<<32 | 8, Seed: 42}
)

func newDir(t testing.TB) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	if err := errors.Join(m.MkdirAll(dir), m.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return m
}

func options(fsys vfs.FS) Options {
	return Options{Domain: epoch.NewDomain(), FS: fsys, Dir: dir, CacheBytes: 1 << 20}
}

func newIndex(t testing.TB, o Options) *Index {
	t.Helper()
	x, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

func reopen(t testing.TB, o Options, name string) *Index {
	t.Helper()
	x, err := Open(o, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	return x
}

// scramble is a bijection that looks random.
func scramble(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// image is n entries in segments 1, 2, 300 and 65535, sorted.
func image(n int) []index.Entry {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	all := make([]index.Entry, 0, n)
	for range n {
		segment := []uint64{1, 2, 300, 65535}[r.IntN(4)]
		all = append(all, index.Entry{Hash: r.Uint64() & kept, Place: segment<<32 | r.Uint64()>>32})
	}
	return inOrder(all)
}

func inOrder(all []index.Entry) []index.Entry {
	slices.SortFunc(all, func(a, b index.Entry) int {
		return cmp.Or(cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.Place, b.Place))
	})
	return all
}

func load(t testing.TB, x *Index, all []index.Entry) {
	t.Helper()
	if err := x.Load(all); err != nil {
		t.Fatal(err)
	}
}

func merge(t testing.TB, x *Index, name string) Info {
	t.Helper()
	info, err := x.Merge(ctx, name, head)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// find is all places of a hash, ascending.
func find(t testing.TB, x *Index, hash uint64) []uint64 {
	t.Helper()
	places, err := lookup(x, hash)
	if err != nil {
		t.Fatal(err)
	}
	return places
}

func lookup(x *Index, hash uint64) ([]uint64, error) {
	g := x.domain.Pin()
	defer g.Unpin()
	return drain(x.Find(hash))
}

func drain(c Cursor) ([]uint64, error) {
	var places []uint64
	for {
		p, ok, err := c.Next()
		if !ok || err != nil {
			slices.Sort(places)
			return places, err
		}
		places = append(places, p)
	}
}

// entries is all that Walk yields, sorted.
func entries(t testing.TB, x *Index) []index.Entry {
	t.Helper()
	var all []index.Entry
	if err := x.Walk(func(e index.Entry) bool { all = append(all, e); return true }); err != nil {
		t.Fatal(err)
	}
	return inOrder(all)
}

// problems is what Verify reports.
func problems(t testing.TB, fsys vfs.FS, name string) []engine.Problem {
	t.Helper()
	var all []engine.Problem
	if err := Verify(ctx, fsys, dir, name, func(p engine.Problem) { all = append(all, p) }); err != nil {
		t.Fatal(err)
	}
	return all
}
