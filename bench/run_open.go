package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/kvbench/kvbench/results"
)

// refillOpen is how many operations an open loop draws at a time once a tape
// is used up: few, since its schedule does not stand still meanwhile.
const refillOpen = 1 << 8

// prepareOpen draws the first starts of a phase, and says how many operations
// the tape of a worker should hold, most at the most: its share and as many
// again, since a free worker does the work of one that is held up.
func (l *nativeLoop) prepareOpen(limits Limits, most int) (room int) {
	if l.schedule == nil {
		l.phases++
		l.schedule = newSchedule(limits, derive(l.o.Seed, l.phases, 5))
	}
	expect := math.Inf(1)
	if limits.Operations > 0 {
		expect = float64(limits.Operations)
	}
	if limits.Duration > 0 {
		expect = min(expect, limits.Duration.Seconds()*limits.Rate)
	}
	return int(min(float64(most), 2*expect/float64(len(l.workers))+refillOps))
}

// runOpen performs the mix at the rate of limits.
func (l *nativeLoop) runOpen(ctx context.Context, limits Limits) (*PhaseResult, error) {
	if limits.Duration <= 0 && limits.Operations == 0 {
		return nil, fmt.Errorf("an open loop needs an end: a duration or a number of operations")
	}
	defer func() { l.schedule = nil }()
	return l.phase(ctx, l.workers, limits, func(w *worker, p *phaseRun) { w.runOpen(p) })
}

// openPhase is what a phase of an open loop has besides.
type openPhase struct {
	schedule *schedule
	pause    func(left int64)
	samples  []backlogSample // in order; the watcher's until it has ended
}

type backlogSample struct {
	at int64 // ns since the phase began
	n  uint64
}

// runOpen performs operations at their intended starts until the schedule is
// used up, the time is over, the phase is stopped or an operation fails. A
// phase of a given duration lasts that long even if nothing is due any more.
func (w *worker) runOpen(p *phaseRun) {
	nextRow := int64(math.MaxInt64)
	if p.interval > 0 {
		nextRow = p.start + p.interval
	}
	var done uint64
	free := p.start // since when the worker has had nothing to do
	for !p.stop.Load() && (p.end == 0 || free < p.end) {
		if w.pos == len(w.tape) {
			w.refillTape(refillOpen)
		}
		at, ok := p.open.schedule.claim()
		if !ok {
			if p.end > 0 {
				w.await(p, p.end)
			}
			return
		}
		due := p.start + at
		if due >= nextRow { // there is time for it now, and none once it is due
			nextRow = w.rotateOpen(p, due)
		}
		begin, ok := w.await(p, due)
		if !ok || (p.end > 0 && begin >= p.end) {
			w.skipped = at
			return
		}
		w.lastDue, w.lastBegin = at, begin-p.start
		if free <= due {
			w.rows.lag.Record(begin - due)
		} else if late := begin - due; late > w.late {
			w.late = late + late/64 // a look is not free
			w.backlog = max(w.backlog, p.open.schedule.backlog(begin-p.start)+1)
		}
		op := w.tape[w.pos]
		w.pos++
		err := w.do(op)
		end := w.clock.now()
		w.rows.hist[op.Kind()].Record(end - begin)
		w.rows.response[op.Kind()].Record(end - due)
		w.active += end - begin
		w.rows.ops++
		done++
		w.done.Store(done)
		if err != nil {
			return
		}
		if end >= nextRow {
			nextRow = w.rotateOpen(p, end)
		}
		free = end
	}
}

// rotateOpen is rotate that says when the interval of now ends.
func (w *worker) rotateOpen(p *phaseRun, now int64) (nextRow int64) {
	w.rotate(p, now)
	return p.start + (int64(w.rows.index)+1)*p.interval
}

// await waits until the clock says when; ok is false when the phase was
// stopped before.
func (w *worker) await(p *phaseRun, when int64) (now int64, ok bool) {
	for {
		now = w.clock.now()
		if now >= when {
			return now, true
		}
		if p.stop.Load() {
			return now, false
		}
		p.open.pause(when - now)
	}
}

