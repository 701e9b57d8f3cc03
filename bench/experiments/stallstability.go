package experiments

import (
	"context"
	"strconv"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/results"
)

func throttles() []string { return []string{"off", "smooth"} }

func stallStability() Study {
	sides := func(s Scale) (list []Side) {
		memtable := pick(s, 128<<10, 1<<20, 4<<20)
		for _, throttle := range throttles() {
			list = append(list, Side{
				Engine: "lsm", Label: "lsm@" + throttle, Axes: map[string]string{"lsm.throttle": throttle},
				Settings: map[string]string{
					"throttle": throttle, "memtable_bytes": strconv.Itoa(memtable), "memory_bytes": strconv.Itoa(4 * memtable),
					"layout": "tiered", "l0_runs": "1000", "cache_bytes": "0", "prepopulate": "off",
				},
			})
		}
		return list
	}
	return Study{
		Name:     "stall-stability",
		Title:    "Waiting a little, or waiting long",
		Question: "When writes come faster than the disk takes them, who waits, and for how long?",
		Story: `An LSM tree takes writes at the speed of memory until its memory is full of what
has not been flushed. Then a write has to wait for a flush, however long that
takes: throughput falls to zero, and the client sees a stall. The mean rate is
the disk's in any case; the question is how the waiting is shared out.

A tree that slows each write down a little, by how full its memory is, comes to
the same mean rate and seldom stops. That a mean hides all of this is why a
benchmark that writes as fast as it can, for a short time, measures the memory
and not the tree.

The disk here is made slow on purpose, so that memory fills within a second.`,
		Paper: "C. Luo, M. J. Carey: On Performance Stability in LSM-based Storage Systems. PVLDB 13(4), 2019. O. Balmau et al.: SILK: Preventing Latency Spikes in LSM KV Stores. USENIX ATC 2019",
		Look:  "All waits together are about the same: the disk sets the rate. Without throttling a few writes wait, each about as long as a flush; with it many do, each for a small part of that.",
		Needs: needsOf(sides(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			for _, s := range sides(l.Scale) {
				if err := floodTree(ctx, l, s); err != nil {
					return err
				}
			}
			return nil
		},
		Judge: judgeStalls,
	}
}

// floodTree writes several times what memory holds onto a slow disk.
func floodTree(ctx context.Context, l *Lab, s Side) error {
	const value = 1000
	speed := pick(l.Scale, 2<<20, 16<<20, 32<<20) // bytes a second
	b, err := l.OpenOn(s, func(fs vfs.FS) vfs.FS { return diskOf(fs, speed) })
	if err != nil {
		return err
	}
	records := uint64(pick(l.Scale, 1700, 50_000, 400_000))
	err = b.Measure(ctx, "flood", func() error {
		var longest time.Duration
		for i := range records {
			begin := time.Now()
			if err := b.Write(ctx, i, value); err != nil {
				return err
			}
			longest = max(longest, time.Since(begin))
		}
		l.Point(b.Label, "longest", float64(longest)/1e6)
		return nil
	})
	if err != nil {
		return err
	}
	return b.Finish()
}

// waitOf is the mean wait of the writes that waited at all, in milliseconds.
func waitOf() Metric {
	return Metric{Name: "mean wait of a write that waited", Unit: "ms", Of: func(c *results.Cell) (float64, bool) {
		stall := &c.Metrics.Stall
		n, ok := stall.Stalls.Value()
		all, ok2 := stall.Time.Value()
		return float64(all) / 1e6 / float64(max(n, 1)), ok && ok2 && n > 0
	}}
}

func judgeStalls(e *Evidence) {
	e.Figure = results.Figure{
		Kind: "bars", Title: "Who waits, and for how long", X: "figure", Y: "milliseconds; writes that waited", LogY: true,
	}
	waits := gauge("writes that waited", "writes", func(c *results.Cell) engine.Count { return c.Metrics.Stall.Stalls })
	all := Metric{Name: "time waited", Unit: "ms", Of: func(c *results.Cell) (float64, bool) {
		n, ok := c.Metrics.Stall.Time.Value()
		return float64(n) / 1e6, ok
	}}
	at := func(throttle string, m Metric) Value { return e.At("lsm@"+throttle, "flood", m) }
	for _, throttle := range throttles() {
		e.Plot(throttle, "longest write, ms", e.PointAt("lsm@"+throttle, "longest"))
		e.Plot(throttle, "mean wait of those that waited, ms", at(throttle, waitOf()))
		e.Plot(throttle, "all waits together, ms", at(throttle, all))
		e.Plot(throttle, "writes that waited", at(throttle, waits))
	}
	e.Ascending("Throttled, a write that waits does so for a small part of the time", 2, at("smooth", waitOf()), at("off", waitOf()))
	e.Ascending("because far more writes wait", 3, at("off", waits), at("smooth", waits))
	e.Faster("The longest write is shorter, too", 2, e.PointAt("lsm@smooth", "longest"), e.PointAt("lsm@off", "longest"))
}
