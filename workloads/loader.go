package workloads

import (
	"fmt"

	"github.com/kvbench/kvbench/workloads/dist"
)

// Loader yields the key numbers that one worker inserts in the load phase. The
// workers of a load take turns, so that together they go through the numbers
// in order and no two differ by more than one in their share. It is not safe
// for concurrent use.
type Loader struct {
	start, count uint64
	next, stride uint64
	order        dist.Permutation
	shuffled     bool
}

// NewLoader returns the part of one of workers. All workers of a load must
// pass the same seed; it decides the order of a shuffled load.
func (s *Spec) NewLoader(seed uint64, worker, workers int) (*Loader, error) {
	if worker < 0 || worker >= workers {
		return nil, fmt.Errorf("new loader: worker %d of %d", worker, workers)
	}
	l := &Loader{
		start: s.InsertStart, count: s.InsertCount,
		next: uint64(worker), stride: uint64(workers),
		shuffled: s.LoadOrder == "shuffled",
	}
	if s.Records == 0 {
		l.count = 0
	}
	if l.shuffled {
		l.order = dist.NewPermutation(l.count, dist.Derive(seed, streamLoad))
	}
	return l, nil
}

// Next returns the next number; ok is false after the last.
func (l *Loader) Next() (number uint64, ok bool) {
	i := l.next
	if i >= l.count {
		return 0, false
	}
	l.next += l.stride
	if l.shuffled {
		i = l.order.Of(i)
	}
	return l.start + i, true
}

// Len returns how many numbers are left.
func (l *Loader) Len() uint64 {
	if l.next >= l.count {
		return 0
	}
	return (l.count - l.next + l.stride - 1) / l.stride
}
