package experiments

import (
	"context"
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func longReaderSides(s Scale) []Side {
	return []Side{
		{Engine: "btree", Settings: map[string]string{"checkpoint_interval": "0s", "log_bytes": "1m"}},
		{Engine: "lsm", Settings: sizeOfTree(s).settings(nil)},
		{Engine: "bbolt", Settings: map[string]string{"durability": "os"}},
	}
}

func longReader() Study {
	return Study{
		Name:     "long-reader",
		Title:    "What an open snapshot costs",
		Question: "Somebody reads a snapshot for long while others update. How fast does the file grow?",
		Story: `A snapshot must go on showing what was. bbolt and LMDB copy every page that a
transaction changes, up to the root, and free the old ones when nobody reads them
any more: as long as the snapshot is open, each update adds its whole path. An LSM
tree keeps old versions of the records only, where a snapshot needs them. btree
copies a page the first time that it changes after the snapshot and changes the copy
in place from then on, so its growth ends once every page has been copied.

Records are overwritten one by one, drawn evenly, once with nobody reading and once
while a snapshot from before is open.`,
		Paper: "H. Berenson et al.: A Critique of ANSI SQL Isolation Levels. SIGMOD 1995; H. Chu: LMDB, on long-lived readers; J. Böttcher et al.: Scalable Garbage Collection for In-Memory MVCC Systems. PVLDB 13(2), 2019",
		Look:  "Growth an update with a snapshot open: bbolt's is far above the others'.",
		Needs: needsOf(longReaderSides(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			for _, s := range longReaderSides(l.Scale) {
				for _, open := range []bool{false, true} {
					grown, err := l.grownUnder(ctx, s, open)
					if err != nil {
						return err
					}
					l.Point(s.label(), readerName(open), grown)
				}
			}
			return nil
		},
		Judge: func(e *Evidence) {
			e.Figure = results.Figure{Kind: "bars", Title: "Growth while records are overwritten", X: "", Y: "bytes of growth an update"}
			for _, s := range longReaderSides(e.Scale) {
				for _, open := range []bool{false, true} {
					e.Plot(readerName(open), s.label(), e.PointAt(s.label(), readerName(open)))
				}
			}
			at := func(engine string) Value { return e.PointAt(engine, readerName(true)) }
			for _, engine := range []string{"btree", "lsm"} {
				e.Ascending("With a snapshot open "+engine+" grows far less than bbolt", 5, at(engine), at("bbolt"))
			}
			e.AtLeast("With a snapshot open bbolt grows by pages an update", 4096, at("bbolt"))
			e.AtMost("With nobody reading bbolt uses its pages again", 1024, e.PointAt("bbolt", readerName(false)))
		},
	}
}

func readerName(open bool) string {
	if open {
		return "snapshot open"
	}
	return "nobody reading"
}

// grownUnder overwrites records and returns the growth of the directory, in
// bytes an update.
func (l *Lab) grownUnder(ctx context.Context, s Side, snapshot bool) (grown float64, err error) {
	z := sizeOfTree(l.Scale)
	z.overwrites /= 4
	s.Label = s.label() + map[bool]string{false: "@alone", true: "@snapshot"}[snapshot]
	b, err := l.Open(s)
	if err != nil {
		return 0, err
	}
	b.StepBytes = uint64(z.step)
	if err := b.Measure(ctx, "fill", func() error { return z.fill(ctx, b) }); err != nil {
		return 0, err
	}
	before := b.Space()
	if snapshot {
		from, ok := engine.As[engine.Snapshotter](b.Engine)
		if !ok {
			return 0, fmt.Errorf("%s: snapshot: %w", b.Label, engine.ErrUnsupported)
		}
		held, err := from.NewSnapshot()
		if err != nil {
			return 0, fmt.Errorf("%s: snapshot: %w", b.Label, err)
		}
		defer func() { // an engine closes after its snapshots
			err = errors.Join(err, held.Close(), b.Finish())
		}()
	} else {
		defer func() { err = errors.Join(err, b.Finish()) }()
	}
	if err := b.Measure(ctx, "overwrite", func() error { return z.overwrite(ctx, b) }); err != nil {
		return 0, err
	}
	return (float64(b.Space()) - float64(before)) / float64(z.overwrites), nil
}
