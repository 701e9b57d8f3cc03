package bench

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// slowEngine takes its time by the clock of a synctest bubble: what took says
// of the nth read.
type slowEngine struct {
	blankEngine
	reads atomic.Int64
	took  func(n int64) time.Duration
}

func (e *slowEngine) Get(dst, _ []byte) ([]byte, error) {
	time.Sleep(e.took(e.reads.Add(1)))
	return dst, nil
}

// virtual opens a loop on a virtual clock, in which waiting is exact.
func virtual(t *testing.T, threads int, took func(n int64) time.Duration) *nativeLoop {
	t.Helper()
	l := openToy(t, &slowEngine{took: took}, spec(t, "c", "recordcount=1000"), func(o *LoopOptions) {
		o.Blank, o.Threads, o.Verify = true, threads, VerifyOff
	}).(*nativeLoop)
	l.pause = func(left int64) { time.Sleep(time.Duration(left)) }
	return l
}

func runPhase(t *testing.T, l Loop, limits Limits) *PhaseResult {
	t.Helper()
	p, err := l.Run(context.Background(), limits)
	if err != nil || p.FirstError != nil {
		t.Fatal(err, p)
	}
	return p
}

func constantly(d time.Duration) func(int64) time.Duration {
	return func(int64) time.Duration { return d }
}

const (
	opTime    = 10 * time.Microsecond
	stallTime = 100 * time.Millisecond
)

// stallOnce takes long at the nth read.
func stallOnce(at int64) func(int64) time.Duration {
	return func(n int64) time.Duration {
		if n == at {
			return stallTime
		}
		return opTime
	}
}

func TestAnOpenLoopShowsAStallThatAClosedLoopHides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := runPhase(t, virtual(t, 1, stallOnce(1000)), Limits{Operations: 2000, Timing: Timing{Every: 1}})
		if p := closed.Ops[0].Service.Quantile(.999); p > uint64(2*opTime) {
			t.Errorf("closed: p99.9 %s; one of 2000 operations was slow", time.Duration(p))
		}
		if closed.Open != nil || closed.Ops[0].Response.N() != 0 {
			t.Error("a closed loop has response times")
		}
		l := virtual(t, 1, stallOnce(1000))
		open := runPhase(t, l, Limits{Duration: 2 * time.Second, Rate: 1000, Interval: time.Second})
		op := open.Ops[0]
		if p := op.Response.Quantile(.999); p < uint64(stallTime*9/10) || p > uint64(stallTime*11/10) {
			t.Errorf("open: p99.9 of the response is %s, of a stall of %s", time.Duration(p), stallTime)
		}
		if p := op.Service.Quantile(.999); p > uint64(2*opTime) {
			t.Errorf("open: p99.9 of the service is %s; one of 2000 operations was slow", time.Duration(p))
		}
		// All that waited are performed, as fast as it goes, and none is lost.
		o := open.Open
		if o.Intended != 2000 || o.Started != 2000 || o.Dropped != 0 || o.BacklogEnd != 0 {
			t.Errorf("after the stall: %+v", o)
		}
		if o.BacklogMax < 95 || o.BacklogMax > 100 {
			t.Errorf("backlog %d, of a stall of 100 starts", o.BacklogMax)
		}
		if o.Verdict != results.OpenOK || o.Lag.P100 != 0 {
			t.Errorf("verdict %s (%s), lag %+v", o.Verdict, o.Reason, o.Lag)
		}
		if o.OfferedPerS != 1000 || o.AchievedPerS != 1000 || open.OpsPerS() != 1000 {
			t.Errorf("offered %g, achieved %g, ops/s %g", o.OfferedPerS, o.AchievedPerS, open.OpsPerS())
		}
		if busy := 1999*opTime + stallTime; open.Active != busy {
			t.Errorf("busy for %s, want %s", open.Active, busy)
		}
		if len(open.Series) != 2 || open.Series[1].Response == nil || open.Series[1].Backlog == nil {
			t.Errorf("series: %+v", open.Series)
		}
	})
}

func TestAWorkerThatIsStalledHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := runPhase(t, virtual(t, 2, stallOnce(500)), Limits{Operations: 2000, Rate: 1000})
		slow := uint64(0)
		p.Ops[0].Response.Buckets(func(value, count uint64) {
			if value > uint64(2*opTime) {
				slow += count
			}
		})
		if slow != 1 || p.Open.BacklogMax != 0 {
			t.Errorf("%d operations were slow, want the one that was stalled; backlog %d", slow, p.Open.BacklogMax)
		}
	})
}

func TestMoreThanTheEngineCanDoIsCalledSaturated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := virtual(t, 1, constantly(2*time.Millisecond))
		p := runPhase(t, l, Limits{Duration: time.Second, Rate: 1000, Interval: 100 * time.Millisecond})
		o := p.Open
		if o.Intended != 1000 || o.Started != 500 || o.Dropped != 500 || o.BacklogEnd != 500 || o.BacklogMax != 500 {
			t.Errorf("%+v", o)
		}
		if o.Verdict != results.OpenSaturated || o.AchievedPerS != 500 || o.Reason == "" {
			t.Errorf("%s (%s), achieved %g", o.Verdict, o.Reason, o.AchievedPerS)
		}
		last := uint64(0)
		for i, row := range p.Series[:10] {
			if row.Backlog == nil || *row.Backlog <= last {
				t.Fatalf("row %d: backlog %v after %d", i, row.Backlog, last)
			}
			last = *row.Backlog
		}
		// As many operations, as late as they may be: all are begun.
		o = runPhase(t, l, Limits{Operations: 1000, Rate: 1000}).Open
		if o.Started != 1000 || o.Dropped != 0 || o.Verdict != results.OpenSaturated || o.AchievedPerS != 500 || o.BacklogEnd < 990 {
			t.Errorf("by operations: %+v", o)
		}
	})
}

func TestABacklogThatGrowsALittleAllTheTimeIsSaturation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := virtual(t, 1, constantly(1005*time.Microsecond)) // 0.5 % too slow
		o := runPhase(t, l, Limits{Duration: 20 * time.Second, Rate: 1000}).Open
		if o.Verdict != results.OpenSaturated || o.BacklogEnd > 110 {
			t.Errorf("%+v", o)
		}
		l = virtual(t, 1, constantly(995*time.Microsecond))
		if o := runPhase(t, l, Limits{Duration: 20 * time.Second, Rate: 1000}).Open; o.Verdict != results.OpenOK {
			t.Errorf("an engine that is fast enough: %+v", o)
		}
	})
}

func TestAPacerThatIsLateIsToBlameForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := virtual(t, 2, constantly(opTime))
		const late = 300 * time.Microsecond
		l.pause = func(left int64) { time.Sleep(time.Duration(left) + late) }
		p := runPhase(t, l, Limits{Duration: time.Second, Rate: 1000})
		o := p.Open
		if o.Verdict != results.OpenGeneratorLimited || o.Lag.P50 < uint64(late*99/100) || o.Lag.P100 > uint64(late) {
			t.Errorf("%s (%s), lag %+v", o.Verdict, o.Reason, o.Lag)
		}
		if p.Lag.N() < 990 {
			t.Errorf("%d operations of 1000 waited for their start", p.Lag.N())
		}
	})
}

func TestABacklogOfTheWarmUpDoesNotReachTheMeasuredPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slow = 500
		l := virtual(t, 1, func(n int64) time.Duration {
			if n <= slow {
				return 2 * time.Millisecond
			}
			return opTime
		})
		warm := runPhase(t, l, Limits{Duration: time.Second, Rate: 1000}).Open
		if warm.Started != slow || warm.Dropped == 0 {
			t.Fatalf("the warm-up: %+v", warm)
		}
		p := runPhase(t, l, Limits{Duration: time.Second, Rate: 1000})
		if o := p.Open; o.Started != 1000 || o.BacklogMax != 0 || p.Ops[0].Response.Quantile(1) > uint64(2*opTime) {
			t.Errorf("%+v, slowest response %d ns", o, p.Ops[0].Response.Quantile(1))
		}
	})
}

