package enginetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvbench/kvbench/engine"
)

func concurrentClauses() []clause {
	return []clause{
		{name: "many goroutines may call everything at once", run: everythingAtOnce},
		{name: "a read sees no older value than a write that had returned", run: readsAreFresh},
		{name: "readers see a batch whole or not at all", needs: atomicBatch, run: batchesAreWhole},
		{name: "Close waits for running calls", run: closeWaits},
	}
}

// concurrentTime is how long the goroutines of one clause run.
const concurrentTime = 100 * time.Millisecond

// crew runs goroutines until the time is over or one of them fails.
type crew struct {
	b    *rig
	stop atomic.Bool
	done sync.WaitGroup
}

func (c *crew) failed(format string, args ...any) {
	if c.stop.CompareAndSwap(false, true) { // one report is enough
		c.b.Errorf(format, args...)
	}
}

// run calls each step over and over on a goroutine of its own.
func (b *rig) crew(d time.Duration, steps ...func(c *crew, r *rand.Rand)) {
	b.Helper()
	c := &crew{b: b}
	s := seed()
	b.Logf("seed %d", s)
	for i, step := range steps {
		c.done.Go(func() {
			r := rand.New(rand.NewPCG(s, uint64(i)))
			for !c.stop.Load() {
				step(c, r)
			}
		})
	}
	timer := time.AfterFunc(d, func() { c.stop.Store(true) })
	defer timer.Stop()
	c.done.Wait()
}

// numbered are values that say which key they belong to, and which write of
// it they are.
func numbered(key string, n uint64) []byte {
	return append(binary.BigEndian.AppendUint64(nil, n), key...)
}

