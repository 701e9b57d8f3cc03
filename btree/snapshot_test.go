package btree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func TestWithTheLastReaderOldVersionsGo(t *testing.T) {
	for _, given := range []map[string]string{{"cache_bytes": "256k"}, {"cache_bytes": "4m"}} {
		s := newSubject(t, given)
		for i := range 4000 {
			s.put(t, fmt.Sprintf("%05d", i), strings.Repeat("v", 100))
		}
		first, err := s.NewSnapshot()
		if err != nil {
			t.Fatal(err)
		}
		it := newIter(t, s, engine.IterOptions{})
		for i := range 4000 {
			s.put(t, fmt.Sprintf("%05d", i), strings.Repeat("w", 100))
		}
		second, err := s.NewSnapshot()
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4000 {
			s.put(t, fmt.Sprintf("%05d", i), strings.Repeat("x", 100))
		}
		all := s.old.Len()
		closeIt(t, second)
		some := s.old.Len()
		if some == 0 || some >= all {
			t.Errorf("%v: of %d versions %d are left for the first reader", given, all, some)
		}
		if s.clock.Count() != 2 {
			t.Errorf("%d moments are live, want two", s.clock.Count())
		}
		closeIt(t, first)
		if s.old.Len() != some {
			t.Errorf("versions went with a snapshot whose moment an iterator has as well")
		}
		closeIt(t, it)
		s.mu.Lock() // no checkpoint is at it
		if n := s.old.Len(); s.ckpt == nil && n != 0 {
			t.Errorf("%v: %d versions are left for nobody", given, n)
		}
		s.mu.Unlock()
	}
}

func TestAnIteratorOutlivesItsSnapshot(t *testing.T) {
	s := newSubject(t, nil)
	for i := range 2000 {
		s.put(t, fmt.Sprintf("%05d", i), "before")
	}
	want := s.rows()
	snap, err := s.NewSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	it := newIter(t, snap.(engine.Scanner), engine.IterOptions{})
	closeIt(t, snap)
	closeIt(t, snap)
	for i := range 2000 {
		s.put(t, fmt.Sprintf("%05d", i), "after")
	}
	wander(t, seeded(t, 5), it, newWalker(want, engine.IterOptions{}), 1000)
	if _, err := snap.(engine.Scanner).NewIter(engine.IterOptions{}); err != engine.ErrClosed {
		t.Errorf("a closed snapshot gives an iterator: %v", err)
	}
	closeIt(t, it)
	if n := s.clock.Count(); n != 0 {
		t.Errorf("%d moments are live", n)
	}
}

// numbers is a tree whose keys, spread over many pages, all have the same
// number, which each batch raises by one.
type numbers struct {
	*subject
	keys    [][]byte
	written atomic.Uint64 // by batches that have returned
}

func newNumbers(t testing.TB, given map[string]string) *numbers {
	n := &numbers{subject: newSubject(t, given)}
	for i := range 1500 {
		n.put(t, fmt.Sprintf("%05d", i), strings.Repeat("v", 100))
		if i%100 == 0 {
			n.keys = append(n.keys, fmt.Appendf(nil, "%05d!", i))
		}
	}
	n.raise(t)
	return n
}

func (n *numbers) raise(t testing.TB) {
	next := n.written.Load() + 1
	var b engine.Batch
	for i, key := range n.keys {
		value := binary.BigEndian.AppendUint64(nil, next)
		if i == 7 { // in a chain of pages
			value = append(value, make([]byte, 9000)...)
		}
		b.Put(key, value)
	}
	// What else there is comes and goes, so that pages split and merge.
	for i := range uint64(20) {
		key := fmt.Appendf(nil, "%05d+%d", (next*131+i*17)%1500, i)
		if next%3 == 0 {
			b.Delete(key)
		} else {
			b.Put(key, make([]byte, 300))
		}
	}
	if err := n.Apply(&b, engine.Default); err != nil {
		t.Error(err)
	}
	n.written.Store(next)
}

