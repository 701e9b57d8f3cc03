package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// An Objective is what a rate must meet to be called sustainable: a bound on a
// response time, and always that the loop is not saturated, that no operation
// fails, and that background work does not pile up.
type Objective struct {
	Text   string        // as given
	Kind   string        // of operation; empty: every kind has to meet it
	Metric string        // p50, p90, p95, p99, p999, max
	Below  time.Duration // the metric has to be below it
}

// debtAllowance is how much more work may be outstanding at the end of a probe
// than at its start: work comes in lumps, such as a memtable to be flushed.
const (
	debtAllowance      = 64 << 20 // bytes, or
	debtAllowanceShare = 0.10     // of the live bytes, whichever is more
)

// ParseObjective reads [KIND.]METRIC<DURATION, such as p99<2ms or
// read.p999<500us.
func ParseObjective(s string) (*Objective, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: objective %q: %s", engine.ErrInvalid, s, fmt.Sprintf(format, args...))
	}
	left, right, ok := strings.Cut(s, "<")
	if !ok {
		return nil, bad("want [KIND.]METRIC<DURATION, such as p99<2ms or read.p99<500us")
	}
	o := &Objective{Text: strings.Join(strings.Fields(s), "")}
	name := strings.ToLower(strings.TrimSpace(left))
	if kind, metric, ok := strings.Cut(name, "."); ok && !strings.HasPrefix(name, "p99.9") {
		o.Kind, name = kind, metric
		var kinds []string
		for k := range workloads.NumKinds {
			kinds = append(kinds, k.String())
		}
		if o.Kind == "rmw" {
			o.Kind = workloads.ReadModifyWrite.String()
		}
		if !slices.Contains(kinds, o.Kind) {
			return nil, bad("no operations are of kind %q%s", o.Kind, engine.Suggest(o.Kind, kinds))
		}
	}
	if name == "p99.9" {
		name = "p999"
	}
	metrics := []string{"p50", "p90", "p95", "p99", "p999", "max"}
	if !slices.Contains(metrics, name) {
		return nil, bad("unknown metric %q%s", name, engine.Suggest(name, metrics))
	}
	o.Metric = name
	var err error
	if o.Below, err = time.ParseDuration(strings.TrimSpace(strings.TrimPrefix(right, "="))); err != nil || o.Below <= 0 {
		return nil, bad("%q: want a duration above 0 with its unit, such as 2ms", strings.TrimSpace(right))
	}
	return o, nil
}

// judge says whether the cell of a probe met the objective, what the metric
// was, nil if it is not known, and why the objective was not met.
func (o *Objective) judge(c *results.Cell) (value *float64, met bool, reason string) {
	if c.Status != results.StatusOK || c.Open == nil {
		return nil, false, "the cell is " + string(c.Status) + ": " + c.Error
	}
	var failed uint64
	for kind, op := range c.Ops {
		failed += op.Errors
		if l := op.Response; l != nil && (o.Kind == "" || o.Kind == kind) {
			if v := float64(o.of(l)); value == nil || v > *value {
				value = &v
			}
		}
	}
	start, known := c.Debt.Start.Value()
	end, ok := c.Debt.End.Value()
	allowed := start + max(debtAllowance, uint64(debtAllowanceShare*float64(c.IO.LiveBytes.Or(0))))
	switch {
	case value == nil:
		return nil, false, "no operation of the kind was performed"
	case failed > 0:
		return value, false, fmt.Sprintf("%d operations failed", failed)
	case c.Open.Verdict == results.OpenSaturated:
		return value, false, "saturated"
	case known && ok && end > allowed:
		return value, false, fmt.Sprintf("background work piled up: %d MiB at the end, %d at the start", end>>20, start>>20)
	case *value >= float64(o.Below) && c.Open.Verdict == results.OpenGeneratorLimited:
		return value, false, fmt.Sprintf("%s was %s, in part by the harness", o.Metric, brief(*value))
	case *value >= float64(o.Below):
		return value, false, fmt.Sprintf("%s was %s", o.Metric, brief(*value))
	}
	return value, true, ""
}

// brief writes nanoseconds with three digits.
func brief(ns float64) string { return time.Duration(round3(ns)).String() }

func (o *Objective) of(l *results.Latency) uint64 {
	switch o.Metric {
	case "p50":
		return l.P50
	case "p90":
		return l.P90
	case "p95":
		return l.P95
	case "p99":
		return l.P99
	case "p999":
		return l.P999
	}
	return l.P100
}
