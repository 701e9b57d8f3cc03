package bench

import (
	"fmt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// rates are the loops of every workload and number of threads: a rate each, 0
// for the closed one.
func (x *Experiment) rates() []float64 {
	if len(x.Rates) == 0 {
		return []float64{0}
	}
	return x.Rates
}

// checkOpen refuses open loops that nobody can perform.
func (x *Experiment) checkOpen() error {
	if len(x.Rates) == 0 {
		return nil
	}
	for _, rate := range x.Rates {
		if err := checkRate(rate); err != nil {
			return err
		}
	}
	if len(x.Rates) > 1 && x.Arrival.Kind == ArriveFile {
		return fmt.Errorf("%w: %d rates beside %s, which says the rates itself", engine.ErrInvalid, len(x.Rates), x.Arrival)
	}
	if house := (Native{}).Name(); x.loopName() != house {
		return fmt.Errorf("%w: driver %s has no open loop; give a rate to driver %s alone", engine.ErrUnsupported, x.loopName(), house)
	}
	for _, w := range x.Workloads {
		if w.LoadOnly {
			return fmt.Errorf("%w: the load phase has no open loop; to insert at a rate, run workload fillrandom or fillseq", engine.ErrUnsupported)
		}
	}
	return nil
}

// open makes the cell's loop an open one, for a rate above 0.
func (s *CellSpec) open(rate float64, a Arrival) {
	if rate <= 0 {
		return
	}
	s.Rate, s.Arrival = rate, a
	s.Cell.Load.Mode, s.Cell.Load.Arrival = "open", a.String()
	s.Cell.Load.Rate = results.Num(rate)
	s.Timing = Timing{Every: 1}.String()
}

// rateMark is a rate in a cell's id; empty for a closed loop.
func rateMark(rate float64) string {
	if rate <= 0 {
		return ""
	}
	return "-R" + rateText(rate)
}
