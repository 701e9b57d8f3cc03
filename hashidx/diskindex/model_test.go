package diskindex

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

// A model is an index beside a map of how often each entry is there.
type model struct {
	mem   *vfs.Mem
	fault *vfs.Fault
	o     Options
	x     *Index
	want  map[index.Entry]int
	name  string // of the last file
	files int
}

// hashes share codes, buckets and stripes, or none of these. The last has
// bits that are not kept.
var hashes = []uint64{0, 1, 1 << 10, 1<<10 | 1<<48, 1 << 63, 1023, 1 << 40}

func drawEntry(t *rapid.T) index.Entry {
	hash := rapid.SampledFrom(hashes).Draw(t, "hash")
	return index.Entry{Hash: hash, Place: rapid.Uint64Range(1, 6).Draw(t, "place")}
}

func code(e index.Entry) index.Entry { return entryOf(e).index() }

func (m *model) insert(t *rapid.T) {
	e := drawEntry(t)
	for range rapid.SampledFrom([]int{1, 1, 1, 1, 1, 1, 400}).Draw(t, "copies") {
		if err := m.x.Insert(e.Hash, e.Place); err != nil {
			t.Fatal(err)
		}
		m.want[code(e)]++
	}
}

func (m *model) delete(t *rapid.T) {
	e := drawEntry(t)
	ok, err := m.x.Delete(e.Hash, e.Place)
	if err != nil || ok != (m.want[code(e)] > 0) {
		t.Fatalf("delete %x of %d: %v, %v", e, m.want[code(e)], ok, err)
	}
	if ok {
		m.want[code(e)]--
	}
}

func (m *model) replace(t *rapid.T) {
	e, to := drawEntry(t), rapid.Uint64Range(1, 6).Draw(t, "to")
	ok, err := m.x.Replace(e.Hash, e.Place, to)
	if err != nil || ok != (m.want[code(e)] > 0) {
		t.Fatalf("replace %x of %d: %v, %v", e, m.want[code(e)], ok, err)
	}
	if ok {
		m.want[code(e)]--
		m.want[code(index.Entry{Hash: e.Hash, Place: to})]++
	}
}

func (m *model) merge(t *rapid.T) {
	m.files++
	name := fmt.Sprint(m.files)
	info, err := m.x.Merge(ctx, name, head)
	if err != nil || info.Previous != m.name {
		t.Fatal(info, err)
	}
	if m.name != "" {
		if err := m.x.Discard(m.name); err != nil {
			t.Fatal(err)
		}
	}
	m.name = name
}

// failMerge leaves a frozen front.
func (m *model) failMerge(t *rapid.T) {
	m.fault.Set(vfs.Rule{Kind: vfs.KindCreate | vfs.KindWrite | vfs.KindSync | vfs.KindRename, Err: syscall.EIO})
	_, err := m.x.Merge(ctx, "failed", head)
	m.fault.Set()
	if err == nil {
		t.Fatal("a merge succeeded on a disk that fails")
	}
}

func (m *model) reopen(t *rapid.T) {
	// Twice, as the first may be of a front that a failure had frozen.
	m.merge(t)
	m.merge(t)
	if err := m.x.Close(); err != nil {
		t.Fatal(err)
	}
	x, err := Open(m.o, m.name, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.x = x
}

// lock does several things under one lock.
func (m *model) lock(t *rapid.T) {
	e := drawEntry(t)
	l := m.x.Lock(e.Hash)
	defer l.Unlock()
	if err := l.Insert(e.Place); err != nil {
		t.Fatal(err)
	}
	m.want[code(e)]++
	if ok, err := l.For(e.Hash).Delete(e.Place); !ok || err != nil {
		t.Fatal(ok, err)
	}
	m.want[code(e)]--
	places, err := drain(l.Find())
	m.same(t, e.Hash, places, err)
}

func (m *model) same(t *rapid.T, hash uint64, places []uint64, err error) {
	var want []uint64
	for place := range uint64(7) {
		n := m.want[code(index.Entry{Hash: hash, Place: place})]
		want = append(want, slices.Repeat([]uint64{place}, n)...)
	}
	if err != nil || !slices.Equal(places, want) {
		t.Fatalf("hash %x is at %v, %v, want %v", hash, places, err, want)
	}
}

func (m *model) check(t *rapid.T) {
	g := m.o.Domain.Pin()
	m.x.Touch(hashes)
	g.Unpin()
	for _, hash := range hashes {
		places, err := lookup(m.x, hash)
		m.same(t, hash, places, err)
	}
}

func (m *model) walk(t *rapid.T) {
	var want, got []index.Entry
	for e, n := range m.want {
		want = append(want, slices.Repeat([]index.Entry{e}, n)...)
	}
	if err := m.x.Walk(func(e index.Entry) bool { got = append(got, e); return true }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(inOrder(got), inOrder(want)) || m.x.Len() != len(want) {
		t.Fatalf("%d entries, length %d, want %d", len(got), m.x.Len(), len(want))
	}
}

func TestAnIndexIsAMultiset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := vfs.NewMem()
		if err := mem.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
		m := &model{mem: mem, fault: vfs.NewFault(mem), want: map[index.Entry]int{}}
		m.o = options(m.fault)
		m.o.CacheBytes = rapid.SampledFrom([]int64{0, 1 << 20}).Draw(t, "cache")
		x, err := New(m.o)
		if err != nil {
			t.Fatal(err)
		}
		m.x = x
		defer func() {
			if err := m.x.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		t.Repeat(map[string]func(*rapid.T){
			"insert":    m.insert,
			"delete":    m.delete,
			"replace":   m.replace,
			"again":     m.replace,
			"merge":     m.merge,
			"failMerge": m.failMerge,
			"reopen":    m.reopen,
			"lock":      m.lock,
			"walk":      m.walk,
			"":          m.check,
		})
	})
}

func TestOrdinalsAreCodesInAnotherOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.Uint64().Draw(t, "hash")
		o := ordinalOf(hash)
		if o >= endOfOrdinal || o.hash() != hash&kept || o.stripe() != index.LockOrder(hash) {
			t.Fatalf("%x: %x", hash, o)
		}
		n := rapid.Uint64Range(1, maxPages).Draw(t, "buckets")
		b, _ := o.bucketOf(n)
		if b >= n || firstOf(b, n) > o || firstOf(b+1, n) <= o || firstOf(n, n) != endOfOrdinal {
			t.Fatalf("%x is in bucket %d of %d, from %x to %x", o, b, n, firstOf(b, n), firstOf(b+1, n))
		}
	})
}
