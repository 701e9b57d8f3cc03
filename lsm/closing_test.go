package lsm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// tight is memory for two memtables, and writers that do not slow down.
func tight(more map[string]string) map[string]string {
	given := map[string]string{"memory_bytes": "128k", "throttle": "off", "compactions": "1"}
	for name, value := range more {
		given[name] = value
	}
	return given
}

// ended reports whether err is what a call may return that Close overtakes.
func ended(err error) bool {
	return err == nil || errors.Is(err, engine.ErrClosed) || errors.Is(err, engine.ErrNotFound)
}

// TestCloseEndsWhateverIsUnderWay: calls that Close overtakes return, and all
// that had been acknowledged before is there.
func TestCloseEndsWhateverIsUnderWay(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rounds := 10
	for name, more := range map[string]map[string]string{
		"log": {}, "no log": {"durability": "none"}, "blobs": {"separate_bytes": "100", "pipeline": "false"},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := vfs.NewMem()
			for round := range rounds {
				closeAmid(t, fsys, tight(more), rand.New(rand.NewPCG(seed, uint64(round))), round)
			}
		})
	}
}

func closeAmid(t *testing.T, fsys *vfs.Mem, more map[string]string, r *rand.Rand, round int) {
	t.Helper()
	e := openMem(t, fsys, more)
	background := context.Background()
	var calls sync.WaitGroup
	var last, writes atomic.Int64
	wait, enough := 1+r.Int64N(500), make(chan struct{})
	call := func(what string, f func(i int) error) {
		calls.Go(func() {
			for i := 0; ; i++ {
				err := f(i)
				if !ended(err) {
					t.Errorf("%s: %v", what, err)
				}
				if err != nil && !errors.Is(err, engine.ErrNotFound) {
					return
				}
			}
		})
	}
	value := []byte(strings.Repeat("v", 500))
	var acknowledged atomic.Bool // no more: Close has begun
	for w := range 2 {
		call("put", func(i int) error {
			if writes.Add(1) == wait {
				close(enough)
			}
			return e.Put(fmt.Appendf(nil, "w%d-%04d", w, i%300), value, engine.Default)
		})
	}
	call("put marks", func(i int) error {
		err := e.Put([]byte("mark"), fmt.Appendf(nil, "%d.%d", round, i), engine.Default)
		if err == nil && !acknowledged.Load() {
			last.Store(int64(i))
		}
		return err
	})
	call("settle", func(int) error { return e.Settle(background) })
	call("compact", func(int) error { return e.Compact(background, nil, nil) })
	call("sync", func(int) error { return e.Sync() })
	call("get", func(i int) error {
		_, err := e.Get(nil, fmt.Appendf(nil, "w0-%04d", i%300))
		return err
	})
	call("walk", func(int) error { return e.Scan(background, func(_, _ []byte) error { return nil }) })
	<-enough
	acknowledged.Store(true)
	closed(t, e)
	calls.Wait()
	e = openMem(t, fsys, more)
	v, err := e.Get(nil, []byte("mark"))
	var in, n int64
	fmt.Sscanf(string(v), "%d.%d", &in, &n)
	if last.Load() > 0 && (err != nil || in != int64(round) || n < last.Load()) {
		t.Errorf("round %d: the mark is %q, %v; %d had been acknowledged", round, v, err, last.Load())
	}
	closed(t, e)
}

// TestWritersThatWaitForMemoryEndWhenWritingDoes: the nth operation on a file
// fails while writers wait for flushes.
func TestWritersThatWaitForMemoryEndWhenWritingDoes(t *testing.T) {
	for n := uint64(1); n < 120; n += 3 {
		mem := vfs.NewMem()
		e := openMem(t, mem, tight(nil))
		closed(t, e)
		fault := vfs.NewFault(mem, vfs.Rule{Kind: vfs.KindAny, Nth: n + 40, Err: syscall.EIO})
		opened, err := open("/db", small(tight(nil)), engine.Env{FS: fault})
		if err != nil {
			continue
		}
		var writers sync.WaitGroup
		for w := range 3 {
			writers.Go(func() {
				for i := range 600 {
					if opened.Put(fmt.Appendf(nil, "w%d-%04d", w, i), make([]byte, 500), engine.Default) != nil {
						return
					}
				}
			})
		}
		writers.Wait()
		opened.(*tree).Settle(context.Background())
		if err := opened.Put([]byte("k"), nil, engine.Sync); fault.Fired() > 0 && err != nil && !errors.Is(err, engine.ErrReadOnly) && !errors.Is(err, syscall.EIO) {
			t.Errorf("operation %d failed, and a put says %v", n, err)
		}
		opened.Close()
	}
}

// A context that ends leaves work for later, and the tree as it was.
func TestMaintenanceThatIsGivenUpDoesNoHarm(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 5))
	fsys := vfs.NewMem()
	e := openMem(t, fsys, tight(nil))
	for round := range 30 {
		for i := range 100 {
			e.put(t, fmt.Sprintf("key%03d", r.IntN(200)), fmt.Sprintf("%d.%d", round, i)+strings.Repeat("v", 300))
		}
		want := all(t, e)
		ctx, cancel := context.WithCancel(context.Background())
		left := int64(r.IntN(30))
		var points atomic.Int64
		fsys.Watch(func(vfs.Point) {
			if points.Add(1) > left {
				cancel()
			}
		})
		if err := e.Compact(ctx, nil, nil); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		fsys.Watch(nil)
		cancel()
		if got := all(t, e); got != want {
			t.Fatalf("round %d: there is\n%s\nwant\n%s", round, got, want)
		}
	}
	must(t, e.Settle(context.Background()))
	must(t, e.drain())
	closed(t, e)
	onlyNamed(t, fsys, e)
}
