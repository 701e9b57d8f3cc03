package btree

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// seedOf is KVBENCH_SEED, or one of the clock's; a test that fails prints it.
func seedOf(t testing.TB) uint64 {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("KVBENCH_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("KVBENCH_SEED: %v", err)
		}
		seed = n
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("KVBENCH_SEED=%d", seed)
		}
	})
	return seed
}

// budget is how long a random test runs: KVBENCH_SOAK, or d.
func budget(d time.Duration) time.Duration {
	if soak, err := time.ParseDuration(os.Getenv("KVBENCH_SOAK")); err == nil {
		return soak
	}
	return d
}

// newTree opens a tree in memory, with small pages and a small pool.
func newTree(t testing.TB, more map[string]string) *tree {
	t.Helper()
	e, err := open("/db", small(more), engine.Env{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	tr := e.(*tree)
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return tr
}

// A crowd is goroutines that end when time is up or one of them fails.
type crowd struct {
	t    *testing.T
	done chan struct{}
	once sync.Once
	all  sync.WaitGroup
}

func newCrowd(t *testing.T, d time.Duration) *crowd {
	c := &crowd{t: t, done: make(chan struct{})}
	timer := time.AfterFunc(d, c.end)
	t.Cleanup(func() { timer.Stop() })
	return c
}

func (c *crowd) end() { c.once.Do(func() { close(c.done) }) }

// run calls f until the end; an error of it is the end.
func (c *crowd) run(seed uint64, f func(r *rand.Rand) error) {
	r := rand.New(rand.NewPCG(seed, 0))
	c.all.Go(func() {
		for {
			select {
			case <-c.done:
				return
			default:
			}
			if err := f(r); err != nil {
				c.t.Error(err)
				c.end()
				return
			}
		}
	})
}

// Each batch gives the keys of a family, which lie in different leaves, one
// value. So who reads two of them, one after the other, never sees the second
// older; snapshots and iterators see them equal.
func TestReadersNeverSeeHalfABatch(t *testing.T) {
	for _, c := range []struct {
		name    string
		members int
		more    map[string]string
	}{
		{"small", 5, nil},
		{"large", 200, map[string]string{"log_bytes": "4m"}},
		{"mapped", 5, map[string]string{"io": "mmap"}},
		{"roomy", 5, map[string]string{"cache_bytes": "64m"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := family{tree: newTree(t, c.more), members: c.members}
			f.stress(newCrowd(t, budget(1500*time.Millisecond)), seedOf(t))
		})
	}
}

type family struct {
	tree    *tree
	members int
	written atomic.Uint64
}

func (f *family) key(i int) []byte {
	return fmt.Appendf(nil, "family/%03d/%s", i*7919%1000, bytes.Repeat([]byte("x"), 30))
}

func (f *family) stress(c *crowd, seed uint64) {
	if err := f.write(rand.New(rand.NewPCG(seed, 1))); err != nil {
		c.t.Fatal(err)
	}
	c.run(seed+1, f.write)
	c.run(seed+2, f.noise)
	c.run(seed+3, f.twoGets)
	c.run(seed+4, f.snapshot)
	c.run(seed+5, f.iterator)
	c.all.Wait()
	f.check(c.t)
	if f.written.Load() < 2 { // how many there are depends on the machine
		c.t.Errorf("only %d batches", f.written.Load())
	}
}

func (f *family) check(t *testing.T) {
	t.Helper()
	if err := f.tree.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := f.tree.checkSpace(); err != nil {
		t.Error(err)
	}
}

func (f *family) write(r *rand.Rand) error {
	value := binary.BigEndian.AppendUint64(nil, f.written.Add(1))
	value = append(value, bytes.Repeat([]byte("v"), r.IntN(300))...)
	var b engine.Batch
	for i := range f.members {
		b.Put(f.key(i), value)
	}
	return f.tree.Apply(&b, engine.Buffered)
}

// noise fills and empties the leaves between the members.
func (f *family) noise(r *rand.Rand) error {
	key := func() []byte { return fmt.Appendf(nil, "family/%03d/%04d", r.IntN(1000), r.IntN(50)) }
	switch r.IntN(10) {
	case 0:
		k := fmt.Appendf(nil, "family/%03d/", r.IntN(1000))
		return f.tree.DeleteRange(k, append(k[:len(k):len(k)], 'a'), engine.Buffered)
	case 1, 2, 3:
		return f.tree.Delete(key(), engine.Buffered)
	case 4:
		return f.tree.Put(key(), make([]byte, r.IntN(20000)), engine.Buffered)
	}
	return f.tree.Put(key(), make([]byte, r.IntN(400)), engine.Buffered)
}

func (f *family) twoGets(r *rand.Rand) error {
	i, j := r.IntN(f.members), r.IntN(f.members)
	first, err := f.tree.Get(nil, f.key(i))
	if err != nil {
		return err
	}
	second, err := f.tree.Get(nil, f.key(j))
	if err != nil {
		return err
	}
	a, b := binary.BigEndian.Uint64(first), binary.BigEndian.Uint64(second)
	if b < a {
		return fmt.Errorf("read batch %d in member %d, then %d in member %d", a, i, b, j)
	}
	return nil
}

func (f *family) snapshot(r *rand.Rand) error {
	s, err := f.tree.NewSnapshot()
	if err != nil {
		return err
	}
	var want []byte
	for range 1 + r.IntN(10) {
		i := r.IntN(f.members)
		v, err := s.Get(nil, f.key(i))
		if err != nil {
			return errors.Join(err, s.Close())
		}
		if want == nil {
			want = v
		}
		if !bytes.Equal(v, want) {
			return errors.Join(fmt.Errorf("a snapshot has two batches"), s.Close())
		}
	}
	return s.Close()
}

func (f *family) iterator(r *rand.Rand) error {
	it, err := f.tree.NewIter(engine.IterOptions{})
	if err != nil {
		return err
	}
	defer it.Close()
	members, want := 0, []byte(nil)
	step := it.Next
	if r.IntN(2) == 0 {
		step = it.Prev
	}
	for step() {
		if !bytes.HasSuffix(it.Key(), []byte("xxx")) {
			continue
		}
		v, err := it.Value()
		if err != nil {
			return err
		}
		if want == nil {
			want = bytes.Clone(v)
		}
		members++
		if !bytes.Equal(v, want) {
			return fmt.Errorf("an iterator sees two batches")
		}
	}
	if err := it.Err(); err != nil {
		return err
	}
	if members != f.members {
		return fmt.Errorf("an iterator sees %d members of %d", members, f.members)
	}
	return it.Close()
}
