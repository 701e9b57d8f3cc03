package experiments

import (
	"context"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// filterKinds are the filters that are compared, with their bits a key; fuse
// has its own.
func filterKinds() [][2]string {
	return [][2]string{{"none", ""}, {"bloom", "6"}, {"bloom", "10"}, {"blocked", "10"}, {"fuse", ""}}
}

func filterLabel(kind [2]string) string { return "lsm@" + kind[0] + kind[1] }

func filters() Study {
	sides := func(s Scale) (list []Side) {
		z := sizeOfTree(s)
		for _, kind := range filterKinds() {
			// Large tables: a small fuse filter needs more bits a key.
			set := map[string]string{"filter": kind[0], "table_bytes": "16m"}
			if kind[1] != "" {
				set["filter_bits"] = kind[1]
			}
			list = append(list, Side{
				Engine: "lsm", Label: filterLabel(kind), Axes: map[string]string{"lsm.filter": kind[0] + kind[1]}, Settings: z.settings(set),
			})
		}
		return list
	}
	return Study{
		Name:     "filters",
		Title:    "What a filter costs and what it spares",
		Question: "How many bits a key, and in which kind of filter, spare how many reads?",
		Story: `A filter stands before a run and answers whether it may have a key: "no" is
certain, "yes" may be wrong. Without one, every run whose range of keys includes
the key costs a read.

A Bloom filter sets k bits for each key anywhere in its memory. A blocked Bloom
filter sets all of them within one line of the cache, which costs a processor one
miss instead of k, and makes the filter wrong a little more often, because some
lines get more keys than others. A binary fuse filter stores a fingerprint that
three places must add up to: in a large run it needs about 9 bits a key for a rate that a Bloom
filter needs 12 for, but must know all keys before it is built, which a run of an
LSM tree does.`,
		Paper: "B. Bloom: Space/Time Trade-offs in Hash Coding with Allowable Errors. CACM 13(7), 1970. F. Putze, P. Sanders, J. Singler: Cache-, Hash- and Space-Efficient Bloom Filters. WEA 2007. T. M. Graf, D. Lemire: Binary Fuse Filters. ACM JEA 27, 2022",
		Look:  "The figure is logarithmic: each bit a key divides the rate by about 1.6, and fuse is below the line of the Bloom filters at the same memory.",
		Needs: needsOf(sides(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			z := sizeOfTree(l.Scale)
			z.overwrites /= 16
			z.step *= 4
			z.gets *= 8
			for _, s := range sides(l.Scale) {
				if err := z.work(ctx, l, s); err != nil {
					return err
				}
			}
			if l.Scale == Tiny {
				return nil
			}
			return l.Matrix(ctx, Matrix{Sides: sides(l.Scale), Works: []Work{{
				Name: "readmissing", Preset: "readmissing", Properties: []string{"recordcount=" + pick(l.Scale, "", "400000", "4000000")},
			}}})
		},
		Judge: judgeFilters,
	}
}

// wrongRate is the share of a filter's answers for absent keys that are wrong.
func wrongRate() Metric {
	return share("share of filters' answers that are wrong", "", func(c *results.Cell) (a, b engine.Count) {
		r := &c.Metrics.Read
		return r.FilterFalsePositives, r.FilterFalsePositives.Plus(r.FilterNegatives)
	})
}

func judgeFilters(e *Evidence) {
	e.Figure = results.Figure{
		Kind: "scatter", Title: "Memory and wrong answers of filters", LogY: true,
		X: "bits a key", Y: "wrong answers a lookup of an absent key and run",
	}
	bits := func(side string) Value {
		v := e.At(side, "absent", filterBytes())
		if keys := e.At(side, "absent", recordsOf()); v.Known && keys.Known {
			v.X, v.Unit = v.X*8/keys.X, "bits a key"
		}
		return v
	}
	for _, kind := range filterKinds()[1:] {
		if b := bits(filterLabel(kind)); b.Known {
			e.Plot(kind[0]+kind[1], number(b.X), e.At(filterLabel(kind), "absent", wrongRate()))
		}
	}
	wrong := func(side string) Value { return e.At("lsm@"+side, "absent", wrongRate()) }
	reads := func(side string) Value { return e.At("lsm@"+side, "absent", readsPerOp()) }
	e.Ascending("Any filter spares most reads", 3, reads("blocked10"), reads("none"))
	e.Ascending("Four bits more a key make a Bloom filter wrong far less often", 3, wrong("bloom10"), wrong("bloom6"))
	e.Ascending("A blocked one is wrong a little more often than a plain one of the same size", 1, wrong("bloom10"), wrong("blocked10"))
	e.Ascending("A fuse filter is wrong less often than a Bloom filter of 10 bits", 1.3, wrong("fuse"), wrong("bloom10"))
	e.Close("and takes about as much memory", 1.15, bits("lsm@fuse"), bits("lsm@bloom10"))
	e.Faster("Lookups of absent keys are faster with a filter than without", 1.2,
		e.At("lsm@none", "readmissing", rate()), e.At("lsm@blocked10", "readmissing", rate()))
}

// recordsOf is how many records there are.
func recordsOf() Metric {
	return gauge("records", "", func(c *results.Cell) engine.Count { return engine.Known(c.Workload.Records) })
}
