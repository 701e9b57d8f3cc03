package explain

import (
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// A side is the repetitions of one engine under one setup that were measured.
type side struct {
	label string
	cells []*results.Cell
}

// newSide keeps the cells that have a figure; there is an error when none has.
func newSide(cells []*results.Cell) (*side, error) {
	s := &side{}
	why := "there are no cells"
	for _, c := range cells {
		s.label = c.Engine.Title()
		switch {
		case c.Status != results.StatusOK:
			why = fmt.Sprintf("cell %s is %s: %s", c.ID, c.Status, results.FirstLine(c.Error))
		case c.OpsPerS == nil || *c.OpsPerS <= 0 || c.Operations() == 0:
			why = fmt.Sprintf("cell %s measured no operation", c.ID)
		case c.Load.Mode == "open":
			why = "in an open loop workers wait for the schedule: only a closed loop has a time of an operation to explain"
		default:
			s.cells = append(s.cells, c)
		}
	}
	if len(s.cells) == 0 {
		return nil, fmt.Errorf("%w: %s has nothing to explain: %s", engine.ErrInvalid, s.label, why)
	}
	return s, nil
}

// median is over the cells that know f; null when none does.
func (s *side) median(f func(*results.Cell) *float64) *float64 {
	var known []float64
	for _, c := range s.cells {
		if x := f(c); x != nil {
			known = append(known, *x)
		}
	}
	if len(known) == 0 {
		return nil
	}
	slices.Sort(known)
	mid := len(known) / 2
	if len(known)%2 == 1 {
		return &known[mid]
	}
	return results.Num((known[mid-1] + known[mid]) / 2)
}

// busy is the median of the busy time, with its least and its most.
func (s *side) busy() (ns, least, most float64) {
	var all []float64
	for _, c := range s.cells {
		all = append(all, busyNs(c))
	}
	ns = *s.median(func(c *results.Cell) *float64 { return results.Num(busyNs(c)) })
	return ns, slices.Min(all), slices.Max(all)
}

// busyNs is threads times wall-clock time over operations. Cells of a side
// have a rate.
func busyNs(c *results.Cell) float64 {
	return float64(max(c.Load.Threads, 1)) * 1e9 / *c.OpsPerS
}

// perOp divides what a cell counts by its operations.
func perOp(count func(*results.Cell) engine.Count) func(*results.Cell) *float64 {
	return func(c *results.Cell) *float64 { return c.PerOp(count(c)) }
}

// secondsPerOp turns seconds of a cell into nanoseconds an operation.
func secondsPerOp(of func(*results.Cell) *float64) func(*results.Cell) *float64 {
	return func(c *results.Cell) *float64 {
		s := of(c)
		if s == nil {
			return nil
		}
		return results.Num(*s * 1e9 / float64(c.Operations()))
	}
}

// Names of the parts of the busy time.
const (
	partHarness = "harness"
	partGC      = "gc"
	partUser    = "user"
	partSystem  = "system"
	partWait    = "wait"
)

func aboutPart(name string) string {
	return map[string]string{
		partHarness: "the benchmark's own loop and checks",
		partGC:      "the collector's processor time",
		partUser:    "processor time in the program, background work included",
		partSystem:  "processor time in the kernel, background work included",
		partWait:    "waiting for disks, locks and processors, less the processor time of background work",
	}[name]
}

func partNames() []string {
	return []string{partHarness, partGC, partUser, partSystem, partWait}
}

// parts divide the busy time ns. They add up to it, by waiting being the rest,
// unless the processor time is unknown.
func (s *side) parts(ns float64) map[string]*float64 {
	or0 := func(x *float64) float64 {
		if x == nil {
			return 0
		}
		return *x
	}
	p := map[string]*float64{
		partHarness: s.median(func(c *results.Cell) *float64 { return c.Quality.HarnessNs }),
		partGC:      s.median(secondsPerOp(func(c *results.Cell) *float64 { return c.CPU.GCS })),
		partSystem:  s.median(secondsPerOp(func(c *results.Cell) *float64 { return c.CPU.SystemS })),
	}
	user := s.median(secondsPerOp(func(c *results.Cell) *float64 { return c.CPU.UserS }))
	if user == nil || p[partSystem] == nil {
		p[partUser], p[partSystem], p[partWait] = nil, nil, nil
		return p
	}
	// Operations are drawn while the workers' clocks stand still, on the
	// processor's time.
	refill := s.median(func(c *results.Cell) *float64 {
		share := c.Quality.RefillShare
		if share == nil || *share >= 1 {
			return nil
		}
		return results.Num(busyNs(c) * *share / (1 - *share))
	})
	own := *user - or0(refill) - or0(p[partHarness]) - or0(p[partGC])
	p[partUser] = &own
	p[partWait] = results.Num(ns - or0(p[partHarness]) - or0(p[partGC]) - own - *p[partSystem])
	return p
}
