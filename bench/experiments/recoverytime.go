package experiments

import (
	"context"
	"fmt"
	"strconv"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func recoverySides(s Scale) []Side {
	return []Side{
		{Engine: "btree", Settings: map[string]string{"checkpoint_interval": "0s", "log_bytes": "1m"}},
		{Engine: "lsm", Settings: sizeOfTree(s).settings(nil)},
		{Engine: "hash", Settings: map[string]string{"segment_bytes": "256k", "image_ops": "4000"}},
	}
}

// recoveryGrowth is by how much the larger of two data sets is larger.
const recoveryGrowth = 4

func recoveryTime() Study {
	return Study{
		Name:     "recovery-time",
		Title:    "Opening after a crash",
		Question: "A process is killed and starts again. Does it wait for what it had written last, or for all that it holds?",
		Story: `What a killed process had in memory is in its log, and the next one reads the log
before it serves. How much that is, is a choice: a B+tree bounds it by its
checkpoints, an LSM tree by its memtables, since a flush lets go of the log. A log
with an index in memory must have the whole index back. The hash engine writes
images of its index now and then, and a hint beside each full segment, so that it
reads the log behind the last image only.

So with all three the time to open should depend on what was written last, and
not on how much there is. Each engine is filled, brought to rest, given a few
thousand updates more, and crashed: its files are copied as they are, and opened.
Then the same with four times the records.`,
		Paper: "C. Mohan et al.: ARIES: A Transaction Recovery Method. TODS 17(1), 1992; J. Sheehy, D. Smith: Bitcask: A Log-Structured Hash Table for Fast Key/Value Data. 2010 (hint files)",
		Look:  "Bytes that recovery read: no more with four times the data. For the hash engine they depend on how long ago it wrote the last image.",
		Needs: needsOf(recoverySides(Tiny)),
		Run: func(ctx context.Context, l *Lab) error {
			for _, s := range recoverySides(l.Scale) {
				for _, times := range []uint64{1, recoveryGrowth} {
					if err := l.recover(ctx, s, times); err != nil {
						return err
					}
				}
			}
			return nil
		},
		Judge: func(e *Evidence) {
			e.Figure = results.Figure{Kind: "bars", Title: "What opening after a crash reads", X: "data", Y: "bytes of recovery"}
			for _, s := range recoverySides(e.Scale) {
				x := func(times int) Value { return e.PointAt(s.label()+" recovered", strconv.Itoa(times)) }
				for _, times := range []int{1, recoveryGrowth} {
					e.Plot(s.label(), fmt.Sprintf("%dx", times), x(times))
				}
				e.AtLeast(s.label()+" had something to recover", 10_000, x(1))
				z := sizeOfTree(e.Scale)
				data := float64(recoveryGrowth * z.records * uint64(keyBytes+z.value))
				e.AtMost("With four times the data "+s.label()+" reads less than a tenth of it", data/10, x(recoveryGrowth))
				if s.Engine != "hash" { // which reads from its last image on, a little more or less
					e.Close(s.label()+" reads as much as with less data", 1.5, x(1), x(recoveryGrowth))
				}
			}
		},
	}
}

// recover fills, updates, crashes and opens one engine.
func (l *Lab) recover(ctx context.Context, s Side, times uint64) error {
	z := sizeOfTree(l.Scale)
	z.records *= times
	s.Label = fmt.Sprintf("%s@%dx", s.label(), times)
	b, err := l.Open(s)
	if err != nil {
		return err
	}
	b.StepBytes = uint64(z.step)
	if err := b.Measure(ctx, "fill", func() error { return z.fill(ctx, b) }); err != nil {
		return err
	}
	b.StepBytes = 0 // no rest from here to the crash
	last := uint64(z.step) / uint64(2*z.value)
	for i := range last {
		if err := b.Write(ctx, i, z.value); err != nil {
			return err
		}
	}
	if err := b.Crash(); err != nil {
		return err
	}
	for i := range last {
		if found, err := b.Read(i); err != nil || !found {
			return fmt.Errorf("%s: record %d after the crash: found %v, %w", b.Label, i, found, err)
		}
	}
	var m engine.Metrics
	b.Metrics(&m)
	if n, known := m.Health.RecoveryBytes.Value(); known {
		l.Point(s.Engine+" recovered", strconv.FormatUint(times, 10), float64(n))
	}
	if n, known := m.Health.RecoveryTime.Value(); known {
		l.Point(s.Engine+" opened in", strconv.FormatUint(times, 10), float64(n))
	}
	return b.Finish()
}
