package explain

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// waiting is a cell that takes ns an operation, of which it uses processors
// for cpu and its threads, goroutines wait for run, mutex and sched.
func waiting(name string, ns, cpu, run, mutex, sched float64) *results.Cell {
	c := cell(name, ns)
	seconds := func(ns float64) *float64 { return results.Num(ns * cellOps / 1e9) }
	c.CPU.UserS = seconds(cpu)
	c.CPU.RunDelayS, c.CPU.MutexWaitS, c.CPU.SchedWaitS = seconds(run), seconds(mutex), seconds(sched)
	return c
}

func termNamed(x *Explanation, counter string) Term {
	for _, t := range x.Terms {
		if t.Counter == counter {
			return t
		}
	}
	return Term{}
}

func TestAPlantedDelayIsNamedFirst(t *testing.T) {
	for i, counter := range []string{"run delay", "mutex wait", "scheduler wait"} {
		var d [3]float64
		d[i] = 4000
		x := explained(t, waiting("fast", 500, 500, 0, 0, 0), waiting("slow", 5500, 500, d[0], d[1], d[2]))
		first := x.Terms[0]
		if first.Counter != counter || first.Part != partWait || first.Source != Measured || !near(first.Ns, 4000) || !near(*x.UnexplainedShare, 0.2) {
			t.Errorf("%s: first is %+v; %v unexplained", counter, first, *x.UnexplainedShare)
		}
		if told := strings.Contains(strings.Join(x.Notes, "\n"), "run delay is"); told != (counter == "run delay") {
			t.Errorf("%s: notes: %q", counter, x.Notes)
		}
		if !strings.Contains(x.Sentence, counter) || strings.Contains(strings.Join(x.Notes, "\n"), "charged") {
			t.Errorf("%s; notes: %q", x.Sentence, x.Notes)
		}
	}
}

func TestDelaysAreChargedUpToTheWaitThatThereIs(t *testing.T) {
	// 5000 ns of waiting, of which 1000 are stalls, and 8000 of delays.
	slow := waiting("slow", 5500, 500, 4000, 3000, 1000)
	slow.Metrics.Stall.Time = perOperation(1000)
	x := explained(t, waiting("fast", 500, 500, 0, 0, 0), slow)
	for counter, want := range map[string]float64{"stalls": 1000, "run delay": 2000, "mutex wait": 1500, "scheduler wait": 500} {
		if got := termNamed(x, counter); !near(got.Ns, want) {
			t.Errorf("%s: %v ns, want %v", counter, got.Ns, want)
		}
	}
	if !near(x.UnexplainedNs, 0) {
		t.Errorf("%v ns unexplained", x.UnexplainedNs)
	}
	want := "slow: delays of all threads and goroutines come to 8.00 µs an operation, of which 4.00 µs is charged"
	if notes := strings.Join(x.Notes, "\n"); !strings.Contains(notes, want) {
		t.Errorf("notes: %q", x.Notes)
	}
	d, err := Decompose([]*results.Cell{slow}, unitCosts())
	if err != nil {
		t.Fatal(err)
	}
	if c := d.Counted[0]; c.Counter != "run delay" || !near(c.Ns, 2000) || !near(d.UnexplainedNs, 500) {
		t.Errorf("%+v; %v ns unexplained", d.Counted, d.UnexplainedNs)
	}
	if len(d.Notes) != 1 || !strings.HasPrefix(d.Notes[0], "delays of all") {
		t.Errorf("notes: %q", d.Notes)
	}
}

// Background threads queue for processors while the operations never wait.
func TestDelaysOfBackgroundWorkAreNotChargedToOperations(t *testing.T) {
	x := explained(t, waiting("fast", 500, 500, 0, 0, 0), waiting("slow", 1000, 1400, 900, 50, 0))
	for _, term := range x.Terms {
		if term.Ns != 0 {
			t.Errorf("charged: %+v", term)
		}
	}
	if !near(*x.UnexplainedShare, 1) {
		t.Errorf("%v unexplained", *x.UnexplainedShare)
	}
}

