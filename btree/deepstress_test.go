package btree

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
)

const (
	tribes     = 8 // of writers
	tribeKeys  = 120
	tribeChief = 100 // keys from here on are written in batches only, all alike
)

// A throng is writers with keys of their own in a deep tree, and readers of all
// of them. Values are numbers that only grow.
type throng struct {
	tree *tree

	// done is the number of the last write of a key that has returned, begun
	// that of the last one that has begun.
	done, begun [tribes][tribeKeys]atomic.Uint64
	turns       [tribes]uint64 // of writers alone
}

func tribeKey(w, k int) []byte { return []byte(deepKey(w*tribeKeys + k)) }

func tribeValue(n uint64, pad int) []byte {
	return append(binary.BigEndian.AppendUint64(nil, n), make([]byte, pad)...)
}

// write is a step of writer w.
func (s *throng) write(w int, r *rand.Rand) error {
	s.turns[w]++
	n := s.turns[w]
	from, to := r.IntN(tribeChief), 0
	to = from + 1
	var b engine.Batch
	switch r.IntN(8) {
	case 0, 1:
		from, to = tribeChief, tribeKeys
	case 2:
		to = min(from+1+r.IntN(60), tribeChief)
	}
	if to-from > 1 && r.IntN(2) == 0 {
		b.DeleteRange(tribeKey(w, from), tribeKey(w, to))
	}
	for k := from; k < to; k++ {
		s.begun[w][k].Store(n)
		pad := r.IntN(100)
		if r.IntN(40) == 0 {
			pad = r.IntN(9000)
		}
		b.Put(tribeKey(w, k), tribeValue(n, pad))
	}
	if err := s.apply(&b, r); err != nil {
		return err
	}
	for k := from; k < to; k++ {
		s.done[w][k].Store(n)
	}
	return s.mine(w, from, n)
}

func (s *throng) apply(b *engine.Batch, r *rand.Rand) error {
	if r.IntN(10) > 0 {
		return s.tree.Apply(b, engine.Default)
	}
	l, err := s.tree.ApplyAsync(b)
	if err == nil && r.IntN(4) == 0 {
		err = s.tree.WaitDurable(context.Background(), l)
	}
	return err
}

// mine wants to find what this goroutine wrote.
func (s *throng) mine(w, k int, n uint64) error {
	got, err := s.tree.Get(nil, tribeKey(w, k))
	if err != nil {
		return err
	}
	if is := binary.BigEndian.Uint64(got); is != n {
		return fmt.Errorf("wrote number %d, and read %d", n, is)
	}
	return nil
}

// read wants a value that was there at some moment during the read.
func (s *throng) read(r *rand.Rand) error {
	const n = 20
	var low [n]uint64
	var at [n][2]int
	keys, out := make([][]byte, n), make([]engine.Value, n)
	for i := range keys {
		w, k := r.IntN(tribes), r.IntN(tribeKeys)
		at[i], low[i], keys[i] = [2]int{w, k}, s.done[w][k].Load(), tribeKey(w, k)
	}
	if err := s.tree.MultiGet(keys, out); err != nil {
		return err
	}
	for i, key := range keys {
		if r.IntN(2) == 0 {
			v, err := s.tree.Get(nil, key)
			if out[i] = (engine.Value{Data: v, Found: err == nil}); err != nil && !errors.Is(err, engine.ErrNotFound) {
				return err
			}
		}
		high := s.begun[at[i][0]][at[i][1]].Load()
		switch is := uint64(0); {
		case !out[i].Found && low[i] > 0:
			return fmt.Errorf("%.8s was written, and is not there", key)
		case out[i].Found:
			if is = binary.BigEndian.Uint64(out[i].Data); is < low[i] || is > high {
				return fmt.Errorf("%.8s has number %d, want %d to %d", key, is, low[i], high)
			}
		}
	}
	return nil
}

