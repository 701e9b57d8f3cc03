package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/kvbench/kvbench/results"
)

// CSV writes the figures of the tables in long form: one figure a line, with
// every digit; what is unknown has no line.
//
//	run, regime, cache_regime, workload, threads, rate, records, value_bytes,
//	engine, rail, lamp, rank, metric, n, median, low, high, min, max, unit
//
// Low and high are the 95 % interval of the median, empty with fewer
// repetitions than it takes. An entry without figures has one line, whose
// metric is "status" and whose unit says what became of it.
func CSV(w io.Writer, m *Model) error {
	c := csv.NewWriter(w)
	head := []string{
		"run", "regime", "cache_regime", "workload", "threads", "rate", "records", "value_bytes",
		"engine", "rail", "lamp", "rank", "metric", "n", "median", "low", "high", "min", "max", "unit",
	}
	if err := c.Write(head); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	for i := range m.Tables {
		t := &m.Tables[i]
		for _, e := range slices.Concat(t.Entries, t.Rails) {
			for _, line := range csvLines(m, t, &e) {
				if err := c.Write(line); err != nil {
					return fmt.Errorf("write report: %w", err)
				}
			}
		}
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func csvLines(m *Model, t *Table, e *Entry) [][]string {
	run := t.Run
	for _, r := range m.Runs {
		if r.ID == run {
			run = r.Name
			break
		}
	}
	s := &t.Setup
	rank := ""
	if e.Rank != nil {
		rank = strconv.Itoa(*e.Rank)
	}
	lead := []string{
		run, s.Regime, s.CacheRegime, s.Workload, strconv.Itoa(s.Threads), exact(s.Rate),
		strconv.FormatUint(s.Records, 10), exact(&s.ValueBytes), e.Engine,
		strconv.FormatBool(m.Engines[e.Color].Rail), e.Lamp, rank,
	}
	var lines [][]string
	for _, f := range e.figures() {
		if f.N == 0 {
			continue
		}
		lines = append(lines, slices.Concat(lead, []string{
			f.name, strconv.Itoa(f.N), exact(f.Median), exact(f.Low), exact(f.High), exact(f.Min), exact(f.Max), f.unit,
		}))
	}
	if len(lines) == 0 {
		lines = append(lines, slices.Concat(lead, []string{"status", "0", "", "", "", "", "", string(e.Status)}))
	}
	return lines
}

// A namedFigure is a figure by the name of its metric.
type namedFigure struct {
	name, unit string
	Figure
}

// figures are all that an entry has, in a fixed order.
func (e *Entry) figures() []namedFigure {
	list := []namedFigure{
		{rateMetric, "ops/s", e.Rate},
		{rowsMetric, "rows/s", e.RowsPerS},
		{"write_amp", "x", e.WriteAmp},
		{"write_amp_settled", "x", e.WriteAmpSettled},
		{"read_amp", "x", e.ReadAmp},
		{spaceMetric, "x", e.SpaceAmp},
		{"rss", "bytes", e.PeakRSS},
		{"cpu_ns_per_op", "ns/op", e.CPUPerOp},
		{"allocs_per_op", "count/op", e.AllocsPerOp},
		{"harness_share", "share", e.HarnessShare},
		{"settle_s", "s", e.SettleS},
		{"debt_end", "bytes", e.DebtEnd},
	}
	ops := make([]string, 0, len(e.Ops))
	for op := range e.Ops {
		ops = append(ops, op)
	}
	slices.SortFunc(ops, results.CompareOps)
	for _, op := range ops {
		for _, clock := range []struct {
			prefix string
			q      Quantiles
		}{{op + ".", e.Ops[op].Service}, {op + ".response.", e.Ops[op].Response}} {
			list = append(list,
				namedFigure{clock.prefix + "mean", "ns", clock.q.Mean},
				namedFigure{clock.prefix + "p50", "ns", clock.q.P50},
				namedFigure{clock.prefix + "p99", "ns", clock.q.P99},
				namedFigure{clock.prefix + "p999", "ns", clock.q.P999},
				namedFigure{clock.prefix + "max", "ns", clock.q.Max},
			)
		}
	}
	return list
}

func exact(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'f', -1, 64)
}
