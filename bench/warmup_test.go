package bench

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// scripted is a LoopDriver whose phases are made up: rate is asked for the
// operations of each row, by its number since the warm-up began.
type scripted struct {
	rate func(row int) uint64
	rows int
	asks []Limits
}

func (s *scripted) Name() string                           { return "scripted" }
func (s *scripted) Open(Target, LoopOptions) (Loop, error) { return s, nil }
func (s *scripted) Close() error                           { return nil }
func (s *scripted) Notes() []string                        { return nil }
func (s *scripted) Load(context.Context, Limits) (*PhaseResult, error) {
	return &PhaseResult{LiveDeltaOK: true}, nil
}

func (s *scripted) Run(_ context.Context, l Limits) (*PhaseResult, error) {
	s.asks = append(s.asks, l)
	r := &PhaseResult{Elapsed: l.Duration, Active: l.Duration, LiveDeltaOK: true, Ops: map[workloads.Kind]*OpResult{workloads.Read: {}}}
	for t := l.Interval; l.Interval > 0 && t <= l.Duration; t += l.Interval {
		n := s.rate(s.rows)
		s.rows++
		r.Ops[workloads.Read].N += n
		r.Series = append(r.Series, results.SeriesRow{Phase: l.Name, T: t.Seconds(), Seconds: l.Interval.Seconds(), Ops: n})
	}
	return r, nil
}

// scriptedCell performs a cell of which the warm-up is made of rows of 100 ms.
func scriptedCell(t *testing.T, s *scripted, change func(*CellSpec)) (*results.Cell, []results.SeriesRow) {
	t.Helper()
	deps := toyDeps()
	deps.Loops = []LoopDriver{s}
	var rows []results.SeriesRow
	cell := runCellWith(t, t.Context(), deps, func(spec *CellSpec) {
		spec.Cell.Load.Driver, spec.Calibrate, spec.Timing = s.Name(), 0, "all"
		spec.Interval, spec.Duration, spec.Operations = 100*time.Millisecond, 2*time.Second, 0
		change(spec)
	}, func(m Message) { rows = append(rows, m.Series...) })
	if cell.Status != results.StatusOK {
		t.Fatalf("the cell is %s: %s", cell.Status, cell.Error)
	}
	return cell, rows
}

func phaseNamed(c *results.Cell, name string) *results.Phase {
	for i := range c.Phases {
		if c.Phases[i].Name == name {
			return &c.Phases[i]
		}
	}
	return &results.Phase{}
}

func TestAWarmUpEndsWhenItIsSteadyOrAtItsLimit(t *testing.T) {
	level := func(int) uint64 { return 1000 }
	rising := func(row int) uint64 { return uint64(100 + 20*row) }
	late := func(row int) uint64 { return uint64(100 + 50*min(row, 40)) }
	for _, c := range []struct {
		name       string
		rate       func(int) uint64
		least      time.Duration
		most       time.Duration
		note       string
		steady     bool
		rows, upTo int // of the warm-up
	}{
		{"level", level, 500 * time.Millisecond, 10 * time.Second, "until steady", true, 13, 13}, // an eighth of the limit
		{"level, long at least", level, 5 * time.Second, 10 * time.Second, "until steady", true, 50, 50},
		{"level later", late, 500 * time.Millisecond, 10 * time.Second, "until steady", true, 52, 99},
		{"rising", rising, 500 * time.Millisecond, 3 * time.Second, "as long as it may take", false, 30, 30},
		{"level by time", level, time.Second, 0, "by time", true, 10, 10},
		{"rising by time", rising, time.Second, 0, "by time", false, 10, 10},
		{"short", level, 200 * time.Millisecond, 0, "by time", false, 2, 2},
	} {
		s := &scripted{rate: c.rate}
		cell, rows := scriptedCell(t, s, func(spec *CellSpec) { spec.Warmup, spec.WarmupMax = c.least, c.most })
		p := phaseNamed(cell, "warmup")
		if p.Steady == nil || p.Steady.OK != c.steady || !strings.Contains(p.Note, c.note) {
			t.Errorf("%s: the warm-up ended %q, steady %+v", c.name, p.Note, p.Steady)
			continue
		}
		var warm []results.SeriesRow
		var ops uint64
		for _, r := range rows {
			if r.Phase == "warmup" {
				warm, ops = append(warm, r), ops+r.Ops
			}
		}
		if len(warm) < c.rows || len(warm) > c.upTo || ops != p.Ops {
			t.Errorf("%s: %d rows of %d operations, of the phase %d; want %d to %d rows", c.name, len(warm), ops, p.Ops, c.rows, c.upTo)
		}
		for i := 1; i < len(warm); i++ {
			if d := warm[i].T - warm[i-1].T; d < .099 || d > .101 {
				t.Errorf("%s: row %d ends at %g, the one before at %g", c.name, i, warm[i].T, warm[i-1].T)
			}
		}
	}
}

func TestTheMeasuredPhaseIsTestedToo(t *testing.T) {
	for _, c := range []struct {
		rate   func(int) uint64
		steady bool
	}{
		{func(int) uint64 { return 500 }, true},
		{func(row int) uint64 { return uint64(2000 - 40*row) }, false},
	} {
		cell, rows := scriptedCell(t, &scripted{rate: c.rate}, func(*CellSpec) {})
		p := phaseNamed(cell, "measure")
		if p.Steady == nil || p.Steady.OK != c.steady || p.Steady.Windows != 20 || len(rows) != 20 {
			t.Errorf("of %d rows the measured phase is found to be %+v", len(rows), p.Steady)
		}
	}
	cell, _ := scriptedCell(t, &scripted{rate: func(int) uint64 { return 1 }}, func(s *CellSpec) { s.Interval = 0 })
	if p := phaseNamed(cell, "measure"); p.Steady != nil {
		t.Errorf("a phase without a series was tested: %+v", p.Steady)
	}
}

func TestRowsFitThePhase(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		ops  uint64
		want time.Duration
	}{
		{2 * time.Second, 0, 100 * time.Millisecond},
		{100 * time.Millisecond, 0, 50 * time.Millisecond},
		{time.Hour, 5, time.Second},
		{0, 1_000_000, 100 * time.Millisecond},
		{0, 0, 50 * time.Millisecond},
		{0, 1 << 63, time.Second},
	} {
		if got := RowInterval(c.d, c.ops); got != c.want {
			t.Errorf("rows of a phase of %s or %d operations are %s, want %s", c.d, c.ops, got, c.want)
		}
	}
}
