package experiments

import (
	"context"
	"strconv"

	"github.com/kvbench/kvbench/results"
)

// monkeyRatios are the size ratios that filters are compared at: fewer and
// larger steps, or more and smaller ones.
func monkeyRatios() []string { return []string{"3", "6"} }

func monkey() Study {
	sides := func(s Scale) (list []Side) {
		z := sizeOfTree(s)
		for _, ratio := range monkeyRatios() {
			for _, allocation := range []string{"uniform", "monkey"} {
				list = append(list, Side{
					Engine: "lsm", Label: "lsm@" + allocation + "-t" + ratio,
					Axes: map[string]string{"lsm.filter_allocation": allocation, "lsm.size_ratio": ratio},
					Settings: z.settings(map[string]string{
						"filter": "bloom", "filter_bits": "5", "filter_allocation": allocation, "size_ratio": ratio,
						"base_bytes": strconv.Itoa(z.step),
					}),
				})
			}
		}
		return list
	}
	return Study{
		Name:     "monkey",
		Title:    "Filters that fit the tree",
		Question: "Given so many bits for filters, how should the levels share them?",
		Story: `A Bloom filter answers "not here" for most keys that a run does not have. Each of
its bits a key lowers the share of wrong answers by the same factor, whatever
the size of the run. A lookup of an absent key pays for the wrong answers of all
runs together, that is for the sum of their rates. A bit a key in an upper level
costs little memory, since it has few keys, and takes as much off that sum as a
bit in the last level, which has nearly all of the keys. So the same memory does
more when upper levels have more bits a key: rates that grow from level to level
as the levels do, instead of one rate for all.

Both trees have the same data and the same mean number of bits.`,
		Paper: "N. Dayan, M. Athanassoulis, S. Idreos: Monkey: Optimal Navigable Key-Value Store. SIGMOD 2017",
		Look:  "At each size ratio the bar of monkey is below that of uniform, with about the same memory. The gain grows with the number of levels, that is as the ratio falls.",
		Needs: needsOf(sides(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			z := sizeOfTree(l.Scale)
			z.overwrites /= 8
			z.gets *= 10
			for _, s := range sides(l.Scale) {
				if err := z.work(ctx, l, s); err != nil {
					return err
				}
			}
			return nil
		},
		Judge: judgeMonkey,
	}
}

func judgeMonkey(e *Evidence) {
	at := func(allocation, ratio, workload string, m Metric) Value {
		return e.At("lsm@"+allocation+"-t"+ratio, workload, m)
	}
	e.Figure = results.Figure{
		Kind: "bars", Title: "Filters that say yes in vain", X: "size ratio", Y: "false positives a lookup of an absent key",
	}
	for _, ratio := range monkeyRatios() {
		for _, allocation := range []string{"uniform", "monkey"} {
			e.Plot(allocation, "T="+ratio, at(allocation, ratio, "absent", falsePositivesPerOp()))
		}
		e.Ascending("With a size ratio of "+ratio+" filters that fit the levels are wrong less often", 1.1,
			at("monkey", ratio, "absent", falsePositivesPerOp()), at("uniform", ratio, "absent", falsePositivesPerOp()))
		e.Close("With a size ratio of "+ratio+" they take the same memory", 1.2,
			at("monkey", ratio, "absent", filterBytes()), at("uniform", ratio, "absent", filterBytes()))
	}
}
