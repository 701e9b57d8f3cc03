package snapshot

import (
	"sync"
	"sync/atomic"

	"github.com/kvbench/kvbench/hashidx/index"
)

// Load calls load, which is Index.Load, with all entries whose segment lives,
// some thousands at a time, from several goroutines, and returns how many it
// left out. Each goroutine takes the next block until none is left or one has
// failed; Load waits for all. It returns an error of load as it is.
//
// A nil lives takes all. It is called once for each of Segments.
func (r *Reader) Load(workers int, lives func(number uint16) bool, load func([]index.Entry) error) (dropped uint64, err error) {
	known := new(numbers)
	for _, n := range r.segments {
		known[n] = named
		if lives == nil || lives(n) {
			known[n] |= alive
		}
	}
	var (
		next, out atomic.Int64
		failed    atomic.Pointer[error]
		all       sync.WaitGroup
	)
	work := func() {
		entries, p := make([]index.Entry, 0, blockEntries), make([]byte, blockBytes)
		for n := next.Add(1) - 1; n < r.blocks() && failed.Load() == nil; n = next.Add(1) - 1 {
			some, gone, err := r.block(entries, n, p, known)
			out.Add(int64(gone))
			if err == nil && len(some) > 0 {
				err = load(some)
			}
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		}
	}
	for range max(1, workers) {
		all.Go(work)
	}
	all.Wait()
	if e := failed.Load(); e != nil {
		return 0, *e
	}
	return uint64(out.Load()), nil
}