// agree reports an error unless all values are one number of at least least.
func (n *numbers) agree(values map[string][]byte, least uint64) (uint64, error) {
	var is uint64
	for i, key := range n.keys {
		value := values[string(key)]
		if len(value) < 8 {
			return 0, fmt.Errorf("%q has %d bytes", key, len(value))
		}
		number := binary.BigEndian.Uint64(value)
		if i > 0 && number != is {
			return 0, fmt.Errorf("%q has number %d, another %d", key, number, is)
		}
		is = number
	}
	if is < least {
		return 0, fmt.Errorf("the number is %d, and was %d before", is, least)
	}
	return is, nil
}

func (n *numbers) scan(s engine.Scanner) (map[string][]byte, error) {
	it, err := s.NewIter(engine.IterOptions{})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	values := map[string][]byte{}
	for ok := it.First(); ok; ok = it.Next() {
		if key := it.Key(); key[len(key)-1] == '!' {
			value, err := it.Value()
			if err != nil {
				return nil, err
			}
			values[string(key)] = append([]byte(nil), value...)
		}
	}
	rows := 0
	for ok := it.Last(); ok; ok = it.Prev() {
		rows++
	}
	if rows < 1500+len(n.keys) && it.Err() == nil {
		return nil, fmt.Errorf("%d rows backwards", rows)
	}
	return values, it.Err()
}

func (n *numbers) get(s engine.Snapshot) (map[string][]byte, error) {
	values := map[string][]byte{}
	for _, key := range n.keys {
		value, err := s.Get(nil, key)
		if err != nil {
			return nil, err
		}
		values[string(key)] = value
	}
	return values, nil
}

func TestReadersSeeBatchesWholeWhileWritersGoOn(t *testing.T) {
	for _, given := range []map[string]string{
		{"cache_bytes": "256k", "log_bytes": "64k", "checkpoint_interval": "0s", "durability": "buffered"},
		{"cache_bytes": "4m"},
		{"cache_bytes": "256k", "io": "mmap"},
	} {
		t.Run(fmt.Sprint(given), func(t *testing.T) {
			n := newNumbers(t, given)
			var readers sync.WaitGroup
			var ended atomic.Int32
			for r := range 3 {
				readers.Go(func() {
					defer ended.Add(1)
					for round := range 40 {
						if err := n.readOnce((r + round) % 3); err != nil {
							t.Errorf("reader %d, round %d: %v", r, round, err)
							return
						}
					}
				})
			}
			for ended.Load() < 3 {
				n.raise(t)
			}
			readers.Wait()
		})
	}
}

// readOnce reads all numbers in one of the ways, and again at the same moment.
func (n *numbers) readOnce(way int) error {
	least := n.written.Load()
	if way == 0 {
		values, err := n.scan(n)
		if err == nil {
			_, err = n.agree(values, least)
		}
		return err
	}
	s, err := n.NewSnapshot()
	if err != nil {
		return err
	}
	defer s.Close()
	var was uint64
	for i := range 3 {
		read := func() (map[string][]byte, error) { return n.get(s) }
		if (way+i)%2 == 0 {
			read = func() (map[string][]byte, error) { return n.scan(s.(engine.Scanner)) }
		}
		values, err := read()
		if err != nil {
			return err
		}
		is, err := n.agree(values, least)
		if err != nil {
			return err
		}
		if i > 0 && is != was {
			return fmt.Errorf("the number of a snapshot went from %d to %d", was, is)
		}
		was = is
	}
	return nil
}

