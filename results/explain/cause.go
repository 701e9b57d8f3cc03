package explain

import (
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// A cause is something that takes time, in one of several ways to count it:
// the first that both sides know is the one they are compared by.
type cause struct {
	part  string
	ways  []way
	price func(*results.UnitCosts) *float64 // nil: measured, in nanoseconds
	cost  string                            // name of the unit cost
	needs string                            // regime without which it does not apply, or empty
	// charged is the share of a side's count that is charged; nil: all of it.
	charged func(*side) float64
}

// of is the median of a side, as far as it is charged.
func (k *cause) of(s *side, w way) *float64 {
	x := s.median(w.count)
	if x == nil || k.charged == nil {
		return x
	}
	return results.Num(*x * k.charged(s))
}

// A way is a count, by operation.
type way struct {
	counter, unit string
	count         func(*results.Cell) *float64
}

const kib = 1024

// causes lists what is looked at. What nobody counts, such as waiting for
// another goroutine, is left to the unexplained share.
func causes() []cause {
	return slices.Concat(measuredCauses(), delayCauses(), fileCauses(), memoryCauses())
}

func measuredCauses() []cause {
	return []cause{
		{part: partHarness, ways: []way{{"the harness", "ns/op", func(c *results.Cell) *float64 { return c.Quality.HarnessNs }}}},
		{part: partGC, ways: []way{{"garbage collection", "ns/op", secondsPerOp(func(c *results.Cell) *float64 { return c.CPU.GCS })}}},
		{part: partWait, ways: []way{{"stalls", "ns/op", stallNs}}},
	}
}

func stallNs(c *results.Cell) *float64 {
	return perOp(func(c *results.Cell) engine.Count { return c.Metrics.Stall.Time })(c)
}

func fileCauses() []cause {
	ios := func(c *results.Cell) engine.Count { return c.Metrics.Read.IOs }
	ioBytes := func(c *results.Cell) engine.Count { return c.Metrics.Read.IOBytes }
	calls := func(c *results.Cell) engine.Count { return c.IO.ReadCalls }
	chars := func(c *results.Cell) engine.Count { return c.IO.ReadChars }
	return []cause{
		{
			part: partSystem, cost: "read_4k_ns",
			price: func(u *results.UnitCosts) *float64 { return u.Read4K },
			ways: []way{
				{"block reads", "reads/op", perOp(ios)},
				{"read calls", "calls/op", perOp(calls)},
			},
		},
		{
			part: partSystem, cost: "copy_kib_ns",
			price: func(u *results.UnitCosts) *float64 { return u.CopyKiB },
			ways: []way{
				{"KiB beyond 4 a block", "KiB/op", beyond(ios, ioBytes)},
				{"KiB beyond 4 a call", "KiB/op", beyond(calls, chars)},
			},
		},
		{
			part: partUser, cost: "crc_kib_ns",
			price: func(u *results.UnitCosts) *float64 { return u.CRCKiB },
			ways:  []way{{"KiB read and checked", "KiB/op", scaled(perOp(ioBytes), 1./kib)}},
		},
		{
			part: partWait, cost: "device_read_4k_ns",
			price: deviceWait,
			ways:  []way{{"major faults", "faults/op", faults}},
		},
		{
			part: partWait, cost: "device_read_4k_ns",
			price: deviceWait,
			ways: []way{
				{"pages from the device", "pages/op", pagesBesides},
				{"pages from the device", "pages/op", pages},
			},
		},
		{
			part: partSystem, cost: "write_call_ns",
			price: func(u *results.UnitCosts) *float64 { return u.WriteCall },
			ways:  []way{{"write calls", "calls/op", perOp(func(c *results.Cell) engine.Count { return c.IO.WriteCalls })}},
		},
		{
			part: partSystem, cost: "write_kib_ns",
			price: func(u *results.UnitCosts) *float64 { return u.WriteKiB },
			ways: []way{{"KiB written", "KiB/op", scaled(
				perOp(func(c *results.Cell) engine.Count { return c.IO.WriteChars }), 1./kib)}},
		},
		{
			part: partWait, cost: "fdatasync_ns", needs: results.RegimeSync,
			price: func(u *results.UnitCosts) *float64 { return u.Fdatasync },
			ways:  []way{{"waits for syncs", "waits/op", syncWaits}},
		},
	}
}

func memoryCauses() []cause {
	random := func(u *results.UnitCosts) *float64 { return u.DRAM }
	return []cause{
		{
			part: partUser, cost: "dram_ns", price: random,
			ways: []way{
				{"blocks touched", "blocks/op", perOp(func(c *results.Cell) engine.Count { return c.Metrics.Read.BlocksTouched })},
				{"blocks asked of the cache", "blocks/op", perOp(func(c *results.Cell) engine.Count {
					return c.Metrics.Cache.Hits.Plus(c.Metrics.Cache.Misses)
				})},
				{"runs probed", "runs/op", perOp(func(c *results.Cell) engine.Count { return c.Metrics.Read.RunsProbed })},
			},
		},
		{
			part: partUser, cost: "dram_ns", price: random,
			ways: []way{{"filter checks", "checks/op", perOp(func(c *results.Cell) engine.Count { return c.Metrics.Read.FilterChecks })}},
		},
		{
			part: partUser, cost: "alloc_ns",
			price: func(u *results.UnitCosts) *float64 { return u.Alloc },
			ways:  []way{{"allocations", "objects/op", func(c *results.Cell) *float64 { return c.Mem.AllocsPerOp }}},
		},
		{
			part: partUser, cost: "alloc_kib_ns",
			price: func(u *results.UnitCosts) *float64 { return u.AllocKiB },
			ways: []way{{"KiB allocated", "KiB/op", scaled(
				func(c *results.Cell) *float64 { return c.Mem.BytesPerOp }, 1./kib)}},
		},
		{
			part: partUser, cost: "copy_kib_ns and crc_kib_ns", price: mergePrice,
			ways: []way{{"KiB moved by background work", "KiB/op", scaled(perOp(moved), 1./kib)}},
		},
	}
}

// scaled is f times k.
func scaled(f func(*results.Cell) *float64, k float64) func(*results.Cell) *float64 {
	return func(c *results.Cell) *float64 {
		x := f(c)
		if x == nil {
			return nil
		}
		return results.Num(*x * k)
	}
}

// beyond is the KiB an operation that reads move besides 4 KiB each; below
// zero for smaller reads, which the price of a read is too high for.
func beyond(reads, bytes func(*results.Cell) engine.Count) func(*results.Cell) *float64 {
	n, b := perOp(reads), perOp(bytes)
	return func(c *results.Cell) *float64 {
		calls, size := n(c), b(c)
		if calls == nil || size == nil {
			return nil
		}
		return results.Num(*size/kib - 4**calls)
	}
}

func faults(c *results.Cell) *float64 {
	return perOp(func(c *results.Cell) engine.Count { return c.CPU.MajorFaults })(c)
}

func pages(c *results.Cell) *float64 {
	return scaled(perOp(func(c *results.Cell) engine.Count { return c.IO.ReadBytes }), 1./4096)(c)
}

// pagesBesides leaves out one page of the device for every major fault, which
// is charged for it.
func pagesBesides(c *results.Cell) *float64 {
	all, faulted := pages(c), faults(c)
	if all == nil || faulted == nil {
		return nil
	}
	return results.Num(max(*all-*faulted, 0))
}

// deviceWait is what a read of the device takes longer than one of the page
// cache, which is counted as a read already.
func deviceWait(u *results.UnitCosts) *float64 {
	if u.DeviceRead4K == nil || u.Read4K == nil {
		return nil
	}
	return results.Num(max(*u.DeviceRead4K-*u.Read4K, 0))
}

// syncWaits takes every sync to hold all workers up: the most it can be.
func syncWaits(c *results.Cell) *float64 {
	syncs := perOp(func(c *results.Cell) engine.Count { return c.IO.Fsyncs })(c)
	if syncs == nil {
		return nil
	}
	return results.Num(*syncs * float64(max(c.Load.Threads, 1)))
}

// moved adds up what an engine read and wrote to keep its files in shape. An
// engine knows those kinds of work that it has.
func moved(c *results.Cell) (sum engine.Count) {
	w := &c.Metrics.Work
	for _, n := range []engine.Count{
		w.FlushBytes, w.CompactReadBytes, w.CompactWriteBytes, w.PageWriteBytes, w.GCReadBytes, w.GCWriteBytes,
	} {
		if _, known := n.Value(); known {
			sum = engine.Known(sum.Or(0)).Plus(n)
		}
	}
	return sum
}

// mergePrice is a copy and a checksum: less than a merge does.
func mergePrice(u *results.UnitCosts) *float64 {
	if u.CopyKiB == nil || u.CRCKiB == nil {
		return nil
	}
	return results.Num(*u.CopyKiB + *u.CRCKiB)
}

// between weighs the cause, of two sides. Neither a term nor an unknown is
// returned when it does not occur.
func (k *cause) between(a, b *side, costs *results.UnitCosts) (*Term, *Unknown) {
	if k.needs != "" && (a.cells[0].Regime != k.needs || b.cells[0].Regime != k.needs) {
		return nil, nil
	}
	var first *Unknown
	for _, w := range k.ways {
		x, y := k.of(a, w), k.of(b, w)
		if x == nil || y == nil {
			if first == nil {
				first = &Unknown{Counter: w.counter, Reason: notCounted(a.label, x == nil, b.label, y == nil)}
			}
			continue
		}
		if *x == 0 && *y == 0 {
			return nil, nil
		}
		t := &Term{Counter: w.counter, Unit: w.unit, Part: k.part, PerOpA: *x, PerOpB: *y, UnitNs: 1, Source: Measured}
		if k.price != nil {
			ns := k.price(costs)
			if ns == nil {
				return nil, &Unknown{Counter: w.counter, Reason: "no unit cost", Cost: k.cost}
			}
			t.UnitNs, t.Source = *ns, Calibrated
		}
		t.Ns = (t.PerOpB - t.PerOpA) * t.UnitNs
		return t, nil
	}
	return nil, first
}

func notCounted(a string, noA bool, b string, noB bool) string {
	switch {
	case noA && noB && a == b:
		return "not counted by " + a
	case noA && noB:
		return fmt.Sprintf("counted by neither %s nor %s", a, b)
	case noA:
		return "not counted by " + a
	}
	return "not counted by " + b
}
