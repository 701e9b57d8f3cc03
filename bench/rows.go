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

	// Of an open loop.
	response [workloads.NumKinds]*Histogram // nil: as hist, or a closed loop
	lag      *Histogram                     // nil: a closed loop
}

func newIntervalRows(spec *workloads.Spec, open bool) *intervalRows {
	r := &intervalRows{}
	for k := range workloads.NumKinds {
		if spec.Has(k) || k == workloads.Insert { // a load inserts
			r.hist[k] = new(Histogram)
			if open {
				r.response[k] = new(Histogram)
			}
		}
	}
	if open {
		r.lag = new(Histogram)
	}
	return r
}

// all are the row's histograms.
func (r *intervalRows) all(f func(*Histogram)) {
	for k := range r.hist {
		for _, h := range []*Histogram{r.hist[k], r.response[k]} {
			if h != nil {
				f(h)
			}
		}
	}
	if r.lag != nil {
		f(r.lag)
	}
}

func (r *intervalRows) reset(index int) {
	r.index, r.ops, r.errors = index, 0, 0
	r.all((*Histogram).Reset)
}

// collector merges the rows of all workers: into the phase's histograms, by
// kind, and into the series, by interval. Operations count in the interval in
// which their batch began, so one that is held up for long leaves empty rows
// behind it.
type collector struct {
	interval time.Duration // 0: no series
	open     bool          // rows have response times and lags

	mu        sync.Mutex
	totals    map[workloads.Kind]*Histogram
	responses map[workloads.Kind]*Histogram
	lag       Histogram
	series    []*seriesCell
	free      []*intervalRows
	spec      *workloads.Spec
}

type seriesCell struct {
	ops, errors uint64
	hist        *Histogram // nil: nothing was timed
	response    *Histogram // nil: nothing was timed, or a closed loop
}

func newCollector(spec *workloads.Spec, interval time.Duration) *collector {
	return &collector{
		spec: spec, interval: interval,
		totals: make(map[workloads.Kind]*Histogram), responses: make(map[workloads.Kind]*Histogram),
	}
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
	r := newIntervalRows(c.spec, c.open)
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
	if cell == nil {
		cell = new(seriesCell)
	}
	for k := range workloads.NumKinds {
		mergeRow(c.totals, k, &cell.hist, r.hist[k])
		mergeRow(c.responses, k, &cell.response, r.response[k])
	}
	if r.lag != nil {
		c.lag.Merge(r.lag)
	}
	c.free = append(c.free, r)
}

// mergeRow adds what a row counted of one kind to the phase's and to the
// interval's histogram.
func mergeRow(totals map[workloads.Kind]*Histogram, k workloads.Kind, interval **Histogram, h *Histogram) {
	if h == nil || h.N() == 0 {
		return
	}
	if totals[k] == nil {
		totals[k] = new(Histogram)
	}
	totals[k].Merge(h)
	if *interval == nil {
		*interval = new(Histogram)
	}
	(*interval).Merge(h)
}

// memory is what the rows have taken, in bytes.
func (c *collector) memory() (n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	hists := len(c.totals) + len(c.responses)
	for _, cell := range c.series {
		if cell.hist != nil {
			hists++
		}
		if cell.response != nil {
			hists++
		}
	}
	for _, r := range c.free {
		r.all(func(*Histogram) { hists++ })
	}
	return uint64(hists) * uint64(unsafe.Sizeof(Histogram{}))
}

// rows returns the series. end is when the phase ended, since its start: whole
// intervals before it have a row even if no operation ended any more, and those
// after it have none, even if a worker waited for one.
func (c *collector) rows(phase string, end time.Duration) []results.SeriesRow {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.interval > 0 && time.Duration(len(c.series)+1)*c.interval <= end {
		c.series = append(c.series, new(seriesCell))
	}
	for n := len(c.series); n > 0 && time.Duration(n-1)*c.interval >= end && c.series[n-1].ops == 0; n-- {
		c.series = c.series[:n-1]
	}
	rows := make([]results.SeriesRow, len(c.series))
	for i := range c.series {
		t := min(time.Duration(i+1)*c.interval, end)
		rows[i] = results.SeriesRow{
			Phase: phase, T: t.Seconds(),
			Seconds: (t - time.Duration(i)*c.interval).Seconds(),
			Ops:     c.series[i].ops, Errors: c.series[i].errors,
			Latency: latency(c.series[i].hist), Response: latency(c.series[i].response),
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