// number checks a value of key and returns its number.
func number(key string, value []byte) (uint64, error) {
	if len(value) < 8 || string(value[8:]) != key {
		return 0, fmt.Errorf("key %s has the value %s", key, show(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

func everythingAtOnce(b *rig) {
	e := b.open()
	const keys = 64
	name := func(r *rand.Rand) string { return fmt.Sprintf("key%02d", r.IntN(keys)) }
	write := func(c *crew, r *rand.Rand) {
		key := name(r)
		var err error
		switch r.IntN(4) {
		case 0:
			err = e.Delete([]byte(key), e.level)
		case 1:
			var batch engine.Batch
			for range 5 {
				k := name(r)
				batch.Put([]byte(k), numbered(k, 1))
				batch.Delete([]byte(name(r)))
			}
			err = e.Apply(&batch, e.level)
		default:
			err = e.Put([]byte(key), numbered(key, 1), e.level)
		}
		if err != nil {
			c.failed("write: %v", err)
		}
	}
	var m engine.Metrics
	read := func(c *crew, r *rand.Rand) {
		key := name(r)
		value, err := e.Get(nil, []byte(key))
		if err == nil {
			_, err = number(key, value)
		}
		if !acceptable(err, engine.ErrNotFound) {
			c.failed("get: %v", err)
		}
	}
	look := func(c *crew, r *rand.Rand) {
		e.Metrics(&m)
		_ = e.Caps()
		if err := e.scanOnce(); err != nil {
			c.failed("scan: %v", err)
		}
		if r.IntN(20) == 0 {
			if err := e.Sync(); err != nil {
				c.failed("sync: %v", err)
			}
		}
	}
	b.crew(budget(concurrentTime), write, write, read, read, look)
}

// scanOnce reads everything, if the engine can: keys ascend, and every value
// belongs to its key.
func (e *opened) scanOnce() error {
	s, ok := engine.As[engine.Scanner](e.Engine)
	if !ok {
		return nil
	}
	it, err := s.NewIter(engine.IterOptions{})
	if err != nil {
		return err
	}
	defer it.Close()
	last := ""
	for ok := it.First(); ok; ok = it.Next() {
		key := string(it.Key())
		if key <= last {
			return fmt.Errorf("key %q came after %q", key, last)
		}
		last = key
		value, err := it.Value()
		if err == nil {
			_, err = number(key, value)
		}
		if err != nil {
			return err
		}
	}
	return it.Err()
}

// readsAreFresh has one writer a key, who counts up and reads its own writes.
// What another reader gets must not be older than the count that was complete
// before it asked, nor newer than the count that had begun once it knows.
func readsAreFresh(b *rig) {
	e := b.open()
	const keys = 4
	var begun, complete [keys]atomic.Uint64
	name := func(i int) string { return fmt.Sprintf("key%d", i) }
	var steps []func(*crew, *rand.Rand)
	for i := range 2 { // each writes half of the keys
		steps = append(steps, func(c *crew, r *rand.Rand) {
			k := i + 2*r.IntN(keys/2)
			n := begun[k].Add(1)
			var err error
			if r.IntN(2) == 0 {
				err = e.Put([]byte(name(k)), numbered(name(k), n), e.level)
			} else {
				var batch engine.Batch
				batch.Delete([]byte(name(k)))
				batch.Put([]byte(name(k)), numbered(name(k), n))
				err = e.Apply(&batch, e.level)
			}
			if err != nil {
				c.failed("write: %v", err)
			}
			complete[k].Store(n)
			if value, err := e.Get(nil, []byte(name(k))); err != nil {
				c.failed("get %s after its own write %d: %v", name(k), n, err)
			} else if got, err := number(name(k), value); err != nil || got != n {
				c.failed("get %s after its own write %d: write %d, %v", name(k), n, got, err)
			}
		})
	}
	var dst [3][]byte
	for i := range dst {
		steps = append(steps, func(c *crew, r *rand.Rand) {
			k := r.IntN(keys)
			least := complete[k].Load()
			value, err := e.Get(dst[i][:0], []byte(name(k)))
			most := begun[k].Load()
			if errors.Is(err, engine.ErrNotFound) && (least == 0 || !b.caps.AtomicBatch) {
				return
			}
			var n uint64
			if err == nil {
				dst[i] = value
				n, err = number(name(k), value)
			}
			if err != nil {
				c.failed("get %s after write %d of it: %v", name(k), least, err)
			} else if n < least || n > most {
				c.failed("get %s: write %d, but %d had returned and %d had begun", name(k), n, least, most)
			}
		})
	}
	b.crew(budget(concurrentTime), steps...)
}

func batchesAreWhole(b *rig) {
	e := b.open()
	const keys = 8
	name := func(i int) string { return fmt.Sprintf("key%d", i) }
	n := uint64(0)
	write := func(c *crew, _ *rand.Rand) {
		n++
		var batch engine.Batch
		for i := range keys {
			batch.Put([]byte(name(i)), numbered(name(i), n))
		}
		if err := e.Apply(&batch, e.level); err != nil {
			c.failed("apply: %v", err)
		}
	}
	write(&crew{b: b}, nil)
	get := func(g getter, i int) (uint64, error) {
		value, err := g.Get(nil, []byte(name(i)))
		if err != nil {
			return 0, fmt.Errorf("get %s: %w", name(i), err)
		}
		return number(name(i), value)
	}
	steps := []func(*crew, *rand.Rand){write, func(c *crew, r *rand.Rand) {
		i, j := r.IntN(keys), r.IntN(keys)
		first, err := get(e, i)
		second, err2 := get(e, j)
		if err := errors.Join(err, err2); err != nil {
			c.failed("%v", err)
		} else if second < first {
			c.failed("%s was of batch %d, then %s of batch %d", name(i), first, name(j), second)
		}
	}}
	if b.caps.Snapshots {
		steps = append(steps, func(c *crew, _ *rand.Rand) {
			if err := e.snapshotIsWhole(keys, get); err != nil {
				c.failed("snapshot: %v", err)
			}
		})
	}
	if b.caps.IterSnapshot {
		steps = append(steps, func(c *crew, _ *rand.Rand) {
			if err := e.iteratorIsWhole(keys); err != nil {
				c.failed("iterator: %v", err)
			}
		})
	}
	b.crew(budget(concurrentTime), steps...)
}

func (e *opened) snapshotIsWhole(keys int, get func(getter, int) (uint64, error)) error {
	s, ok := engine.As[engine.Snapshotter](e.Engine)
	if !ok {
		return errors.New("no snapshots, though Caps promise them")
	}
	snapshot, err := s.NewSnapshot()
	if err != nil {
		return err
	}
	defer snapshot.Close()
	first, err := get(snapshot, 0)
	for i := 1; i < keys && err == nil; i++ {
		var n uint64
		if n, err = get(snapshot, i); err == nil && n != first {
			err = fmt.Errorf("key 0 is of batch %d, key %d of batch %d", first, i, n)
		}
	}
	return err
}

func (e *opened) iteratorIsWhole(keys int) error {
	s, ok := engine.As[engine.Scanner](e.Engine)
	if !ok {
		return errors.New("no iterators, though Caps promise them")
	}
	it, err := s.NewIter(engine.IterOptions{})
	if err != nil {
		return err
	}
	defer it.Close()
	var first uint64
	seen := 0
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.Value()
		if err != nil {
			return err
		}
		n, err := number(string(it.Key()), value)
		if err != nil {
			return err
		}
		if seen == 0 {
			first = n
		} else if n != first {
			return fmt.Errorf("key 0 is of batch %d, key %d of batch %d", first, seen, n)
		}
		seen++
	}
	if seen != keys {
		return fmt.Errorf("%d keys, want %d", seen, keys)
	}
	return it.Err()
}

// closeWaits closes under load: every call ends as if before Close, or with
// ErrClosed, and what was acknowledged is found after reopening.
func closeWaits(b *rig) {
	for round := range 5 {
		e := b.open()
		const workers = 4
		var acknowledged [workers]uint64
		var busy, done sync.WaitGroup
		busy.Add(workers)
		for w := range workers {
			done.Go(func() {
				begin := sync.OnceFunc(busy.Done)
				defer begin()
				key := fmt.Sprintf("key%d", w)
				for n := uint64(1); ; n++ {
					err := e.Put([]byte(key), numbered(key, n), e.level)
					if err == nil {
						acknowledged[w] = n
						_, err = e.Get(nil, []byte(key))
					}
					if n > uint64(round) {
						begin()
					}
					if errors.Is(err, engine.ErrClosed) {
						return
					}
					if err != nil {
						b.Errorf("during Close: %v", err)
						return
					}
				}
			})
		}
		busy.Wait()
		if err := e.Close(); err != nil {
			b.Errorf("close: %v", err)
		}
		done.Wait()
		if !b.caps.Persistent {
			continue
		}
		again := b.openIn(e.dir, nil)
		for w, n := range acknowledged {
			key := fmt.Sprintf("key%d", w)
			again.wants(key, string(numbered(key, n)))
		}
		again.close()
	}
}
