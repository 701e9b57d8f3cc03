package bench

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// searchWith runs a search against an engine that meets rates as met says.
func searchWith(t interface{ Fatalf(string, ...any) }, first float64, met func(rate float64) bool) (low, high float64, tries int) {
	s := newRateSearch(first)
	for rate, ok := s.next(); ok; rate, ok = s.next() {
		if rate <= 0 || rate > MaxRate {
			t.Fatalf("it tries a rate of %g", rate)
		}
		s.add(rate, met(rate))
		if tries++; tries > findMost {
			t.Fatalf("%d tries, and no end", tries)
		}
	}
	low, high = s.bracket()
	return low, high, tries
}

func TestASearchFindsTheKneeWithin5Percent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		knee := math.Exp(rapid.Float64Range(math.Log(20), math.Log(1e7)).Draw(t, "ln knee"))
		first := knee * math.Exp(rapid.Float64Range(math.Log(.05), math.Log(50)).Draw(t, "ln first"))
		low, high, tries := searchWith(t, first, func(rate float64) bool { return rate <= knee })
		if low > knee || high <= knee || high/low > findPrecision*1.02 { // rates have three digits
			t.Fatalf("knee %g, first %g: between %g and %g after %d tries", knee, first, low, high, tries)
		}
		if tries > 17 {
			t.Fatalf("knee %g, first %g: %d tries", knee, first, tries)
		}
	})
}

func TestASearchBeginsNearTheKneeWithFewTries(t *testing.T) {
	_, _, tries := searchWith(t, 50e3, func(rate float64) bool { return rate <= 80e3 })
	if tries > UsualProbes {
		t.Errorf("%d tries", tries)
	}
}

func TestASearchThatFindsNothingEnds(t *testing.T) {
	low, high, _ := searchWith(t, 50e3, func(float64) bool { return false })
	if low != 0 || high == 0 || high > 1000 {
		t.Errorf("nothing is ever met: between %g and %g", low, high)
	}
	low, high, _ = searchWith(t, 50e3, func(float64) bool { return true })
	if low < 1e8 || high != 0 {
		t.Errorf("everything is met: between %g and %g", low, high)
	}
}

func TestASearchEndsBelowAHoleThatIsReal(t *testing.T) {
	// Met up to 40 k and again from 60 k to 100 k.
	low, high, _ := searchWith(t, 15e3, func(rate float64) bool { return rate <= 40e3 || rate >= 60e3 && rate <= 100e3 })
	holes := low <= 40e3 && high > 40e3 && high < 60e3 // it fell into the hole
	jumped := low <= 100e3 && high > 100e3 && low >= 60e3
	if !holes && !jumped {
		t.Errorf("between %g and %g", low, high)
	}
}

func TestASearchIsNotMisledByAProbeThatWasUnlucky(t *testing.T) {
	const knee = 80e3
	for bad := 1; bad <= 8; bad++ { // which try gives the wrong answer
		n := 0
		low, high, tries := searchWith(t, 30e3, func(rate float64) bool {
			n++
			return (rate <= knee) != (n == bad)
		})
		if low > knee*1.001 || low < knee/1.12 || high < knee || high > knee*1.12 {
			t.Errorf("try %d was wrong: between %g and %g after %d tries", bad, low, high, tries)
		}
	}
}

func TestASearchWithNoiseEndsNearTheKnee(t *testing.T) {
	const knee, searches = 80e3, 400
	rng := rand.New(rand.NewPCG(1, 2))
	near := 0
	for range searches {
		low, _, _ := searchWith(t, 40e3, func(rate float64) bool {
			// Response times have a spread of 5 % about a curve that rises at the knee.
			return rate*(1+.05*rng.NormFloat64()) <= knee
		})
		if low > knee/1.15 && low < knee*1.15 {
			near++
		}
	}
	if near < searches*95/100 {
		t.Errorf("%d of %d searches end within 15 %%", near, searches)
	}
}

