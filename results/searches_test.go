package results

import (
	"strings"
	"testing"
)

func searchRun() *Run {
	probe := func(rate, value float64, met bool, reason string) Probe {
		return Probe{Cell: "c", Rate: rate, Achieved: &rate, Value: &value, Met: met, Reason: reason}
	}
	low, high, closed := 40e3, 42e3, 80e3
	return &Run{
		Manifest: Manifest{Searches: []Search{{
			Engine: "lsm", Workload: "A", Threads: 2, Objective: "p99<2ms", Arrival: "poisson",
			Rate: &low, Ceiling: &high, ClosedPerS: &closed,
			Probes: []Probe{
				probe(40e3, 1.9e6, true, ""), probe(80e3, 100e6, false, "saturated"), probe(42e3, 2.1e6, false, "p99 was 2.1ms"),
			},
		}}},
		Cells: []Cell{{ID: "c", Status: StatusOK, Ops: map[string]*OpStats{
			"read":   {Response: &Latency{P50: 7e3, P99: 1e6, P999: 2e6}},
			"update": {Response: &Latency{P50: 5e3, P99: 3e6, P999: 4e6}},
		}}},
	}
}

func TestASearchIsShownFromTheLowestRateToTheHighest(t *testing.T) {
	for _, format := range []Format{FormatText, FormatMarkdown} {
		var b strings.Builder
		if err := Table(&b, searchRun(), TableOptions{Format: format}); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		at := 0
		for _, words := range []string{
			"lsm, workload A, 2 threads, poisson arrivals", "40.0 k ops/s", "42.0 k did not", "50.0 %",
			"40.0 k", "1.90 ms", "yes", "7.00 µs", "3.00 ms", "42.0 k", "2.10 ms", "no", "80.0 k", "saturated",
		} {
			i := strings.Index(text[at:], words)
			if i < 0 {
				t.Fatalf("%s: no %q, or not where it should be, in:\n%s", format, words, text)
			}
			at += i
		}
	}
}

func TestACurveRisesWithTheValueAndMarksTheLimit(t *testing.T) {
	run := searchRun()
	draw := curveOf(run.Manifest.Searches[0].Probes, 2e6)
	last, limit := -1, -1
	for _, v := range []float64{1.9e6, 2.1e6, 20e6, 100e6} {
		bar := []rune(draw(&v))
		n := strings.Count(string(bar), "=")
		if n < last || len(bar) != curveWidth {
			t.Errorf("%g: %q, after a bar of %d", v, string(bar), last)
		}
		last = n
		at := strings.IndexRune(string(bar), '│')
		if limit >= 0 && at != limit {
			t.Errorf("%g: the limit moves in %q", v, string(bar))
		}
		limit = at
	}
	if limit < 0 || strings.Contains(draw(nil), "=") {
		t.Error("no limit, or a bar of an unknown value")
	}
}

func TestASearchThatFoundNoRateSaysWhy(t *testing.T) {
	rate := 500.0
	for want, s := range map[string]Search{
		"no rate was tried: the closed loop failed":     {Objective: "p99<2ms", Reason: "the closed loop failed"},
		"no rate tried met p99<2ms, down to 500 ops/s":  {Objective: "p99<2ms", Ceiling: &rate},
		"p99<2ms was met at all rates tried, up to 500": {Objective: "p99<2ms", Rate: &rate},
		"interrupted": {Objective: "p99<2ms"},
	} {
		if got := searchResult(&s); !strings.Contains(got, want) {
			t.Errorf("%q, want %q in it", got, want)
		}
	}
}
