package hashidx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
)

// Each key has one writer, who counts its writes in values of all lengths. Who
// reads a key finds no less than what was written before it began, whichever
// way the op went meanwhile: out of the tail, to a file, into the cache and out
// of it.
func TestReadersFindTheLastWriteWhereverItIs(t *testing.T) {
	for _, mode := range ioModes() {
		t.Run(mode, func(t *testing.T) { readersFindTheLastWrite(t, mode) })
	}
}

func readersFindTheLastWrite(t *testing.T, mode string) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	given := tinyWith(mode, "128k")
	given["segment_bytes"] = "64k"
	e := openIn(t, vfs.NewMem(), given)
	const keys, still, rounds = 200, 1000, 2500 // still keys are only read
	key := func(i int) []byte { return fmt.Appendf(nil, "key%03d", i) }
	var written [keys]atomic.Uint64
	put := func(i int, r *rand.Rand) error {
		n := written[i].Load() + 1
		value := append(binary.BigEndian.AppendUint64(key(i), n), make([]byte, r.IntN(6000)*r.IntN(2))...)
		err := e.Put(key(i), value, engine.Default)
		written[i].Store(n)
		return err
	}
	check := func(i int, least uint64, value []byte) error {
		if len(value) < 14 || string(value[:6]) != string(key(i)) {
			return fmt.Errorf("%s has %.20q", key(i), value)
		}
		if n := binary.BigEndian.Uint64(value[6:]); n < least || n > written[i].Load()+1 {
			return fmt.Errorf("%s has write %d, though %d had returned before", key(i), n, least)
		}
		return nil
	}
	for i := range keys {
		if err := put(i, rand.New(rand.NewPCG(seed, 0))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range still {
		if err := e.Put(fmt.Appendf(nil, "still%d", i), fmt.Appendf(nil, "value%d", i), engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	var done sync.WaitGroup
	run := func(n int, f func(r *rand.Rand) error) {
		done.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			for range rounds {
				if err := f(r); err != nil {
					t.Errorf("goroutine %d: %v", n, err)
					return
				}
			}
		})
	}
	for n := range 2 {
		run(1+n, func(r *rand.Rand) error { return put(r.IntN(keys)&^1|n, r) })
		run(3+n, func(r *rand.Rand) error {
			i := r.IntN(keys)
			least := written[i].Load()
			value, err := e.Get(nil, key(i))
			if err != nil {
				return err
			}
			return check(i, least, value)
		})
	}
	run(6, func(r *rand.Rand) error {
		i := r.IntN(still)
		value, err := e.Get(nil, fmt.Appendf(nil, "still%d", i))
		if err == nil && string(value) != fmt.Sprintf("value%d", i) {
			err = fmt.Errorf("still%d has %.20q", i, value)
		}
		return err
	})
	run(5, func(r *rand.Rand) error {
		const many = 5
		var wanted [many][]byte
		var numbers [many]int
		var least [many]uint64
		var out [many]engine.Value
		for j := range wanted {
			numbers[j] = r.IntN(keys)
			wanted[j], least[j] = key(numbers[j]), written[numbers[j]].Load()
		}
		if err := e.MultiGet(wanted[:], out[:]); err != nil {
			return err
		}
		for j, v := range out {
			if err := check(numbers[j], least[j], v.Data); err != nil {
				return err
			}
		}
		return nil
	})
	done.Wait()
	if st := e.records.cache.Stats(); mode == ioPread && (st.Inserts[cache.Record] == 0 || st.Hits[cache.Record] == 0) {
		t.Errorf("the cache had no part in it: %+v", st)
	}
	if e.tail.bytes.Load() > 32<<10+2*minPageBytes {
		t.Errorf("the tail has %d bytes", e.tail.bytes.Load())
	}
}

// A Close beside readers ends in time, and they either have the value or hear
// that the engine is closed.
func TestCloseBesideReadersOfFiles(t *testing.T) {
	for _, mode := range ioModes() {
		t.Run(mode, func(t *testing.T) {
			const n = 300
			e := fill(t, vfs.NewMem(), n, tinyWith(mode, "80k"))
			var done sync.WaitGroup
			var begun atomic.Int64
			for g := range 3 {
				done.Go(func() {
					r := rand.New(rand.NewPCG(uint64(g), 0))
					for {
						i := r.IntN(n)
						value, err := e.Get(nil, fmt.Appendf(nil, "key%d", i))
						begun.Add(1)
						if err == nil && string(value) == valueOf(i) {
							continue
						}
						if !errors.Is(err, engine.ErrClosed) {
							t.Errorf("key%d is %.20q, %v", i, value, err)
						}
						return
					}
				})
			}
			for begun.Load() < 500 {
				if err := e.Put([]byte("other"), nil, engine.Default); err != nil {
					t.Fatal(err)
				}
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			done.Wait()
		})
	}
}
