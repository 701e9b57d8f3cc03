package enginetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/engine"
)

func viewClauses() []clause {
	return []clause{
		{name: "an iterator sees the moment of its birth", needs: iterSnapshot, run: iteratorIsFrozen},
		{name: "key and value stay until the next positioning call", needs: ordered, run: keyAndValueStay},
		{name: "iterators are independent", needs: ordered, run: iteratorsAreIndependent},
		{name: "a new iterator sees every write before it", needs: ordered, run: iteratorSeesWrites},
		{name: "a snapshot is frozen", needs: snapshots, run: snapshotIsFrozen},
		{name: "a snapshot scans what it froze", needs: snapshots, run: snapshotScans},
		{name: "a snapshot stays while it is scanned", needs: snapshots, run: snapshotStaysWhileScanned},
		{name: "a snapshot answers Get as an engine does", needs: snapshots, run: snapshotGets},
		{name: "closing a snapshot is idempotent and ends it", needs: snapshots, run: closedSnapshot},
	}
}

// upheave changes everything in an engine that holds bdfh.
func (e *opened) upheave() {
	e.b.Helper()
	e.put("a", "new")
	e.put("c", "new")
	e.put("z", "new")
	e.put("b", "changed")
	e.remove("d")
	var batch engine.Batch
	batch.Put([]byte("f"), []byte("changed"))
	batch.Delete([]byte("h"))
	batch.Put([]byte("g"), []byte("new"))
	e.apply(&batch)
	if r, ok := engine.As[engine.RangeDeleter](e.Engine); ok {
		e.b.ok(r.DeleteRange([]byte("e"), []byte("i"), e.level), "delete range")
	}
	for i := range 300 {
		e.put(fmt.Sprintf("e%03d", i), filled(50))
	}
}

func iteratorIsFrozen(b *rig) {
	e := b.openWith(bdfh)
	unpositioned := e.iter(engine.IterOptions{})
	positioned := e.iter(engine.IterOptions{})
	if !positioned.SeekGE([]byte("d")) {
		b.Fatalf("SeekGE: %v", positioned.Err())
	}
	e.upheave()
	b.same("born before, positioned after", forwards(b, unpositioned), bdfh)
	rest := []pair{current(b, positioned)}
	for positioned.Next() {
		rest = append(rest, current(b, positioned))
	}
	b.same("on d before, walked after", rest, bdfh[1:])
	b.same("walked again", forwards(b, positioned), bdfh)
	if !b.caps.Reverse {
		return
	}
	var back []pair
	for ok := unpositioned.Last(); ok; ok = unpositioned.Prev() {
		back = append(back, current(b, unpositioned))
	}
	slices.Reverse(back)
	b.same("backwards", back, bdfh)
}

func keyAndValueStay(b *rig) {
	e := b.openWith(bdfh)
	it := e.iter(engine.IterOptions{})
	if !it.SeekGE([]byte("d")) {
		b.Fatalf("SeekGE: %v", it.Err())
	}
	key := it.Key()
	value, err := it.Value()
	b.ok(err, "value")
	e.upheave()
	for range 2 {
		if string(key) != "d" || string(value) != "2" {
			b.Errorf("after writes the slices hold %q and %q", key, value)
		}
		if got := current(b, it); got != bdfh[1] {
			b.Errorf("after writes the iterator is on %q", got)
		}
	}
}

func iteratorsAreIndependent(b *rig) {
	e := b.openWith(bdfh)
	one, two := e.iter(engine.IterOptions{}), e.iter(engine.IterOptions{Lower: []byte("c")})
	if !one.First() || !two.First() || !one.Next() || !one.Next() {
		b.Fatalf("no keys: %v, %v", one.Err(), two.Err())
	}
	if got, want := current(b, one), bdfh[2]; got != want {
		b.Errorf("the first is on %q, want %q", got, want)
	}
	if got, want := current(b, two), bdfh[1]; got != want {
		b.Errorf("the second is on %q, want %q", got, want)
	}
	b.ok(one.Close(), "close")
	if !two.Next() || current(b, two) != bdfh[2] {
		b.Errorf("closing one iterator moved another")
	}
}

func iteratorSeesWrites(b *rig) {
	e := b.open()
	var o oracle
	for i := range 50 {
		key, value := fmt.Sprintf("%02d", i*37%50), fmt.Sprint(i)
		e.put(key, value)
		o.put(key, value)
		if i%3 == 0 {
			gone := fmt.Sprintf("%02d", i*11%50)
			e.remove(gone)
			o.remove(gone)
		}
		b.same(fmt.Sprintf("after %d puts", i+1), e.contents(), o.pairs)
	}
}

