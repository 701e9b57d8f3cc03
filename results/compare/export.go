package compare

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/results"
)

// csv writes a line a pair. Empty is unknown.
func (c *Comparison) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	lines := [][]string{{
		"base", "new", "by", "workload", "regime", "cache_regime", "records", "value_bytes", "threads", "rate",
		"subject", "metric", "unit", "better", "baseline", "side", "n", "n_base", "paired", "median", "median_low", "median_high",
		"median_base", "ratio", "ratio_low", "ratio_high", "attained", "p", "p_holm", "mde", "verdict", "is_better", "needs", "left",
	}}
	for i := range c.Groups {
		for k := range c.Groups[i].Pairs {
			lines = append(lines, c.csvLine(&c.Groups[i], &c.Groups[i].Pairs[k]))
		}
	}
	err := w.WriteAll(lines)
	return b.Bytes(), err
}

func (c *Comparison) csvLine(g *Group, p *Pair) []string {
	number := func(x *float64) string {
		if x == nil {
			return ""
		}
		return strconv.FormatFloat(*x, 'f', -1, 64)
	}
	attained, needs := "", ""
	if p.Attained > 0 {
		attained = number(&p.Attained)
	}
	if p.Needs > 0 {
		needs = strconv.Itoa(p.Needs)
	}
	s := &g.Setup
	return []string{
		c.Base, c.New, c.Options.By, s.Workload, s.Regime, s.CacheRegime, strconv.FormatUint(s.Records, 10), number(&s.ValueBytes),
		strconv.Itoa(s.Threads), number(s.Rate),
		g.Subject, g.Metric.Name, g.Metric.Unit, g.Metric.Better, g.Baseline, p.Name, strconv.Itoa(p.N), strconv.Itoa(p.NBase),
		strconv.Itoa(p.Paired), number(p.Median), number(p.MedianLow), number(p.MedianHigh), number(p.MedianBase),
		number(p.Ratio), number(p.Low), number(p.High), attained, number(p.P), number(p.PHolm), number(p.MDE),
		string(p.Verdict), strconv.FormatBool(p.Better), needs, p.Left,
	}
}

// benchstat writes the cells that were compared, each once, in the Go
// benchmark format.
func (c *Comparison) benchstat() ([]byte, error) {
	var b bytes.Buffer
	emit := func(run string, m *results.Manifest, pick func(*Group) []*side) error {
		if run != "" {
			fmt.Fprintf(&b, "run: %s\n", strings.Join(strings.Fields(run), " "))
		}
		var cells []*results.Cell
		seen := map[*results.Cell]bool{}
		for i := range c.Groups {
			for _, s := range pick(&c.Groups[i]) {
				for _, cell := range s.cells {
					if !seen[cell] {
						seen[cell] = true
						cells = append(cells, cell)
					}
				}
			}
		}
		return results.GoBench(&b, m, cells)
	}
	if len(c.Groups) == 0 {
		return nil, nil
	}
	sides := func(g *Group) []*side { return g.sides }
	if c.New == "" {
		err := emit("", c.Groups[0].manifest, sides)
		return b.Bytes(), err
	}
	if err := emit(c.Base, c.Groups[0].baseManifest, func(g *Group) []*side { return g.bases }); err != nil {
		return nil, err
	}
	err := emit(c.New, c.Groups[0].manifest, sides)
	return b.Bytes(), err
}
