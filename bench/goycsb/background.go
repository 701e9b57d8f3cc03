package goycsb

import (
	"time"

	"github.com/kvbench/kvbench/bench"
)

// report starts the goroutine that calls limits.Progress every interval, and
// returns what ends it and waits for it. It reads only counters of the workers.
func (p *phase) report(limits bench.Limits) (stop func()) {
	if limits.Progress == nil || limits.Interval <= 0 {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(limits.Interval)
		defer ticker.Stop()
		var last bench.Progress
		for {
			select {
			case <-end:
				return
			case <-ticker.C:
				now := p.progress(limits)
				if d := now.Elapsed - last.Elapsed; d > 0 {
					now.Rate = float64(now.Ops-last.Ops) / d.Seconds()
				}
				limits.Progress(now)
				last = now
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

func (p *phase) progress(limits bench.Limits) bench.Progress {
	return bench.Progress{
		Phase: limits.Name, Elapsed: time.Duration(p.now() - p.start),
		Ops: p.operations(), Total: limits.Operations,
	}
}
