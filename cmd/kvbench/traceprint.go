package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/kvbench/kvbench/workloads"
	"github.com/kvbench/kvbench/workloads/trace"
)

// known formats a figure that may be unknown.
func known(format string, v *float64, factor float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf(format, *v*factor)
}

// printStat prints what a trace looks like.
func (a *app) printStat(name string, s *trace.Stat) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	line := func(label, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", label, fmt.Sprintf(format, args...))
	}
	p := s.Profile
	overlap := "one at a time"
	if !s.Sequential {
		overlap = "overlapping, or of a cache"
	}
	line("trace", "%s", name)
	line("operations", "%d in %d calls, %s", s.Operations, s.Calls, overlap)
	for _, k := range slices.Sorted(maps.Keys(s.Kinds)) {
		line("  "+k, "%d (%.2f %%)", s.Kinds[k], 100*float64(s.Kinds[k])/float64(s.Operations))
	}
	var mix []string
	for k, share := range p.Mix {
		if share > 0 {
			mix = append(mix, fmt.Sprintf("%s %.2f %%", workloads.Kind(k), 100*share))
		}
	}
	line("as a workload", "%s", strings.Join(mix, ", "))
	line("keys", "%d existed before the trace wrote them, %d were written first", s.Preloaded, s.Inserted)
	line("requests", "%d for %d keys", p.Requests, p.Distinct)
	line("hottest key", "%s %% of the requests", known("%.3f", p.HotShare, 100))
	line("top 1 % of keys", "%s %% of the requests", known("%.2f", p.Top1Share, 100))
	switch {
	case p.Zipf == nil:
		line("zipf", "-  (too few keys were requested often enough)")
	case p.Zipf.Fits:
		line("zipf", "theta %.3f +- %.3f over %d keys; off by %.1f %% at most", p.Zipf.Theta, p.Zipf.StdErr, p.Zipf.Keys, 100*p.Zipf.Distance)
	default:
		line("zipf", "no; hot keys alone: theta %.3f, the rest is off by %.0f %%", p.Zipf.Theta, 100*p.Zipf.Distance)
	}
	line("absent", "%s %% of %d reads whose outcome is known", known("%.2f", p.Absent, 100), p.Answered)
	if p.Scans > 0 {
		line("scans", "%d, %s records on average (%d to %d)", p.Scans, known("%.1f", p.ScanMean, 1), p.ScanMin, p.ScanMax)
	}
	sizes(line, "key bytes", s.KeyBytes)
	sizes(line, "value bytes", s.ValueBytes)
	var set []string
	for i, at := range p.WorkingSet {
		if i%4 == 0 || i == len(p.WorkingSet)-1 {
			set = append(set, fmt.Sprintf("%d: %d", at.Requests, at.Distinct))
		}
	}
	line("working set", "%s  (requests: distinct keys)", strings.Join(set, ", "))
	if s.Seconds > 0 {
		line("time", "%.6g s, %.6g operations a second", s.Seconds, float64(s.Operations)/s.Seconds)
	} else {
		line("time", "-")
	}
	if len(s.Rate) > 0 {
		line("rate over time", "%s", sparkline(s.Rate))
	}
	return w.Flush()
}

func sizes(line func(label, format string, args ...any), label string, z *trace.Sizes) {
	if z == nil {
		line(label, "-")
		return
	}
	line(label, "%.1f on average; min %d, median %d, p99 %d, max %d", z.Mean, z.Min, z.P50, z.P99, z.Max)
}

// sparkline draws rates, each as a height, and says what the highest is.
func sparkline(rates []trace.RatePoint) string {
	const heights = "▁▂▃▄▅▆▇█"
	most := 0.0
	for _, r := range rates {
		most = max(most, r.OpsPerS)
	}
	var b strings.Builder
	bars := []rune(heights)
	for _, r := range rates {
		b.WriteRune(bars[min(int(r.OpsPerS/most*float64(len(bars))), len(bars)-1)])
	}
	return fmt.Sprintf("%s  (at most %.6g/s)", b.String(), most)
}

// printFit prints the workload that was fitted and how well it fits.
func (a *app) printFit(name string, f *trace.Fit) error {
	fmt.Fprintf(a.out, "%s:\n", name)
	for _, l := range strings.Split(strings.TrimSpace(string(f.Properties)), "\n") {
		fmt.Fprintf(a.out, "  %s\n", l)
	}
	fmt.Fprintln(a.out)
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\ttrace\tworkload")
	for _, c := range f.Compared {
		fmt.Fprintf(w, "%s\t%s\t%s\n", c.Name, known("%.4g", c.Trace, 1), known("%.4g", c.Workload, 1))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	a.printLaws(a.out, f)
	for _, n := range f.Notes {
		fmt.Fprintf(a.out, "note: %s\n", n)
	}
	_, err := fmt.Fprintf(a.out, "\nkvbench run -P %s\n", name)
	return err
}

// printLaws prints the distributions that were tried.
func (a *app) printLaws(w io.Writer, f *trace.Fit) {
	if len(f.Laws) == 0 {
		return
	}
	fmt.Fprintln(w, "\ndistributions tried, and how far the shares of their hot keys are from the trace's:")
	for _, l := range f.Laws {
		fmt.Fprintf(w, "  %-12s over %d records: %.1f %%\n", l.Request, l.Records, 100*l.Distance)
	}
}
