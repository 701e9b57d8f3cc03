package experiments

import (
	"context"

	"github.com/kvbench/kvbench/results"
)

func pageSizes() []string { return []string{"4k", "8k", "16k", "32k"} }

func pageSize() Study {
	sides := func(s Scale) (list []Side) {
		for _, size := range pageSizes() {
			list = append(list, Side{
				Engine: "btree", Label: "btree@" + size, Axes: map[string]string{"btree.page_bytes": size},
				Settings: map[string]string{
					"page_bytes": size, "cache_bytes": sizeOfFile(s).cache, "checkpoint_interval": "0s", "huge_pages": "false",
				},
			})
		}
		return list
	}
	return Study{
		Name:     "page-size",
		Title:    "How large a page should be",
		Question: "A page is the unit of reading, writing and caching. What do larger ones cost, and who gains?",
		Story: `A get of a record that is not cached reads a whole page for it, and an update
makes a whole page dirty. With records spread evenly, twice the page is twice
the bytes for the same record, and half as many pages fit into the cache. A scan
wants all records of a page, so it gains: fewer reads, each of more.

The trees have the same data, more than ten of their caches hold, and the same
requests. What is counted are bytes and reads; whether a larger read takes more
time depends on the device, which is why small scales measure counters only.`,
		Paper: "G. Graefe: Modern B-Tree Techniques. Foundations and Trends in Databases 3(4), 2011",
		Look:  "Bytes of a get and of an update grow with the page; reads of a scan fall.",
		Needs: needsOf(sides(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			z := sizeOfFile(l.Scale)
			for _, s := range sides(l.Scale) {
				b, err := l.Open(s)
				if err != nil {
					return err
				}
				err = b.MeasureEach(
					ctx,
					part{"fill", func() error { return z.fill(ctx, b) }},
					part{"get", func() error { return z.gets(ctx, b) }},
					part{"scan", func() error { return z.scans(ctx, b, 200) }},
					part{"overwrite", func() error { return z.overwrites(ctx, b) }},
				)
				if err != nil {
					return err
				}
				if err := b.Finish(); err != nil {
					return err
				}
			}
			return nil
		},
		Judge: judgePageSize,
	}
}

func judgePageSize(e *Evidence) {
	e.Figure = results.Figure{Kind: "lines", Title: "One operation by the size of pages", X: "size of a page", Y: "bytes; reads", LogY: true}
	values := func(workload string, m Metric) (list []Value) {
		for _, size := range pageSizes() {
			list = append(list, e.At("btree@"+size, workload, m))
		}
		return list
	}
	gets, updates, scans := values("get", readBytesPerOp()), values("overwrite", writtenPerByte()), values("scan", readsPerOp())
	for i, size := range pageSizes() {
		e.Plot("bytes read a get", size, gets[i])
		e.Plot("bytes written a byte of an update", size, updates[i])
		e.Plot("reads a scan of 200", size, scans[i])
	}
	e.Ascending("A get reads more bytes from larger pages", 1.5, gets...)
	e.Ascending("An update writes more bytes with larger pages", 1.3, updates...)
	e.Ascending("A scan reads less often from larger pages", 1.3, reversed(scans)...)
}

func reversed(values []Value) []Value {
	out := make([]Value, 0, len(values))
	for i := range values {
		out = append(out, values[len(values)-1-i])
	}
	return out
}
