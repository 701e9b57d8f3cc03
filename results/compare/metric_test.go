package compare

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func TestMetricsAreFoundByName(t *testing.T) {
	c := cell("lsm", "A", 1, 500)
	c.Ops["read"].Response = &results.Latency{P999: 77}
	c.Ops["update"] = &results.OpStats{N: 1000}
	c.IO.Fsyncs = engine.Known(500)
	c.Metrics.Cache.Hits = engine.Known(4000)
	c.Metrics.Memory.Index = engine.Known(123)
	c.CPU.UserS, c.CPU.SystemS = results.Num(0.003), results.Num(0.001)
	for name, want := range map[string]float64{
		"ops_per_s": 500, "read.p99": 2e6, "read.response.p999": 77, "fsyncs_per_op": 0.25, "io.fsync": 0.25,
		"metrics.cache.hits": 2, "metrics.memory.index": 123, "cpu_ns_per_op": 2000,
	} {
		m, err := FindMetric(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Value(&c); m.Name != name || got == nil || *got != want {
			t.Errorf("%s: %v, want %g", name, got, want)
		}
	}
	for _, name := range []string{"write_amp", "update.p99", "scan.p50", "rows_per_s", "metrics.log.syncs", "update.response.p99"} {
		m, err := FindMetric(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Value(&c); got != nil {
			t.Errorf("%s: %g, which nobody measured", name, *got)
		}
	}
}

func TestWhatWasNotLookedForIsUnknownAndNotZero(t *testing.T) {
	value := func(name string, c *results.Cell) *float64 {
		m, err := FindMetric(name)
		if err != nil {
			t.Fatal(err)
		}
		return m.Value(c)
	}
	for timing, known := range map[string]bool{"all": false, "chained": false, "sample:16": true, "off": true} {
		c := results.Cell{OpsPerS: results.Num(1), Quality: results.Quality{Timing: timing}}
		if got := value("stall_ns", &c); (got != nil) != known {
			t.Errorf("stalls with timing %s: %v", timing, got)
		}
	}
	c := results.Cell{Ops: map[string]*results.OpStats{"read": {N: 2}}, CPU: results.CPU{UserS: results.Num(1), SystemS: results.Num(1)}}
	if got := value("cpu_ns_per_op", &c); got == nil || *got != 1e9 {
		t.Errorf("processor time in a closed loop: %v", got)
	}
	c.Load.Rate = results.Num(1000)
	if got := value("cpu_ns_per_op", &c); got != nil {
		t.Errorf("processor time of workers that spin is an operation's: %g", *got)
	}
}

func TestEveryMetricSaysWhatItIs(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Metrics() {
		if seen[m.Name] {
			t.Errorf("%s is there twice", m.Name)
		}
		seen[m.Name] = true
		if m.Unit == "" || m.About == "" || m.Better != BetterHigher && m.Better != BetterLower {
			t.Errorf("%+v", m)
		}
		if _, err := FindMetric(m.Name); err != nil {
			t.Error(err)
		}
		if strings.HasSuffix(m.Name, "_ns") && m.Counted {
			t.Errorf("%s is a time and said to be counted", m.Name)
		}
	}
	for _, name := range []string{"metrics.work.flush_bytes", "io.syscw", "metrics.cache.misses"} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestAnUnknownMetricNamesTheNearest(t *testing.T) {
	for name, near := range map[string]string{
		"ops_pers": "ops_per_s", "read.p98": "did you mean p9", "raed.p99": "read", "metrics.work.flush_byte": "metrics.work.flush_bytes",
		"io.fsyncs": "io.fsync", "read.response.p9": "p9", "write_ampl": "write_amp",
	} {
		_, err := FindMetric(name)
		wantError(t, err, near)
		if !errors.Is(err, engine.ErrInvalid) {
			t.Errorf("%v is not the caller's error", err)
		}
	}
}

func TestAMetricSurvivesJSON(t *testing.T) {
	m, err := FindMetric("read.p99")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(m)
	if err != nil || !strings.Contains(string(text), `"unit":"ns","better":"lower"`) {
		t.Errorf("%s, %v", text, err)
	}
}
