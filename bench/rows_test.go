package bench

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kvbench/kvbench/workloads"
)

// checkSeries looks for rows that do not add up to the phase.
func checkSeries(t *testing.T, p *PhaseResult, interval time.Duration) {
	t.Helper()
	var ops, failed, wantFailed uint64
	for i, row := range p.Series {
		ops += row.Ops
		failed += row.Errors
		end := time.Duration(i+1) * interval
		if row.Seconds <= 0 || row.T > end.Seconds() || row.T > p.Elapsed.Seconds() {
			t.Errorf("row %d has %v s and ends at %v s, of %v", i, row.Seconds, row.T, p.Elapsed)
		}
	}
	for _, op := range p.Ops {
		wantFailed += op.Errors
	}
	if ops != p.N() || failed != wantFailed {
		t.Errorf("rows have %d operations and %d errors, the phase %d and %d", ops, failed, p.N(), wantFailed)
	}
	if whole := int(p.Elapsed / interval); len(p.Series) < whole {
		t.Errorf("%d rows in %v, at one each %v", len(p.Series), p.Elapsed, interval)
	}
}

func TestTheRowsOfASeriesAddUpToThePhase(t *testing.T) {
	const interval = 2 * time.Millisecond
	for _, timing := range []Timing{{}, {Every: 1}, {Every: 1, Chained: true}, {Every: 4}, {Every: 16}, {Every: 40}} {
		for _, fail := range []bool{false, true} {
			e := newToy()
			w := spec(t, "c", "recordcount=500")
			l := openToy(t, e, w, nil)
			p, err := l.Load(context.Background(), Limits{Interval: interval})
			if err != nil {
				t.Fatal(err)
			}
			checkSeries(t, p, interval)
			n := 0
			e.get = func(_, v []byte) ([]byte, error) {
				if n++; fail && n > 1005 {
					return nil, errBroken
				}
				return v, nil
			}
			limits := Limits{Duration: 5 * interval, Interval: interval, Timing: timing}
			if fail {
				limits.Duration = time.Hour // the failure ends it
			}
			p, err = l.Run(context.Background(), limits)
			if err != nil || errors.Is(p.FirstError, errBroken) != fail {
				t.Fatal(err, p.FirstError)
			}
			checkSeries(t, p, interval)
			if last := p.Series[len(p.Series)-1]; !fail && last.Ops == 0 && last.Seconds < interval.Seconds() {
				t.Errorf("the last row has nothing and takes %v s", last.Seconds)
			}
			if timed := p.Ops[workloads.Read].Service.N(); timing.Every == 1 && timed != p.N() {
				t.Errorf("timing %s: %d of %d operations are timed", timing, timed, p.N())
			}
		}
	}
}

func TestAStallUntilTheEndLeavesEmptyRows(t *testing.T) {
	c := newCollector(spec(t, "c"), time.Second)
	r := c.fresh(1)
	r.ops = 3
	c.take(r)
	rows := c.rows("measure", 4500*time.Millisecond)
	var ops []uint64
	for _, row := range rows {
		ops = append(ops, row.Ops)
	}
	if len(ops) != 4 || ops[1] != 3 || ops[0]+ops[2]+ops[3] != 0 || rows[3].T != 4 || rows[3].Seconds != 1 {
		t.Fatalf("rows have %v operations, the last is %+v", ops, rows[len(rows)-1])
	}
}

func TestAStallBetweenTimedOperationsIsSeen(t *testing.T) {
	const stall = 30 * time.Millisecond
	for _, timing := range []Timing{{}, {Every: 8}, {Every: 16}, {Every: 100}} {
		e := newToy()
		n := 0
		e.get = func(_, v []byte) ([]byte, error) {
			if n++; n == 3005 {
				time.Sleep(stall)
			}
			return v, nil
		}
		w := spec(t, "c", "recordcount=100", "fieldlength=10")
		l := openToy(t, e, w, func(o *LoopOptions) { o.Threads = 1 })
		p := loadAndRun(t, l, 4000, timing)
		if p.Stalls.Count == 0 || p.Stalls.Max < uint64(stall) || p.Stalls.Time < p.Stalls.Max {
			t.Errorf("timing %s: stalls %+v", timing, p.Stalls)
		}
	}
}