// walk reads a tribe by an iterator, of a snapshot or without, whose chief's
// keys are all of one batch.
func (s *throng) walk(r *rand.Rand) error {
	w := r.IntN(tribes)
	low := s.done[w][tribeChief].Load()
	o := engine.IterOptions{Lower: tribeKey(w, tribeChief), Upper: tribeKey(w+1, 0)}
	it, err := s.tree.NewIter(o)
	if r.IntN(2) == 0 && err == nil {
		_ = it.Close()
		snap, e := s.tree.NewSnapshot()
		if e != nil {
			return e
		}
		defer snap.Close()
		it, err = snap.(engine.Scanner).NewIter(o)
	}
	if err != nil {
		return err
	}
	defer it.Close()
	step := it.Next
	if r.IntN(2) == 0 {
		step = it.Prev
	}
	rows, first := 0, uint64(0)
	for ; step(); rows++ {
		v, err := it.Value()
		if err != nil {
			return err
		}
		n := binary.BigEndian.Uint64(v)
		if rows == 0 {
			first = n
		}
		if n != first || n < low {
			return fmt.Errorf("tribe %d has numbers %d and %d, and %d had been written", w, first, n, low)
		}
	}
	if err := it.Err(); err != nil {
		return err
	}
	if rows != tribeKeys-tribeChief && (rows != 0 || low != 0) {
		return fmt.Errorf("tribe %d has %d rows of a batch of %d", w, rows, tribeKeys-tribeChief)
	}
	return nil
}

func TestManyWritersOfADeepTreeLoseNothing(t *testing.T) {
	seed := seedOf(t)
	for i := range uint64(3) {
		given := deepSettings(rand.New(rand.NewPCG(seed, i)))
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			t.Log(given)
			s := &throng{tree: newTree(t, given)}
			c := newCrowd(t, budget(1500*time.Millisecond))
			for w := range tribes {
				c.run(seed+uint64(w), func(r *rand.Rand) error { return s.write(w, r) })
			}
			c.run(seed+20, s.read)
			c.run(seed+21, s.walk)
			c.run(seed+22, s.read)
			c.all.Wait()
			if t.Failed() {
				return
			}
			for w := range tribes {
				for k := range tribeKeys {
					if n := s.done[w][k].Load(); n > 0 {
						if err := s.mine(w, k, n); err != nil {
							t.Error(err)
						}
					}
				}
			}
			s.tree.endWork()
			if err := errors.Join(anatomy(s.tree), s.tree.checkSpace()); err != nil {
				t.Error(err)
			}
			leftNothing(t, s.tree)
		})
	}
}

// leftNothing wants a tree that nobody reads to keep nothing for readers.
func leftNothing(t testing.TB, e *tree) {
	t.Helper()
	c := e.pool.Counts()
	if n, m := e.old.Len(), e.clock.Count(); n != 0 || m != 0 || c.Frozen != 0 {
		t.Errorf("nobody reads, and there are %d versions and %d moments; frames: %+v", n, m, c)
	}
	if sum := c.Free + c.Private + c.Clean + c.Dirty + c.Frozen + c.Limbo; sum != c.Frames {
		t.Errorf("there are %d frames: %+v", sum, c)
	}
}

// Writers and checkpoints go on while each snapshot is read.
func TestSnapshotsOfADeepTreeStayAsTheyWere(t *testing.T) {
	seed := seedOf(t)
	for i := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, i))
		given := deepSettings(r)
		given["cache_bytes"] = "256k"
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			d := newDeep(t, seed+i, given, 400)
			var writing sync.Mutex // of d, but for the readers
			c := newCrowd(t, budget(1500*time.Millisecond))
			c.run(seed, func(*rand.Rand) error {
				writing.Lock()
				defer writing.Unlock()
				b, next := d.drawBatch(d.want)
				if err := d.tree.Apply(b, engine.Default); err != nil {
					return err
				}
				d.want = next
				return nil
			})
			c.run(seed, func(*rand.Rand) error { return d.tree.checkpointNow(context.Background()) })
			for n := range uint64(3) {
				c.run(seed+n, func(r *rand.Rand) error {
					writing.Lock()
					s, err := d.tree.NewSnapshot()
					want := maps.Clone(d.want)
					writing.Unlock()
					if err != nil {
						return err
					}
					for range 1 + r.IntN(4) {
						err = errors.Join(err, scanned(s.(engine.Scanner), want))
					}
					return errors.Join(err, s.Close())
				})
			}
			c.all.Wait()
			if t.Failed() {
				return
			}
			d.tree.endWork()
			d.ok(errors.Join(anatomy(d.tree), d.tree.checkSpace()))
			leftNothing(t, d.tree)
			d.ok(d.tree.Close())
		})
	}
}

