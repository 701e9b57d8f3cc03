package lsm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A step does something after which contents must be the same.
type step struct {
	name string
	do   func(t *testing.T, e *tree) *tree
}

func steps(fsys *vfs.Mem, more map[string]string) []step {
	background := context.Background()
	return []step{
		{"nothing", func(_ *testing.T, e *tree) *tree { return e }},
		{"flush", func(t *testing.T, e *tree) *tree { must(t, e.flushAll(background)); return e }},
		{"settle", func(t *testing.T, e *tree) *tree { must(t, e.Settle(background)); return e }},
		{"compact", func(t *testing.T, e *tree) *tree { must(t, e.Compact(background, nil, nil)); return e }},
		{"compact a part", func(t *testing.T, e *tree) *tree {
			must(t, e.Compact(background, []byte("k2"), []byte("k5")))
			return e
		}},
		{"reopen", func(t *testing.T, e *tree) *tree {
			closed(t, e)
			return openMem(t, fsys, more)
		}},
	}
}

// Deletes of both kinds, with steps drawn between them, against a map. Few
// keys, so that each has many lives.
func TestWhatWasDeletedDoesNotComeBack(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for name, more := range families() {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			fsys := vfs.NewMem()
			e := openMem(t, fsys, more)
			between := steps(fsys, more)
			want := map[string]string{}
			var snap engine.Snapshot
			var was, log string
			for i := range 250 {
				log += write(t, r, e, want, i)
				if r.IntN(3) == 0 {
					s := between[r.IntN(len(between))]
					if s.name == "reopen" && snap != nil {
						must(t, snap.Close())
						snap = nil
					}
					e = s.do(t, e)
					log += s.name + "; "
				}
				if r.IntN(10) == 0 && snap == nil {
					var err error
					snap, err = e.NewSnapshot()
					must(t, err)
					was = all(t, e)
				}
				if got := all(t, e); got != show(want) {
					t.Fatalf("after %s\nthe tree has\n%s\nwant\n%s\n%v", log, got, show(want), e.view.Load().levels.version)
				}
				if snap == nil {
					continue
				}
				if got := all(t, snap.(engine.Scanner)); got != was {
					t.Fatalf("after %s\nthe snapshot has\n%s\nwant\n%s", log, got, was)
				}
				if r.IntN(10) == 0 {
					must(t, snap.Close())
					snap = nil
				}
			}
		})
	}
}

const lives = 9

func show(m map[string]string) string {
	var rows []string
	for k := range lives {
		if v, ok := m[fmt.Sprintf("k%d", k)]; ok {
			rows = append(rows, fmt.Sprintf("k%d=%.10s", k, v))
		}
	}
	return strings.Join(rows, " ")
}

// write performs one write on a tree and on a map, and says what.
func write(t *testing.T, r *rand.Rand, e *tree, m map[string]string, i int) string {
	key := fmt.Sprintf("k%d", r.IntN(lives))
	put := func(key string) string {
		v := fmt.Sprintf("%04d", i) + strings.Repeat(".", r.IntN(300))
		m[key] = v
		return v
	}
	remove := func(lower, upper string) {
		for k := range m {
			if k >= lower && (upper == "" || k < upper) {
				delete(m, k)
			}
		}
	}
	bounds := func() (lower, upper string) {
		lower, upper = key, fmt.Sprintf("k%d", r.IntN(lives+1))
		if r.IntN(4) == 0 {
			lower = ""
		}
		if r.IntN(4) == 0 {
			upper = ""
		}
		return lower, upper
	}
	switch r.IntN(6) {
	case 0:
		delete(m, key)
		must(t, e.Delete([]byte(key), engine.Default))
		return "delete " + key + "; "
	case 1:
		lower, upper := bounds()
		remove(lower, upper)
		must(t, e.DeleteRange(open0(lower), open0(upper), engine.Default))
		return fmt.Sprintf("delete %q to %q; ", lower, upper)
	case 2:
		lower, upper := bounds()
		var b engine.Batch
		b.Put([]byte("k3"), []byte("gone"))
		m["k3"] = "gone"
		b.DeleteRange(open0(lower), open0(upper))
		remove(lower, upper)
		b.Put([]byte(key), []byte(put(key)))
		must(t, e.Apply(&b, engine.Default))
		return fmt.Sprintf("put k3, delete %q to %q and put %s in a batch; ", lower, upper, key)
	}
	must(t, e.Put([]byte(key), []byte(put(key)), engine.Default))
	return "put " + key + "; "
}

// open0 is a bound; an empty one is none.
func open0(bound string) []byte {
	if bound == "" {
		return nil
	}
	return []byte(bound)
}

// clock is time that tests move.
type clock struct{ nanoseconds atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.nanoseconds.Store(1_800_000_000e9)
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanoseconds.Load()) }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

func (c *clock) env(fsys vfs.FS) engine.Env { return engine.Env{FS: fsys, Now: c.now} }

func TestExpiredKeysAreAbsentAndLeaveTheTree(t *testing.T) {
	for name, more := range families() {
		t.Run(name, func(t *testing.T) {
			fsys := vfs.NewMem()
			c := newClock()
			e := openWith(t, c.env(fsys), more)
			for i := range 200 {
				key := fmt.Appendf(nil, "key%03d", i)
				e.put(t, string(key), strings.Repeat("old", 30))
				must(t, e.PutTTL(key, []byte(strings.Repeat("v", 100)), c.now().Add(time.Minute), engine.Default))
				if i == 100 {
					must(t, e.flushAll(context.Background()))
				}
			}
			must(t, e.Compact(context.Background(), nil, nil))
			if v, err := e.Get(nil, []byte("key007")); err != nil || len(v) != 100 {
				t.Fatalf("before it expires: %q, %v", v, err)
			}
			c.advance(2 * time.Minute)
			if v, err := e.Get(nil, []byte("key007")); !errors.Is(err, engine.ErrNotFound) {
				t.Errorf("after it has expired: %q, %v", v, err)
			}
			if got := all(t, e); got != "" {
				t.Errorf("a scan shows %s", got)
			}
			must(t, e.Compact(context.Background(), nil, nil))
			if got := all(t, e); got != "" {
				t.Errorf("after a compaction, a scan shows %s", got)
			}
			await(t, "files are left of nothing", func() bool { return onDisk(t, e, fsys) == 0 })
		})
	}
}
