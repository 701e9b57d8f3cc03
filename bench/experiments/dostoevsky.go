package experiments

import (
	"github.com/kvbench/kvbench/results"
)

func dostoevskyRatios() []string { return []string{"3", "6"} }

func dostoevskyLayouts() []string { return []string{"leveled", "lazy", "tiered"} }

func dostoevsky() Study {
	sides := func(s Scale) (list []Side) {
		for _, ratio := range dostoevskyRatios() {
			for _, layout := range dostoevskyLayouts() {
				z := sizeOfTree(s)
				list = append(list, Side{
					Engine: "lsm", Label: "lsm@" + layout + "-t" + ratio,
					Axes: map[string]string{"lsm.layout": layout, "lsm.size_ratio": ratio},
					Settings: z.settings(map[string]string{
						"layout": layout, "size_ratio": ratio, "filter": "bloom", "filter_bits": "8", "filter_allocation": "monkey",
					}),
				})
			}
		}
		return list
	}
	return Study{
		Name:     "dostoevsky",
		Title:    "Merging only where it pays: the lazy leveled tree",
		Question: "Which merges of a leveled tree can be left out without making point reads slower?",
		Story: `The last level of a tree has most of its data: with a size ratio of T, the levels
above it have about one part in T. With filters, a lookup seldom looks into a
run that lacks its key, and the filters of upper levels, which have few keys, can
be made so good that their runs hardly count. What a point read pays for is the
last level.

So let the last level have one run, as in a leveled tree, and the others many,
as in a tiered one. Writes then cost little more than in a tiered tree, because
the merges of all levels but one are gone; point reads cost about what they cost
in a leveled tree, because the runs that were added are the ones that filters
spare. Filters know nothing of ranges, and so short scans pay: each run has to
be looked into.`,
		Paper: "N. Dayan, S. Idreos: Dostoevsky: Better Space-Time Trade-Offs for LSM-Tree Based Key-Value Stores via Adaptive Removal of Superfluous Merging. SIGMOD 2018",
		Look:  "Within each size ratio compare the three layouts: lazy is near tiered in what it writes, near leveled in what a get reads, and between them in what a scan reads. A larger ratio draws leveled and tiered apart.",
		Needs: needsOf(sides(Tiny)),
		Run:   workOn(sides),
		Judge: judgeDostoevsky,
	}
}

func judgeDostoevsky(e *Evidence) {
	e.Figure = results.Figure{
		Kind: "bars", Title: "Three layouts at two size ratios", X: "figure", Y: "bytes a byte written, reads of files an operation",
	}
	for _, ratio := range dostoevskyRatios() {
		at := func(layout, workload string, m Metric) Value { return e.At("lsm@"+layout+"-t"+ratio, workload, m) }
		for _, part := range []struct {
			x, workload string
			m           Metric
		}{
			{"written", "overwrite", rewrittenPerByte()},
			{"get", "get", readsPerOp()},
			{"absent", "absent", readsPerOp()},
			{"scan", "scan", readsPerOp()},
		} {
			for _, layout := range dostoevskyLayouts() {
				e.Plot(layout, part.x+" T="+ratio, at(layout, part.workload, part.m))
			}
		}
		e.Ascending("T="+ratio+": a lazy tree writes less than a leveled one", 1.15,
			at("lazy", "overwrite", rewrittenPerByte()), at("leveled", "overwrite", rewrittenPerByte()))
		e.Close("T="+ratio+": its gets read about as much", 1.15,
			at("lazy", "get", readsPerOp()), at("leveled", "get", readsPerOp()))
		e.Ascending("T="+ratio+": its short scans read more", 1.15,
			at("leveled", "scan", readsPerOp()), at("lazy", "scan", readsPerOp()))
	}
	// At small ratios the two are too near each other to be told apart.
	ratio := dostoevskyRatios()[len(dostoevskyRatios())-1]
	e.Ascending("T="+ratio+": a tiered tree writes the least", 1.05,
		e.At("lsm@tiered-t"+ratio, "overwrite", rewrittenPerByte()), e.At("lsm@lazy-t"+ratio, "overwrite", rewrittenPerByte()))
}
