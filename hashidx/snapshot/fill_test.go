package snapshot

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

func newIndex(t testing.TB, o index.Options) *index.Index {
	t.Helper()
	o.Domain = epoch.NewDomain()
	x, err := index.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
		o.Domain.Close()
	})
	return x
}

func open(t testing.TB, fsys vfs.FS) *Reader {
	t.Helper()
	r, err := Open(fsys, dir, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() }) // was only read
	return r
}

// entriesOf returns what an index has, in the order of its buckets.
func entriesOf(t testing.TB, x *index.Index) (all []index.Entry) {
	t.Helper()
	if err := x.StartWalk().All(func(some []index.Entry) error { all = append(all, some...); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAnIndexIsTheSameAfterwards(t *testing.T) {
	from := newIndex(t, index.Options{})
	if err := from.Load(image(40_000)); err != nil {
		t.Fatal(err)
	}
	w, h := from.StartWalk(), head
	h.Buckets = w.Buckets()
	m := newDir(t)
	if _, err := Write(m, dir, name, h, w.All); err != nil {
		t.Fatal(err)
	}
	want := entriesOf(t, from)
	sorted(want)
	r := open(t, m)
	for name, load := range map[string]func(x *index.Index, lives func(uint16) bool) (uint64, error){
		"load, 2 workers": func(x *index.Index, lives func(uint16) bool) (uint64, error) { return r.Load(2, lives, x.Load) },
		"fill, 1 worker":  func(x *index.Index, lives func(uint16) bool) (uint64, error) { return r.Fill(1, lives, x) },
		"fill, 2 workers": func(x *index.Index, lives func(uint16) bool) (uint64, error) { return r.Fill(2, lives, x) },
		"fill, 9 workers": func(x *index.Index, lives func(uint16) bool) (uint64, error) { return r.Fill(9, lives, x) },
	} {
		to := newIndex(t, index.Options{Buckets: r.Buckets()})
		dropped, err := load(to, nil)
		got := entriesOf(t, to)
		sorted(got)
		if err != nil || dropped != 0 || !slices.Equal(got, want) || to.Len() != len(want) {
			t.Fatalf("%s: %d entries, Len %d, want %d; %v", name, len(got), to.Len(), len(want), err)
		}
		to = newIndex(t, index.Options{Buckets: r.Buckets()})
		dropped, err = load(to, func(n uint16) bool { return n != 300 })
		some := slices.DeleteFunc(slices.Clone(want), func(e index.Entry) bool { return e.Place>>32 == 300 })
		got = entriesOf(t, to)
		sorted(got)
		if err != nil || dropped != uint64(len(want)-len(some)) || dropped == 0 || !slices.Equal(got, some) {
			t.Fatalf("%s: %d entries, want %d; %d dropped, %v", name, len(got), len(some), dropped, err)
		}
	}
}

// The order and the number of buckets are hints: whatever they are, all
// entries get to where they belong.
func TestEntriesInNoOrderFillAnIndexToo(t *testing.T) {
	const n = 4*blockEntries + 1
	from := newIndex(t, index.Options{})
	want := image(n)
	if err := from.Load(want); err != nil {
		t.Fatal(err)
	}
	inOrder, rnd := entriesOf(t, from), rand.New(rand.NewPCG(1, 2))
	shuffled := slices.Clone(inOrder)
	rnd.Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	// The first of each block is in its place, so that the bounds of parts ascend; the others are not.
	mixed := slices.Clone(inOrder)
	for i := range mixed {
		if i%blockEntries != 0 {
			j := 1 + rnd.IntN(n-1)
			if j%blockEntries != 0 {
				mixed[i], mixed[j] = mixed[j], mixed[i]
			}
		}
	}
	for what, all := range map[string][]index.Entry{"in order": inOrder, "shuffled": shuffled, "mixed": mixed} {
		for _, buckets := range []uint64{0, 1, from.Buckets() - 1, from.Buckets(), from.Buckets() + 1, 1 << 63} {
			m, h := newDir(t), head
			h.Buckets = buckets
			if _, err := Write(m, dir, name, h, walk(all)); err != nil {
				t.Fatal(err)
			}
			r := open(t, m)
			to := newIndex(t, index.Options{Buckets: r.Buckets()})
			if _, err := r.Fill(2, nil, to); err != nil {
				t.Fatal(err)
			}
			got := entriesOf(t, to)
			sorted(got)
			if !slices.Equal(got, want) || to.Len() != n {
				t.Fatalf("%s, %d buckets: %d entries, want %d", what, buckets, len(got), n)
			}
		}
	}
}

func TestADamagedBlockEndsFill(t *testing.T) {
	p := file(t, image(20*blockEntries))
	p[headerBytes+7*blockBytes+100]++
	r := open(t, put(t, p))
	if _, err := r.Fill(2, nil, newIndex(t, index.Options{Buckets: r.Buckets()})); !errors.Is(err, ErrUnusable) {
		t.Fatal(err)
	}
}

func TestAWalkThatGivesUpLeavesTheOlderSnapshot(t *testing.T) {
	older := image(100)
	m := put(t, file(t, older))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Write(m, dir, name, head, func(yield func([]index.Entry) error) error {
		if err := yield(image(2 * blockEntries)); err != nil {
			return err
		}
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := m.Stat(filepath.Join(dir, name+newSuffix)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a part of a snapshot was left:", err)
	}
	if got, err := read(m, 1); err != nil || !slices.Equal(got, older) {
		t.Fatal(len(got), err)
	}
}
