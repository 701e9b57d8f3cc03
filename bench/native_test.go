package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
)

func openToy(t *testing.T, e engine.Engine, w *workloads.Spec, change func(*LoopOptions)) Loop {
	t.Helper()
	o := LoopOptions{Workload: w, Seed: 7, Threads: 2, Verify: VerifyFull}
	if change != nil {
		change(&o)
	}
	l, err := Native{}.Open(EngineTarget(e, engine.None), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// loadAndRun loads and performs n operations.
func loadAndRun(t *testing.T, l Loop, n uint64, timing Timing) *PhaseResult {
	t.Helper()
	if p, err := l.Load(context.Background(), Limits{Name: "load"}); err != nil || p.FirstError != nil {
		t.Fatal(err, p)
	}
	p, err := l.Run(context.Background(), Limits{Name: "measure", Operations: n, Timing: timing, Interval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryCoreWorkloadRunsWithoutAWrongAnswer(t *testing.T) {
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		for _, mode := range []string{"field", "blind"} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				e := newToy()
				w := spec(t, name, "recordcount=300", "operationcount=2000", "updatemode="+mode)
				p := loadAndRun(t, openToy(t, e, w, nil), 2000, Timing{Every: 1})
				if p.FirstError != nil {
					t.Fatal(p.FirstError)
				}
				var timed uint64
				for kind, op := range p.Ops {
					if op.OK != op.N || op.Errors+op.NotFound != 0 {
						t.Errorf("%s: %d of %d succeeded", kind, op.OK, op.N)
					}
					timed += op.Service.N()
				}
				if p.N() != 2000 || timed != 2000 {
					t.Errorf("%d operations, %d timed, want 2000 of each", p.N(), timed)
				}
				if p.Verified == 0 {
					t.Error("nothing was verified")
				}
			})
		}
	}
}

func TestEveryPresetRunsWithoutAWrongAnswer(t *testing.T) {
	for _, preset := range workloads.List() {
		t.Run(preset.Name, func(t *testing.T) {
			w := spec(t, preset.Name, "recordcount=400", "operationcount=800")
			if w.Has(workloads.DeleteRange) {
				t.Skip("the toy engine deletes no ranges")
			}
			p := loadAndRun(t, openToy(t, newToy(), w, nil), 800, Timing{Every: 16})
			if p.FirstError != nil || p.N() != 800 {
				t.Fatalf("%d operations: %v", p.N(), p.FirstError)
			}
		})
	}
}

func TestTheLoadInsertsEveryRecordOnce(t *testing.T) {
	for _, threads := range []int{1, 3, 8} {
		e := newToy()
		puts := 0
		e.put = func(_, _ []byte) error { puts++; return nil }
		w := spec(t, "a", "recordcount=1001")
		l := openToy(t, e, w, func(o *LoopOptions) { o.Threads = threads })
		p, err := l.Load(context.Background(), Limits{Name: "load"})
		if err != nil || p.FirstError != nil {
			t.Fatal(err, p.FirstError)
		}
		live := 0
		for k, v := range e.data {
			live += len(k) + len(v)
		}
		if puts != 1001 || len(e.data) != 1001 || p.N() != 1001 || p.LiveDelta != int64(live) {
			t.Errorf("%d threads: %d puts, %d keys, %d counted, live %d of %d", threads, puts, len(e.data), p.N(), p.LiveDelta, live)
		}
	}
}

func TestALoadKnowsItsSizeAndItsOwnMemory(t *testing.T) {
	w := spec(t, "a", "recordcount=1000", "insertstart=100", "insertcount=400")
	l := openToy(t, newToy(), w, func(o *LoopOptions) { o.LoadThreads = 3 })
	var total uint64
	p, err := l.Load(context.Background(), Limits{Interval: time.Millisecond, Progress: func(p Progress) { total = p.Total }})
	if err != nil || p.N() != 400 || (total != 400 && total != 0) {
		t.Errorf("%d records are loaded, %d announced: %v", p.N(), total, err)
	}
	own, shared := l.(*nativeLoop).workers[0].values.Memory()
	if least := 5*own + shared; p.HarnessBytes < least {
		t.Errorf("%d bytes are the harness's, its 5 workers' pools have %d", p.HarnessBytes, least)
	}
}

func TestAnswersThatAreWrongAreFound(t *testing.T) {
	flip := func(_, v []byte) ([]byte, error) {
		v = append([]byte(nil), v...)
		v[len(v)-1] ^= 1
		return v, nil
	}
	var other []byte
	cases := []struct {
		name     string
		workload string
		breakIt  func(e *toy)
		want     string
	}{
		{"a flipped bit", "c", func(e *toy) { e.get = flip }, "body"},
		{"a short value", "c", func(e *toy) { e.get = func(_, v []byte) ([]byte, error) { return v[:len(v)-1], nil } }, "size"},
		{"a lost record", "c", func(e *toy) { e.put = func(k, _ []byte) error { clear(e.data); return nil } }, "absent"},
		{"another key's value", "c", func(e *toy) {
			e.get = func(_, v []byte) ([]byte, error) {
				if other == nil {
					other = v
				}
				return other, nil
			}
		}, "key number"},
		{"a failing read", "c", func(e *toy) { e.get = func(_, _ []byte) ([]byte, error) { return nil, errBroken } }, errBroken.Error()},
		{"an absent key that is found", "readmissing", func(e *toy) { e.data = nil }, "never written"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := spec(t, c.workload, "recordcount=200")
			var target engine.Engine
			e := newToy()
			target = e
			if c.workload == "readmissing" {
				target = &alwaysThere{e}
			} else {
				c.breakIt(e)
			}
			l := openToy(t, target, w, nil)
			if _, err := l.Load(context.Background(), Limits{Name: "load"}); err != nil {
				t.Fatal(err)
			}
			p, err := l.Run(context.Background(), Limits{Name: "measure", Operations: 400})
			if err != nil {
				t.Fatal(err)
			}
			if p.FirstError == nil || !strings.Contains(p.FirstError.Error(), c.want) {
				t.Fatalf("first error is %v, want one about %q", p.FirstError, c.want)
			}
		})
	}
}

