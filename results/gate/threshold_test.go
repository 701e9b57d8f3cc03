package gate

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func thresholds(t *testing.T, texts ...string) []Threshold {
	t.Helper()
	var list []Threshold
	for _, text := range texts {
		th, err := ParseThreshold(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, th)
	}
	return list
}

func TestAThresholdIsReadInTheUnitOfItsMetric(t *testing.T) {
	for text, want := range map[string]struct {
		engine, metric, op string
		bound              float64
	}{
		"read.p99<1ms":                      {"", "read.p99", "<", 1e6},
		"lsm:read.p99 <= 250us":             {"lsm", "read.p99", "<=", 250e3},
		"lsm@tiered:update.response.p50<2s": {"lsm@tiered", "update.response.p50", "<", 2e9},
		" ops_per_s>50k ":                   {"", "ops_per_s", ">", 50e3},
		"ops_per_s>=1.5m":                   {"", "ops_per_s", ">=", 1.5e6},
		"rss<64m":                           {"", "rss", "<", 64 << 20},
		"log_bytes_per_op<2k":               {"", "log_bytes_per_op", "<", 2048},
		"harness_share<5%":                  {"", "harness_share", "<", 0.05},
		"harness_share<0.05":                {"", "harness_share", "<", 0.05},
		"write_amp<=10":                     {"", "write_amp", "<=", 10},
		"write_amp<=10x":                    {"", "write_amp", "<=", 10},
		"allocs_per_op<0.5":                 {"", "allocs_per_op", "<", 0.5},
		"cpu_ns_per_op<2us":                 {"", "cpu_ns_per_op", "<", 2000},
		"settle_s<10s":                      {"", "settle_s", "<", 10},
		"metrics.read.ios<1":                {"", "metrics.read.ios", "<", 1},
	} {
		th, err := ParseThreshold(text)
		if err != nil || th.Engine != want.engine || th.Metric.Name != want.metric || th.Op != want.op || math.Abs(th.Bound-want.bound) > 1e-9*want.bound {
			t.Errorf("%q: %v: %s %s %s %v", text, err, th.Engine, th.Metric.Name, th.Op, th.Bound)
		}
	}
}

func TestAThresholdThatIsWrongSaysHow(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "want METRIC<VALUE",
		"read.p99":            "want METRIC<VALUE",
		"read.p99=1ms":        "want METRIC<VALUE",
		"read.p99<":           "want METRIC<VALUE",
		"read.p99<1ms<2ms":    "want METRIC<VALUE",
		"read.p99<1":          "with its unit",
		"read.p99<fast":       "with its unit",
		"read.p98<1ms":        "did you mean p90?",
		"raed.p99<1ms":        "did you mean read?",
		"op_per_s>1":          "did you mean ops_per_s?",
		"ops_per_s>many":      "no number",
		"ops_per_s>5q":        "no number",
		"harness_share<5ms":   "no number",
		"harness_share<five%": "no percentage",
		"write_amp<tenx":      "no number",
		"rss<xm":              "no number",
	} {
		if _, err := ParseThreshold(text); !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q: %v", text, want, err)
		}
	}
}

func TestWhatARunDoesNotHaveIsRefused(t *testing.T) {
	r := run("r", 1)
	for text, want := range map[string]string{
		"insert.p99<1ms":        "no operation insert",
		"lms:read.p99<1ms":      "did you mean lsm?",
		"write_amp<3":           "no cell of the run has a figure",
		"read.response.p99<1ms": "no cell of the run has a figure",
	} {
		if _, err := Evaluate(r, thresholds(t, text)); !errors.Is(err, engine.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q: %v", text, want, err)
		}
	}
}

func TestThresholdsAreJudgedByMedians(t *testing.T) {
	r := run("r", 3)
	rates := []float64{10_000, 70_000, 90_000}
	for i := range r.Cells {
		if c := &r.Cells[i]; c.Engine.Name == "lsm" {
			c.OpsPerS = &rates[c.Rep-1]
		}
	}
	outcomes, err := Evaluate(r, thresholds(t, "ops_per_s>60k", "lsm:read.p99<1ms", "read.p99<900us", "read.p99<=900us"))
	if err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	for _, o := range outcomes {
		met[o.Engine+" "+o.Threshold] = o.Met
		if o.Value == nil || o.Reps != 3 {
			t.Errorf("%+v", o)
		}
	}
	want := map[string]bool{
		"lsm ops_per_s>60k": true, "btree ops_per_s>60k": false, "lsm lsm:read.p99<1ms": true,
		"lsm read.p99<900us": false, "btree read.p99<900us": false, "lsm read.p99<=900us": true, "btree read.p99<=900us": true,
	}
	if len(met) != len(want) {
		t.Errorf("outcomes %v", met)
	}
	for name, is := range want {
		if met[name] != is {
			t.Errorf("%s: met %v", name, met[name])
		}
	}
}

func TestAnEngineThatFailedMissesItsThresholds(t *testing.T) {
	r := altered("r", 2, "lsm", func(c *results.Cell) {
		if c.Rep == 2 {
			c.Status = results.StatusFailed
		}
	})
	outcomes, err := Evaluate(r, thresholds(t, "ops_per_s>1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Met != (o.Engine == "btree") || o.Engine == "lsm" && !strings.Contains(o.Figure(), "lsm-2 is failed") {
			t.Errorf("%+v", o)
		}
	}
	// One that cannot do what is asked is not to blame.
	r = altered("r", 1, "lsm", func(c *results.Cell) { c.Status, c.OpsPerS = results.StatusUnsupported, nil })
	if outcomes, err = Evaluate(r, thresholds(t, "ops_per_s>1")); err != nil || len(outcomes) != 1 {
		t.Errorf("%v: %+v", err, outcomes)
	}
}

func TestEachOperatorMeansWhatItSays(t *testing.T) {
	for op, want := range map[string][3]bool{"<": {true, false, false}, "<=": {true, true, false}, ">": {false, false, true}, ">=": {false, true, true}} {
		th := Threshold{Op: op, Bound: 2}
		if got := [3]bool{th.Met(1), th.Met(2), th.Met(3)}; got != want {
			t.Errorf("1, 2, 3 %s 2: %v", op, got)
		}
	}
}
