package bench

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// searchBegin is the first rate tried, as a share of what the closed loop did.
const searchBegin = 0.5

// search makes every planned cell the start of a search, one after another.
// The probes are cells of their own, added to the plan as they are made.
func (s *runState) search(ctx context.Context) error {
	if len(s.Done) > 0 {
		return fmt.Errorf("%w: a search for a rate cannot go on where it was interrupted; run it again", engine.ErrUnsupported)
	}
	for i := range s.left {
		s.left[i] = math.MaxInt // how many cells need the load is not known
	}
	planned := s.plan.Cells
	s.plan.Cells = nil
	for i, base := range planned {
		found, err := s.searchOne(ctx, base)
		if err != nil {
			return err
		}
		err = s.Results.UpdateManifest(func(m *results.Manifest) {
			m.Searches = append(m.Searches, *found)
			m.Plan.Order = s.x.planOf(s.plan).Order
		})
		if err != nil {
			return fmt.Errorf("record a search: %w", err)
		}
		if err := ctx.Err(); err != nil {
			s.plan.Cells = append(s.plan.Cells, planned[i+1:]...) // they are known to be missing
			return err
		}
	}
	return nil
}

// searchOne runs a cell as it was planned and then at one rate after another.
func (s *runState) searchOne(ctx context.Context, base PlannedCell) (*results.Search, error) {
	cell, err := s.add(ctx, base)
	if err != nil {
		return nil, err
	}
	found := &results.Search{
		Engine: cell.Engine.Name, Workload: cell.Workload.Name, Threads: cell.Load.Threads,
		Objective: s.x.FindMax.Text, Arrival: s.x.Arrival.String(), Probes: []results.Probe{},
		Closed: cell.ID, ClosedPerS: cell.OpsPerS,
	}
	if cell.Engine.Label != "" {
		found.Engine = cell.Engine.Label
	}
	if cell.Status != results.StatusOK || cell.OpsPerS == nil || *cell.OpsPerS <= 0 {
		found.Reason = fmt.Sprintf("the closed loop it begins with is %s: %s", cell.Status, cell.Error)
		return found, nil
	}
	late := 0 // probes that the pacer spoiled
	rates := newRateSearch(max(searchBegin*(*cell.OpsPerS), 1))
	for rate, ok := rates.next(); ok && ctx.Err() == nil; rate, ok = rates.next() {
		probe := s.probe(base, rate, rates.times(rate)+1)
		cell, err = s.add(ctx, probe)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return nil, err
		}
		value, met, reason := s.x.FindMax.judge(cell)
		p := results.Probe{Cell: cell.ID, Rate: rate, Value: value, Met: met, Reason: reason}
		if cell.Open != nil {
			p.Achieved = results.Num(cell.Open.AchievedPerS)
			if cell.Open.Verdict == results.OpenGeneratorLimited {
				late++
			}
		}
		found.Probes = append(found.Probes, p)
		rates.add(rate, met)
	}
	low, high := rates.bracket()
	if low > 0 {
		found.Rate = &low
	} else if 2*late > len(found.Probes) {
		found.Reason = "the harness began operations late by itself; the machine is too busy, or the objective too strict, to tell"
	}
	if high > 0 {
		found.Ceiling = &high
	}
	return found, nil
}

// probe is the base cell at a rate, for the nth time.
func (s *runState) probe(base PlannedCell, rate float64, n int) PlannedCell {
	spec := base.Spec
	spec.open(rate, s.x.Arrival)
	spec.Cell.ID = strings.TrimSuffix(spec.Cell.ID, "-r1") + rateMark(rate) + fmt.Sprintf("-r%d", n)
	spec.Cell.Rep, spec.Cell.Seed = n, derive(base.Spec.Cell.Seed, uint64(n), 4)
	spec.Cell.SpecSHA = specSHA(&spec)
	base.Spec = spec
	return base
}

// add appends a cell to the plan and performs it.
func (s *runState) add(ctx context.Context, c PlannedCell) (*results.Cell, error) {
	c.Spec.Cell.Order = len(s.plan.Cells) + 1
	s.plan.Cells = append(s.plan.Cells, c)
	s.last = nil
	err := s.cell(ctx, len(s.plan.Cells)-1)
	return s.last, err
}