// alwaysThere finds every key.
type alwaysThere struct{ *toy }

func (e *alwaysThere) Get(dst, _ []byte) ([]byte, error) { return append(dst, "something"...), nil }

func TestAScanThatIsWrongIsFound(t *testing.T) {
	for name, change := range map[string]func(rows [][2][]byte){
		"order":       func(rows [][2][]byte) { rows[1], rows[2] = rows[2], rows[1] },
		"values":      func(rows [][2][]byte) { rows[1][1], rows[2][1] = rows[2][1], rows[1][1] },
		"first key":   func(rows [][2][]byte) { rows[0] = rows[1] },
		"a twin":      func(rows [][2][]byte) { rows[2] = rows[1] },
		"byte damage": func(rows [][2][]byte) { rows[1][1][40] ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			w := spec(t, "e", "recordcount=50", "maxscanlength=20", "minscanlength=10", "insertproportion=0", "scanproportion=1")
			e := &brokenScan{toy: newToy(), change: change}
			p := loadAndRun(t, openToy(t, e, w, nil), 50, Timing{})
			if !errors.Is(p.FirstError, errWrongValue) {
				t.Fatalf("first error is %v, want a wrong answer", p.FirstError)
			}
		})
	}
}

func TestAScanThatEndsTooSoonIsFound(t *testing.T) {
	for _, workload := range []string{"e", "readreverse"} {
		for _, order := range []string{"hashed", "ordered"} {
			w := spec(t, workload, "recordcount=500", "maxscanlength=20", "minscanlength=10", "insertorder="+order)
			good := loadAndRun(t, openToy(t, newToy(), w, nil), 100, Timing{})
			if good.FirstError != nil {
				t.Errorf("%s, %s: %v", workload, order, good.FirstError)
			}
			p := loadAndRun(t, openToy(t, &shortScan{newToy()}, w, nil), 100, Timing{})
			if !errors.Is(p.FirstError, errWrongValue) || !strings.Contains(p.FirstError.Error(), "ends at") {
				t.Errorf("%s, %s: first error is %v, want a scan that ends too soon", workload, order, p.FirstError)
			}
		}
	}
}

