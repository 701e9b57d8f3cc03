package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// A Metric is a figure of a cell.
type Metric struct {
	Name   string `json:"name"`
	Unit   string `json:"unit"`   // ops/s, rows/s, ns, bytes, bytes/op, count/op, x, share
	Better string `json:"better"` // BetterHigher, BetterLower
	About  string `json:"about"`
	// Counted: it counts work and times nothing, so that a seeded run with
	// one worker and a fixed number of operations repeats it on any machine
	// as far as the engine's own concurrency lets it.
	Counted bool `json:"counted"`

	value func(*results.Cell) *float64
}

// Which way a Metric is better.
const (
	BetterHigher = "higher"
	BetterLower  = "lower"
)

// Value is the metric of c, null when it is unknown.
func (m Metric) Value(c *results.Cell) *float64 {
	if m.value == nil {
		return nil
	}
	x := m.value(c)
	if x == nil || math.IsNaN(*x) || math.IsInf(*x, 0) {
		return nil
	}
	return x
}

// HigherBetter reports whether more is better.
func (m Metric) HigherBetter() bool { return m.Better == BetterHigher }

// FindMetric finds a metric by its name:
//
//	ops_per_s, write_amp, cpu_ns_per_op, ...   see Metrics
//	KIND.p50 ... KIND.max, KIND.mean           service time: read.p99
//	KIND.response.p99 ...                      from the intended start
//	metrics.GROUP.NAME                         the engine's own, per operation
//
// Its error names the nearest one that there is.
func FindMetric(name string) (Metric, error) {
	for _, m := range Metrics() {
		if m.Name == name {
			return m, nil
		}
	}
	kind, figure, ok := strings.Cut(name, ".")
	if ok && kind != "metrics" && kind != "io" && kind != "" {
		return latencyMetric(kind, figure)
	}
	var known []string
	for _, m := range Metrics() {
		known = append(known, m.Name)
	}
	return Metric{}, fmt.Errorf("%w: metric %q%s", engine.ErrInvalid, name, engine.Suggest(name, known))
}

// Metrics lists all metrics but those of kinds of operations.
func Metrics() []Metric {
	return slices.Concat(plainMetrics(), ioMetrics(), engineMetrics())
}

func plainMetrics() []Metric {
	return []Metric{
		{"ops_per_s", "ops/s", BetterHigher, "operations a second of the measured phase", false, func(c *results.Cell) *float64 { return c.OpsPerS }},
		{"rows_per_s", "rows/s", BetterHigher, "records that scans returned, a second", false, func(c *results.Cell) *float64 { return c.RowsPerS }},
		{"write_amp", "x", BetterLower, "bytes written a user byte, during the measured phase", true, func(c *results.Cell) *float64 { return c.Amp.Write }},
		{"write_amp_settled", "x", BetterLower, "bytes written a user byte, with the work that followed", true, func(c *results.Cell) *float64 { return c.Amp.WriteSettled }},
		{"read_amp", "x", BetterLower, "bytes read from the device a byte returned", true, func(c *results.Cell) *float64 { return c.Amp.Read }},
		{"space_amp", "x", BetterLower, "bytes on disk a live byte", true, func(c *results.Cell) *float64 { return c.Amp.Space }},
		{"rss", "bytes", BetterLower, "peak memory of the process, file pages included", false, func(c *results.Cell) *float64 { return number(c.Mem.PeakRSS) }},
		{"cpu_ns_per_op", "ns/op", BetterLower, "processor time, user and system; unknown in an open loop, whose workers spin while they wait", false, cpuPerOp},
		{"allocs_per_op", "count/op", BetterLower, "objects allocated", true, func(c *results.Cell) *float64 { return c.Mem.AllocsPerOp }},
		{"alloc_bytes_per_op", "bytes/op", BetterLower, "bytes allocated", true, func(c *results.Cell) *float64 { return c.Mem.BytesPerOp }},
		{"fsyncs_per_op", "count/op", BetterLower, "syncs of files, where they are seen", true, perOp(func(c *results.Cell) engine.Count { return c.IO.Fsyncs })},
		{"log_bytes_per_op", "bytes/op", BetterLower, "bytes of the log, with framing", true, perOp(func(c *results.Cell) engine.Count { return c.Metrics.Log.BytesWritten })},
		{"user_write_bytes_per_op", "bytes/op", BetterLower, "keys and values handed to the engine", true, perOp(func(c *results.Cell) engine.Count { return c.IO.UserWrite })},
		{"user_read_bytes_per_op", "bytes/op", BetterLower, "values and rows returned", true, perOp(func(c *results.Cell) engine.Count { return c.IO.UserRead })},
		{"block_reads_per_op", "count/op", BetterLower, "blocks or pages touched, cached or not", true, perOp(func(c *results.Cell) engine.Count { return c.Metrics.Read.BlocksTouched })},
		{"harness_share", "share", BetterLower, "share of the measured time that is the benchmark's own", false, func(c *results.Cell) *float64 { return c.Quality.HarnessShare }},
		{"stall_ns", "ns", BetterLower, "time in operations that took far longer than their neighbours, looked for where not all are timed", false, func(c *results.Cell) *float64 {
			if c.OpsPerS == nil || c.Quality.Timing == "all" || c.Quality.Timing == "chained" {
				return nil
			}
			return results.Num(float64(c.Stalls.Time))
		}},
		{"settle_s", "s", BetterLower, "time until the background work was done", false, func(c *results.Cell) *float64 { return c.Debt.SettleS }},
		{"debt_end", "bytes", BetterLower, "background work outstanding after the measured phase", false, func(c *results.Cell) *float64 { return number(c.Debt.End) }},
	}
}

func perOp(count func(*results.Cell) engine.Count) func(*results.Cell) *float64 {
	return func(c *results.Cell) *float64 { return c.PerOp(count(c)) }
}

func cpuPerOp(c *results.Cell) *float64 {
	ops := c.Operations()
	if c.CPU.UserS == nil || c.CPU.SystemS == nil || ops == 0 || c.Load.Rate != nil {
		return nil
	}
	return results.Num((*c.CPU.UserS + *c.CPU.SystemS) * 1e9 / float64(ops))
}

func number(c engine.Count) *float64 {
	n, known := c.Value()
	if !known {
		return nil
	}
	return results.Num(float64(n))
}
