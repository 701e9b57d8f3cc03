package gate

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
)

// A Threshold is a bound on a metric, such as "read.p99<1ms".
type Threshold struct {
	Text   string         `json:"text"`   // as given
	Engine string         `json:"engine"` // label; empty: every engine
	Metric compare.Metric `json:"metric"`
	Op     string         `json:"op"` // < <= > >=
	Bound  float64        `json:"bound"`
}

// parts of a threshold: an engine, a metric, an operator, a value.
const pattern = `^\s*(?:([^\s:<>=]+):)?\s*([^\s:<>=]+)\s*(<=|>=|<|>)\s*([^\s<>=]+)\s*$`

// ParseThreshold reads [ENGINE:]METRIC OPERATOR VALUE. The metric is one that
// compare.FindMetric knows; times need a unit, as 1ms, rates and sizes may have
// k, m or g, which is 1024 times for sizes, and shares may be percentages.
func ParseThreshold(text string) (Threshold, error) {
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		return Threshold{}, fmt.Errorf("%w: threshold %q: want METRIC<VALUE or ENGINE:METRIC<VALUE, with one of < <= > >=, as read.p99<1ms", engine.ErrInvalid, text)
	}
	t := Threshold{Text: strings.TrimSpace(text), Engine: m[1], Op: m[3]}
	var err error
	if t.Metric, err = compare.FindMetric(m[2]); err != nil {
		return t, fmt.Errorf("threshold %q: %w", text, err)
	}
	if t.Bound, err = parseValue(m[4], t.Metric.Unit); err != nil {
		return t, fmt.Errorf("%w: threshold %q: %w", engine.ErrInvalid, text, err)
	}
	return t, nil
}

// parseValue reads a bound in the unit of a metric.
func parseValue(text, unit string) (float64, error) {
	number, err := strconv.ParseFloat(text, 64)
	plain := err == nil
	switch base, _, _ := strings.Cut(unit, "/"); base {
	case "ns", "s":
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("%q is no time; want one with its unit, as 500us, 1.5ms or 2s", text)
		}
		if base == "s" {
			return d.Seconds(), nil
		}
		return float64(d), nil
	case "bytes":
		return withSuffix(text, number, plain, 1024)
	case "share":
		if share, ok := strings.CutSuffix(text, "%"); ok {
			number, err := strconv.ParseFloat(share, 64)
			if err != nil {
				return 0, fmt.Errorf("%q is no percentage", text)
			}
			return number / 100, nil
		}
	default:
		if base != "x" {
			return withSuffix(text, number, plain, 1000)
		}
		text = strings.TrimSuffix(text, "x")
		number, err = strconv.ParseFloat(text, 64)
		plain = err == nil
	}
	if !plain {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return number, nil
}

func withSuffix(text string, number float64, plain bool, step float64) (float64, error) {
	if plain {
		return number, nil
	}
	factor := 1.0
	for _, suffix := range []string{"k", "m", "g"} {
		factor *= step
		if rest, ok := strings.CutSuffix(strings.ToLower(text), suffix); ok {
			number, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				break
			}
			return number * factor, nil
		}
	}
	return 0, fmt.Errorf("%q is no number; want one, or one with k, m or g", text)
}

// kind is the kind of operation that the metric is about, if it is about one.
func (t *Threshold) kind() string {
	kind, _, ok := strings.Cut(t.Metric.Name, ".")
	if !ok || kind == "metrics" || kind == "io" {
		return ""
	}
	return kind
}

// Timed reports whether operations have to be timed for the metric.
func (t *Threshold) Timed() bool { return t.kind() != "" }

// Applies checks that the threshold is about an engine and a kind of operation
// that a run has; its error names the nearest.
func (t *Threshold) Applies(engines, kinds []string) error {
	if t.Engine != "" && !slices.Contains(engines, t.Engine) {
		return fmt.Errorf("%w: threshold %q: no engine %s in this run%s", engine.ErrInvalid, t.Text, t.Engine, engine.Suggest(t.Engine, engines))
	}
	if kind := t.kind(); kind != "" && !slices.Contains(kinds, kind) {
		return fmt.Errorf("%w: threshold %q: the run has no operation %s%s", engine.ErrInvalid, t.Text, kind, engine.Suggest(kind, kinds))
	}
	return nil
}

// Met reports whether x keeps the bound.
func (t *Threshold) Met(x float64) bool {
	switch t.Op {
	case "<":
		return x < t.Bound
	case "<=":
		return x <= t.Bound
	case ">":
		return x > t.Bound
	}
	return x >= t.Bound
}

// Outcome is one threshold, under one setup, for one engine.
type Outcome struct {
	Threshold string   `json:"threshold"`
	Engine    string   `json:"engine"`
	Setup     string   `json:"setup"`
	Value     *float64 `json:"value"` // median over the repetitions; null: there is no figure
	Unit      string   `json:"unit"`
	Reps      int      `json:"reps"`
	Met       bool     `json:"met"`
	Reason    string   `json:"reason,omitempty"` // why there is no figure
}

// Evaluate judges thresholds by the medians of the rows of a run. A row of a
// workload without the operation in question is passed over, and so is one
// whose metric does not apply to it; a row that failed misses. A threshold that
// nothing in the run could be judged by is an error.
func Evaluate(run *results.Run, list []Threshold) ([]Outcome, error) {
	engines, kinds := occur(run)
	var all []Outcome
	for i := range list {
		t := &list[i]
		if err := t.Applies(engines, kinds); err != nil {
			return nil, err
		}
		judged := false
		for _, s := range sidesOf(run) {
			if t.Engine != "" && t.Engine != s.title && t.Engine != s.name {
				continue
			}
			if o, ok := t.judge(&s); ok {
				judged = true
				all = append(all, o)
			}
		}
		if !judged {
			return nil, fmt.Errorf("%w: threshold %q: no cell of the run has a figure of %s", engine.ErrInvalid, t.Text, t.Metric.Name)
		}
	}
	return all, nil
}

// occur lists engines, by label and by name, and kinds of operations.
func occur(run *results.Run) (engines, kinds []string) {
	for i := range run.Cells {
		c := &run.Cells[i]
		engines = append(engines, c.Engine.Title(), c.Engine.Name)
		for kind, share := range c.Workload.Mix {
			if share > 0 {
				kinds = append(kinds, kind)
			}
		}
		for kind := range c.Ops {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(engines)
	slices.Sort(kinds)
	return slices.Compact(engines), slices.Compact(kinds)
}

// judge evaluates t for one side; ok is false when it does not apply to it.
func (t *Threshold) judge(s *side) (o Outcome, ok bool) {
	o = Outcome{Threshold: t.Text, Engine: s.title, Setup: s.setup.Title(), Unit: t.Metric.Unit}
	var values []float64
	measured := false
	for _, c := range s.cells {
		switch c.Status {
		case results.StatusUnsupported:
			return o, false
		case results.StatusOK:
			measured = true
			if x := t.Metric.Value(c); x != nil {
				values = append(values, *x)
			}
		default:
			o.Reason = fmt.Sprintf("cell %s is %s", c.ID, c.Status)
		}
	}
	o.Reps = len(values)
	switch {
	case o.Reason != "":
		return o, true
	case len(values) == 0:
		o.Reason = "no figure"
		return o, !measured
	}
	o.Value = results.Num(median(values))
	o.Met = t.Met(*o.Value)
	return o, true
}
