package goycsb

import (
	"sync"
	"time"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/results"
)

// interval is what happened in one interval: the whole of it in series, one
// worker's part in a worker, which hands it over when the interval is past.
type interval struct {
	ops, errors uint64
	service     bench.Histogram
}

func (i *interval) add(o *interval) {
	i.ops += o.ops
	i.errors += o.errors
	i.service.Merge(&o.service)
}

// series gathers the intervals of all workers. A call counts in the interval
// in which it ends.
type series struct {
	length time.Duration // 0: no series

	mu   sync.Mutex
	rows []*interval
}

// take adds a worker's part of the interval with an index.
func (s *series) take(index int, part *interval) {
	if s.length <= 0 || part.ops == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.rows) <= index {
		s.rows = append(s.rows, new(interval))
	}
	s.rows[index].add(part)
}

// results returns the rows of a phase that took elapsed.
func (s *series) results(phase string, elapsed time.Duration) []results.SeriesRow {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rows []results.SeriesRow
	for i, r := range s.rows {
		begin := time.Duration(i) * s.length
		end := max(min(begin+s.length, elapsed), begin)
		rows = append(rows, results.SeriesRow{
			Phase: phase, T: end.Seconds(), Seconds: (end - begin).Seconds(),
			Ops: r.ops, Errors: r.errors, Latency: r.service.Latency(),
		})
	}
	return rows
}
