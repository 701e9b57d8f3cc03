package explain

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// unitCosts are round, so that tests can be done in the head.
func unitCosts() results.UnitCosts {
	n := results.Num
	return results.UnitCosts{
		DRAM: n(100), CopyKiB: n(50), CRCKiB: n(40), Read4K: n(500), DeviceRead4K: n(50_500),
		WriteCall: n(1000), WriteKiB: n(200), Fdatasync: n(100_000), Alloc: n(20), AllocKiB: n(30),
		Handoff: n(200), Mutex: n(10), Syscall: n(100), Clock: n(25),
	}
}

const cellOps = 1000

// cell is a repetition of an engine that takes ns an operation, all of it in
// the program. Everything else is known, and zero.
func cell(name string, ns float64) *results.Cell {
	c := &results.Cell{Status: results.StatusOK, Regime: results.RegimeAsync}
	c.Engine.Name, c.Workload.Name, c.Workload.Mix = name, "C", map[string]float64{"read": 1}
	c.Load.Mode, c.Load.Threads = "closed", 1
	c.OpsPerS = results.Num(1e9 / ns)
	c.Ops = map[string]*results.OpStats{"read": {N: cellOps, OK: cellOps}}
	c.CPU = results.CPU{UserS: results.Num(ns * cellOps / 1e9), SystemS: results.Num(0), GCS: results.Num(0)}
	c.CPU.RunDelayS, c.CPU.MutexWaitS, c.CPU.SchedWaitS = results.Num(0), results.Num(0), results.Num(0)
	c.CPU.MajorFaults = engine.Known(0)
	c.Quality.HarnessNs, c.Quality.RefillShare = results.Num(0), results.Num(0)
	c.Mem.AllocsPerOp, c.Mem.BytesPerOp = results.Num(0), results.Num(0)
	zero := engine.Known(0)
	c.IO.ReadCalls, c.IO.ReadChars, c.IO.ReadBytes = zero, zero, zero
	c.IO.WriteCalls, c.IO.WriteChars, c.IO.Fsyncs = zero, zero, zero
	m := &c.Metrics
	m.Read.IOs, m.Read.IOBytes, m.Read.BlocksTouched, m.Read.FilterChecks = zero, zero, zero, zero
	m.Stall.Time, m.Work.FlushBytes = zero, zero
	return c
}

func sides(a, b *results.Cell) ([]*results.Cell, []*results.Cell) {
	return []*results.Cell{a}, []*results.Cell{b}
}

func explained(t *testing.T, a, b *results.Cell) *Explanation {
	t.Helper()
	left, right := sides(a, b)
	x, err := Explain(left, right, unitCosts())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func perOperation(n float64) engine.Count { return engine.Known(uint64(n * cellOps)) }

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(1, math.Abs(a), math.Abs(b)) }

// Each cause, planted as the only difference, must be named first.
func TestAPlantedCauseIsNamedFirst(t *testing.T) {
	for _, c := range []struct {
		name, counter, part, source string
		ns                          float64 // that it explains
		plant                       func(*results.Cell)
	}{
		{"reads", "block reads", partSystem, Calibrated, 1500, func(c *results.Cell) {
			c.Metrics.Read.IOs = perOperation(3)
			c.Metrics.Read.IOBytes = engine.Known(3 * 4096 * cellOps)
		}},
		{"long reads", "KiB beyond 4 a block", partSystem, Calibrated, 3000, func(c *results.Cell) {
			c.Metrics.Read.IOs = perOperation(1)
			c.Metrics.Read.IOBytes = perOperation(64 << 10)
		}},
		{"the device", "pages from the device", partWait, Calibrated, 100_000, func(c *results.Cell) {
			c.IO.ReadBytes = perOperation(2 * 4096)
		}},
		{"write calls", "write calls", partSystem, Calibrated, 2000, func(c *results.Cell) { c.IO.WriteCalls = perOperation(2) }},
		{"writes", "KiB written", partSystem, Calibrated, 1600, func(c *results.Cell) { c.IO.WriteChars = perOperation(8 << 10) }},
		{"blocks", "blocks touched", partUser, Calibrated, 700, func(c *results.Cell) { c.Metrics.Read.BlocksTouched = perOperation(7) }},
		{"filters", "filter checks", partUser, Calibrated, 900, func(c *results.Cell) { c.Metrics.Read.FilterChecks = perOperation(9) }},
		{"objects", "allocations", partUser, Calibrated, 200, func(c *results.Cell) { c.Mem.AllocsPerOp = results.Num(10) }},
		{"allocated", "KiB allocated", partUser, Calibrated, 120, func(c *results.Cell) { c.Mem.BytesPerOp = results.Num(4096) }},
		{"merging", "KiB moved by background work", partUser, Calibrated, 900, func(c *results.Cell) {
			c.Metrics.Work.CompactReadBytes = perOperation(10 << 10)
		}},
		{"collector", "garbage collection", partGC, Measured, 5000, func(c *results.Cell) { c.CPU.GCS = results.Num(5000 * cellOps / 1e9) }},
		{"stalls", "stalls", partWait, Measured, 7000, func(c *results.Cell) { c.Metrics.Stall.Time = perOperation(7000) }},
		{"harness", "the harness", partHarness, Measured, 300, func(c *results.Cell) { c.Quality.HarnessNs = results.Num(300) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			const rest = 0.2
			gap := c.ns / (1 - rest)
			slow := cell("slow", 500+gap)
			c.plant(slow)
			x := explained(t, cell("fast", 500), slow)
			if len(x.Terms) == 0 {
				t.Fatal("no term")
			}
			first := x.Terms[0]
			if first.Counter != c.counter || first.Part != c.part || first.Source != c.source || !near(first.Ns, c.ns) && c.name != "long reads" {
				t.Errorf("first is %+v", first)
			}
			if c.name == "long reads" || c.name == "reads" {
				return // two terms, one read
			}
			if !near(*first.Share, 1-rest) || !near(*x.UnexplainedShare, rest) || !near(x.UnexplainedNs, gap*rest) {
				t.Errorf("it explains %v, and %v is unexplained", *first.Share, *x.UnexplainedShare)
			}
			if !strings.HasPrefix(x.Sentence, "fast is ") || !strings.Contains(x.Sentence, c.counter) ||
				!strings.Contains(x.Sentence, "80 % of the gap; 20 % is unexplained") {
				t.Errorf("sentence: %s", x.Sentence)
			}
		})
	}
}

