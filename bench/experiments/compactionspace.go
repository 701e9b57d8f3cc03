package experiments

import (
	"github.com/kvbench/kvbench/results"
)

const treeRatio = "4" // size ratio of the trees that are compared

// layoutsOf are trees that differ in their layout alone.
func layoutsOf(z treeSize, ratio string, layouts ...string) (sides []Side) {
	for _, layout := range layouts {
		sides = append(sides, Side{
			Engine: "lsm", Label: "lsm@" + layout, Axes: map[string]string{"lsm.layout": layout},
			Settings: z.settings(map[string]string{"layout": layout, "size_ratio": ratio, "filter": "none"}),
		})
	}
	return sides
}

func compactionSpace() Study {
	sides := func(s Scale) []Side {
		return layoutsOf(sizeOfTree(s), treeRatio, "leveled", "one-leveled", "lazy", "tiered")
	}
	return Study{
		Name:     "compaction-space",
		Title:    "The design space of compaction",
		Question: "What does a layout of levels buy, and who pays for it: writes, reads or space?",
		Story: `An LSM tree takes writes in memory and flushes them as sorted runs. Compaction
merges runs, so that a read has few to look into; every merge writes again what
was written before. The layout says how many runs a level may have. Leveled: one
each, so that what arrives is merged into what is there at once. Tiered: as many
as the size ratio, merged only when the level is full. One-leveled: tiered in
the first level alone. Lazy: tiered but for the last level, which holds most of
the data.

All trees get the same writes: a fill in random order, then overwrites of
records drawn evenly. They have no filters here, so that every run costs a read
that it could not have been spared.`,
		Paper: "S. Sarkar, D. Staratzis, Z. Zhu, M. Athanassoulis: Constructing and Analyzing the LSM Compaction Design Space. PVLDB 14(11), 2021",
		Look:  "Each layout is one dot. Leveled is at the upper left (writes most, reads least), tiered at the lower right; no layout is best at both. Ask which of your operations is the more frequent.",
		Needs: needsOf(sides(Tiny)),
		Run:   workOn(sides),
		Judge: judgeCompactionSpace,
	}
}

func judgeCompactionSpace(e *Evidence) {
	written := func(layout string) Value { return e.At("lsm@"+layout, "overwrite", rewrittenPerByte()) }
	runs := func(layout, workload string) Value { return e.At("lsm@"+layout, workload, runsPerOp()) }
	space := func(layout string) Value { return e.At("lsm@"+layout, "overwrite", spacePerByte()) }
	e.Figure = results.Figure{
		Kind: "scatter", Title: "Writing against reading, by layout",
		X: "runs probed a lookup of an absent key", Y: "bytes flushed and compacted a byte written",
	}
	for _, layout := range []string{"leveled", "one-leveled", "lazy", "tiered"} {
		if at := runs(layout, "absent"); at.Known {
			e.Plot(layout, number(at.X), written(layout))
		}
	}
	e.Ascending("A tiered tree writes less than a leveled one", 1.3, written("tiered"), written("leveled"))
	e.Ascending("A lazy tree writes less than a leveled one", 1.2, written("lazy"), written("leveled"))
	e.Ascending("A leveled tree looks into fewer runs for an absent key than a tiered one", 1.3, runs("leveled", "absent"), runs("tiered", "absent"))
	e.Ascending("A leveled tree looks into fewer runs for a key that is there, too", 1.1, runs("leveled", "get"), runs("tiered", "get"))
	e.Ascending("A leveled tree takes less space than a tiered one", 1.1, space("leveled"), space("tiered"))
}