// Samples of the backlog: how many a phase has at least, how many an interval
// of the series has, and how far apart they are at least.
const (
	samplesAPhase = 64
	samplesARow   = 4
	sampleLeast   = time.Millisecond
)

// watch takes samples of the backlog until finished is closed.
func (o *openPhase) watch(c clock, start int64, limits Limits, finished <-chan struct{}) {
	step := limits.Duration
	if limits.Operations > 0 {
		if d := time.Duration(float64(limits.Operations) * o.schedule.gap); step == 0 || d < step {
			step = d
		}
	}
	step /= samplesAPhase
	if limits.Interval > 0 {
		step = min(step, limits.Interval/samplesARow)
	}
	ticker := time.NewTicker(max(step, sampleLeast))
	defer ticker.Stop()
	for {
		select {
		case <-finished:
			return
		case <-ticker.C:
			now := c.now() - start
			o.samples = append(o.samples, backlogSample{now, o.schedule.backlog(now)})
		}
	}
}

// conclude fills in what the schedule of a phase that has ended came to.
func (o *openPhase) conclude(p *phaseRun, workers []*worker, limits Limits, r *PhaseResult) {
	open := &results.OpenLoop{Started: r.N(), Lag: r.Lag.Latency()}
	wall := int64(r.Elapsed)
	last, behind := int64(0), int64(0) // the last intended start, and how late it was
	for _, w := range workers {
		if w.lastDue >= last {
			last, behind = w.lastDue, w.lastBegin-w.lastDue
		}
	}
	// Until when starts count, and how long that is.
	cut, planned := int64(math.MaxInt64), wall
	switch {
	case p.stop.Load(): // interrupted, or an operation failed
		cut = wall
	case limits.Duration <= 0, limits.Operations > 0 && open.Started == limits.Operations:
		planned = last + int64(o.schedule.gap) // all were begun, or there were no more
	default:
		cut, planned = int64(limits.Duration), int64(limits.Duration)
	}
	open.Intended = o.schedule.intended(cut)
	for _, w := range workers {
		if w.skipped >= cut {
			open.Intended--
		}
		open.BacklogMax = max(open.BacklogMax, w.backlog)
	}
	open.Dropped = open.Intended - min(open.Started, open.Intended)
	open.BacklogEnd = open.Dropped
	if cut == math.MaxInt64 { // all were begun: how many after the last was due?
		open.BacklogEnd = min(uint64(float64(behind)/o.schedule.gap), open.Intended)
	}
	open.BacklogMax = max(open.BacklogMax, open.BacklogEnd)
	for _, s := range o.samples {
		open.BacklogMax = max(open.BacklogMax, s.n)
	}
	seconds := func(ns int64) float64 { return time.Duration(max(ns, 1)).Seconds() }
	open.OfferedPerS = float64(open.Intended) / seconds(planned)
	if cut == math.MaxInt64 { // by operations: until the last has ended
		planned = max(planned, wall)
	}
	open.AchievedPerS = float64(open.Started) / seconds(planned)
	response := new(Histogram)
	for _, op := range r.Ops {
		response.Merge(&op.Response)
	}
	open.Verdict, open.Reason = judgeOpen(open, o.samples, planned, len(workers), response)
	r.Open = open
	o.intoRows(r.Series)
}

// intoRows gives every row the last sample of its time.
func (o *openPhase) intoRows(rows []results.SeriesRow) {
	for i := range rows {
		end := int64(rows[i].T * 1e9)
		begin := end - int64(rows[i].Seconds*1e9)
		j, _ := slices.BinarySearchFunc(o.samples, end, func(s backlogSample, t int64) int {
			if s.at <= t {
				return -1
			}
			return 1
		})
		if j > 0 && o.samples[j-1].at > begin {
			n := o.samples[j-1].n
			rows[i].Backlog = &n
		}
	}
}
