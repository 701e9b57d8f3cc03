package report

import (
	"cmp"
	"errors"
	"io/fs"
	"math"
	"slices"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// maxRows is how many points a series keeps; longer ones have neighbours
// joined. maxSeries is how many repetitions are shown at all.
const (
	maxRows   = 180
	maxSeries = 160
)

// series shows one repetition of each entry second by second.
func (b *builder) series() error {
	for _, s := range b.src {
		if s.run.Dir == "" {
			continue
		}
		rows, err := s.run.Series()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		events, err := s.run.Events()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		byCell := map[string][]results.SeriesRow{}
		for _, r := range rows {
			byCell[r.Cell] = append(byCell[r.Cell], r)
		}
		eventsOf := map[string][]results.EventRow{}
		for _, e := range events {
			eventsOf[e.Cell] = append(eventsOf[e.Cell], e)
		}
		for _, g := range s.groups {
			for _, l := range g.lots() {
				c := typical(l, byCell)
				if c == nil {
					continue
				}
				if len(b.m.Series) >= maxSeries {
					b.leave("time series of more than %d entries are left out", maxSeries)
					break
				}
				x := seriesOf(c, byCell[c.ID], eventsOf[c.ID])
				x.Table, x.Entry, x.Engine, x.Color = g.ID, l.ID, l.Engine, l.Color
				if x.joined > 1 {
					b.leave("time series of more than %d rows have neighbours joined: rates are their means, times and gauges the greatest", maxRows)
				}
				b.m.Series = append(b.m.Series, x.Series)
			}
		}
	}
	return nil
}

// typical is the repetition whose rate is the median one, or the nearest to it
// from below, among those that have rows.
func typical(l *lot, rows map[string][]results.SeriesRow) *results.Cell {
	var cells []*results.Cell
	for _, c := range l.used {
		if len(rows[c.ID]) > 0 {
			cells = append(cells, c)
		}
	}
	if len(cells) == 0 {
		return nil
	}
	slices.SortStableFunc(cells, func(a, b *results.Cell) int { return cmp.Compare(*a.OpsPerS, *b.OpsPerS) })
	return cells[(len(cells)-1)/2]
}

type joinedSeries struct {
	Series
	joined int // rows that became one
}

func seriesOf(c *results.Cell, rows []results.SeriesRow, events []results.EventRow) joinedSeries {
	start := map[string]float64{} // of phases, the measured one at 0
	var origin float64
	for _, p := range c.Phases {
		if p.Name == "measure" {
			origin = p.StartS
		}
	}
	for _, p := range c.Phases {
		if _, ok := start[p.Name]; !ok {
			start[p.Name] = p.StartS - origin
		}
	}
	shown := rows[:0:0]
	for _, r := range rows {
		if r.Phase == "warmup" || r.Phase == "measure" {
			shown = append(shown, r)
		}
	}
	x := joinedSeries{Series: Series{Cell: c.ID, Rep: c.Rep, Why: "the repetition with the median rate"}}
	x.joined = max(1, (len(shown)+maxRows-1)/maxRows)
	for len(shown) > 0 {
		n := 1
		for n < min(x.joined, len(shown)) && shown[n].Phase == shown[0].Phase {
			n++
		}
		at := start[shown[0].Phase]
		x.span(shown[0].Phase, at+shown[0].T-shown[0].Seconds, at+shown[n-1].T)
		x.row(at+shown[n-1].T, shown[:n])
		shown = shown[n:]
	}
	x.trim()
	if len(x.Phases) > 0 {
		x.events(events, origin, x.Phases[0].From, x.Phases[len(x.Phases)-1].To)
	}
	return x
}

// span extends the last phase, or begins one.
func (s *Series) span(name string, from, to float64) {
	from, to = round4(from), round4(to)
	if n := len(s.Phases); n > 0 && s.Phases[n-1].Name == name {
		s.Phases[n-1].To = to
		return
	}
	s.Phases = append(s.Phases, Span{Name: name, From: from, To: to, Measured: name == "measure"})
}

// row adds one point for the rows, neighbours of one phase.
func (s *Series) row(t float64, rows []results.SeriesRow) {
	var seconds, ops float64
	for _, r := range rows {
		seconds += r.Seconds
		ops += float64(r.Ops)
	}
	rate := func(total *float64) *float64 {
		if total == nil || seconds <= 0 {
			return nil
		}
		return results.Num(round4(*total / seconds))
	}
	sum := func(of func(*results.SeriesRow) *float64) *float64 {
		var total float64
		for i := range rows {
			x := of(&rows[i])
			if x == nil {
				return nil
			}
			total += *x
		}
		return &total
	}
	greatest := func(of func(*results.SeriesRow) *float64) *float64 {
		var most *float64
		for i := range rows {
			if x := of(&rows[i]); x != nil && (most == nil || *x > *most) {
				most = x
			}
		}
		return round4Of(most)
	}
	s.T = append(s.T, round4(t))
	s.OpsPerS = append(s.OpsPerS, rate(&ops))
	s.P99 = append(s.P99, greatest(func(r *results.SeriesRow) *float64 { return p99(r.Latency) }))
	s.Response = append(s.Response, greatest(func(r *results.SeriesRow) *float64 { return p99(r.Response) }))
	s.Backlog = append(s.Backlog, greatest(func(r *results.SeriesRow) *float64 {
		if r.Backlog == nil {
			return nil
		}
		return results.Num(float64(*r.Backlog))
	}))
	s.Debt = append(s.Debt, greatest(func(r *results.SeriesRow) *float64 { return known(r.Debt) }))
	s.RSS = append(s.RSS, greatest(func(r *results.SeriesRow) *float64 { return known(r.RSS) }))
	s.CPU = append(s.CPU, rate(sum(func(r *results.SeriesRow) *float64 { return r.CPUS })))
	s.WriteBytesS = append(s.WriteBytesS, rate(sum(func(r *results.SeriesRow) *float64 { return known(r.WriteBytes) })))
	hits := sum(func(r *results.SeriesRow) *float64 { return known(r.CacheHits) })
	misses := sum(func(r *results.SeriesRow) *float64 { return known(r.CacheMiss) })
	var share *float64
	if hits != nil && misses != nil && *hits+*misses > 0 {
		share = results.Num(round4(*hits / (*hits + *misses)))
	}
	s.CacheHit = append(s.CacheHit, share)
}

func p99(l *results.Latency) *float64 {
	if l == nil {
		return nil
	}
	return results.Num(float64(l.P99))
}

func known(c engine.Count) *float64 {
	n, ok := c.Value()
	if !ok {
		return nil
	}
	return results.Num(float64(n))
}

// trim empties the columns that know nothing.
func (s *Series) trim() {
	for _, column := range []*[]*float64{
		&s.OpsPerS, &s.P99, &s.Response, &s.Backlog, &s.Debt, &s.CacheHit, &s.CPU, &s.RSS, &s.WriteBytesS,
	} {
		if !slices.ContainsFunc(*column, func(x *float64) bool { return x != nil }) {
			*column = nil
		}
	}
}

// maxEvents is how many an engine's chart can show; see Series.events.
const maxEvents = 60

// events keeps those that overlap the seconds from..to. Where there are more
// than maxEvents of a kind, those nearer to each other than the gap that
// brings their number down are merged.
func (s *Series) events(rows []results.EventRow, origin, from, to float64) {
	byKind := map[string][]Event{}
	for _, r := range rows {
		begin := r.T - origin
		end := begin + r.Duration.Seconds()
		if end < from || begin > to || r.Kind == "dropped" {
			continue
		}
		byKind[r.Kind] = append(byKind[r.Kind], Event{
			Kind: r.Kind, From: begin, To: end, Count: 1,
			BytesIn: float64(r.BytesIn), BytesOut: float64(r.BytesOut), Detail: results.FirstLine(r.Detail),
		})
	}
	kinds := make([]string, 0, len(byKind))
	for kind := range byKind {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		list := byKind[kind]
		slices.SortStableFunc(list, func(a, b Event) int { return cmp.Compare(a.From, b.From) })
		total := EventTotal{Kind: kind, Count: len(list)}
		for _, e := range list {
			total.Seconds += e.To - e.From
			total.BytesIn += e.BytesIn
			total.BytesOut += e.BytesOut
		}
		total.Seconds = round4(total.Seconds)
		s.Totals = append(s.Totals, total)
		gap := (to - from) / 1000
		for len(list) > maxEvents {
			list = merge(list, gap)
			gap *= 2
		}
		for _, e := range list {
			e.From, e.To = math.Round(e.From*1e4)/1e4, math.Round(e.To*1e4)/1e4
			s.Events = append(s.Events, e)
		}
	}
}

// merge joins events, in the order of their beginnings, that are at most gap
// apart.
func merge(list []Event, gap float64) []Event {
	var out []Event
	for _, e := range list {
		n := len(out)
		if n == 0 || e.From > out[n-1].To+gap {
			out = append(out, e)
			continue
		}
		last := &out[n-1]
		last.To = max(last.To, e.To)
		last.Count += e.Count
		last.BytesIn += e.BytesIn
		last.BytesOut += e.BytesOut
		last.Detail = ""
	}
	return out
}
