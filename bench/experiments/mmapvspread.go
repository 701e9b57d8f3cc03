package experiments

import (
	"context"
	"fmt"

	"github.com/kvbench/kvbench/results"
)

func mmapVsPread() Study {
	sides := func(s Scale) (list []Side) {
		z := sizeOfTree(s)
		for _, way := range []struct{ name, io, cache, prepopulate string }{
			{"pread", "pread", "0", "off"},
			{"mmap", "mmap", "0", "off"},
			{"cached", "pread", "2g", "fit"},
		} {
			list = append(list, Side{
				Engine: "lsm", Label: "lsm@" + way.name, Axes: map[string]string{"lsm.io": way.io, "lsm.cache_bytes": way.cache},
				Settings: z.settings(map[string]string{"io": way.io, "cache_bytes": way.cache, "prepopulate": way.prepopulate}),
			})
		}
		return list
	}
	return Study{
		Name:     "mmap-vs-pread",
		Title:    "Map the files, read them, or keep their blocks",
		Question: "Does a memory map spare what a read costs, and what does an engine's own cache spare?",
		Story: `A block that is in the page cache of the system can be had in three ways. pread
copies it, with a system call each time. A memory map lets the program look at
the page itself: no call, no copy, once the page is mapped. An engine's own cache
keeps blocks in the memory of the process, so that the system is not asked at
all, and knows what the system does not: which blocks are worth keeping, and
that their checksums were right.

A map has its price where data are larger than memory. A page that is missing
stops the thread in the middle of an instruction; in Go it stops a processor of
the scheduler with it, since the runtime does not know that it waits. Errors of
the disk come as signals, and the system writes and evicts as it likes. What a
map spares, a cache of the engine's own spares as well.

Nothing here is larger than memory: this is the case in which a map is best.`,
		Paper: "A. Crotty, V. Leis, A. Pavlo: Are You Sure You Want to Use MMAP in Your Database Management System? CIDR 2022",
		Look:  "Calls to read files an operation: one for pread, none for a map, and none for an engine that has the blocks in its own cache. At larger scales look at the rates: the cache is not behind the map.",
		Needs: needsOf(sides(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			z := sizeOfTree(l.Scale)
			for _, s := range sides(l.Scale) {
				if err := readWarm(ctx, l, z, s); err != nil {
					return err
				}
			}
			if l.Scale == Tiny {
				return nil
			}
			return l.Matrix(ctx, Matrix{Sides: sides(l.Scale), Threads: []int{2}, Works: []Work{{
				Name: "readrandom", Preset: "readrandom", Properties: []string{fmt.Sprint("recordcount=", z.records)},
			}}})
		},
		Judge: judgeMmap,
	}
}

// readWarm fills a tree, reads it once to warm up, and counts the second time.
func readWarm(ctx context.Context, l *Lab, z treeSize, s Side) error {
	b, err := l.Open(s)
	if err != nil {
		return err
	}
	if err := b.Measure(ctx, "fill", func() error { return z.fill(ctx, b) }); err != nil {
		return err
	}
	for i := range z.records {
		if _, err := b.Read(i); err != nil {
			return err
		}
	}
	if err := b.Measure(ctx, "get", func() error { return z.lookups(b, false) }); err != nil {
		return err
	}
	return b.Finish()
}

// readCallsPerOp counts calls at the file system: a read through a mapping is
// none.
func readCallsPerOp() Metric {
	return Metric{Name: "calls to read files an operation", Unit: "calls", Of: func(c *results.Cell) (float64, bool) {
		n, ok := c.IO.ReadCalls.Value()
		ops := float64(c.Operations())
		return float64(n) / max(ops, 1), ok && ops > 0
	}}
}

func judgeMmap(e *Evidence) {
	e.Figure = results.Figure{Kind: "bars", Title: "Three ways to a block that is in memory", X: "figure", Y: "calls to read files a get"}
	calls := func(way string) Value { return e.At("lsm@"+way, "get", readCallsPerOp()) }
	speed := func(way string) Value { return e.At("lsm@"+way, "readrandom", rate()) }
	for _, way := range []string{"pread", "mmap", "cached"} {
		if e.Scale == Tiny {
			e.Plot(way, "calls", calls(way))
		} else {
			e.Plot(way, "rate", speed(way))
		}
	}
	if e.Scale != Tiny {
		e.Figure.Y = "gets a second"
	}
	e.AtLeast("pread asks the system once for nearly every get", 0.9, calls("pread"))
	e.AtMost("A map asks it for none", 0.02, calls("mmap"))
	e.AtMost("nor does an engine that keeps the blocks itself", 0.02, calls("cached"))
	e.Faster("A map is faster than pread without a cache", 1.1, speed("pread"), speed("mmap"))
	e.Faster("and hardly faster than a cache of the engine's own", 0.75, speed("mmap"), speed("cached"))
}