func (e *opened) snapshot() engine.Snapshot {
	e.b.Helper()
	s, err := role[engine.Snapshotter](e).NewSnapshot()
	e.b.ok(err, "new snapshot")
	e.b.Cleanup(func() { s.Close() })
	return s
}

func snapshotIsFrozen(b *rig) {
	e := b.open()
	empty := e.snapshot()
	for _, p := range bdfh {
		e.put(p.key, p.value)
	}
	full := e.snapshot()
	e.upheave()
	later := e.snapshot()
	for _, p := range bdfh {
		misses(b, empty, p.key)
		wants(b, full, p.key, p.value)
	}
	for _, key := range []string{"a", "c", "z", "g", "e000"} {
		misses(b, empty, key)
		misses(b, full, key)
	}
	wants(b, later, "a", "new")
	wants(b, later, "b", "changed")
	misses(b, later, "d")
	b.ok(full.Close(), "close")
	misses(b, empty, "b")
	wants(b, later, "b", "changed")
	e.wants("b", "changed")
}

func snapshotScans(b *rig) {
	e := b.openWith(bdfh)
	s := e.snapshot()
	e.upheave()
	if b.caps.Ordered {
		scanner, ok := s.(engine.Scanner)
		if !ok {
			b.Fatalf("a snapshot of an ordered engine is no Scanner")
		}
		for range 2 {
			it := newIter(b, scanner, engine.IterOptions{})
			b.same("snapshot", forwards(b, it), bdfh)
			b.ok(it.Close(), "close")
		}
		bounded := newIter(b, scanner, engine.IterOptions{Lower: []byte("c"), Upper: []byte("h")})
		b.same("snapshot in [c, h)", forwards(b, bounded), bdfh[1:3])
		return
	}
	scanner, ok := s.(engine.UnorderedScanner)
	if !ok {
		b.Fatalf("a snapshot of an unordered engine is no UnorderedScanner")
	}
	b.same("snapshot", scanned(b, scanner), bdfh)
}

// snapshotStaysWhileScanned writes between the steps of a scan, before and
// behind where it is.
func snapshotStaysWhileScanned(b *rig) {
	e := b.open()
	want := e.fill(awkward())
	s := e.snapshot()
	var got []pair
	write := func() {
		n := len(got)
		e.put(want[n*7%len(want)].key, "changed")
		e.remove(want[n*11%len(want)].key)
		e.put(fmt.Sprintf("new%03d", n*37%1000), "new")
	}
	if b.caps.Ordered {
		it := newIter(b, s.(engine.Scanner), engine.IterOptions{})
		for ok := it.First(); ok; ok = it.Next() {
			got = append(got, current(b, it))
			write()
		}
		b.ok(it.Err(), "iterator")
		b.ok(it.Close(), "close")
	} else {
		err := s.(engine.UnorderedScanner).Scan(context.Background(), func(key, value []byte) error {
			got = append(got, pair{string(key), string(value)})
			write()
			return nil
		})
		b.ok(err, "scan")
	}
	b.same("snapshot", sorted(got), want)
}

func snapshotGets(b *rig) {
	e := b.openWith(bdfh)
	s := e.snapshot()
	got, err := s.Get([]byte("dst"), []byte("b"))
	if err != nil || string(got) != "dst1" {
		b.Errorf("get after dst: %q, %v", got, err)
	}
	got, err = s.Get([]byte("dst"), []byte("absent"))
	if err != engine.ErrNotFound || string(got) != "dst" {
		b.Errorf("get of an absent key: %q, %v, want dst and ErrNotFound itself", got, err)
	}
	_, err = s.Get(nil, nil)
	b.is(err, engine.ErrEmptyKey, "get of an empty key")
	got, err = s.Get(nil, []byte("b"))
	b.ok(err, "get")
	spoil(got[:cap(got)])
	wants(b, s, "b", "1")
	e.wants("b", "1")
}

func closedSnapshot(b *rig) {
	e := b.openWith(bdfh)
	s := e.snapshot()
	for range 3 {
		b.ok(s.Close(), "close")
	}
	got, err := s.Get([]byte("dst"), []byte("b"))
	if err != engine.ErrClosed || string(got) != "dst" {
		b.Errorf("get: %q, %v, want dst and ErrClosed itself", got, err)
	}
	if scanner, ok := s.(engine.Scanner); ok {
		_, err := scanner.NewIter(engine.IterOptions{})
		b.is(err, engine.ErrClosed, "new iterator")
	}
	e.wants("b", "1")
}
