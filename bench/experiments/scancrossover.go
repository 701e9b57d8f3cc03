package experiments

import (
	"context"
	"fmt"

	"github.com/kvbench/kvbench/results"
)

func scanLengths() []int { return []int{1, 10, 100, 1000} }

func scanCrossover() Study {
	sides := func(s Scale) []Side {
		z := sizeOfFile(s)
		cache := z.cache
		return []Side{
			{Engine: "btree", Settings: map[string]string{"cache_bytes": cache, "page_bytes": "4k", "checkpoint_interval": "0s", "huge_pages": "false"}},
			{Engine: "lsm", Settings: sizeOfTree(s).settings(map[string]string{
				"cache_bytes": cache, "block_bytes": "4k", "layout": "tiered", "size_ratio": "4", "filter": "bloom", "prepopulate": "off",
			})},
		}
	}
	return Study{
		Name:     "scan-crossover",
		Title:    "Scans, from short to long",
		Question: "From which length on is a scan's price that of its rows and not that of finding the place?",
		Story: `A scan first finds its place. A B+tree walks down once. An LSM tree has to find the
place in every sorted run, and no filter helps, since any run may have the next
key. A tiered tree has many runs. Then rows come one after the other: a page of
the B+tree that splits have left two thirds full, or a full block of a table; the
LSM tree reads from all its runs at once and merges.

So the ratio between the two depends on the length. With one row it is the number
of runs; with many it falls to what the layouts pack into a block.

Both engines have the same records, pages and blocks of 4 KiB, and a cache that
holds a small part of them.`,
		Paper: "N. Dayan, S. Idreos: Dostoevsky: Better Space-Time Trade-Offs for LSM-Tree Based Key-Value Stores via Adaptive Removal of Superfluous Merging. SIGMOD 2018 (short and long range lookups)",
		Look:  "Reads of files a scan: far apart for one row, close for a thousand.",
		Needs: needsOf(sides(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			z := sizeOfFile(l.Scale)
			for _, s := range sides(l.Scale) {
				b, err := l.Open(s)
				if err != nil {
					return err
				}
				b.StepBytes = uint64(sizeOfTree(l.Scale).step)
				if err := b.Measure(ctx, "fill", func() error { return z.fill(ctx, b) }); err != nil {
					return err
				}
				for _, n := range scanLengths() {
					if err := b.Measure(ctx, fmt.Sprint("scan-", n), func() error { return z.scans(ctx, b, n) }); err != nil {
						return err
					}
				}
				if err := b.Finish(); err != nil {
					return err
				}
			}
			return nil
		},
		Judge: judgeScanCrossover,
	}
}

func judgeScanCrossover(e *Evidence) {
	e.Figure = results.Figure{Kind: "lines", Title: "Reading, by length of the scan", X: "rows of a scan", Y: "bytes read from files a row", LogX: true, LogY: true}
	ratio := func(n int) Value {
		w := fmt.Sprint("scan-", n)
		b, l := e.At("btree", w, readBytesPerOp()), e.At("lsm", w, readBytesPerOp())
		for _, v := range []Value{b, l} {
			v.X /= float64(n)
			e.Plot(v.What, fmt.Sprint(n), v)
		}
		return Value{What: fmt.Sprintf("lsm : btree, %d rows", n), X: l.X / max(b.X, 1), Known: b.Known && l.Known && b.X > 0}
	}
	var ratios []Value
	for _, n := range scanLengths() {
		ratios = append(ratios, ratio(n))
	}
	e.AtLeast("For one row the LSM tree reads several times as much", 1.5, ratios[0])
	e.AtMost("For a thousand rows it reads no more", 1.1, ratios[3])
	e.Ascending("The longer the scan, the closer the two", 1.3, ratios[3], ratios[0])
}