func TestGetMayRaceCloseOfASnapshot(t *testing.T) {
	n := newNumbers(t, map[string]string{"cache_bytes": "256k"})
	for round := range 40 {
		s, err := n.NewSnapshot()
		if err != nil {
			t.Fatal(err)
		}
		number := n.written.Load()
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				for i := 0; ; i++ {
					value, err := s.Get(nil, n.keys[i%len(n.keys)])
					if err == engine.ErrClosed {
						return
					}
					if err != nil || binary.BigEndian.Uint64(value) != number {
						t.Errorf("round %d: %d bytes, %v", round, len(value), err)
						return
					}
				}
			})
		}
		for range 3 {
			n.raise(t)
		}
		closeIt(t, s)
		n.raise(t)
		readers.Wait()
	}
	if c := n.clock.Count(); c != 0 {
		t.Errorf("%d moments are live", c)
	}
}

func TestMultiGetAnswersAsGetDoes(t *testing.T) {
	for seed := range uint64(4) {
		given := map[string]string{"cache_bytes": []string{"256k", "4m"}[seed%2], "io": []string{"pread", "mmap"}[seed/2%2]}
		t.Run(fmt.Sprint(seed, given), func(t *testing.T) {
			rng := seeded(t, seed)
			s := newSubject(t, given)
			var out []engine.Value
			for range 30 {
				s.change(t, rng, rng.IntN(300))
				keys := make([][]byte, rng.IntN(60))
				for i := range keys {
					keys[i] = []byte(randomKey(rng))
				}
				for len(out) < len(keys) {
					out = append(out, engine.Value{})
				}
				if err := s.MultiGet(keys, out[:len(keys)]); err != nil {
					t.Fatal(err)
				}
				for i, key := range keys {
					want, err := s.Get(nil, key)
					if out[i].Found != (err == nil) || err == nil && string(out[i].Data) != string(want) {
						t.Errorf("%.20q: found %v, %d bytes, want %d (%v)", key, out[i].Found, len(out[i].Data), len(want), err)
					}
				}
			}
			if err := s.MultiGet([][]byte{{1}}, nil); !errors.Is(err, engine.ErrInvalid) {
				t.Errorf("one key without a place: %v", err)
			}
			if err := s.MultiGet([][]byte{{1}, {}}, out[:2]); !errors.Is(err, engine.ErrEmptyKey) {
				t.Errorf("an empty key: %v", err)
			}
		})
	}
}

func TestMultiGetDoesNotAllocate(t *testing.T) {
	s := newSubject(t, nil)
	var keys [][]byte
	for i := range 1000 {
		s.put(t, fmt.Sprintf("%05d", i), strings.Repeat("v", 100))
		if i%20 == 0 {
			keys = append(keys, fmt.Appendf(nil, "%05d", i))
		}
	}
	out := make([]engine.Value, len(keys))
	before := s.counts.lookupsNow()
	if n := testing.AllocsPerRun(20, func() {
		if err := s.MultiGet(keys, out); err != nil {
			t.Fatal(err)
		}
	}); n > 1 { // the first has no memory yet
		t.Errorf("%v allocations", n)
	}
	if n := s.counts.lookupsNow() - before; n != 21*uint64(len(keys)) {
		t.Errorf("%d lookups were counted, want %d", n, 21*len(keys))
	}
}

func (c *counters) lookupsNow() (n uint64) {
	for i := range c.stripes {
		n += c.stripes[i].lookups.Load()
	}
	return n
}

func TestMultiGetSeesBatchesThatHaveReturned(t *testing.T) {
	n := newNumbers(t, map[string]string{"cache_bytes": "256k"})
	var readers sync.WaitGroup
	var ended atomic.Bool
	readers.Go(func() {
		defer ended.Store(true)
		out := make([]engine.Value, len(n.keys))
		for range 300 {
			least := n.written.Load()
			if err := n.MultiGet(n.keys, out); err != nil {
				t.Error(err)
				return
			}
			for i := range out {
				if !out[i].Found || binary.BigEndian.Uint64(out[i].Data) < least {
					t.Errorf("%q is older than what was written before", n.keys[i])
					return
				}
			}
		}
	})
	for !ended.Load() {
		n.raise(t)
	}
	readers.Wait()
}
