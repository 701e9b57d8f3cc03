package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// loadSettle is how long the settling of a load that many cells share may take
// at least.
const loadSettle = 2 * time.Minute

// prepare loads the data that later cells start from, and reports them. What
// would not outlive this process each cell loads by itself.
func (r *cellRun) prepare(ctx context.Context) error {
	if !r.target.Caps().Persistent {
		r.emit(Message{Loaded: &Loaded{}})
		return nil
	}
	loaded, _, err := r.load(ctx, Timing{Every: 1, Chained: true})
	if err != nil {
		return err
	}
	debt, _, err := r.settle(ctx, max(r.spec.Settle, loadSettle), "after the load")
	if err != nil {
		return err
	}
	loaded.SettleS = debt.SettleS
	r.emit(Message{Loaded: loaded})
	return nil
}

// load inserts the records and makes them durable.
func (r *cellRun) load(ctx context.Context, timing Timing) (*Loaded, *PhaseResult, error) {
	r.events.setPhase("load")
	begin := r.since()
	p, err := r.loop.Load(ctx, Limits{
		Name: "load", Timing: timing, Interval: r.spec.Interval, Progress: r.progress(nil),
	})
	if err == nil {
		err = phaseError(p, false) // what is missing would be missed later
	}
	if err != nil {
		return nil, p, fmt.Errorf("load: %w", err)
	}
	if err := r.target.Sync(); err != nil {
		return nil, p, fmt.Errorf("sync the load: %w", err)
	}
	phase := results.Phase{
		Name: "load", StartS: begin, EndS: r.since(), Ops: p.N(), OpsPerS: results.Num(p.OpsPerS()), OK: true,
		Note: "at durability " + r.cell.Durability.String() + ", one sync at the end",
	}
	r.cell.Phases = append(r.cell.Phases, phase)
	r.live = engine.Known(uint64(max(p.LiveDelta, 0)))
	return &Loaded{Phase: phase, Level: r.cell.Durability.String(), LiveBytes: uint64(max(p.LiveDelta, 0))}, p, nil
}

// phaseError returns why a phase cannot count: the first operation that went
// wrong, unless errors are counted, or the interruption.
func phaseError(p *PhaseResult, counted bool) error {
	if p.FirstError != nil && !counted {
		return p.FirstError
	}
	if p.Interrupted {
		return context.Canceled
	}
	return nil
}

// measureLoad makes the load itself the measured phase.
func (r *cellRun) measureLoad(ctx context.Context) error {
	timing := Timing{Every: 1, Chained: true} // a load times every insert so
	r.cell.Quality.Timing = timing.String()
	r.chooseHarnessCost(timing)
	r.live = engine.Known(0)
	r.startRecording()
	return r.measured(ctx, func(sampler func(Progress)) (*PhaseResult, error) {
		r.events.setPhase("measure")
		return r.loop.Load(ctx, Limits{Name: "measure", Timing: timing, Interval: r.spec.Interval, Progress: r.progress(sampler)})
	})
}

// measureRun warms up and then measures the mix.
func (r *cellRun) measureRun(ctx context.Context) error {
	if r.spec.Loaded == nil && r.spec.Workload.Records > 0 {
		if _, _, err := r.load(ctx, Timing{}); err != nil {
			return err
		}
	}
	if r.spec.Loaded != nil {
		// An engine that opens its files finds a log to replay, tables to merge:
		// what the load has left is not the workload's to pay for.
		if _, _, err := r.settle(ctx, r.spec.Settle, "after opening, before the warm-up"); err != nil {
			return err
		}
	}
	r.startRecording()
	timing, err := r.warmUp(ctx)
	if err != nil {
		return err
	}
	r.cell.Quality.Timing = timing.String()
	r.chooseHarnessCost(timing)
	limits := Limits{
		Name: "measure", Duration: r.spec.Duration, Operations: r.spec.Operations,
		Timing: timing, Interval: r.spec.Interval, Rate: r.spec.Rate, Arrival: r.spec.Arrival,
	}
	if l, ok := r.loop.(Preparer); ok {
		l.Prepare(limits)
	}
	var p *PhaseResult
	err = r.measured(ctx, func(sampler func(Progress)) (_ *PhaseResult, err error) {
		r.events.setPhase("measure")
		limits.Progress = r.progress(sampler)
		p, err = r.loop.Run(ctx, limits)
		return p, err
	})
	return errors.Join(err, r.audit(limits, p))
}