// shortScan finds five records.
type shortScan struct{ *toy }

func (e *shortScan) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	it, err := e.toy.NewIter(o)
	return &shortIter{toyIter: it.(*toyIter)}, err
}

type shortIter struct {
	*toyIter
	moves int
}

func (it *shortIter) Next() bool { it.moves++; return it.moves < 5 && it.toyIter.Next() }
func (it *shortIter) Prev() bool { it.moves++; return it.moves < 5 && it.toyIter.Prev() }

// brokenScan changes the rows after the position of each seek.
type brokenScan struct {
	*toy
	change func(rows [][2][]byte)
}

func (e *brokenScan) NewIter(o engine.IterOptions) (engine.Iterator, error) {
	it, err := e.toy.NewIter(o)
	return &brokenIter{toyIter: it.(*toyIter), change: e.change}, err
}

type brokenIter struct {
	*toyIter
	change func(rows [][2][]byte)
}

func (it *brokenIter) SeekGE(key []byte) bool {
	ok := it.toyIter.SeekGE(key)
	if rest := it.rows[it.at:]; len(rest) >= 3 {
		it.change(rest)
	}
	return ok
}

func TestErrorsThatAreCountedDoNotEndThePhase(t *testing.T) {
	e := newToy()
	n := 0
	e.get = func(_, v []byte) ([]byte, error) {
		if n++; n%10 == 0 {
			return nil, errBroken
		}
		return v, nil
	}
	w := spec(t, "c", "recordcount=100")
	l := openToy(t, e, w, func(o *LoopOptions) { o.CountErrors = true })
	p := loadAndRun(t, l, 1000, Timing{Every: 1})
	if op := p.Ops[workloads.Read]; op.N != 1000 || op.Errors != 100 || op.OK != 900 {
		t.Fatalf("%d reads, %d ok, %d errors", op.N, op.OK, op.Errors)
	}
	if !errors.Is(p.FirstError, errBroken) {
		t.Fatalf("first error %v", p.FirstError)
	}
}

func TestTheSameSeedAndOneWorkerDoTheSameOperations(t *testing.T) {
	trace := func(seed uint64) string {
		var b strings.Builder
		e := newToy()
		e.put = func(k, v []byte) error { fmt.Fprintf(&b, "%s=%x;", k, v[:16]); return nil }
		w := spec(t, "a", "recordcount=50", "updatemode=blind")
		l := openToy(t, e, w, func(o *LoopOptions) { o.Threads, o.Seed = 1, seed })
		loadAndRun(t, l, 500, Timing{Every: 16})
		return b.String()
	}
	if first, again := trace(1), trace(1); first != again {
		t.Error("one seed, two streams of operations")
	}
	if trace(1) == trace(2) {
		t.Error("two seeds, one stream of operations")
	}
}

func TestATapeIsAsLongAsThePhaseBeforeLetsExpect(t *testing.T) {
	w := spec(t, "c", "recordcount=100")
	l := openToy(t, newToy(), w, nil).(*nativeLoop)
	l.Prepare(Limits{Duration: time.Hour})
	if n := len(l.workers[0].tape); n != firstTapes/2 {
		t.Errorf("the first tape has %d operations, want %d", n, firstTapes/2)
	}
	l.rate = 1e6
	l.Prepare(Limits{Duration: time.Second})
	if n := len(l.workers[0].tape); n != tapeSlack*1e6+refillOps {
		t.Errorf("the tape of a second at a million a second has %d operations", n)
	}
	l.Prepare(Limits{Operations: 21})
	if n := len(l.workers[1].tape); n < 11 {
		t.Errorf("the tape of 21 operations of two workers has %d", n)
	}
}

