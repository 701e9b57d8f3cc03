package experiments

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// keyOrders are whose names of keys are compared.
func keyOrders() []string { return []string{"java", "go-ycsb"} }

func ycsbFidelity() Study {
	side := func(s Scale) Side {
		z := sizeOfTree(s)
		return Side{Engine: "lsm", Settings: z.settings(nil)}
	}
	return Study{
		Name:     "ycsb-fidelity",
		Title:    "The same keys in another order",
		Question: "Does it matter that two clients of one benchmark name their keys differently?",
		Story: `YCSB loads records 0, 1, 2, ... under names made of a hash of the number, so that
they arrive in no order. The Java client hashes the number's bytes from the
lowest on. go-ycsb hashes them from the highest on: consecutive numbers then
differ in the last byte hashed only, their hashes form an arithmetic run, and
their names are neighbours in the order of keys.

A load that is called hashed is nearly sequential then. An LSM tree finds little
to merge, a B+tree splits at one end, and scans meet blocks that were written
together. The two clients measure different things under one name.

kvbench draws keys as the Java client does, and as go-ycsb when told to:
--ycsb-compat go-ycsb.`,
		Paper: "B. F. Cooper, A. Silberstein, E. Tam, R. Ramakrishnan, R. Sears: Benchmarking Cloud Serving Systems with YCSB. SoCC 2010; pingcap/go-ycsb#113",
		Look:  "Of the neighbours among Java's keys hardly any were inserted one after the other; of go-ycsb's about two in three. The LSM tree rewrites much less while it loads those.",
		Needs: side(Tiny).needs(),
		Run: func(ctx context.Context, l *Lab) error {
			z := sizeOfTree(l.Scale)
			for _, order := range keyOrders() {
				keys, err := keysOf(order, z.records)
				if err != nil {
					return err
				}
				l.Point(order, "neighbours inserted consecutively", consecutive(keys))
				s := side(l.Scale)
				s.Label = "lsm@" + order
				b, err := l.Open(s)
				if err != nil {
					return err
				}
				b.StepBytes = uint64(z.step)
				err = b.Measure(ctx, "load", func() error {
					for i, key := range keys {
						if err := b.WriteKey(ctx, key, uint64(i), z.value); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
				if err := b.Finish(); err != nil {
					return err
				}
			}
			return nil
		},
		Judge: func(e *Evidence) {
			e.Figure = results.Figure{Kind: "bars", Title: "Loading keys as two clients name them", X: "", Y: "share of neighbours; bytes rewritten a byte"}
			share := func(order string) Value { return e.PointAt(order, "neighbours inserted consecutively") }
			rewritten := func(order string) Value { return e.At("lsm@"+order, "load", compactedPerByte()) }
			for _, order := range keyOrders() {
				e.Plot(order, "consecutive neighbours", share(order))
				e.Plot(order, "rewritten by compactions", rewritten(order))
			}
			e.AtMost("Java's keys come in no order", 0.01, share("java"))
			e.AtLeast("go-ycsb's neighbours were mostly inserted consecutively", 0.5, share("go-ycsb"))
			e.Ascending("Compactions rewrite more when keys come in no order", 1.5, rewritten("go-ycsb"), rewritten("java"))
		},
	}
}

// keysOf names the records 0 to n-1 as a client does, in the order of loading.
func keysOf(compat string, n uint64) ([][]byte, error) {
	spec, err := workloads.Parse(workloads.Input{Preset: "A", Overrides: []string{"ycsbcompat=" + compat, fmt.Sprint("recordcount=", n)}})
	if err != nil {
		return nil, err
	}
	names, err := spec.NewKeys()
	if err != nil {
		return nil, err
	}
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = names.Append(nil, uint64(i))
	}
	return keys, nil
}

// consecutive is the share of neighbours in the order of keys that were
// inserted one right after the other.
func consecutive(keys [][]byte) float64 {
	order := make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return bytes.Compare(keys[a], keys[b]) })
	near := 0
	for i := 1; i < len(order); i++ {
		if d := order[i] - order[i-1]; d == 1 || d == -1 {
			near++
		}
	}
	return float64(near) / float64(len(order)-1)
}