func TestTheSentenceSaysWhatIsReadAndWhatRemains(t *testing.T) {
	fast, slow := cell("hash", 400), cell("btree", 960)
	fast.Metrics.Read.IOs, fast.Metrics.Read.IOBytes = perOperation(1), perOperation(4096)
	slow.Metrics.Read.IOs, slow.Metrics.Read.IOBytes = perOperation(2), perOperation(8192)
	want := "hash is 2.4x as fast as btree in C: 1.00 against 2.00 block reads an operation at 500 ns explain 89 % of the gap"
	for _, x := range []*Explanation{explained(t, fast, slow), explained(t, slow, fast)} {
		if !strings.HasPrefix(x.Sentence, want) || !strings.Contains(x.Sentence, "4.00 against 8.00 KiB read and checked an operation at 40 ns explain 29 %") ||
			!strings.HasSuffix(x.Sentence, "together that is 18 % more than the gap") {
			t.Errorf("sentence: %s", x.Sentence)
		}
	}
}

func TestCausesThatExceedTheGapAreSaidToOverlap(t *testing.T) {
	slow := cell("slow", 1000)
	slow.Metrics.Read.FilterChecks = perOperation(10)
	x := explained(t, cell("fast", 500), slow)
	if !near(*x.UnexplainedShare, -1) || !strings.Contains(x.Sentence, "100 % more than the gap") {
		t.Errorf("%v unexplained; %s", *x.UnexplainedShare, x.Sentence)
	}
	if !strings.Contains(strings.Join(x.Notes, "\n"), "overlap") {
		t.Errorf("notes: %q", x.Notes)
	}
}

func TestWhatIsNotCountedIsNotTakenForZero(t *testing.T) {
	slow, peer := cell("lsm", 1000), cell("pebble", 500)
	slow.Metrics.Read.FilterChecks = perOperation(3)
	peer.Metrics.Read.FilterChecks = engine.Count{}
	for _, x := range []*Explanation{explained(t, peer, slow), explained(t, slow, peer)} {
		for _, term := range x.Terms {
			t.Errorf("a term: %+v", term)
		}
		if !near(*x.UnexplainedShare, 1) {
			t.Errorf("%v unexplained", *x.UnexplainedShare)
		}
		if len(x.Unknown) != 1 || x.Unknown[0] != (Unknown{Counter: "filter checks", Reason: "not counted by pebble"}) {
			t.Errorf("unknown: %+v", x.Unknown)
		}
	}
}

func TestAPeerIsComparedByWhatTheKernelCounts(t *testing.T) {
	ours, peer := cell("lsm", 500), cell("pebble", 3500)
	ours.Metrics.Read.IOs, ours.IO.ReadCalls, ours.IO.ReadChars = perOperation(1), perOperation(1), perOperation(4096)
	peer.Metrics.Read.IOs, peer.IO.ReadCalls, peer.IO.ReadChars = engine.Count{}, perOperation(4), perOperation(4*4096)
	x := explained(t, ours, peer)
	if first := x.Terms[0]; first.Counter != "read calls" || !near(first.Ns, 1500) || first.PerOpA != 1 || first.PerOpB != 4 {
		t.Errorf("first is %+v", first)
	}
}

