package compaction

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// cost is what a layout costs for some hundred flushes.
type cost struct {
	writes float64 // bytes written for each that was flushed
	reads  float64 // runs that may hold a key, on average
	space  float64 // bytes of the tree for each of a tree without duplicates, in the end
}

func costOf(t *testing.T, layout string, ratio, flushes int) cost {
	const perFlush, universe = 64, 8000
	s, err := Preset(layout)
	if err != nil {
		t.Fatal(err)
	}
	sim := simulate(t, Settings{
		Layout: s.Layout, Granularity: s.Granularity, SizeRatio: ratio,
		BaseBytes: 4 * perFlush * entryBytes, TableBytes: 32 * entryBytes,
	})
	r := rand.New(rand.NewPCG(uint64(ratio), 9))
	runs := 0
	for range flushes {
		keys := make([]int, perFlush)
		for i := range keys {
			keys[i] = r.IntN(universe)
		}
		sim.flush(sim.write(keys, 0), perFlush)
		sim.settle()
		runs += sim.runsToProbe()
	}
	sim.check()
	return cost{
		writes: float64(sim.written) / float64(sim.flushed),
		reads:  float64(runs) / float64(flushes),
		space:  float64(sim.version().Totals().Entries) / float64(len(sim.model)),
	}
}

// Tiered writes least and has the most runs to read, leveled the other way
// round, and lazy leveling is in between.
func TestLayoutsTradeWritesForReads(t *testing.T) {
	for _, ratio := range []int{4, 10} {
		t.Run(fmt.Sprintf("T=%d", ratio), func(t *testing.T) {
			c := make(map[string]cost)
			for _, layout := range []string{"tiered", "lazy", "one-leveled", "leveled"} {
				c[layout] = costOf(t, layout, ratio, 400)
				t.Logf("%-12s %+v", layout, c[layout])
			}
			tiered, lazy, leveled := c["tiered"], c["lazy"], c["leveled"]
			if !(tiered.writes < lazy.writes && lazy.writes < leveled.writes) {
				t.Error("writes are not in their order")
			}
			if !(tiered.reads > lazy.reads && lazy.reads > leveled.reads) {
				t.Error("reads are not in their order")
			}
			if leveled.space > 1+2.0/float64(ratio-1)+0.1 {
				t.Errorf("leveled takes %.2f times the space", leveled.space)
			}
		})
	}
}
