package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/kvbench/kvbench/bench/steady"
	"github.com/kvbench/kvbench/results"
)

// RowInterval returns a length for the rows of the series of a measured phase
// of duration d, or of so many operations: a twentieth of it, so that a test
// of steadiness has enough of them, between 50 ms and a second.
func RowInterval(d time.Duration, operations uint64) time.Duration {
	const (
		rows  = 20
		perS  = 500_000 // of a fast engine; a slower one has more rows
		least = 50 * time.Millisecond
	)
	if d == 0 {
		d = time.Duration(min(float64(operations)/perS, 60) * float64(time.Second))
	}
	return min(max(d/rows, least), time.Second)
}

// warmUp runs the mix until caches and memtables are in use, and resolves the
// timing. It takes spec.Warmup, and with spec.WarmupMax goes on until the
// phase is steady or as long as that has passed.
func (r *cellRun) warmUp(ctx context.Context) (Timing, error) {
	timing, err := ParseTiming(r.spec.Timing)
	if err != nil || (r.spec.Warmup == 0 && r.spec.WarmupMax == 0 && !timing.Auto) {
		return timing, err
	}
	r.events.setPhase("warmup")
	w := &warmup{cellRun: r, begin: r.since()}
	note, err := w.run(ctx)
	if err != nil {
		return timing, fmt.Errorf("warm-up: %w", err)
	}
	phase := results.Phase{
		Name: "warmup", StartS: w.begin, EndS: r.since(), Ops: w.ops, OK: true, Note: note, Steady: w.steady,
	}
	if w.active > 0 {
		phase.OpsPerS = results.Num(float64(w.ops) / w.active.Seconds())
	}
	r.cell.Phases = append(r.cell.Phases, phase)
	r.emit(Message{Series: r.named(w.rows)})
	mean := float64(w.active) * float64(r.cell.Load.Threads) / float64(max(w.ops, 1))
	return timing.choose(mean), nil
}

// warmup is a warm-up in progress, in one piece or several.
type warmup struct {
	*cellRun
	begin  float64
	rows   []results.SeriesRow // of all pieces
	taken  time.Duration
	active time.Duration
	ops    uint64
	steady *results.Steady // nil: not tested
}

// run performs the pieces and says how the warm-up ended.
func (w *warmup) run(ctx context.Context) (note string, err error) {
	limits := Limits{
		Name: "warmup", Duration: w.spec.Warmup, Timing: Timing{Every: 16},
		Interval: w.spec.Interval, Rate: w.spec.Rate, Arrival: w.spec.Arrival,
	}
	most := w.spec.WarmupMax
	switch {
	case w.spec.Warmup == 0 && most == 0:
		limits.Operations = uint64(64 * w.cell.Load.Threads) // enough to choose the timing
		return "as many operations as it takes to choose the timing", w.piece(ctx, limits)
	case most == 0 || w.spec.Interval == 0:
		err = w.piece(ctx, limits)
		return "by time", err
	}
	whole := func(d time.Duration) time.Duration { // rows
		return max((d+w.spec.Interval-1)/w.spec.Interval, 1) * w.spec.Interval
	}
	for limits.Duration = whole(max(limits.Duration, most/warmupPieces)); ; {
		if err = w.piece(ctx, limits); err != nil {
			return "", err
		}
		switch left := most - w.taken; {
		case w.steady != nil && w.steady.OK:
			return "until steady", nil
		case left < w.spec.Interval:
			return fmt.Sprintf("as long as it may take, %s", most), nil
		default:
			limits.Duration = min(whole(most/warmupPieces), left)
		}
	}
}

// warmupPieces is into how many pieces, at least, the longest warm-up is cut:
// its steadiness is tested after each.
const warmupPieces = 8

// piece runs the mix within limits, and tests what the warm-up has come to.
func (w *warmup) piece(ctx context.Context, limits Limits) error {
	samples := newProcessSeries(w.cellRun)
	before, report := w.taken, w.progress(nil)
	limits.Progress = func(p Progress) {
		samples.sample(p)
		p.Elapsed += before
		report(p)
	}
	p, err := w.loop.Run(ctx, limits)
	if err == nil {
		err = phaseError(p, w.spec.CountErrors)
	}
	if err != nil {
		return err
	}
	samples.into(p.Series)
	for _, row := range p.Series {
		row.T += before.Seconds()
		w.rows = append(w.rows, row)
	}
	w.taken += p.Elapsed
	w.active += p.counted()
	w.ops += p.N()
	w.live = addLive(w.live, p)
	w.steady = w.test(w.rows[min(len(w.rows)/2, max(len(w.rows)-steadyRows, 0)):])
	return nil
}

// steadyRows is how many of the last rows of a warm-up are looked at, if there
// are as many; of a long one it is the last half.
const steadyRows = 10

// test says whether the rows of a phase are those of a steady one; nil when
// there are none.
func (r *cellRun) test(rows []results.SeriesRow) *results.Steady {
	windows, o := steady.FromRows(rows)
	if len(windows) == 0 {
		return nil
	}
	o.DebtFloor = max(debtFloor, debtShare*float64(r.live.Or(0)))
	o.Poisson = r.spec.Rate > 0 && r.spec.Arrival.Kind == ArrivePoisson
	s := steady.Test(windows, o)
	return &s
}

// Background work that does not matter to steadiness: what a flush leaves for
// a moment, and what is little beside the data.
const (
	debtFloor = 1 << 20 // bytes
	debtShare = 0.01    // of the live bytes
)