func TestAPriceThatIsMissingIsNamed(t *testing.T) {
	slow := cell("slow", 1000)
	slow.Mem.AllocsPerOp = results.Num(5)
	left, right := sides(cell("fast", 500), slow)
	costs := unitCosts()
	costs.Alloc = nil
	x, err := Explain(left, right, costs)
	if err != nil || len(x.Terms) != 0 || len(x.Unknown) != 1 || x.Unknown[0].Cost != "alloc_ns" {
		t.Errorf("%v: terms %+v, unknown %+v", err, x.Terms, x.Unknown)
	}
}

func TestASyncHoldsAllWorkersUp(t *testing.T) {
	fast, slow := cell("one", 400_000), cell("two", 1_000_000)
	for i, c := range []*results.Cell{fast, slow} {
		c.Load.Threads = 4
		c.OpsPerS = results.Num(4 * *c.OpsPerS)
		c.IO.Fsyncs = perOperation(float64(i + 1))
	}
	if x := explained(t, fast, slow); len(x.Terms) != 0 {
		t.Errorf("nobody waits for syncs of the background: %+v", x.Terms)
	}
	fast.Regime, slow.Regime = results.RegimeSync, results.RegimeSync
	x := explained(t, fast, slow)
	if len(x.Terms) != 1 || !near(x.Terms[0].Ns, 400_000) || !near(x.GapNs, 600_000) {
		t.Errorf("gap %v, terms %+v", x.GapNs, x.Terms)
	}
}

func TestAGapThatIsNoneIsNotExplained(t *testing.T) {
	slow := cell("b", 1010)
	slow.Mem.AllocsPerOp = results.Num(5)
	x := explained(t, cell("a", 1000), slow)
	if x.UnexplainedShare != nil || x.Terms[0].Share != nil || !strings.Contains(x.Sentence, "no gap") {
		t.Errorf("%+v", x)
	}
}

func TestSidesOfDifferentSetupsAreRefused(t *testing.T) {
	a, b := cell("a", 500), cell("b", 1000)
	b.Load.Threads = 2
	left, right := sides(a, b)
	_, err := Explain(left, right, unitCosts())
	if !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), "threads (1 and 2)") {
		t.Error(err)
	}
}

func TestWhatWasNotMeasuredCannotBeExplained(t *testing.T) {
	good := cell("a", 500)
	for want, spoil := range map[string]func(*results.Cell){
		"is failed: disk full": func(c *results.Cell) { c.Status, c.Error = results.StatusFailed, "disk full" },
		"no operation":         func(c *results.Cell) { c.OpsPerS = nil },
		"open loop":            func(c *results.Cell) { c.Load.Mode = "open" },
	} {
		bad := cell("b", 900)
		spoil(bad)
		left, right := sides(good, bad)
		_, err := Explain(left, right, unitCosts())
		if !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
		right = append(right, cell("b", 900))
		if x, err := Explain(left, right, unitCosts()); err != nil || x.RepsB != 1 {
			t.Errorf("a good repetition beside one that %s: %v", want, err)
		}
	}
	if _, err := Explain(nil, nil, unitCosts()); !errors.Is(err, engine.ErrInvalid) {
		t.Error(err)
	}
}

func TestFiguresAreMedians(t *testing.T) {
	var a, b []*results.Cell
	for _, ns := range []float64{900, 100, 200} {
		a = append(a, cell("a", ns))
		c := cell("b", 10*ns)
		c.Mem.AllocsPerOp = results.Num(ns)
		b = append(b, c)
	}
	x, err := Explain(a, b, unitCosts())
	if err != nil || !near(x.NsA, 200) || !near(x.NsB, 2000) || x.Terms[0].PerOpB != 200 || x.RepsA != 3 {
		t.Errorf("%v: %+v", err, x)
	}
	// 100..900 against 1000..9000 do not overlap.
	if strings.Contains(strings.Join(x.Notes, " "), "chance") {
		t.Errorf("notes: %q", x.Notes)
	}
	a = append(a, cell("a", 1100))
	if x, _ = Explain(a, b, unitCosts()); !strings.Contains(strings.Join(x.Notes, " "), "chance") {
		t.Errorf("times overlap; notes: %q", x.Notes)
	}
	if x, _ = Explain(b, a[:3], unitCosts()); strings.Contains(strings.Join(x.Notes, " "), "chance") {
		t.Errorf("the slow side first; notes: %q", x.Notes)
	}
}