func TestEveryArrivalIsPerformedAtItsRate(t *testing.T) {
	for _, arrival := range []string{"constant", "poisson", "sine:500ms:0.8"} {
		for _, rate := range []float64{1e3, 50e3} {
			for _, threads := range []int{1, 8} {
				t.Run(fmt.Sprintf("%s/%g/%d", arrival, rate, threads), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						a, err := ParseArrival(arrival)
						if err != nil {
							t.Fatal(err)
						}
						l := virtual(t, threads, constantly(time.Microsecond))
						p := runPhase(t, l, Limits{Duration: time.Second, Rate: rate, Arrival: a})
						o := p.Open
						draw, want := newStarts(rate, a, derive(l.o.Seed, 1, 5)), uint64(0)
						for draw.next() < int64(time.Second) {
							want++
						}
						if o.Intended != want || o.Started+o.Dropped != want || o.Dropped > 1 {
							t.Errorf("%d intended, %d started, %d dropped; the schedule has %d", o.Intended, o.Started, o.Dropped, want)
						}
						if o.Verdict != results.OpenOK || o.Lag.P100 != 0 || p.Elapsed < time.Second || p.Elapsed > time.Second+time.Millisecond {
							t.Errorf("%s (%s), lag %+v, took %s", o.Verdict, o.Reason, o.Lag, p.Elapsed)
						}
					})
				})
			}
		}
	}
}

func TestAnOpenLoopThatIsInterruptedOwesNothingOfTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := virtual(t, 3, constantly(opTime))
		ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
		defer cancel()
		p, err := l.Run(ctx, Limits{Duration: time.Hour, Rate: 1000})
		if err != nil || !p.Interrupted {
			t.Fatal(err, p.Interrupted)
		}
		o := p.Open
		if o.Intended < 245 || o.Intended > 260 || o.Dropped > 1 || o.Verdict != results.OpenOK {
			t.Errorf("%+v", o)
		}
	})
}

func TestStartsThatWereClaimedAndNotDueWhenInterruptedDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := virtual(t, 3, constantly(opTime))
		l.pause = func(left int64) { time.Sleep(min(time.Duration(left), time.Millisecond)) }
		ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
		defer cancel()
		p, err := l.Run(ctx, Limits{Duration: time.Hour, Rate: 10})
		if err != nil {
			t.Fatal(err)
		}
		if o := p.Open; o.Intended != 3 || o.Started != 3 || o.Dropped != 0 {
			t.Errorf("at 0, 100 and 200 of 250 ms: %+v", o)
		}
	})
}

func TestAnOperationCountsInTheIntervalInWhichItBegan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const interval, each = 100 * time.Millisecond, 4 // intervals an operation
		l := virtual(t, 1, constantly(opTime))
		p := runPhase(t, l, Limits{Duration: 40 * interval, Interval: interval, Rate: 10. / each})
		for i, row := range p.Series {
			want := uint64(0)
			if i%each == 0 {
				want = 1
			}
			if row.Ops != want || (row.Response != nil) != (want > 0) || row.Seconds <= 0 {
				t.Errorf("row %d, which ends at %g s: %d operations in %g s, want %d", i, row.T, row.Ops, row.Seconds, want)
			}
		}
	})
}

func TestRowsEndWithThePhaseThatIsStoppedWhileNothingIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := virtual(t, 1, constantly(opTime))
		ctx, cancel := context.WithTimeout(context.Background(), 250*time.Millisecond)
		defer cancel()
		l.pause = func(left int64) { time.Sleep(min(time.Duration(left), time.Millisecond)) }
		p, err := l.Run(ctx, Limits{Duration: time.Hour, Interval: 100 * time.Millisecond, Rate: 1})
		if err != nil || len(p.Series) < 2 || len(p.Series) > 3 {
			t.Fatal(err, p.Series)
		}
		for _, row := range p.Series {
			if row.Seconds <= 0 || row.T > p.Elapsed.Seconds() {
				t.Errorf("a row of %g s that ends at %g s", row.Seconds, row.T)
			}
		}
	})
}

