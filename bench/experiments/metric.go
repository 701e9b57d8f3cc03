package experiments

import (
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// A Metric is a figure that claims are about.
type Metric struct {
	Name string
	Unit string
	Of   func(*results.Cell) (x float64, ok bool)
}

// perOp divides a counter of the measured phase by its operations.
func perOp(name, unit string, of func(*results.Cell) engine.Count) Metric {
	return Metric{Name: name, Unit: unit, Of: func(c *results.Cell) (float64, bool) {
		x := c.PerOp(of(c))
		if x == nil {
			return 0, false
		}
		return *x, true
	}}
}

// share divides two counters.
func share(name, unit string, of func(*results.Cell) (a, b engine.Count)) Metric {
	return Metric{Name: name, Unit: unit, Of: func(c *results.Cell) (float64, bool) {
		a, b := of(c)
		x, ok := a.Value()
		y, ok2 := b.Value()
		return float64(x) / float64(max(y, 1)), ok && ok2 && y > 0
	}}
}

// gauge is a number as it is.
func gauge(name, unit string, of func(*results.Cell) engine.Count) Metric {
	return Metric{Name: name, Unit: unit, Of: func(c *results.Cell) (float64, bool) {
		n, known := of(c).Value()
		return float64(n), known
	}}
}

// writtenPerByte is every byte that went through write calls, the log among
// them, a byte of keys and values. Unlike the kernel's count of dirty pages it
// does not depend on when pages were written back.
func writtenPerByte() Metric {
	return share("bytes written a byte", "B/B", func(c *results.Cell) (a, b engine.Count) {
		return c.IO.WriteChars, c.IO.UserWrite
	})
}

// rewrittenPerByte is what flushes and compactions wrote a byte of keys and
// values: the write amplification of an LSM tree without its log.
func rewrittenPerByte() Metric {
	return share("bytes flushed and compacted a byte", "B/B", func(c *results.Cell) (a, b engine.Count) {
		w := &c.Metrics.Work
		return w.FlushBytes.Plus(w.CompactWriteBytes), c.IO.UserWrite
	})
}

// compactedPerByte is what compactions alone wrote.
func compactedPerByte() Metric {
	return share("bytes compacted a byte", "B/B", func(c *results.Cell) (a, b engine.Count) {
		return c.Metrics.Work.CompactWriteBytes, c.IO.UserWrite
	})
}

func runsPerOp() Metric {
	return perOp("sorted runs probed an operation", "runs", func(c *results.Cell) engine.Count { return c.Metrics.Read.RunsProbed })
}

func readsPerOp() Metric {
	return perOp("reads of files an operation", "reads", func(c *results.Cell) engine.Count { return c.Metrics.Read.IOs })
}

func readBytesPerOp() Metric {
	return perOp("bytes read from files an operation", "B", func(c *results.Cell) engine.Count { return c.Metrics.Read.IOBytes })
}

// flushedPerByte is the size of what flushes wrote: each record once.
func flushedPerByte() Metric {
	return share("bytes flushed a byte", "B/B", func(c *results.Cell) (a, b engine.Count) {
		return c.Metrics.Work.FlushBytes, c.IO.UserWrite
	})
}

func falsePositivesPerOp() Metric {
	return perOp("false positives of filters an operation", "", func(c *results.Cell) engine.Count {
		return c.Metrics.Read.FilterFalsePositives
	})
}

func filterBytes() Metric {
	return gauge("memory of filters", "B", func(c *results.Cell) engine.Count { return c.Metrics.Memory.Filter })
}

// spacePerByte is the disk space a byte of live keys and values.
func spacePerByte() Metric {
	return share("disk bytes a live byte", "B/B", func(c *results.Cell) (a, b engine.Count) {
		return c.IO.DiskBytes, c.IO.LiveBytes
	})
}

func rate() Metric {
	return Metric{Name: "rate", Unit: "ops/s", Of: func(c *results.Cell) (float64, bool) {
		if c.OpsPerS == nil {
			return 0, false
		}
		return *c.OpsPerS, true
	}}
}