func addLive(live engine.Count, p *PhaseResult) engine.Count {
	n, ok := live.Value()
	if !ok || !p.LiveDeltaOK {
		return engine.Count{}
	}
	return engine.Known(uint64(max(int64(n)+p.LiveDelta, 0)))
}

// measured runs a phase between two readings of everything, and fills in the
// cell. It settles afterwards.
func (r *cellRun) measured(ctx context.Context, phase func(sampler func(Progress)) (*PhaseResult, error)) error {
	var before, after engine.Metrics
	stop, err := r.profile()
	if err != nil {
		return err
	}
	runtime.GC()
	resetPeakRSS()
	r.target.Metrics(&before)
	begin := r.since()
	samples := newProcessSeries(r)
	start, files, own, waits := samples.taken[0].stat, readFiles(r.files), r.ownWrites(), readWaits()
	p, err := phase(samples.sample)
	waitsEnd := readWaits()
	end := readProcess(r.device)
	filesEnd, ownEnd := readFiles(r.files), r.ownWrites()
	finish := r.since()
	r.target.Metrics(&after)
	stop()
	if err != nil {
		return err
	}
	r.cell.Metrics = after.Since(&before)
	r.cell.Debt.Start, r.cell.Debt.End = before.Work.DebtBytes, after.Work.DebtBytes
	r.fill(p, start, end)
	waitsEnd.into(&r.cell.CPU, waits)
	filesEnd.into(&r.cell.IO, files)
	r.cell.IO.OwnChars = engine.Known(ownEnd - own)
	samples.into(p.Series)
	r.cell.Phases = append(r.cell.Phases, results.Phase{
		Name: "measure", StartS: begin, EndS: finish, Ops: p.N(), OpsPerS: r.cell.OpsPerS, OK: p.FirstError == nil && !p.Interrupted,
		Note: strings.Join(r.loop.Notes(), "; "), Steady: r.test(p.Series),
	})
	r.emit(Message{Series: r.named(p.Series)})
	r.emit(Message{Hist: buckets(p)})
	if err := phaseError(p, r.spec.CountErrors); err != nil {
		r.finishIO()
		return err
	}
	debt, settled, err := r.settle(ctx, r.spec.Settle, "after the measured phase")
	r.cell.Debt.Settled, r.cell.Debt.SettleS, r.cell.Debt.TimedOut = debt.Settled, debt.SettleS, debt.TimedOut
	if settled {
		r.fillSettle(end, filesEnd, ownEnd)
	}
	r.finishIO()
	return err
}

// fillSettle takes over what was written since the end of the measured phase:
// background work does not wait for the figures to be reported.
func (r *cellRun) fillSettle(end processStat, files fileCounts, own uint64) {
	io, now := &r.cell.IO, readProcess("")
	io.SettleWriteBytes = now.writeBytes.Since(end.writeBytes)
	io.SettleCalls = now.writeCalls.Since(end.writeCalls)
	io.SettleFileBytes = readFiles(r.files).written(files)
	if chars, ok := now.writeChars.Since(end.writeChars).Value(); ok {
		io.SettleChars = engine.Known(chars - min(r.ownWrites()-own, chars))
	}
}

// ownWrites is how many bytes the harness has written in this process.
func (r *cellRun) ownWrites() (n uint64) {
	if r.deps.sent != nil {
		n = r.deps.sent.Load()
	}
	if r.recording != nil {
		n += r.recording.written.Load()
	}
	return n
}

