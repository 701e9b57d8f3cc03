package lsm

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func TestManyKeysAreWhatGetFindsOfEach(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	eachLayout(t, func(l *ledger) {
		l.busy()
		expires := time.Now().Add(time.Hour)
		l.ok(l.e.PutTTL([]byte("late"), []byte("in an hour"), expires, engine.Default))
		l.want["late"] = "in an hour"
		l.ok(l.e.PutTTL([]byte("gone"), []byte("an hour ago"), expires.Add(-2*time.Hour), engine.Default))
		r := rand.New(rand.NewPCG(seed, 0))
		for _, state := range []string{"as it is", "reopened", "in the cache", "flushed", "compacted"} {
			switch state {
			case "reopened":
				l.reopen()
			case "flushed":
				l.flush()
			case "compacted":
				l.compact()
			}
			for _, n := range []int{1, 2, 31, 32, 33, 500} {
				keys, out := make([][]byte, n), make([]engine.Value, n)
				for i := range keys {
					keys[i] = fmt.Appendf(nil, "key%05d", r.IntN(1600))
					if i%17 == 0 {
						keys[i] = []byte([]string{"late", "gone"}[r.IntN(2)])
					}
				}
				l.ok(l.e.MultiGet(keys, out))
				for i, key := range keys {
					value, ok := l.want[string(key)]
					if out[i].Found != ok || string(out[i].Data) != value {
						t.Fatalf("%s: %q is %v, %.30q, want %v, %.30q", state, key, out[i].Found, out[i].Data, ok, value)
					}
				}
			}
		}
	})
}

// A writer puts one number into all keys, one batch after the other.
func TestManyKeysAreOfOneMoment(t *testing.T) {
	for _, more := range []map[string]string{{}, {"separate_bytes": "10"}} {
		l := newLedger(t, more)
		const n = 100
		keys := make([][]byte, n)
		for i := range keys {
			keys[i] = fmt.Appendf(nil, "key%05d", i)
		}
		var stop atomic.Bool
		var group sync.WaitGroup
		group.Go(func() {
			var b engine.Batch
			for i := range 600 {
				b.Reset()
				for _, key := range keys {
					b.Put(key, fmt.Appendf(nil, "%0100d", i))
				}
				if err := l.e.Apply(&b, engine.Default); err != nil {
					t.Error(err)
					break
				}
			}
			stop.Store(true)
		})
		out := make([]engine.Value, n)
		for last := ""; !stop.Load() && !t.Failed(); last = string(out[0].Data) {
			if err := l.e.MultiGet(keys, out); err != nil {
				t.Error(err)
			}
			for i := range out {
				if string(out[i].Data) != string(out[0].Data) || string(out[i].Data) < last {
					t.Errorf("%s is %q, and %s %q, after %q", keys[0], out[0].Data, keys[i], out[i].Data, last)
					break
				}
			}
		}
		group.Wait()
		l.sound()
	}
}

// manyRows is a tree in which all that is looked for is in the cache.
func manyRows(tb testing.TB, n int) (e *tree, keys [][]byte) {
	e = openIn(tb, vfs.NewMem(), map[string]string{"memtable_bytes": "4m", "cache_bytes": "256m", "base_bytes": "8m", "table_bytes": "2m"})
	r := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		key := fmt.Appendf(nil, "user%019d", i)
		keys = append(keys, key)
	}
	r.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	var b engine.Batch
	for part := range slices.Chunk(keys, 100) {
		b.Reset()
		for _, key := range part {
			b.Put(key, make([]byte, 100))
		}
		if err := e.Apply(&b, engine.Default); err != nil {
			tb.Fatal(err)
		}
	}
	if err := e.Settle(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	r.Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	out := make([]engine.Value, n)
	if err := e.MultiGet(keys, out); err != nil {
		tb.Fatal(err)
	}
	for i := range out {
		if !out[i].Found {
			tb.Fatalf("%s is not there", keys[i])
		}
	}
	return e, keys
}

func TestManyKeysInTheCacheTakeNoMemory(t *testing.T) {
	e, keys := manyRows(t, 20_000)
	keys = keys[:64]
	out := make([]engine.Value, len(keys))
	for i := range out {
		out[i].Data = make([]byte, 0, 100)
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := e.MultiGet(keys, out); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// One op is a key.
func BenchmarkGetOfManyKeys(b *testing.B) {
	e, keys := manyRows(b, 500_000)
	out := make([]engine.Value, 32)
	b.Run("get", func(b *testing.B) {
		for i := range b.N {
			v := &out[i%len(out)]
			v.Data, _ = e.Get(v.Data[:0], keys[i%len(keys)])
		}
	})
	b.Run("multiget", func(b *testing.B) {
		for i := 0; i < b.N; i += len(out) {
			from := i % (len(keys) - len(out))
			if err := e.MultiGet(keys[from:from+len(out)], out); err != nil {
				b.Fatal(err)
			}
		}
	})
}
