package lsm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// TestADirectoryOpensWithAllOtherSettings goes from one family of settings to
// another, time and again, over one directory.
func TestADirectoryOpensWithAllOtherSettings(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 6))
	fsys := vfs.NewMem()
	want := map[string]string{}
	last := ""
	for round := range 60 {
		name, more := anyFamily(r)
		more["memtable_bytes"] = []string{"64k", "128k", "1m"}[r.IntN(3)]
		e := openMem(t, fsys, more)
		if got := all(t, e); got != show(want) {
			t.Fatalf("round %d, opened as %s after %s: there is\n%s\nwant\n%s", round, name, last, got, show(want))
		}
		for i := range 30 {
			write(t, r, e, want, i)
		}
		switch r.IntN(4) {
		case 0:
			must(t, e.Settle(context.Background()))
		case 1:
			must(t, e.Compact(context.Background(), nil, nil))
		case 2:
			must(t, e.flushAll(context.Background()))
		}
		if got := all(t, e); got != show(want) {
			t.Fatalf("round %d, %s: there is\n%s\nwant\n%s", round, name, got, show(want))
		}
		closed(t, e)
		last = name
	}
}

// anyFamily returns a copy of the settings of one family.
func anyFamily(r *rand.Rand) (string, map[string]string) {
	skip := r.IntN(len(families()))
	names := []string{
		"leveled", "tiered", "lazy", "one-leveled", "fluid", "blobs", "blocks", "mapped", "direct", "no log",
	}
	name := names[skip%len(names)]
	return name, families()[name]
}

// A key, its deletes and a snapshot's view of it, whatever happens between.
func TestEveryOrderOfDeletesAndStepsKeepsAKeyGone(t *testing.T) {
	for _, more := range []map[string]string{{}, {"layout": "tiered"}, {"separate_bytes": "16", "blob_garbage": "1"}} {
		for first := range 6 {
			for second := range 6 {
				fsys := vfs.NewMem()
				e := openMem(t, fsys, more)
				between := steps(fsys, more)
				e.put(t, "k3", strings.Repeat("v", 50))
				e = between[first].do(t, e)
				if (first+second)%2 == 0 {
					must(t, e.Delete([]byte("k3"), engine.Default))
				} else {
					must(t, e.DeleteRange([]byte("k1"), nil, engine.Default))
				}
				e = between[second].do(t, e)
				for _, s := range between {
					e = s.do(t, e)
					if got := all(t, e); got != "" {
						t.Fatalf("%v: put, %s, delete, %s, ... %s: there is %s", more, between[first].name, between[second].name, s.name, got)
					}
				}
				e.put(t, "k3", "again")
				if got := all(t, between[second].do(t, e)); got != "k3=again" {
					t.Fatalf("%v: put again: there is %s", more, got)
				}
			}
		}
	}
}

// idleTicks has the flusher notice that nobody writes.
func idleTicks(e *tree, n int) {
	for range n {
		e.lookIdle()
	}
}

// await waits until done, for work in the background that nothing tells of.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// deletesIn is how many deletes tables have.
func deletesIn(e *tree) (n uint64) {
	l := e.holdLevels()
	defer e.letGo(l)
	for _, p := range l.version.All() {
		n += p.Table.Tombstones + p.Table.RangeDeletes
	}
	return n
}

func TestDeletesLeaveAnIdleTreeOnceTheyAreOld(t *testing.T) {
	fsys := vfs.NewMem()
	c := newClock()
	e := openWith(t, c.env(fsys), map[string]string{"tombstone_age": "1h"})
	for i := range 500 {
		e.put(t, fmt.Sprintf("key%03d", i), strings.Repeat("v", 200))
	}
	must(t, e.Settle(context.Background()))
	for i := range 100 { // deletes among puts, which go no deeper for now
		e.put(t, fmt.Sprintf("key%03d", 5*i+1), strings.Repeat("w", 200))
		if i%10 == 0 {
			must(t, e.Delete(fmt.Appendf(nil, "key%03d", 5*i), engine.Default))
		}
	}
	must(t, e.Settle(context.Background()))
	want := all(t, e)
	await(t, "the tree is not idle", func() bool {
		idleTicks(e, 1)
		more, err := e.compactOnce(context.Background())
		must(t, err)
		return !more && e.work.idle.Load() && e.work.busy() == 0
	})
	for len(e.work.compact) > 0 {
		<-e.work.compact // nobody is to be woken but by time
	}
	if deletesIn(e) == 0 {
		t.Fatal("no deletes are left to go")
	}
	c.advance(2 * time.Hour)
	await(t, "old deletes stay", func() bool {
		idleTicks(e, 1)
		return deletesIn(e) == 0
	})
	if got := all(t, e); got != want {
		t.Errorf("there is\n%s\nwant\n%s", got, want)
	}
}

// manifestPath is the manifest of a closed tree.
func manifestPath(t *testing.T, fsys *vfs.Mem) string {
	t.Helper()
	names, err := fsys.List("/db")
	must(t, err)
	path := ""
	for _, name := range names {
		if strings.HasPrefix(name, "MANIFEST-") {
			path = "/db/" + name
		}
	}
	return path
}

func TestATornManifestPutsAsideWhatItDoesNotName(t *testing.T) {
	fsys := vfs.NewMem()
	e := openMem(t, fsys, map[string]string{"durability": "none"})
	e.put(t, "k1", "first")
	must(t, e.Sync())
	e.put(t, "k2", "second")
	must(t, e.Sync())
	path := manifestPath(t, fsys)
	before, err := fsys.Stat(path)
	must(t, err)
	e.put(t, "k3", "third")
	must(t, e.Sync())
	image := fsys.Image(vfs.Written) // a crash before Close
	closed(t, e)
	f, err := image.OpenReadWrite(path)
	must(t, err)
	must(t, f.Truncate(before.Size()+7))
	must(t, errors.Join(f.Sync(), f.Close()))
	opened, err := open("/db", small(nil), engine.Env{FS: image})
	if err != nil {
		t.Fatalf("the end is torn: %v", err)
	}
	defer opened.Close()
	if got := all(t, opened.(*tree)); got != "k1=first k2=second" {
		t.Errorf("there is %s", got)
	}
	lost, err := image.List("/db/" + lostDir)
	if err != nil || len(lost) != 1 {
		t.Errorf("put aside: %v, %v; want the table of k3", lost, err)
	}
	// Its number is not given again.
	e = opened.(*tree)
	e.put(t, "k4", "fourth")
	must(t, e.flushAll(context.Background()))
	names, err := image.List("/db/" + tableDir)
	must(t, err)
	for _, name := range names {
		if name == lost[0] {
			t.Errorf("there is another %s", name)
		}
	}
}
