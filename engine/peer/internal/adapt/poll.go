package adapt

import (
	"context"
	"time"
)

// Poll calls look until background work is done, or ctx ends. Done means that
// two looks in a row say settled, since one job may start the next; or that
// nothing has been busy for a while, since a library may leave work undone
// that it reports.
func Poll(ctx context.Context, look func() (settled, busy bool)) error {
	const (
		step = 10 * time.Millisecond
		idle = 200 // steps
	)
	tick := time.NewTicker(step)
	defer tick.Stop()
	for settledFor, idleFor := 0, 0; ; {
		settled, busy := look()
		settledFor++
		idleFor++
		if !settled {
			settledFor = 0
		}
		if busy {
			idleFor = 0
		}
		if settledFor == 2 || idleFor == idle {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
