package experiments

import (
	"context"
	"strconv"

	"github.com/kvbench/kvbench/results"
)

// blockLayouts are how keys may lie in a block. Those that lsm lacks are
// optional: their names are said, and they are left out.
func blockLayouts(s Scale) (sides []Side) {
	z := sizeOfTree(s)
	add := func(name, layout string, interval int, optional bool) {
		given := map[string]string{"block_layout": layout, "filter": "none", "cache_bytes": "256m"}
		if interval > 0 {
			given["restart_interval"] = strconv.Itoa(interval)
		}
		sides = append(sides, Side{Engine: "lsm", Label: "lsm@" + name, Settings: z.settings(given), Optional: optional})
	}
	add("restarts-64", "restarts", 64, false)
	add("restarts-16", "restarts", 16, false)
	add("restarts-1", "restarts", 1, false)
	add("heads", "heads", 0, false)
	for _, layout := range []string{"hash", "interpolation", "learned"} {
		add(layout, layout, 0, true)
	}
	return sides
}

func layoutSearch() Study {
	return Study{
		Name:     "layout-search",
		Title:    "Finding a key in a block",
		Question: "A cached get is a search in a block. How should keys lie there?",
		Story: `LevelDB's blocks store each key as what it does not share with the one before, and
every so often, at restarts, as a whole. A search is binary over the restarts and
then walks entry by entry. Fewer restarts make smaller blocks and longer walks.
With one at every entry nothing is shared, and the search is binary throughout;
but each step jumps to another place of the block, and compares keys byte by byte.

The layout heads strips the prefix that all keys of a block share, once, and
keeps the next eight bytes of every key in an array of numbers. The search is over
that array: a few cache lines, no walk, no comparison of strings.

Hashes, interpolation and learned models have been proposed for the same search.
The lsm engine does not have those; the study says so and leaves them out.

What differs is time, so at the tiny scale the study checks that the layouts do
the same work on the same blocks and what they take in space; small measures
gets.`,
		Paper: "D. Lomet: The Evolution of Effective B-tree: Page Organization and Techniques. SIGMOD Record 30(3), 2001 (on heads); S. Ghemawat, J. Dean: LevelDB, table format",
		Look:  "Gets a second: heads first, and they take no more space than restarts at 16, since the arrays have no lengths in front of each key.",
		Needs: needsOf(blockLayouts(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			z := sizeOfTree(l.Scale)
			for _, s := range blockLayouts(l.Scale) {
				if s.Optional && !l.hasAll(s) {
					l.Say("%s is left out: the engine has no setting lsm.block_layout=%s", s.Label, s.Settings["block_layout"])
					continue
				}
				b, err := l.Open(s)
				if err != nil {
					return err
				}
				b.StepBytes = uint64(z.step)
				if err := b.Measure(ctx, "fill", func() error { return z.fill(ctx, b) }); err != nil {
					return err
				}
				if err := b.Measure(ctx, "get", func() error { return z.lookups(b, false) }); err != nil {
					return err
				}
				if err := b.Finish(); err != nil {
					return err
				}
			}
			if l.Scale == Tiny {
				return nil
			}
			var sides []Side
			for _, s := range blockLayouts(l.Scale) {
				if l.hasAll(s) {
					s.Settings = map[string]string{"block_layout": s.Settings["block_layout"], "restart_interval": s.Settings["restart_interval"], "cache_bytes": "512m"}
					if s.Settings["restart_interval"] == "" {
						delete(s.Settings, "restart_interval")
					}
					sides = append(sides, s)
				}
			}
			return l.Matrix(ctx, Matrix{Sides: sides, Works: []Work{{
				Name: "C", Preset: "C", Properties: []string{
					"recordcount=" + strconv.FormatUint(z.records, 10), "operationcount=" + strconv.FormatUint(z.records, 10),
					"valuesize=100", "requestdistribution=uniform",
				},
			}}})
		},
		Judge: judgeLayoutSearch,
	}
}

// hasAll reports whether every feature of the side is there.
func (l *Lab) hasAll(s Side) bool {
	for _, n := range s.needs() {
		if !l.Has(n) {
			return false
		}
	}
	return true
}

func judgeLayoutSearch(e *Evidence) {
	names := []string{"restarts-64", "restarts-16", "restarts-1", "heads"}
	at := func(name, workload string, m Metric) Value { return e.At("lsm@"+name, workload, m) }
	e.Figure = results.Figure{Kind: "bars", Title: "Layouts of a block", X: "layout", Y: "bytes on disk a byte of data"}
	if e.Scale != Tiny {
		e.Figure.Y = "gets a second"
	}
	var blocks []Value
	for _, name := range names {
		if e.Scale == Tiny {
			e.Plot("space", name, at(name, "fill", spacePerByte()))
		} else {
			e.Plot("gets", name, at(name, "C", rate()))
		}
		blocks = append(blocks, at(name, "get", runsPerOp()))
	}
	e.Close("All layouts look into as many runs for a get", 1.05, blocks...)
	space := func(name string) Value { return at(name, "fill", flushedPerByte()) }
	e.Ascending("Restarts at 16 entries make smaller tables than at each", 1.02, space("restarts-16"), space("restarts-1"))
	e.Ascending("Heads make no larger tables than restarts at 16", 1, space("heads"), space("restarts-16"))
	e.Faster("Gets are faster with heads than with restarts at 16", 1.1, at("restarts-16", "C", rate()), at("heads", "C", rate()))
}
