package cache

import (
	"testing"

	"pgregory.net/rapid"
)

// model is what a cache may know: for each key that was inserted since it was
// last erased, the version of its block. The cache may forget any of them.
type model struct {
	t        *rapid.T
	c        *Cache
	versions map[Key]uint64
	next     uint64
	handles  []held
}

type held struct {
	h Handle
	k Key
	v uint64
}

func (m *model) key() Key {
	return Key{rapid.Uint64Range(0, 2).Draw(m.t, "file"), rapid.Uint64Range(0, 40).Draw(m.t, "offset") << 12}
}

func (m *model) expect(b []byte, k Key, v uint64) {
	if err := checkBlock(b, k); err != nil {
		m.t.Fatal(err)
	}
	if version(b) != v {
		m.t.Fatalf("block %v has version %d instead of %d", k, version(b), v)
	}
}

func (m *model) get(k Key) {
	g := m.c.Domain().Pin()
	defer g.Unpin()
	b, ok := m.c.Get(k)
	v, known := m.versions[k]
	if ok && !known {
		m.t.Fatalf("block %v is there, but was erased or never inserted", k)
	}
	if ok {
		m.expect(b, k, v)
	}
}

func (m *model) insert(k Key) {
	n := rapid.IntRange(36, 9000).Draw(m.t, "bytes")
	way := Admission(rapid.IntRange(0, 2).Draw(m.t, "admission"))
	class := Class(rapid.IntRange(0, Classes-1).Draw(m.t, "class"))
	fails := rapid.IntRange(0, 9).Draw(m.t, "fails") == 0
	filled := false
	m.next++
	h, err := m.c.Insert(k, n, way.For(class), func(b []byte) error {
		filled = true
		if fails {
			return errFill
		}
		fillBlock(b, k, m.next)
		return nil
	})
	if filled && fails {
		if err == nil {
			m.t.Fatal("no error of a fill that failed")
		}
		delete(m.versions, k) // it was not there
		return
	}
	if err != nil {
		m.t.Fatal(err)
	}
	v, known := m.versions[k]
	if filled {
		v, known = m.next, true
	}
	if !known {
		m.t.Fatalf("block %v came from nowhere", k)
	}
	m.expect(h.Bytes(), k, v)
	m.versions[k] = v
	m.keep(h, k, v)
}

// keep holds on to a handle, or releases it.
func (m *model) keep(h Handle, k Key, v uint64) {
	if len(m.handles) < 8 && rapid.Bool().Draw(m.t, "keep") {
		m.handles = append(m.handles, held{h, k, v})
		return
	}
	h.Release()
}

func (m *model) acquire(k Key) {
	h, ok := m.c.Acquire(k)
	if !ok {
		return
	}
	v, known := m.versions[k]
	if !known {
		m.t.Fatalf("block %v is there, but was erased or never inserted", k)
	}
	m.expect(h.Bytes(), k, v)
	m.keep(h, k, v)
}

func (m *model) releaseOne() {
	if len(m.handles) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.handles)-1).Draw(m.t, "handle")
	x := m.handles[i]
	m.expect(x.h.Bytes(), x.k, x.v)
	x.h.Release()
	m.handles = append(m.handles[:i], m.handles[i+1:]...)
}

func (m *model) step() {
	switch rapid.IntRange(0, 19).Draw(m.t, "op") {
	case 0:
		k := m.key()
		m.c.Erase(k)
		delete(m.versions, k)
	case 1:
		file := m.key().File
		m.c.EraseFile(file)
		for k := range m.versions {
			if k.File == file {
				delete(m.versions, k)
			}
		}
	case 2:
		// What is held stays, whatever the limit becomes: the smallest here
		// has room for that and for tables.
		if err := m.c.Resize(rapid.Int64Range(160<<10, 512<<10).Draw(m.t, "limit")); err != nil {
			m.t.Fatal(err)
		}
	case 3, 4, 5:
		m.acquire(m.key())
	case 6, 7, 8:
		m.releaseOne()
	case 9, 10, 11, 12:
		m.get(m.key())
	default:
		m.insert(m.key())
	}
}

func TestACacheIsAMapThatForgets(t *testing.T) {
	eachPolicy(t, func(t *testing.T, policy string) {
		rapid.Check(t, func(t *rapid.T) {
			o := Options{
				Bytes: 256 << 10, Policy: policy, SampleRate: 0.5,
				Shards:   rapid.SampledFrom([]int{1, 2}).Draw(t, "shards"),
				Coalesce: rapid.Bool().Draw(t, "coalesce"),
			}
			c, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			m := &model{t: t, c: c, versions: map[Key]uint64{}}
			for range rapid.IntRange(1, 500).Draw(t, "steps") {
				m.step()
				if err := c.check(); err != nil {
					t.Fatal(err)
				}
			}
			for len(m.handles) > 0 {
				m.releaseOne()
			}
			if st := c.Stats(); st.PinnedBytes != 0 || st.HeldBytes != 0 {
				t.Fatalf("without handles: %+v", st)
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func TestATableFindsWhatItHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPureSlab()
		tab := newTable(p.mem, 20)
		type item struct {
			id   uint32
			hash uint64
		}
		items := map[Key]item{}
		for i := range rapid.IntRange(1, 300).Draw(t, "steps") {
			// Few hashes, so that keys share buckets, tags, or everything.
			k := Key{rapid.Uint64Range(0, 30).Draw(t, "key"), 0}
			hash := (k.File % 5) << 62 / 3
			e, id := tab.find(p, k, hash)
			it, in := items[k]
			if (e != nil) != in || id != it.id {
				t.Fatalf("step %d: key %d: found %d instead of %d", i, k.File, id, it.id)
			}
			switch {
			case in:
				tab.remove(hash, it.id)
				p.put(it.id)
				delete(items, k)
			case !tab.full():
				id := p.take()
				p.at(id).key = k
				tab.add(hash, id)
				items[k] = item{id, hash}
			}
		}
		for _, it := range items {
			tab.remove(it.hash, it.id)
		}
		for i := range tab.buckets {
			if n := tab.buckets[i].passed.Load(); n != 0 {
				t.Fatalf("the empty table says that %d passed bucket %d", n, i)
			}
		}
		p.mem.free(tab.mem)
		p.release()
		if err := p.mem.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAGhostForgetsAfterSoManyBytes(t *testing.T) {
	p := newPureSlab()
	g := &ghost{mem: p.mem}
	const n, size, keep = 4000, 4096, 1000
	if missing := g.reserve(2000); missing != 0 {
		t.Fatalf("%d bytes are missing", missing)
	}
	for i := range uint64(n) {
		g.add(Key{i, 0}.hash(), size)
	}
	found, stale := 0, 0
	for i := range uint64(n) {
		if !g.take(Key{i, 0}.hash(), keep*size) {
			continue
		}
		if i < n-keep-1 {
			stale++
		} else {
			found++
		}
		if g.take(Key{i, 0}.hash(), keep*size) {
			t.Errorf("key %d came back twice", i)
		}
	}
	if stale > 0 || found < keep*99/100 {
		t.Errorf("%d of %d keys are remembered, and %d that are too old", found, keep, stale)
	}
	g.release()
	offheapClosed(t, p)
}
