package bench

import (
	"context"
	"fmt"

	"github.com/kvbench/kvbench/workloads"
)

// LoadSeed orders shuffled loads. It is one for all runs: a load is shared by
// all repetitions.
const LoadSeed = 0x6c6f6164

// Load inserts the workload's records, in the order that it asks for, one
// write a record.
func (l *nativeLoop) Load(ctx context.Context, limits Limits) (*PhaseResult, error) {
	n := l.o.LoadThreads
	if n == 0 {
		n = l.o.Threads
	}
	var loaders []*worker
	defer func() { closeSessions(loaders) }()
	parts := make([]*workloads.Loader, n)
	limits.Operations = 0
	for i := range n {
		w, err := l.newWorker(i)
		if err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		loaders = append(loaders, w)
		if parts[i], err = l.o.Workload.NewLoader(LoadSeed, i, n); err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		limits.Operations += parts[i].Len()
	}
	r, err := l.phase(ctx, loaders, limits, func(w *worker, p *phaseRun) { w.runLoad(p, parts[w.id]) })
	for _, w := range l.workers { // they wait, but they are there
		r.HarnessBytes += w.memory()
	}
	return r, err
}

// runLoad inserts one worker's part, timing every insert.
func (w *worker) runLoad(p *phaseRun, part *workloads.Loader) {
	r := w.kinds[workloads.Insert]
	hist := w.rows.hist[workloads.Insert]
	nextRow := p.start + p.interval
	start := w.clock.now()
	now := start
	var done uint64
	for !p.stop.Load() {
		number, ok := part.Next()
		if !ok {
			break
		}
		r.N++
		err := w.put(r, number)
		t := w.clock.now()
		hist.Record(t - now)
		now = t
		done++
		w.rows.ops++
		w.done.Store(done)
		if err == nil {
			r.OK++
		} else if w.failed(r, workloads.Insert, err) != nil {
			break
		}
		if p.end > 0 && now >= p.end {
			break
		}
		if p.interval > 0 && now >= nextRow {
			w.rotate(p, now)
			hist = w.rows.hist[workloads.Insert]
			nextRow = p.start + (int64(w.rows.index)+1)*p.interval
			now = w.clock.now()
		}
	}
	w.active = w.clock.now() - start
	w.live = int64(r.BytesIn)
}
