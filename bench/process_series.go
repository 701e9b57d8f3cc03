package bench

import (
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// processSeries reads the process and the target once an interval, beside the
// workers.
type processSeries struct {
	target   Target
	device   string
	interval time.Duration
	taken    []processSample
	metrics  engine.Metrics
}

type processSample struct {
	row  int // the row at whose end it was taken, -1 for the start
	stat processStat
	targetStat
}

// targetStat is what the target says of itself, as far as the series has it.
type targetStat struct{ debt, hits, misses engine.Count }

// newProcessSeries returns a series that begins with a reading at the start of
// a phase.
func newProcessSeries(r *cellRun) *processSeries {
	s := &processSeries{target: r.target, device: r.device, interval: r.spec.Interval}
	s.take(-1)
	return s
}

// sample takes a reading. It is for one goroutine at a time.
func (s *processSeries) sample(p Progress) { s.take(s.row(p.Elapsed)) }

func (s *processSeries) take(row int) {
	s.metrics = engine.Metrics{}
	s.target.Metrics(&s.metrics)
	m := &s.metrics
	s.add(row, readProcess(s.device), targetStat{m.Work.DebtBytes, m.Cache.Hits, m.Cache.Misses})
}

// row is that to whose end a moment is nearest.
func (s *processSeries) row(at time.Duration) int {
	return int((at+s.interval/2)/s.interval) - 1
}

func (s *processSeries) add(row int, stat processStat, target targetStat) {
	s.taken = append(s.taken, processSample{row, stat, target})
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
		row.RSS, row.Debt = now.stat.anonRSS, now.debt
		if now.row != before.row+1 {
			continue
		}
		row.ReadBytes = now.stat.readBytes.Since(before.stat.readBytes)
		row.WriteBytes = now.stat.writeBytes.Since(before.stat.writeBytes)
		row.CacheHits, row.CacheMiss = now.hits.Since(before.hits), now.misses.Since(before.misses)
		if u, k := minus(now.stat.user, before.stat.user), minus(now.stat.system, before.stat.system); u != nil && k != nil {
			row.CPUS = results.Num(*u + *k)
		}
	}
}