func TestAnObjectiveIsRead(t *testing.T) {
	for text, want := range map[string]Objective{
		"p99<2ms":                        {Metric: "p99", Below: 2 * time.Millisecond},
		"p99.9 < 500us":                  {Metric: "p999", Below: 500 * time.Microsecond},
		"read.p99.9<=1s":                 {Kind: "read", Metric: "p999", Below: time.Second},
		"rmw.max<1s":                     {Kind: "read-modify-write", Metric: "max", Below: time.Second},
		"UPDATE.P50<10us":                {Kind: "update", Metric: "p50", Below: 10 * time.Microsecond},
		" read-modify-write.p95 < 1.5ms": {Kind: "read-modify-write", Metric: "p95", Below: 1500 * time.Microsecond},
	} {
		got, err := ParseObjective(text)
		if err != nil || got.Kind != want.Kind || got.Metric != want.Metric || got.Below != want.Below {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for text, says := range map[string]string{
		"":             "p99<2ms",
		"p99>2ms":      "p99<2ms",
		"p98<2ms":      "did you mean p9",
		"p9999<2ms":    "did you mean p999?",
		"raed.p99<2ms": "did you mean read?",
		"p99<2":        "unit",
		"p99<-2ms":     "above 0",
		"p99<":         "duration",
		"median<1ms":   `unknown metric "median"`,
	} {
		if o, err := ParseObjective(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %+v, %v; want an error with %q", text, o, err, says)
		}
	}
}

func TestAProbeIsJudgedByAllThatTheObjectiveSays(t *testing.T) {
	good := func() *results.Cell {
		return &results.Cell{
			Status: results.StatusOK, Open: &results.OpenLoop{Verdict: results.OpenOK},
			Ops: map[string]*results.OpStats{
				"read":   {N: 10, Response: &results.Latency{P50: 10e3, P99: 900e3, P999: 3e6}},
				"update": {N: 10, Response: &results.Latency{P50: 20e3, P99: 1100e3, P999: 4e6}},
			},
			Debt: results.Debt{Start: engine.Known(10 << 20), End: engine.Known(40 << 20)},
		}
	}
	for name, c := range map[string]struct {
		objective string
		change    func(c *results.Cell)
		met       bool
		value     float64
		says      string
	}{
		"met":                  {objective: "p99<2ms", met: true, value: 1100e3},
		"the worst kind":       {objective: "p99<1ms", value: 1100e3, says: "p99 was 1.1ms"},
		"one kind":             {objective: "read.p99<1ms", met: true, value: 900e3},
		"a kind that is not":   {objective: "scan.p99<1ms", says: "no operation of the kind"},
		"saturated":            {"p99<2ms", func(c *results.Cell) { c.Open.Verdict = results.OpenSaturated }, false, 1100e3, "saturated"},
		"an error":             {"p99<2ms", func(c *results.Cell) { c.Ops["read"].Errors = 1 }, false, 1100e3, "1 operations failed"},
		"debt":                 {"p99<2ms", func(c *results.Cell) { c.Debt.End = engine.Known(100 << 20) }, false, 1100e3, "piled up"},
		"debt of large data":   {"p99<2ms", func(c *results.Cell) { c.Debt.End, c.IO.LiveBytes = engine.Known(100<<20), engine.Known(10<<30) }, true, 1100e3, ""},
		"debt that is unknown": {"p99<2ms", func(c *results.Cell) { c.Debt.Start = engine.Count{} }, true, 1100e3, ""},
		"a failed cell":        {"p99<2ms", func(c *results.Cell) { c.Status, c.Error = results.StatusFailed, "it broke" }, false, 0, "it broke"},
		"a late pacer":         {"p99<1ms", func(c *results.Cell) { c.Open.Verdict = results.OpenGeneratorLimited }, false, 1100e3, "by the harness"},
	} {
		o, err := ParseObjective(c.objective)
		if err != nil {
			t.Fatal(err)
		}
		cell := good()
		if c.change != nil {
			c.change(cell)
		}
		value, met, reason := o.judge(cell)
		got := 0.0
		if value != nil {
			got = *value
		}
		if met != c.met || got != c.value || !strings.Contains(reason, c.says) || met != (reason == "") {
			t.Errorf("%s: %g, %v, %q", name, got, met, reason)
		}
	}
}