func TestAScheduleThatEndsByItselfHasTheRateOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := Arrival{Kind: ArriveFile, Steps: []RateStep{{0, 1000}, {1, 0}}}
		l := virtual(t, 2, constantly(opTime))
		p := runPhase(t, l, Limits{Operations: 5000, Rate: 1000, Arrival: a})
		o := p.Open
		if o.Intended < 1000 || o.Intended > 1001 || o.Started != o.Intended || o.OfferedPerS < 990 || o.OfferedPerS > 1010 || p.OpsPerS() < 990 || p.OpsPerS() > 1010 {
			t.Errorf("%+v, %g operations a second", o, p.OpsPerS())
		}
	})
}

func TestARateWithoutAnEndIsRefused(t *testing.T) {
	l := openToy(t, &blankEngine{}, spec(t, "c", "recordcount=1000"), func(o *LoopOptions) { o.Blank = true })
	if _, err := l.Run(context.Background(), Limits{Rate: 5}); err == nil {
		t.Error("it runs")
	}
}

func TestTheOpenLoopAllocatesNothing(t *testing.T) {
	for _, name := range []string{"a", "c", "d", "f"} {
		t.Run(name, func(t *testing.T) {
			w := spec(t, name, "recordcount=10000")
			l := openToy(t, &blankEngine{}, w, func(o *LoopOptions) { o.Blank, o.Threads, o.Verify = true, 1, VerifySample }).(*nativeLoop)
			const runs, each = 10, 1 << 12
			limits := Limits{Rate: MaxRate, Operations: (runs + 2) * each, Arrival: Arrival{Kind: ArrivePoisson}}
			rows := newCollector(w, 0)
			rows.open = true
			p := &phaseRun{rows: rows, open: &openPhase{schedule: newSchedule(limits, 1), pause: l.pause}, start: l.clock.now()}
			worker := l.workers[0]
			worker.begin(w, p.rows)
			worker.draw(each) // less than it does: refills are in it
			p.open.schedule.limit = 0
			if n := testing.AllocsPerRun(runs, func() {
				p.open.schedule.limit += each
				worker.runOpen(p)
			}); n != 0 {
				t.Errorf("%v allocations in %d operations", n, each)
			}
			if n := worker.kinds; !slices.ContainsFunc(n[:], func(r *OpResult) bool { return r != nil && r.N > each }) {
				t.Error("it did nothing")
			}
		})
	}
}

// BenchmarkRate is an open loop against an engine that does nothing: what was
// achieved of what was offered, and how late operations began.
func BenchmarkRate(b *testing.B) {
	for _, threads := range []int{2, 8, 64} {
		for _, rate := range []float64{1e3, 50e3, 200e3} {
			b.Run(fmt.Sprintf("threads=%d/rate=%s", threads, rateText(rate)), func(b *testing.B) {
				l, err := Native{}.Open(EngineTarget(&blankEngine{}, engine.None), LoopOptions{
					Workload: spec(b, "c", "recordcount=100000"), Seed: 1, Threads: threads, Verify: VerifySample, Blank: true,
				})
				if err != nil {
					b.Fatal(err)
				}
				defer l.Close()
				var achieved, offered float64
				lag := new(Histogram)
				for range b.N {
					p, err := l.Run(context.Background(), Limits{Duration: time.Second, Rate: rate})
					if err != nil {
						b.Fatal(err)
					}
					achieved += p.Open.AchievedPerS
					offered += p.Open.OfferedPerS
					lag.Merge(&p.Lag)
				}
				b.ReportMetric(achieved/offered, "achieved/offered")
				b.ReportMetric(float64(lag.Quantile(.5)), "lag-p50-ns")
				b.ReportMetric(float64(lag.Quantile(.99)), "lag-p99-ns")
			})
		}
	}
}
