package bench

import (
	"fmt"

	"github.com/kvbench/kvbench/results"
)

// Bounds from which a cell is flagged.
const (
	harnessWarn  = 0.05 // share of an operation that is the harness
	harnessBound = 0.20
	refillWarn   = 0.05
	debtWarn     = 0.05 // of the live bytes
	stealWarn    = 0.05 // of the processor time used
	unevenWarn   = 0.10 // share of the measured phase in which workers had ended
	unevenFloor  = 0.05 // seconds of it
)

// flags returns the objections to a cell: red ones make its figures unfit for
// a comparison.
func flags(c *results.Cell) []results.Flag {
	flags := []results.Flag{}
	add := func(name, level, format string, args ...any) {
		flags = append(flags, results.Flag{Name: name, Level: level, Reason: fmt.Sprintf(format, args...)})
	}
	if share := c.Quality.HarnessShare; share != nil && !c.Engine.Rail {
		switch {
		case *share > harnessBound:
			add("harness_bound", "red", "the harness is %.0f %% of an operation (%.0f ns)", *share*100, *c.Quality.HarnessNs)
		case *share > harnessWarn:
			add("harness", "yellow", "the harness is %.1f %% of an operation (%.0f ns)", *share*100, *c.Quality.HarnessNs)
		}
	}
	flagOpen(c, add)
	if share := c.Quality.RefillShare; share != nil && *share > refillWarn && !c.Engine.Rail {
		add("refill", "yellow", "drawing operations took %.0f %% of the time, during which the engine rested", *share*100)
	}
	if wall, idle := idleTime(c); idle > unevenFloor && idle > unevenWarn*wall {
		add("uneven", "yellow", "workers had ended for %.2f s of %.2f s on average: the rate is that of their own time", idle, wall)
	}
	var failed uint64
	for _, op := range c.Ops {
		failed += op.Errors
	}
	if failed > 0 {
		add("errors", "red", "%d operations failed", failed)
	}
	if reason := unlike(c.Fidelity); reason != "" {
		add("fidelity", "yellow", "the operations are not those of the workload: %s", reason)
	}
	start, known := c.Debt.Start.Value()
	if live, ok := c.IO.LiveBytes.Value(); known && ok && float64(start) > debtWarn*float64(live) {
		add("debt_start", "yellow", "background work was outstanding when the measured phase began: %d MiB", start>>20)
	}
	if c.Debt.TimedOut {
		add("debt", "yellow", "background work was not done when settling timed out")
	}
	if c.CPU.StealS != nil && c.CPU.UserS != nil && c.CPU.SystemS != nil {
		if used := *c.CPU.UserS + *c.CPU.SystemS; used > 0 && *c.CPU.StealS > stealWarn*used {
			add("steal", "yellow", "the machine was taken away for %.2f s while %.2f s were used", *c.CPU.StealS, used)
		}
	}
	return flags
}

// idleTime returns how long the measured phase took and for how much of it a
// worker had ended on average while others went on, in seconds.
func idleTime(c *results.Cell) (wall, idle float64) {
	if c.OpsPerS == nil || *c.OpsPerS <= 0 || len(c.Phases) == 0 {
		return 0, 0
	}
	var ops uint64
	for _, p := range c.Phases {
		if p.Name == "measure" {
			wall, ops = p.EndS-p.StartS, p.Ops
		}
	}
	worked := float64(ops) / *c.OpsPerS
	if share := c.Quality.RefillShare; share != nil && *share < 1 {
		worked /= 1 - *share
	}
	return wall, wall - worked
}