// Whatever the counters are, parts add up to the time of a side, and terms and
// what is unexplained to the gap.
func TestTheSumsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) *results.Cell {
			number := func(what string) float64 { return rapid.Float64Range(0, 1e5).Draw(t, name+what) }
			count := func(what string) engine.Count {
				if rapid.Bool().Draw(t, name+what+" known") {
					return perOperation(number(what))
				}
				return engine.Count{}
			}
			c := cell(name, 1+number("ns"))
			c.CPU.SystemS = results.Num(number("system") / 1e6)
			c.CPU.GCS = results.Num(number("gc") / 1e7)
			c.Quality.HarnessNs = results.Num(number("harness") / 100)
			c.Quality.RefillShare = results.Num(rapid.Float64Range(0, 0.9).Draw(t, name+"refill"))
			c.Metrics.Read.IOs, c.Metrics.Read.IOBytes = count("ios"), count("bytes")
			c.Metrics.Read.BlocksTouched, c.Metrics.Stall.Time = count("blocks"), count("stall")
			c.IO.WriteCalls = count("writes")
			return c
		}
		a, b := draw("a"), draw("b")
		left, right := sides(a, b)
		x, err := Explain(left, right, unitCosts())
		if err != nil {
			t.Fatal(err)
		}
		sum, partsA, partsB, rest := x.UnexplainedNs, 0.0, 0.0, 0.0
		for _, term := range x.Terms {
			sum += term.Ns
		}
		for _, p := range x.Parts {
			partsA += *p.A
			partsB += *p.B
			rest += *p.Unexplained
		}
		close := func(what string, got, want float64) {
			if math.Abs(got-want) > 1e-6*(1+math.Abs(want)+math.Abs(x.UnexplainedNs)) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		close("terms", sum, x.GapNs)
		close("parts of a", partsA, x.NsA)
		close("parts of b", partsB, x.NsB)
		close("rests of the parts", rest, x.UnexplainedNs)
	})
}

func TestCountersWithoutAPriceAreTold(t *testing.T) {
	fast, slow := cell("fast", 500), cell("slow", 1000)
	for i, c := range []*results.Cell{fast, slow} {
		m := &c.Metrics
		m.Log.BytesWritten = perOperation(float64(100 * (1 + 9*i))) // 1:10
		m.Read.TombstonesSkipped = perOperation(float64(5 * i))     // from nothing
		m.Read.RunsProbed = perOperation(10 + float64(i))           // 10 %
		m.Work.Splits = engine.Known(uint64(i))                     // rare
		m.Read.FilterChecks = perOperation(float64(1 + i))          // has a price
		m.Space.Files = engine.Known(uint64(10 * (i + 1)))          // a gauge
	}
	slow.Metrics.Read.Restarts = perOperation(7) // known to one
	x := explained(t, fast, slow)
	if len(x.Differ) != 2 || x.Differ[0] != (Difference{"metrics.read.tombstones_skipped", "count/op", 0, 5}) ||
		x.Differ[1] != (Difference{"metrics.log.bytes_written", "bytes/op", 100, 1000}) {
		t.Errorf("%+v", x.Differ)
	}
}

func TestDrawingOperationsIsNoPartOfTheirTime(t *testing.T) {
	slow := cell("slow", 1000)
	// A quarter of the workers' time: 1000 of 1333 ns are the operation's.
	slow.Quality.RefillShare = results.Num(0.25)
	slow.CPU.UserS = results.Num((1000 + 1000./3) * cellOps / 1e9)
	for _, p := range explained(t, cell("fast", 500), slow).Parts {
		if want := map[string]float64{partUser: 1000}[p.Name]; !near(*p.B, want) {
			t.Errorf("%s: %v ns, want %v", p.Name, *p.B, want)
		}
	}
}

func TestWaitsAreCommentedOn(t *testing.T) {
	busy := func(cpu float64) *results.Cell {
		c := cell("e", 1000)
		c.CPU.UserS = results.Num(cpu * cellOps / 1e9)
		return c
	}
	for _, c := range []struct {
		cpuA, cpuB float64
		says       string
	}{{900, 900, ""}, {500, 500, "other goroutines"}, {500, 900, ""}, {1500, 900, "below zero"}} {
		x := explained(t, busy(c.cpuA), busy(c.cpuB))
		text := ""
		for _, n := range x.Notes {
			if strings.Contains(n, "wait") {
				text = n
			}
		}
		if c.says == "" && text != "" || !strings.Contains(text, c.says) {
			t.Errorf("%v and %v ns of processors: %q", c.cpuA, c.cpuB, text)
		}
	}
}
