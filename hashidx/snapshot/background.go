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
	known := r.known(lives)
	var next atomic.Int64
	work := func(out *result) {
		b := newBlock()
		for n := next.Add(1) - 1; n < r.blocks() && out.goesOn(); n = next.Add(1) - 1 {
			gone, err := r.block(b, n, known)
			out.dropped.Add(gone)
			if err == nil && len(b.entries) > 0 {
				err = load(b.entries)
			}
			out.fail(err)
		}
	}
	return share(workers, work)
}

// Fill is Load into an index that is new and that nobody else uses. It is
// faster by far if the index has Buckets buckets. After an error throw the
// index away.
func (r *Reader) Fill(workers int, lives func(number uint16) bool, x *index.Index) (dropped uint64, err error) {
	parts, err := r.parts(workers, x)
	if err != nil {
		return 0, err
	}
	if parts == nil {
		return r.Load(workers, lives, x.Load)
	}
	known := r.known(lives)
	var (
		next atomic.Int64
		mu   sync.Mutex // guards rest
		rest []index.Entry
	)
	dropped, err = share(workers, func(out *result) {
		b := newBlock()
		var left []index.Entry
		for i := int(next.Add(1)) - 1; i < len(parts) && out.goesOn(); i = int(next.Add(1)) - 1 {
			some, err := r.fill(&parts[i], x, b, known, out)
			left = append(left, some...)
			out.fail(err)
		}
		mu.Lock()
		rest = append(rest, left...)
		mu.Unlock()
	})
	if err == nil {
		err = x.Load(rest)
	}
	return dropped, err
}

// A result is what workers have done together.
type result struct {
	dropped atomic.Uint64
	failed  atomic.Pointer[error]
}

func (o *result) goesOn() bool { return o.failed.Load() == nil }

// fail keeps the first error.
func (o *result) fail(err error) {
	if err != nil {
		o.failed.CompareAndSwap(nil, &err)
	}
}

// share has some goroutines do the work, and waits for all.
func share(workers int, work func(*result)) (dropped uint64, err error) {
	var (
		out result
		all sync.WaitGroup
	)
	for range max(1, workers) {
		all.Go(func() { work(&out) })
	}
	all.Wait()
	if e := out.failed.Load(); e != nil {
		return 0, *e
	}
	return out.dropped.Load(), nil
}
