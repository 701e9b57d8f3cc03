package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/results"
)

// announce says what is about to happen and how long it may take.
func (a *app) announce(x *bench.Experiment, plan *bench.Plan, out string, demo bool) {
	if demo {
		fmt.Fprintln(a.console, "No engines and no workloads were named: this is the demo.")
	}
	for _, line := range summary(x, plan) {
		fmt.Fprintln(a.console, line)
	}
	fmt.Fprintf(a.console, "results go to %s; Ctrl-C ends early and keeps what was measured\n\n", out)
}

// summary describes an experiment in a few lines.
func summary(x *bench.Experiment, plan *bench.Plan) []string {
	var engines []string
	for _, e := range x.Engines {
		engines = append(engines, e.Name())
	}
	var threads []string
	for _, n := range x.Threads {
		threads = append(threads, fmt.Sprint(n))
	}
	regime, _ := bench.Regime(x.Durability) // Plan has checked it
	measured := "measured " + humanTime(x.Duration) + " each"
	if x.Duration == 0 {
		measured = "measured by number of operations"
	}
	lines := []string{
		fmt.Sprintf("%s: %s", plural(len(plan.Cells), "cell"), strings.Join(engines, " ")),
		fmt.Sprintf("  x workload %s x threads %s x %s, interleaved; regime %s",
			strings.Join(workloadNames(x), " "), strings.Join(threads, " "), plural(x.Reps, "repetition"), regime),
		"  " + measured + ", after " + warmupText(x),
	}
	lines = append(lines, openSummary(x)...)
	seen := make(map[string]bool)
	for _, w := range x.Workloads {
		data := fmt.Sprintf("  data: %s records x %.0f B", humanCount(float64(w.Spec.Records)), w.Spec.MeanValue())
		if !seen[data] {
			lines = append(lines, data)
		}
		seen[data] = true
	}
	return append(lines, fmt.Sprintf("about %s, and up to %s of disk in %s",
		humanTime(plan.Estimate.Round(time.Second)), humanBytes(plan.DiskBytes), x.Dir))
}

// printPlan is --dry-run.
func (a *app) printPlan(x *bench.Experiment, plan *bench.Plan, out string, notes []string) error {
	for _, n := range notes {
		a.warn("note: %s", n)
	}
	var b strings.Builder
	for _, line := range summary(x, plan) {
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "results would go to %s\n\n", out)
	for _, p := range plan.Prepared {
		fmt.Fprintf(&b, "load  %s\n", p.Spec.Cell.ID)
	}
	for i, c := range plan.Cells {
		fmt.Fprintf(&b, "%4d  %s\n", i+1, c.Spec.Cell.ID)
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

// conclusion says what to think of a run and where to go from it.
func (a *app) conclusion(run *results.Run, demo bool) {
	fmt.Fprintln(a.console)
	if text := harnessText(run); text != "" {
		fmt.Fprintln(a.console, text)
	}
	fmt.Fprintf(a.console, "results: %s (%s is for benchstat)\n", run.Dir, results.BenchFile)
	if demo {
		fmt.Fprint(a.console, demoNext)
	}
}

// harnessText says how much of the measured time was the harness's own.
func harnessText(run *results.Run) string {
	var least, most *results.Row
	rows := results.Rows(run)
	for i := range rows {
		r := &rows[i]
		if r.Rail || r.HarnessShare == nil {
			continue
		}
		if least == nil || *r.HarnessShare < *least.HarnessShare {
			least = r
		}
		if most == nil || *r.HarnessShare > *most.HarnessShare {
			most = r
		}
	}
	if least == nil {
		return ""
	}
	if least == most {
		return fmt.Sprintf("harness: %.1f %% of an operation was the benchmark itself; not subtracted", *least.HarnessShare*100)
	}
	return fmt.Sprintf("harness: %.1f %% of an operation (%s, workload %s) to %.1f %% (%s, workload %s) was the benchmark itself; not subtracted",
		*least.HarnessShare*100, least.Engine, least.Workload, *most.HarnessShare*100, most.Engine, most.Workload)
}

// plural writes a number of things.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