// scanned reports an error unless all rows are as they should be.
func scanned(e engine.Scanner, want map[string]entry) error {
	it, err := e.NewIter(engine.IterOptions{})
	if err != nil {
		return err
	}
	defer it.Close()
	n := 0
	for ; it.Next(); n++ {
		v, err := it.Value()
		if err != nil {
			return err
		}
		if had, ok := want[string(it.Key())]; !ok || had.value != string(v) {
			return fmt.Errorf("a snapshot has %d bytes of %.8s, want %d (%v)", len(v), it.Key(), len(had.value), ok)
		}
	}
	if n != len(want) && it.Err() == nil {
		return fmt.Errorf("a snapshot has %d rows, want %d", n, len(want))
	}
	return it.Err()
}

// Whatever runs while a tree is closed ends with ErrClosed.
func TestClosingADeepTreeEndsAllThatRuns(t *testing.T) {
	seed := seedOf(t)
	for until, i := time.Now().Add(budget(700*time.Millisecond)), seed; i == seed || time.Now().Before(until); i++ {
		r := rand.New(rand.NewPCG(i, 0))
		d := newDeep(t, i, deepSettings(r), 300)
		for range 20 {
			d.batch(20)
		}
		var all sync.WaitGroup
		for n, call := range callsOf(d) {
			all.Go(func() {
				r := rand.New(rand.NewPCG(i, uint64(n)))
				err := call(r)
				for ; err == nil || errors.Is(err, engine.ErrNotFound); err = call(r) {
				}
				if !errors.Is(err, engine.ErrClosed) {
					t.Errorf("call %d: %v", n, err)
				}
			})
		}
		for range r.IntN(300) {
			if _, err := d.tree.Get(nil, []byte("k")); !errors.Is(err, engine.ErrNotFound) {
				t.Error(err)
			}
		}
		if err := d.tree.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
		if t.Failed() {
			return
		}
		d.open("/db")
		d.ok(anatomy(d.tree))
		d.ok(d.tree.Close())
	}
}

// callsOf are things that can be done with a tree again and again.
func callsOf(d *deep) []func(r *rand.Rand) error {
	e, ctx := d.tree, context.Background()
	key := func(r *rand.Rand) []byte { return []byte(deepKey(r.IntN(d.span))) }
	draw := func(r *rand.Rand) *engine.Batch {
		var b engine.Batch
		for range 1 + r.IntN(50) {
			b.Put(key(r), make([]byte, r.IntN(100)))
		}
		return &b
	}
	return []func(r *rand.Rand) error{
		func(r *rand.Rand) error {
			_, err := e.Get(nil, key(r))
			return err
		},
		func(r *rand.Rand) error {
			keys := [][]byte{key(r), key(r), key(r)}
			return e.MultiGet(keys, make([]engine.Value, len(keys)))
		},
		func(*rand.Rand) error { return e.Scan(ctx, func(_, _ []byte) error { return nil }) },
		func(r *rand.Rand) error {
			s, err := e.NewSnapshot()
			if err != nil {
				return err
			}
			_, err = s.Get(nil, key(r))
			return errors.Join(err, s.Close())
		},
		func(r *rand.Rand) error { return e.Apply(draw(r), engine.Default) },
		func(r *rand.Rand) error { return e.Put(key(r), make([]byte, r.IntN(9000)), engine.Default) },
		func(r *rand.Rand) error {
			l, err := e.ApplyAsync(draw(r))
			if err != nil {
				return err
			}
			return e.WaitDurable(ctx, l)
		},
		func(*rand.Rand) error { return e.Settle(ctx) },
		func(*rand.Rand) error { return e.Compact(ctx, nil, nil) },
		func(*rand.Rand) error { return e.Sync() },
		func(r *rand.Rand) error {
			l, err := e.NewBulkLoad()
			for k := 0; err == nil && k < 100; k++ {
				err = l.Add([]byte(deepKey(k*3)), make([]byte, r.IntN(100)))
			}
			if err != nil {
				return err
			}
			return l.Finish()
		},
		func(r *rand.Rand) error {
			e.Metrics(new(engine.Metrics))
			dir := fmt.Sprintf("/copy%d", r.Uint64())
			return errors.Join(e.Checkpoint(dir), d.mem.RemoveAll(dir))
		},
	}
}
