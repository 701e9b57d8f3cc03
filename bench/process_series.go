package bench

import (
	"time"

	"github.com/kvbench/kvbench/results"
)

// processSeries reads the process once an interval, beside the workers.
type processSeries struct {
	device   string
	interval time.Duration
	taken    []processSample
}

type processSample struct {
	row  int // the row at whose end it was taken, -1 for the start
	stat processStat
}

// newProcessSeries returns a series that begins with a reading at the start of
// the phase.
func newProcessSeries(device string, interval time.Duration, start processStat) *processSeries {
	return &processSeries{device: device, interval: interval, taken: []processSample{{-1, start}}}
}

func (s *processSeries) sample(p Progress) { s.add(p.Elapsed, readProcess(s.device)) }

// add keeps a reading that was due at the end of the row nearest to at.
func (s *processSeries) add(at time.Duration, stat processStat) {
	row := int((at+s.interval/2)/s.interval) - 1
	s.taken = append(s.taken, processSample{row, stat})
}

// into adds the readings to the rows at whose ends they were taken. What moved
// in a row is known if there was one at its beginning, too: a tick may be
// missed.
func (s *processSeries) into(rows []results.SeriesRow) {
	for i := 1; i < len(s.taken); i++ {
		before, now := s.taken[i-1], s.taken[i]
		if now.row < 0 || now.row >= len(rows) {
			continue
		}
		row := &rows[now.row]
		row.RSS = now.stat.anonRSS
		if now.row != before.row+1 {
			continue
		}
		row.ReadBytes = now.stat.readBytes.Since(before.stat.readBytes)
		row.WriteBytes = now.stat.writeBytes.Since(before.stat.writeBytes)
		if u, k := minus(now.stat.user, before.stat.user), minus(now.stat.system, before.stat.system); u != nil && k != nil {
			row.CPUS = results.Num(*u + *k)
		}
	}
}
