package hashidx

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// stamped is a value that says whose it is, of any length.
func stamped(key string, n uint64, r *rand.Rand) []byte {
	p := append(binary.BigEndian.AppendUint64(nil, n), key...)
	return append(p, make([]byte, r.IntN(2000))...)
}

func ofKey(key string, value []byte) bool {
	return len(value) >= 8+len(key) && string(value[8:8+len(key)]) == key
}

// A small tail, small segments and few keys: pages go and places change under
// everybody's feet.
func TestReadersWritersAndScansAtOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	e := openIn(t, vfs.NewMem(), smallest())
	const keys, rounds = 40, 1500
	// Those with an odd number stay.
	for i := range keys {
		key := fmt.Sprintf("key%02d", i)
		if err := e.Put([]byte(key), stamped(key, 0, rand.New(rand.NewPCG(seed, 0))), engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	var done sync.WaitGroup
	run := func(n int, f func(r *rand.Rand, key string) error) {
		done.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(n)))
			for range rounds {
				if err := f(r, fmt.Sprintf("key%02d", r.IntN(keys))); err != nil {
					t.Errorf("goroutine %d: %v", n, err)
					return
				}
			}
		})
	}
	for n := range 2 {
		run(n, func(r *rand.Rand, key string) error {
			switch even := key[len(key)-1]%2 == 0; {
			case r.IntN(8) == 0:
				var b engine.Batch
				for i := 1; i < keys; i += 6 {
					key := fmt.Sprintf("key%02d", i)
					b.Put([]byte(key), stamped(key, 1, r))
				}
				return e.Apply(&b, engine.Default)
			case even && r.IntN(2) == 0:
				return e.Delete([]byte(key), engine.Default)
			}
			return e.Put([]byte(key), stamped(key, 2, r), engine.Default)
		})
		run(2+n, func(_ *rand.Rand, key string) error {
			value, err := e.Get(nil, []byte(key))
			if errors.Is(err, engine.ErrNotFound) && key[len(key)-1]%2 == 0 {
				return nil
			}
			if err == nil && !ofKey(key, value) {
				return fmt.Errorf("%s has a value of another", key)
			}
			return err
		})
	}
	done.Go(func() {
		for range 50 {
			seen := map[string]int{}
			err := e.Scan(context.Background(), func(key, value []byte) error {
				seen[string(key)]++
				if !ofKey(string(key), value) {
					return fmt.Errorf("scan: %s has a value of another", key)
				}
				return nil
			})
			for i := range keys {
				key := fmt.Sprintf("key%02d", i)
				if n := seen[key]; n > 1 || n == 0 && i%2 == 1 {
					err = errors.Join(err, fmt.Errorf("scan: %s came %d times", key, n))
				}
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	done.Wait()
}
