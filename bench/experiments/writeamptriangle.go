package experiments

import (
	"context"
	"fmt"

	"github.com/kvbench/kvbench/results"
)

// requestSkews are how requests are spread: evenly, and by Zipf's law, with
// the name that workloads have for each.
func requestSkews(s Scale) [][2]string {
	list := [][2]string{{"even", "uniform"}, {"zipf-1.2", "zipf:1.2"}, {"zipf-0.99", "zipf:0.99"}, {"zipf-0.8", "zipf:0.8"}}
	return list[:pick(s, 2, 3, 4)]
}

func writeAmpTriangle() Study {
	peers := []Side{{Engine: "bbolt", Optional: true}}
	return Study{
		Name:     "write-amp-triangle",
		Title:    "Amplification, and what skew does to it",
		Question: "How much does each engine write and read a byte, and who gains when few records are hot?",
		Story: `Amplification is bytes at the file system over bytes of the user. It is counted
here in the same way for all engines: every byte that goes through a write call,
the log included, until the engine is at rest.

Skew helps whoever can see two writes of one record before either has gone
further. A memtable keeps the newer one only. A B+tree writes a page once, at the
next checkpoint, whatever happened to it. A hash index appends every write to its
log, hot or not; what skew changes is the garbage that it collects. A
copy-on-write tree without a log gains nothing: every commit writes the path from
the leaf to the root.`,
		Paper: "M. Athanassoulis et al.: Designing Access Methods: The RUM Conjecture. EDBT 2016; N. Dayan, S. Idreos: Dostoevsky. SIGMOD 2018 (skewed updates)",
		Look:  "Each engine is a line over the skew: those of trees that gather writes fall as skew grows, that of a tree that copies its path at each write does not. Compare where they begin and how steep they are.",
		Needs: needsOf(append(cornersOf(Tiny), peers...)),
		Run: func(ctx context.Context, l *Lab) error {
			z := sizeOfTree(l.Scale)
			n, overwrites := z.records, pick(l.Scale, z.overwrites, z.overwrites/2, z.overwrites)
			for _, s := range cornersOf(l.Scale) {
				draws := []func(uint64) func() uint64{evenly(n), skewed(n, 1.2), skewed(n, 0.99), skewed(n, 0.8)}
				for i, skew := range requestSkews(l.Scale) {
					if err := corner(ctx, l, s, skew[0]+"-", overwrites, draws[i]); err != nil {
						return err
					}
				}
			}
			m := Matrix{Sides: peers, ByOperations: true, Untimed: true}
			for _, skew := range requestSkews(l.Scale) {
				m.Works = append(m.Works, Work{Name: skew[0] + "-overwrite", Properties: []string{
					fmt.Sprint("recordcount=", z.records), fmt.Sprint("operationcount=", pick(l.Scale, 2000, z.overwrites/8, z.overwrites/32)),
					"keyformat=binary:16", fmt.Sprint("valuesize=", z.value), "updatemode=blind",
					"readproportion=0", "updateproportion=0", "putproportion=1", "requestdistribution=" + skew[1],
				}})
			}
			return l.Matrix(ctx, m)
		},
		Judge: judgeWriteAmpTriangle,
	}
}

func judgeWriteAmpTriangle(e *Evidence) {
	e.Figure = results.Figure{
		Kind: "lines", Title: "What is written a byte, by the skew of requests", X: "requests", Y: "bytes written a byte given", LogY: true,
	}
	written := func(side, skew string) Value {
		v := e.At(side, skew+"-overwrite", writtenPerByte())
		v.What += " " + skew
		return v
	}
	sides := []string{"lsm@leveled", "lsm@tiered", "btree", "hash", "bbolt"}
	for _, side := range sides {
		for _, skew := range requestSkews(e.Scale) {
			if v := written(side, skew[0]); v.Known {
				e.Plot(side, skew[0], v)
			}
		}
	}
	for _, side := range sides[:3] {
		e.Ascending("Skew spares "+side+" writes", 1.15, written(side, "zipf-1.2"), written(side, "even"))
	}
	if bolt := written("bbolt", "even"); bolt.Known {
		e.Ascending("A tree that copies its path at every write writes many times more than one with a log", 2, written("btree", "even"), bolt)
		e.Close("and skew does not help it", 1.2, bolt, written("bbolt", "zipf-1.2"))
	}
}
