package bench

import (
	"sync"
	"time"
	"unsafe"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// intervalRows is what one worker did within one interval of the series. The
// worker fills it alone and then hands it to the collector, so that nobody
// reads a histogram that is being written.
type intervalRows struct {
	index  int // which interval
	ops    uint64
	errors uint64
	hist   [workloads.NumKinds]*Histogram // nil: kind not in the mix
}

func newIntervalRows(spec *workloads.Spec) *intervalRows {
	r := &intervalRows{}
	for k := range workloads.NumKinds {
		if spec.Has(k) || k == workloads.Insert { // a load inserts
			r.hist[k] = new(Histogram)
		}
	}
	return r
}

func (r *intervalRows) reset(index int) {
	r.index, r.ops, r.errors = index, 0, 0
	for _, h := range r.hist {
		if h != nil {
			h.Reset()
		}
	}
}

// collector merges the rows of all workers: into the phase's histograms, by
// kind, and into the series, by interval. Operations count in the interval in
// which their batch began, so one that is held up for long leaves empty rows
// behind it.
type collector struct {
	interval time.Duration // 0: no series

	mu     sync.Mutex
	totals map[workloads.Kind]*Histogram
	series []*seriesCell
	free   []*intervalRows
	spec   *workloads.Spec
}

type seriesCell struct {
	ops, errors uint64
	hist        *Histogram // nil: nothing was timed
}

func newCollector(spec *workloads.Spec, interval time.Duration) *collector {
	return &collector{spec: spec, interval: interval, totals: make(map[workloads.Kind]*Histogram)}
}

// fresh returns an empty row for the interval with the given index.
func (c *collector) fresh(index int) *intervalRows {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.free); n > 0 {
		r := c.free[n-1]
		c.free = c.free[:n-1]
		r.reset(index)
		return r
	}
	r := newIntervalRows(c.spec)
	r.index = index
	return r
}

// take merges a row and keeps its memory for another.
func (c *collector) take(r *intervalRows) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var cell *seriesCell
	if c.interval > 0 {
		for len(c.series) <= r.index {
			c.series = append(c.series, new(seriesCell))
		}
		cell = c.series[r.index]
		cell.ops += r.ops
		cell.errors += r.errors
	}
	for k, h := range r.hist {
		if h == nil || h.N() == 0 {
			continue
		}
		total := c.totals[workloads.Kind(k)]
		if total == nil {
			total = new(Histogram)
			c.totals[workloads.Kind(k)] = total
		}
		total.Merge(h)
		if cell != nil {
			if cell.hist == nil {
				cell.hist = new(Histogram)
			}
			cell.hist.Merge(h)
		}
	}
	c.free = append(c.free, r)
}

// memory is what the rows have taken, in bytes.
func (c *collector) memory() (n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	hists := len(c.totals)
	for _, cell := range c.series {
		if cell.hist != nil {
			hists++
		}
	}
	for _, r := range c.free {
		for _, h := range r.hist {
			if h != nil {
				hists++
			}
		}
	}
	return uint64(hists) * uint64(unsafe.Sizeof(Histogram{}))
}

// rows returns the series. end is when the phase ended, since its start: whole
// intervals before it have a row even if no operation ended any more.
func (c *collector) rows(phase string, end time.Duration) []results.SeriesRow {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.interval > 0 && time.Duration(len(c.series)+1)*c.interval <= end {
		c.series = append(c.series, new(seriesCell))
	}
	rows := make([]results.SeriesRow, len(c.series))
	for i := range c.series {
		t := min(time.Duration(i+1)*c.interval, end)
		rows[i] = results.SeriesRow{
			Phase: phase, T: t.Seconds(),
			Seconds: (t - time.Duration(i)*c.interval).Seconds(),
			Ops:     c.series[i].ops, Errors: c.series[i].errors,
			Latency: latency(c.series[i].hist),
		}
	}
	return rows
}

func latency(h *Histogram) *results.Latency {
	if h == nil {
		return nil
	}
	return h.Latency()
}
