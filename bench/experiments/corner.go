package experiments

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads/dist"
)

// cornersOf are engines of different families, each as it is meant to be used,
// and scaled down to the size of the data.
func cornersOf(s Scale) []Side {
	z := sizeOfTree(s)
	lsm := func(layout string) Side {
		return Side{Engine: "lsm", Label: "lsm@" + layout, Settings: z.settings(map[string]string{"layout": layout, "size_ratio": treeRatio})}
	}
	data := int(z.records) * (z.value + keyBytes)
	return []Side{
		lsm("leveled"), lsm("tiered"),
		{Engine: "btree", Settings: map[string]string{
			"cache_bytes": strconv.Itoa(data / 4), "page_bytes": "4k", "checkpoint_interval": "0",
			"log_bytes": strconv.Itoa(data / 4),
		}},
		{Engine: "hash", Settings: map[string]string{
			"cache_bytes": "0", "segment_bytes": strconv.Itoa(data / 16), "resident": "false", "record_cache": "off",
		}},
	}
}

// corner fills an engine, and overwrites and reads it by a distribution; the
// cells are fill, overwrite and get, behind a prefix.
func corner(ctx context.Context, l *Lab, s Side, prefix string, overwrites uint64, draw func(seed uint64) func() uint64) error {
	z := sizeOfTree(l.Scale)
	b, err := l.Open(s)
	if err != nil {
		return err
	}
	b.StepBytes = uint64(z.step)
	if err := b.Measure(ctx, prefix+"fill", func() error { return z.fill(ctx, b) }); err != nil {
		return err
	}
	for moment := range uint64(moments) {
		err := b.Measure(ctx, prefix+"overwrite", func() error {
			next := draw(l.Seed + moment<<8)
			for range overwrites / moments {
				if err := b.Write(ctx, next(), z.value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		err = b.Measure(ctx, prefix+"get", func() error {
			next := draw(l.Seed + moment<<8 + 1)
			for range z.gets / moments {
				if found, err := b.Read(next()); err != nil || !found {
					return fmt.Errorf("%s: a record is missing: %w", b.Label, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return b.Finish()
}

// evenly draws records evenly.
func evenly(n uint64) func(uint64) func() uint64 {
	return func(seed uint64) func() uint64 {
		r := rand.New(rand.NewPCG(seed, 5))
		return func() uint64 { return r.Uint64N(n) }
	}
}

// skewed draws records by Zipf's law. Keys are no order of heat: see Key.
func skewed(n uint64, theta float64) func(uint64) func() uint64 {
	law := dist.NewZipf(n, theta)
	return func(seed uint64) func() uint64 {
		r := dist.NewRand(seed)
		return func() uint64 { return law.Next(&r) }
	}
}

// readPerByte is the bytes that reads took from files a byte they returned.
func readPerByte() Metric {
	return share("bytes read from files a byte returned", "B/B", func(c *results.Cell) (a, b engine.Count) {
		return c.IO.ReadChars, c.IO.UserRead
	})
}

// memoryPerRecord is the memory that an engine cannot do without: index and
// filters.
func memoryPerRecord() Metric {
	return Metric{Name: "memory of index and filters a record", Unit: "B", Of: func(c *results.Cell) (float64, bool) {
		m := &c.Metrics.Memory
		index, ok := m.Index.Value()
		return float64(index+m.Filter.Or(0)) / float64(max(c.Workload.Records, 1)), ok
	}}
}