// fill takes over what a phase and the process readings around it say.
func (r *cellRun) fill(p *PhaseResult, start, end processStat) {
	c := r.cell
	ops := p.N()
	if ops > 0 && p.Active > 0 {
		c.OpsPerS = results.Num(p.OpsPerS())
	}
	c.IO, c.CPU, c.Mem = end.since(start, ops)
	c.Mem.Harness = engine.Known(p.HarnessBytes)
	c.Stalls = p.Stalls
	c.Stalls.Engine = c.Metrics.Stall.Time
	c.IO.Fsyncs = c.Metrics.Log.Syncs
	var in, out, rows uint64
	scans := false
	for kind, op := range p.Ops {
		in += op.BytesIn
		out += op.BytesOut
		rows += op.Rows
		scans = scans || kind == workloads.Scan || kind == workloads.ReverseScan
		c.Ops[kind.String()] = &results.OpStats{
			N: op.N, OK: op.OK, NotFound: op.NotFound, Errors: op.Errors, Rows: op.Rows,
			Timed: op.Service.N(), Service: op.Service.Latency(), Response: op.Response.Latency(),
		}
	}
	c.IO.UserWrite, c.IO.UserRead = engine.Known(in), engine.Known(out)
	if scans && p.Active > 0 {
		c.RowsPerS = results.Num(float64(rows) / p.counted().Seconds())
	}
	c.Open = p.Open
	r.live = addLive(r.live, p)
	q := &c.Quality
	q.Verified, q.VerifiedFull = p.Verified, p.VerifiedFull
	q.HarnessNs, q.ClockNs = r.harness.of(p), r.harness.clock
	if q.HarnessNs != nil {
		busy := r.busyWorkers()
		if p.Open != nil { // Active leaves waiting out
			busy = r.cell.Load.Threads
		}
		perOp := float64(p.Active) * float64(busy) / float64(ops)
		q.HarnessShare = results.Num(min(*q.HarnessNs/perOp, 1))
	}
	if total := p.counted() + p.Refill; total > 0 {
		q.RefillShare = results.Num(float64(p.Refill) / float64(total))
	}
}

// finishIO reads what is on disk and derives the amplification.
func (r *cellRun) finishIO() {
	if r.cell.Engine.Caps != nil && r.cell.Engine.Caps.Persistent {
		r.cell.IO.DiskBytes = diskUsage(r.spec.Dir)
		r.cell.IO.LiveBytes = r.live
		r.cell.Amp = results.Amplify(r.cell.IO)
	}
}

// settle waits for background work, if the spec asks for it, most at the most;
// waited is false if it does not, or the target cannot tell.
func (r *cellRun) settle(ctx context.Context, most time.Duration, when string) (debt results.Debt, waited bool, err error) {
	if r.spec.Settle <= 0 {
		return debt, false, nil
	}
	r.events.setPhase("settle")
	begin := r.since()
	limit, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	r.emit(Message{Progress: &Progress{Phase: "settle"}})
	err = r.target.Settle(limit)
	debt.TimedOut = errors.Is(err, context.DeadlineExceeded)
	switch {
	case errors.Is(err, engine.ErrUnsupported):
		return debt, false, nil
	case err != nil && !debt.TimedOut:
		return debt, false, fmt.Errorf("settle: %w", err)
	}
	took := r.since() - begin
	debt.SettleS = results.Num(took)
	var m engine.Metrics
	r.target.Metrics(&m)
	debt.Settled = m.Work.DebtBytes
	r.cell.Phases = append(r.cell.Phases, results.Phase{Name: "settle", StartS: begin, EndS: begin + took, OK: !debt.TimedOut, Note: when})
	return debt, true, nil
}

// profile starts the profiles that the spec asks for; stop writes them.
func (r *cellRun) profile() (stop func(), err error) {
	if r.spec.Profile == "" {
		return func() {}, nil
	}
	f, err := os.Create(r.spec.Profile + ".cpu.pprof")
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("profile: %w", err)
	}
	return func() {
		pprof.StopCPUProfile()
		f.Close()
		if heap, err := os.Create(r.spec.Profile + ".heap.pprof"); err == nil {
			pprof.WriteHeapProfile(heap) //nolint:errcheck // a profile is an extra
			heap.Close()
		}
	}, nil
}

// progress returns a callback that reports to the parent and to also.
func (r *cellRun) progress(also func(Progress)) func(Progress) {
	return func(p Progress) {
		if also != nil {
			also(p)
		}
		r.emit(Message{Progress: &p})
	}
}

func (r *cellRun) named(rows []results.SeriesRow) []results.SeriesRow {
	for i := range rows {
		rows[i].Cell = r.cell.ID
	}
	return rows
}

func buckets(p *PhaseResult) map[string][]results.Bucket {
	all := make(map[string][]results.Bucket)
	add := func(name string, h *Histogram) {
		var list []results.Bucket
		h.Buckets(func(value, count uint64) {
			list = append(list, results.Bucket{Value: value, Count: count})
		})
		if len(list) > 0 {
			all[name] = list
		}
	}
	for kind, op := range p.Ops {
		add(kind.String(), &op.Service)
		add(kind.String()+results.HistResponse, &op.Response)
	}
	add(results.HistLag, &p.Lag)
	return all
}
