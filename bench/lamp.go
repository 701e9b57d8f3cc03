package bench

import (
	"fmt"
	"strings"

	"github.com/kvbench/kvbench/bench/steady"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// judge sets the flags of a cell that was performed as s says, and its lamp.
func judge(c *results.Cell, s *CellSpec) {
	j := &judgement{Cell: c, flags: []results.Flag{}}
	j.harness()
	flagOpen(c, j.object)
	j.load()
	j.answers()
	j.debts()
	j.machine()
	if measured := c.OpsPerS != nil; measured && s.Task != TaskLoad { // which reads nothing, and under which the data grow
		j.regime()
		j.steadiness(s.RequireSteady)
	}
	c.Quality.Flags = j.flags
	c.Quality.Lamp = ""
	c.Quality.Lamp = c.LampOf()
}

// judgement is a cell being judged. Its methods add flags; what is not known
// is no ground for one.
type judgement struct {
	*results.Cell
	flags []results.Flag
}

func (j *judgement) object(name, level, format string, args ...any) {
	j.flags = append(j.flags, results.Flag{Name: name, Level: level, Reason: fmt.Sprintf(format, args...)})
}

func (j *judgement) yellow(name, format string, args ...any) {
	j.object(name, results.LampYellow, format, args...)
}

func (j *judgement) red(name, format string, args ...any) {
	j.object(name, results.LampRed, format, args...)
}

// harness objects to figures that are the harness's in good part.
func (j *judgement) harness() {
	if j.Engine.Rail {
		return
	}
	if share := j.Quality.HarnessShare; share != nil {
		switch {
		case *share > harnessMost:
			j.red("harness_bound", "the harness is %.0f %% of an operation (%.0f ns): it is what was measured", *share*100, *j.Quality.HarnessNs)
		case *share > harnessBound:
			j.yellow("harness_bound", "the harness is %.0f %% of an operation (%.0f ns): differences between engines are larger than they look", *share*100, *j.Quality.HarnessNs)
		case *share > harnessWarn:
			j.yellow("harness", "the harness is %.1f %% of an operation (%.0f ns)", *share*100, *j.Quality.HarnessNs)
		}
	}
	if share := j.Quality.RefillShare; share != nil && *share > refillWarn {
		j.yellow("refill", "drawing operations took %.0f %% of the time, during which the engine rested", *share*100)
	}
}

// load objects to how the operations were spread over workers and time.
func (j *judgement) load() {
	if wall, idle := idleTime(j.Cell); idle > unevenFloor && idle > unevenWarn*wall {
		j.yellow("uneven", "workers had ended for %.2f s of %.2f s on average: the rate is that of their own time", idle, wall)
	}
	if n := j.operations(); n > 0 && n < fewOperations {
		j.yellow(results.FlagShort, "%d operations are few: the slowest of 100 is a matter of chance", n)
	}
}

func (j *judgement) operations() (n uint64) {
	for _, op := range j.Ops {
		n += op.N
	}
	return n
}

// answers objects to answers that are wrong, or that nobody looked at.
func (j *judgement) answers() {
	var failed, read uint64
	for kind, op := range j.Ops {
		failed += op.Errors
		if kind == workloads.Read.String() || kind == workloads.ReadModifyWrite.String() {
			read += op.OK
		}
	}
	if failed > 0 {
		j.red(results.FlagErrors, "%d operations failed", failed)
	}
	if reason := unlike(j.Fidelity); reason != "" {
		j.yellow("fidelity", "the operations are not those of the workload: %s", reason)
	}
	if read > 0 && j.Quality.Verified == 0 && !j.Engine.Rail {
		j.yellow("unverified", "no value that was read was checked")
	}
}

// debts objects to work that others have paid for, or will.
func (j *judgement) debts() {
	live, liveKnown := j.IO.LiveBytes.Value()
	start, startKnown := j.Debt.Start.Value()
	end, endKnown := j.Debt.End.Value()
	if paid := start - min(start, end); startKnown && endKnown && liveKnown && float64(paid) > debtWarn*float64(live) {
		j.yellow("debt_start", "background work of before was done in the measured phase: %d MiB were outstanding at its start, %d MiB at its end", start>>20, end>>20)
	}
	if grown := end - min(start, end); startKnown && endKnown && liveKnown && float64(grown) > debtGrown*float64(live) {
		j.yellow("debt_end", "%d MiB more of background work were outstanding at the end of the measured phase than at its start: the rate is ahead of what lasts", grown>>20)
	}
	if reason := results.Audit(j.IO); reason != "" {
		j.yellow(results.FlagAudit, "%s", reason)
	}
	if j.Debt.TimedOut {
		j.yellow("debt", "background work was not done when settling timed out")
	}
}

// machine objects to what else the machine did.
func (j *judgement) machine() {
	if j.CPU.UserS == nil || j.CPU.SystemS == nil {
		return
	}
	used := *j.CPU.UserS + *j.CPU.SystemS
	if used <= 0 {
		return
	}
	if lost := j.CPU.StealS; lost != nil && *lost > stealWarn*used {
		j.yellow("steal", "the machine was taken away for %.2f s while %.2f s were used%s", *lost, used, j.queued(used))
	}
	p := measuredPhase(j.Cell)
	if others := j.CPU.OtherS; others != nil && *others > max(otherWarn*used, otherFloor*(p.EndS-p.StartS)) {
		j.yellow("other_load", "others on the machine used %.2f s of processor time while the cell used %.2f s%s", *others, used, j.queued(used))
	}
	if gc := j.CPU.GCS; gc != nil && *gc > gcWarn*used {
		j.yellow("gc", "garbage collection took %.0f %% of the processor time", 100**gc/used)
	}
}

// queued says how much of the time in which they could run the cell's threads
// waited, of which used seconds were given to them.
func (j *judgement) queued(used float64) string {
	if j.CPU.RunDelayS == nil {
		return ""
	}
	return fmt.Sprintf("; its threads waited for a processor %.0f %% of the time that they could have run", 100**j.CPU.RunDelayS/(used+*j.CPU.RunDelayS))
}

// steadiness objects to a measured phase that was not shown to be steady.
func (j *judgement) steadiness(required bool) {
	object := j.yellow
	if required {
		object = j.red
	}
	s := measuredPhase(j.Cell).Steady
	switch {
	case s == nil && required:
		object(results.FlagNotSteady, "the measured phase has no series to test")
	case s == nil || s.OK:
	case s.Windows < steady.MinWindows && !required:
		j.yellow(results.FlagShort, "%s", strings.Join(s.Reasons, "; "))
	default:
		object(results.FlagNotSteady, "%s", strings.Join(s.Reasons, "; "))
	}
}

// measuredPhase returns the measured phase, an empty one when there is none.
func measuredPhase(c *results.Cell) results.Phase {
	for _, p := range c.Phases {
		if p.Name == "measure" {
			return p
		}
	}
	return results.Phase{}
}

// idleTime returns how long the measured phase took and for how much of it a
// worker had ended on average while others went on, in seconds.
func idleTime(c *results.Cell) (wall, idle float64) {
	p := measuredPhase(c)
	if c.OpsPerS == nil || *c.OpsPerS <= 0 || p.Name == "" {
		return 0, 0
	}
	wall = p.EndS - p.StartS
	worked := float64(p.Ops) / *c.OpsPerS
	if share := c.Quality.RefillShare; share != nil && *share < 1 {
		worked /= 1 - *share
	}
	return wall, wall - worked
}
