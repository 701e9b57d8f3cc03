package lsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

// Close comes in the middle of calls that read files, and of some that work. It
// has to wait for them: after it there is no memory to read to.
func TestCloseWaitsForCallsThatReadFiles(t *testing.T) {
	const keys = 20_000
	given := map[string]string{
		"durability": "none", "cache_bytes": "64k", "memtable_bytes": "256k", "table_bytes": "64k",
	}
	key := func(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)*0x9E3779B97F4A7C15) }
	dir := t.TempDir()
	e, err := open(dir, given, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		if err := e.Put(key(i), make([]byte, 100), engine.None); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func(e *tree, i int) error{
		"get": func(e *tree, i int) error {
			_, err := e.Get(nil, key(i%keys))
			return err
		},
		"multiget": func(e *tree, i int) error {
			out := make([]engine.Value, 2)
			return e.MultiGet([][]byte{key(i % keys), key((i + 1) % keys)}, out)
		},
		"scan": func(e *tree, _ int) error {
			return e.Scan(t.Context(), func(_, _ []byte) error { return nil })
		},
		"compact": func(e *tree, i int) error {
			for n := range 1000 {
				if err := e.Put(key((i+n)%keys), make([]byte, 100), engine.None); err != nil {
					return err
				}
			}
			return e.Compact(t.Context(), nil, nil)
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			for round := range 5 {
				e, err := open(dir, given, engine.Env{})
				if err != nil {
					t.Fatal(err)
				}
				closeBeside(t, e.(*tree), round, call)
			}
		})
	}
}

// closeBeside closes e while four goroutines repeat a call until it says that e
// is closed.
func closeBeside(t *testing.T, e *tree, round int, call func(e *tree, i int) error) {
	t.Helper()
	var began, all sync.WaitGroup
	began.Add(4)
	for g := range 4 {
		all.Go(func() {
			begin := sync.OnceFunc(began.Done)
			defer begin()
			for i := 0; ; i++ {
				switch err := call(e, i*7919+g); {
				case errors.Is(err, engine.ErrClosed):
					return
				case err != nil:
					t.Error(fmt.Errorf("round %d, call %d: %w", round, i, err))
					return
				}
				begin()
			}
		})
	}
	began.Wait()
	if err := e.Close(); err != nil {
		t.Error(fmt.Errorf("round %d: close: %w", round, err))
	}
	all.Wait()
}
