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
	switch {
	case x.FindMax != nil && (len(x.Rates) > 0 || x.Reps != 1):
		return fmt.Errorf("%w: a search for a rate chooses rates and repetitions itself", engine.ErrInvalid)
	case x.FindMax != nil && x.Arrival.Kind == ArriveFile:
		return fmt.Errorf("%w: a search for a rate chooses rates itself; %s does, too", engine.ErrInvalid, x.Arrival)
	case x.FindMax == nil && len(x.Rates) == 0:
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
		return fmt.Errorf("%w: driver %s has no open loop; give a rate to driver %s alone", engine.ErrInvalid, x.loopName(), house)
	}
	for _, w := range x.Workloads {
		if w.LoadOnly {
			return fmt.Errorf("%w: the load phase has no open loop; to insert at a rate, run workload fillrandom or fillseq", engine.ErrInvalid)
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

// Bounds from which an open loop is not ok.
const (
	backlogShare = 0.01  // of all starts, at the end: less than 99 % was achieved
	growingShare = 0.001 // of all starts, of a backlog that grew all the time
	lagShare     = 0.10  // of the p99 of response times
	lagFloor     = 1000  // ns: what looking at the clock and giving way come to
)

// judgeOpen gives the verdict on a phase whose schedule lasted planned ns. A
// backlog of as many operations as there are workers is none.
func judgeOpen(o *results.OpenLoop, samples []backlogSample, planned int64, workers int, response *Histogram) (verdict, reason string) {
	const meaning = "response times grow with the length of the run and are no property of the engine"
	end, all := float64(o.BacklogEnd), float64(o.Intended)
	if o.BacklogEnd > uint64(workers) && end > backlogShare*all {
		return results.OpenSaturated, fmt.Sprintf("%s of %s operations a second were achieved, and %d were waiting at the end: %s",
			rateText(round3(o.AchievedPerS)), rateText(round3(o.OfferedPerS)), o.BacklogEnd, meaning)
	}
	if mean := growing(samples, planned); mean > float64(8*workers) && mean > growingShare*all {
		return results.OpenSaturated, fmt.Sprintf("the backlog grew until the end, when %.0f operations were waiting: %s", mean, meaning)
	}
	if o.Lag != nil && response.N() > 0 {
		lag, p99 := o.Lag.P99, response.Quantile(.99)
		if lag > lagFloor && float64(lag) > lagShare*float64(p99) {
			return results.OpenGeneratorLimited, fmt.Sprintf("the harness began operations late by itself: p99 %s, of a p99 response time of %s",
				brief(float64(lag)), brief(float64(p99)))
		}
	}
	return results.OpenOK, ""
}

// growing returns the mean backlog of the last quarter of a phase if each
// quarter had more than the one before and the last notably so; else 0.
func growing(samples []backlogSample, planned int64) float64 {
	var sum, n [4]float64
	for _, s := range samples {
		q := min(4*s.at/max(planned, 1), 3)
		sum[q] += float64(s.n)
		n[q]++
	}
	var mean [4]float64
	for q := range mean {
		if n[q] == 0 {
			return 0
		}
		mean[q] = sum[q] / n[q]
		if q > 0 && mean[q] <= mean[q-1] {
			return 0
		}
	}
	if mean[3] < 1.5*mean[1] {
		return 0
	}
	return mean[3]
}