func TestRunsWithoutDelaysAreExplainedAsBefore(t *testing.T) {
	old, slow := waiting("old", 1000, 400, 0, 0, 0), waiting("new", 3000, 1000, 9000, 0, 0)
	old.CPU.RunDelayS, old.CPU.MutexWaitS, old.CPU.SchedWaitS, old.CPU.MajorFaults = nil, nil, nil, engine.Count{}
	old.IO.ReadBytes, slow.IO.ReadBytes = perOperation(0), perOperation(8192)
	slow.CPU.MajorFaults = perOperation(1)
	x := explained(t, old, slow)
	if len(x.Terms) != 1 || x.Terms[0].Counter != "pages from the device" || x.Terms[0].PerOpB != 2 {
		t.Errorf("terms: %+v", x.Terms)
	}
	var unknown []string
	for _, u := range x.Unknown {
		unknown = append(unknown, u.Counter+" "+u.Reason)
	}
	want := "run delay not counted by old, mutex wait not counted by old, scheduler wait not counted by old, major faults not counted by old"
	if got := strings.Join(unknown, ", "); got != want {
		t.Errorf("unknown: %s", got)
	}
	if notes := strings.Join(x.Notes, "\n"); !strings.Contains(notes, "processors that other programs used") || strings.Contains(notes, "charged") {
		t.Errorf("notes: %q", x.Notes)
	}
}

func TestAPageThatFaultedIsChargedOnce(t *testing.T) {
	fast, slow := cell("fast", 500), cell("slow", 200_500)
	slow.IO.ReadBytes, slow.CPU.MajorFaults = perOperation(3*4096), perOperation(1)
	x := explained(t, fast, slow)
	if f, p := termNamed(x, "major faults"), termNamed(x, "pages from the device"); !near(f.Ns, 50_000) || !near(p.Ns, 100_000) {
		t.Errorf("faults %+v, pages %+v", f, p)
	}
	// Faults of what another process had asked for already.
	slow.CPU.MajorFaults = perOperation(5)
	if p := termNamed(explained(t, fast, slow), "pages from the device"); p.Ns != 0 {
		t.Errorf("pages %+v", p)
	}
}

// Whatever the delays are, what is charged of them and of stalls is not more
// than a side waits, and the sums hold.
func TestChargesStayWithinTheWait(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := func(what string) float64 { return rapid.Float64Range(0, 1e5).Draw(t, what) }
		c := waiting("b", 1+number("ns"), number("cpu"), number("run"), number("mutex"), number("sched"))
		if rapid.Bool().Draw(t, "no mutex") {
			c.CPU.MutexWaitS = nil
		}
		stall := number("stall")
		c.Metrics.Stall.Time = engine.Known(uint64(stall * cellOps))
		d, err := Decompose([]*results.Cell{c}, unitCosts())
		if err != nil {
			t.Fatal(err)
		}
		wait, charged, sum := *d.Parts[len(d.Parts)-1].Ns, 0., d.UnexplainedNs
		for _, k := range d.Counted {
			sum += k.Ns
			if k.Counter != "stalls" {
				charged += k.Ns
			}
		}
		if room := max(wait-stall, 0); charged > room+1 {
			t.Errorf("%v ns charged of %v", charged, room)
		}
		if math.Abs(sum-d.Ns) > 1e-6*(1+d.Ns+math.Abs(d.UnexplainedNs)) {
			t.Errorf("sum %v, want %v", sum, d.Ns)
		}
	})
}

func TestTheFactorOfPairsIsToldWhereItIsAnother(t *testing.T) {
	var a, b []*results.Cell
	// Three times as long in most repetitions; the median of b is 800.
	for i, ns := range []float64{100, 200, 300, 400, 500, 600, 700} {
		x, y := cell("a", ns), cell("b", []float64{300, 600, 750, 800, 1500, 1800, 2100}[i])
		x.Rep, y.Rep = i+1, i+1
		a, b = append(a, x), append(b, y)
	}
	for _, turned := range []bool{false, true} {
		left, right := a, b
		if turned {
			left, right = b, a
		}
		x, err := Explain(left, right, unitCosts())
		if err != nil {
			t.Fatal(err)
		}
		if x.Paired == nil || x.Paired.N != 7 || x.Paired.Low == nil {
			t.Fatalf("paired: %+v", x.Paired)
		}
		notes := strings.Join(x.Notes, "\n")
		if !strings.Contains(x.Sentence, "a is 2.0x as fast as b") || !strings.Contains(notes, "the factor is 3.0x (2.4x to 3.0x)") || !strings.Contains(notes, "2.0x is that of the median") {
			t.Errorf("turned %v: %s; notes: %q; %+v", turned, x.Sentence, x.Notes, x.Paired)
		}
	}
	for i := range b {
		b[i] = cell("b", 2*busyNs(a[i]))
		b[i].Rep = i + 1
	}
	if x, err := Explain(a, b, unitCosts()); err != nil || strings.Contains(strings.Join(x.Notes, "\n"), "factor") {
		t.Errorf("%v; notes: %q", err, x.Notes)
	}
	if x, err := Explain(a[:1], b, unitCosts()); err != nil || x.Paired != nil {
		t.Errorf("%v; one pair: %+v", err, x.Paired)
	}
}