func TestCancellingEndsAPhaseAndKeepsWhatWasDone(t *testing.T) {
	e := newToy()
	w := spec(t, "c", "recordcount=100")
	l := openToy(t, e, w, nil)
	if _, err := l.Load(context.Background(), Limits{Name: "load"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	e.get = func(_, v []byte) ([]byte, error) {
		if n++; n == 100 {
			cancel()
		}
		return v, nil
	}
	p, err := l.Run(ctx, Limits{Name: "measure", Duration: time.Hour, Timing: Timing{Every: 1}})
	if err != nil || !p.Interrupted || p.N() < 100 {
		t.Fatalf("%v, interrupted %v, %d operations", err, p.Interrupted, p.N())
	}
}

func TestTheHotLoopAllocatesNothing(t *testing.T) {
	for _, timing := range []Timing{{}, {Every: 16}, {Every: 64}, {Every: 1}, {Every: 1, Chained: true}} {
		for _, name := range []string{"a", "c", "d", "f"} {
			t.Run(name+"/"+timing.String(), func(t *testing.T) {
				w := spec(t, name, "recordcount=10000")
				l := openToy(t, &blankEngine{}, w, func(o *LoopOptions) { o.Blank, o.Threads, o.Verify = true, 1, VerifySample }).(*nativeLoop)
				worker := l.workers[0]
				p := &phaseRun{every: timing.Every, chained: timing.Chained, rows: newCollector(w, 0), start: l.clock.now()}
				worker.begin(w, p.rows)
				worker.draw(1 << 12)
				if n := testing.AllocsPerRun(10, func() { worker.opsLoop(p, 1<<12) }); n != 0 {
					t.Errorf("%v allocations in 4096 operations", n)
				}
			})
		}
	}
}

// BenchmarkNoop is the harness alone: one worker against an engine that does
// nothing.
func BenchmarkNoop(b *testing.B) {
	for _, keys := range []string{"ycsb", "binary:16"} {
		for _, timing := range []Timing{{Every: 16}, {Every: 1}, {Every: 1, Chained: true}} {
			b.Run("workload=C/keys="+keys+"/timing="+timing.String(), func(b *testing.B) {
				w := spec(b, "c", "recordcount=1000000", "keyformat="+keys)
				l, err := Native{}.Open(EngineTarget(&blankEngine{}, engine.None), LoopOptions{Workload: w, Seed: 1, Threads: 1, Verify: VerifySample, Blank: true})
				if err != nil {
					b.Fatal(err)
				}
				defer l.Close()
				b.ReportAllocs()
				p, err := l.Run(context.Background(), Limits{Operations: uint64(b.N), Timing: timing})
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(p.Active)/float64(b.N), "loop-ns/op")
			})
		}
	}
}

func TestLiveBytesAreUnknownOnceSizesAre(t *testing.T) {
	for _, c := range []struct {
		workload  string
		overrides []string
		known     bool
	}{
		{"a", []string{"updatemode=field"}, true},
		{"a", []string{"updatemode=blind"}, true},
		{"a", []string{"updatemode=field", "fieldlengthdistribution=uniform"}, true},
		{"a", []string{"updatemode=blind", "fieldlengthdistribution=uniform"}, false},
		{"d", []string{"fieldlengthdistribution=uniform"}, true},
		{"deleterandom", nil, false},
	} {
		e := newToy()
		w := spec(t, c.workload, append(c.overrides, "recordcount=100")...)
		l := openToy(t, e, w, nil)
		load, err := l.Load(context.Background(), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := l.Run(context.Background(), Limits{Operations: 300})
		if err != nil || p.FirstError != nil {
			t.Fatal(c, err, p.FirstError)
		}
		live := 0
		for k, v := range e.data {
			live += len(k) + len(v)
		}
		if p.LiveDeltaOK != c.known || (c.known && load.LiveDelta+p.LiveDelta != int64(live)) {
			t.Errorf("%s %v: %d live bytes, known %v, and %d in the engine", c.workload, c.overrides, load.LiveDelta+p.LiveDelta, p.LiveDeltaOK, live)
		}
	}
}
