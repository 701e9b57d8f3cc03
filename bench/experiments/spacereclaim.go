package experiments

import (
	"context"
	"math/rand/v2"

	"github.com/kvbench/kvbench/results"
)

// spaceSides are engines whose files are looked at. The page cache is not the
// matter here, so all write as fast as they can.
func spaceSides(s Scale) []Side {
	return []Side{
		{Engine: "btree", Settings: map[string]string{"checkpoint_interval": "0s", "log_bytes": "1m"}},
		{Engine: "lsm", Settings: sizeOfTree(s).settings(nil)},
		{Engine: "hash", Settings: map[string]string{"segment_bytes": "256k"}},
		{Engine: "bbolt", Settings: map[string]string{"durability": "os"}},
	}
}

func spaceReclaim() Study {
	return Study{
		Name:     "space-reclaim",
		Title:    "Space after deletes",
		Question: "Nine records of ten are deleted. How much of the disk does each design give back?",
		Story: `A delete is a write. In an LSM tree it is a tombstone, which takes space until
compactions have met the record with it; in a log with an index it makes garbage
of a segment, which is collected once there is enough of it. In a B+tree it makes
room in a page. A page that is empty can be used again, but the file becomes
smaller only if somebody moves the pages at its end to the front: bbolt and LMDB do
not, and their files stay as large as they ever were.

All engines get the same records, lose nine of ten of them in random order, and
then have the time that they ask for to come to rest.`,
		Paper: "R. Sears, R. Ramakrishnan: bLSM: A General Purpose Log Structured Merge Tree. SIGMOD 2012; H. Chu: LMDB, on free pages; S. Sarkar et al.: Lethe: A Tunable Delete-Aware LSM Engine. SIGMOD 2020",
		Look:  "Two bars an engine: before and after. A file that keeps its size has the second as long as the first.",
		Needs: needsOf(spaceSides(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			z := sizeOfTree(l.Scale)
			for _, s := range spaceSides(l.Scale) {
				b, err := l.Open(s)
				if err != nil {
					return err
				}
				b.StepBytes = uint64(z.step)
				if err := b.Measure(ctx, "fill", func() error { return z.fill(ctx, b) }); err != nil {
					return err
				}
				l.Point(s.label(), "before", float64(b.Space()))
				order := rand.New(rand.NewPCG(l.Seed, 21)).Perm(int(z.records))
				err = b.Measure(ctx, "delete", func() error {
					for _, i := range order[:len(order)/10*9] {
						if err := b.Remove(ctx, uint64(i)); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
				l.Point(s.label(), "after", float64(b.Space()))
				if err := b.Finish(); err != nil {
					return err
				}
				l.Point(s.label(), "closed", float64(b.Space()))
			}
			return nil
		},
		Judge: func(e *Evidence) {
			e.Figure = results.Figure{Kind: "bars", Title: "Disk space before and after nine of ten records were deleted", X: "", Y: "bytes on disk"}
			at := func(engine, when string) Value { return e.PointAt(engine, when) }
			for _, s := range spaceSides(e.Scale) {
				e.Plot("before", s.label(), at(s.label(), "before"))
				e.Plot("after", s.label(), at(s.label(), "after"))
			}
			e.Close("bbolt's file keeps its size", 1.05, at("bbolt", "before"), at("bbolt", "after"))
			for _, engine := range []string{"btree", "lsm", "hash"} {
				e.Ascending(engine+" gives space back", 1.5, at(engine, "after"), at(engine, "before"))
			}
		},
	}
}
