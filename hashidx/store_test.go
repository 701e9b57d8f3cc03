package hashidx

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// openIn opens a store in a directory of a file system.
func openIn(t testing.TB, fsys vfs.FS, given map[string]string) *store {
	t.Helper()
	e, err := open("/db", given, engine.Env{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e.(*store)
}

func smallest() map[string]string {
	return map[string]string{"tail_bytes": "16k", "segment_bytes": "8k", "durability": "buffered"}
}

func wantValue(t *testing.T, e *store, key, want string) {
	t.Helper()
	got, err := e.Get(nil, []byte(key))
	if err != nil || string(got) != want {
		t.Fatalf("%s is %.20q (%d bytes), %v, want %.20q (%d bytes)", key, got, len(got), err, want, len(want))
	}
}

// valueOf is of a length that makes frames end anywhere in pages.
func valueOf(i int) string {
	p := make([]byte, i*37%3000)
	for j := range p {
		p[j] = byte('a' + (i+j)%26)
	}
	return string(p)
}

func TestValuesAreReadFromTheTailAcrossPagesAndFromFiles(t *testing.T) {
	given := smallest()
	given["resident"] = "false" // what is resident is not read from files
	e := openIn(t, vfs.NewMem(), given)
	const n = 500
	for i := range n {
		if err := e.Put(fmt.Appendf(nil, "key%d", i), []byte(valueOf(i)), engine.Default); err != nil {
			t.Fatal(err)
		}
		for j := max(0, i-1); j <= i; j++ {
			wantValue(t, e, fmt.Sprintf("key%d", j), valueOf(j))
		}
	}
	var m engine.Metrics
	e.Metrics(&m)
	if reads := m.Read.IOs.Or(0); reads > 0 {
		t.Errorf("%d reads of files while all was young", reads)
	}
	for i := range n {
		wantValue(t, e, fmt.Sprintf("key%d", i), valueOf(i))
	}
	e.Metrics(&m)
	if reads := m.Read.IOs.Or(0); reads == 0 {
		t.Error("no read of a file though the tail is small")
	}
	if held := e.tail.bytes.Load(); held > 16<<10+2*minPageBytes {
		t.Errorf("the tail holds %d bytes", held)
	}
}

func TestAnAbsentKeyCostsNoRead(t *testing.T) {
	fsys := vfs.NewMem()
	e := openIn(t, fsys, nil)
	for i := range 1000 {
		if err := e.Put(fmt.Appendf(nil, "key%d", i), []byte("v"), engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	// A segment that is kept in memory is read by itself, some time.
	e = openIn(t, fsys, map[string]string{"resident": "false"})
	before := e.counting.Counts(vfs.Data).Reads
	for i := range 1000 {
		if _, err := e.Get(nil, fmt.Appendf(nil, "absent%d", i)); !errors.Is(err, engine.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if n := e.counting.Counts(vfs.Data).Reads - before; n > 0 {
		t.Errorf("%d reads", n)
	}
	wantValue(t, e, "key7", "v")
	if n := e.counting.Counts(vfs.Data).Reads - before; n != 1 {
		t.Errorf("%d reads for a key that is there, want 1", n)
	}
}

func TestAGetFromAFileDoesNotAllocate(t *testing.T) {
	fsys := vfs.NewMem()
	e := openIn(t, fsys, nil)
	key := []byte("key")
	if err := e.Put(key, make([]byte, 1000), engine.Default); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openIn(t, fsys, nil)
	dst := make([]byte, 0, 2000)
	least := math.Inf(1)
	for range 5 {
		least = min(least, testing.AllocsPerRun(100, func() {
			if _, err := e.Get(dst, key); err != nil {
				t.Fatal(err)
			}
		}))
	}
	if least > 0 && !raceEnabled {
		t.Errorf("%v allocations", least)
	}
}

func TestAValueLongerThanAllGuessesSurvives(t *testing.T) {
	fsys := vfs.NewMem()
	e := openIn(t, fsys, smallest())
	long := make([]byte, 3<<20)
	for i := range long {
		long[i] = byte(i >> 8)
	}
	if err := e.Put([]byte("long"), long, engine.Default); err != nil {
		t.Fatal(err)
	}
	wantValue(t, e, "long", string(long))
	if err := e.Put([]byte("next"), []byte("v"), engine.Sync); err != nil {
		t.Fatal(err)
	}
	wantValue(t, e, "long", string(long))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openIn(t, fsys, smallest())
	wantValue(t, e, "long", string(long))
	wantValue(t, e, "next", "v")
}

func TestTheLastOpOfABatchOnAKeyCounts(t *testing.T) {
	fsys := vfs.NewMem()
	e := openIn(t, fsys, smallest())
	for round := range 3 {
		var b engine.Batch
		for i := range 300 {
			b.Put(fmt.Appendf(nil, "key%d", i%100), fmt.Appendf(nil, "%d.%d", round, i))
		}
		b.Delete([]byte("key7"))
		if err := e.Apply(&b, engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		for i := range 100 {
			if i != 7 {
				wantValue(t, e, fmt.Sprintf("key%d", i), fmt.Sprintf("2.%d", 200+i))
			}
		}
		if _, err := e.Get(nil, []byte("key7")); !errors.Is(err, engine.ErrNotFound) {
			t.Fatal(err)
		}
		if n := e.index.Len(); n != 99 {
			t.Fatalf("%d keys, want 99", n)
		}
	}
	check()
	for i := range e.flags {
		if n := e.flags[i].Load(); n != 0 {
			t.Fatalf("flag %d is %d after the batches", i, n)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openIn(t, fsys, smallest())
	check()
}

func TestTimesBeyondNanosecondsAreTheNearest(t *testing.T) {
	for _, c := range []struct {
		when time.Time
		want int64
	}{
		{time.Time{}, math.MinInt64},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), math.MaxInt64},
		{time.Unix(0, 0), 0},
		{time.Unix(-1, 5), -999999995},
	} {
		if got := nanoseconds(c.when); got != c.want {
			t.Errorf("%v is %d, want %d", c.when, got, c.want)
		}
	}
}

func TestKeysWithOneHashAreToldApart(t *testing.T) {
	e := openIn(t, vfs.NewMem(), smallest())
	// Two entries under one hash: the index cannot tell their keys apart.
	if err := e.Put([]byte("a"), []byte("1"), engine.Default); err != nil {
		t.Fatal(err)
	}
	c := e.index.Find(e.hash([]byte("a")))
	place, _ := c.Next()
	if err := e.index.mem.Insert(e.hash([]byte("b")), place); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Get(nil, []byte("b")); !errors.Is(err, engine.ErrNotFound) {
		t.Fatalf("b: %v", err)
	}
	if err := e.Put([]byte("b"), []byte("2"), engine.Default); err != nil {
		t.Fatal(err)
	}
	wantValue(t, e, "a", "1")
	wantValue(t, e, "b", "2")
}

func TestAMissingFirstSegmentIsDamage(t *testing.T) {
	fsys := vfs.NewMem()
	e := openIn(t, fsys, smallest())
	for i := 0; len(e.hot.Segments()) < 2; i++ { // the log goes on when a spare is ready
		if err := e.Put(fmt.Appendf(nil, "key%d", i%100), []byte(valueOf(i%100)), engine.Sync); err != nil {
			t.Fatal(err)
		}
	}
	first := e.hot.Segments()[0].Path
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := fsys.Remove(first); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []string{"false", "true"} {
		_, err := open("/db", map[string]string{"read_only": readOnly}, engine.Env{FS: fsys})
		var c *engine.CorruptionError
		if !errors.As(err, &c) || c.File != first {
			t.Errorf("read_only=%s: %v, want that %s is missing", readOnly, err, first)
		}
	}
}
