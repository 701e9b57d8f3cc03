package enginetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kvbench/kvbench/engine/vfs"
)

// checkpointsStay opens the copies that a history has made when it is over:
// what was written since does not show in them.
func checkpointsStay(b *rig) {
	deadline := time.Now().Add(budget(crashTime) + b.spare)
	n := 0
	for seed := firstSeed(); n < 3 || time.Now().Before(deadline); seed++ {
		r := rand.New(rand.NewPCG(seed, 12))
		settings := b.trialSettings(seed, r)
		h := drawHistory(r, &b.caps, shape{writers: 1 + r.IntN(2), steps: longSteps})
		for w := range h.steps {
			h.steps[w][r.IntN(longSteps)] = op{kind: opCheckpoint}
		}
		x := b.newTrial(vfs.NewMem(), settings, h, nil)
		err := x.perform()
		for k := 0; k < len(x.copies) && err == nil; k++ {
			n++
			err = x.readCopy(&x.copies[k])
		}
		if err != nil {
			b.Errorf("%s with %v, KVBENCH_SEED=%d: %v; the history:%v", b.d.Name, settings, seed, err, h)
			return
		}
	}
	b.Logf("%d checkpoints", n)
}

// readCopy opens a checkpoint and judges it.
func (x *trial) readCopy(f *fork) error {
	c := x.b.newTrial(x.mem, x.settings, x.h, nil)
	c.dir = f.where
	if err := c.open(); err != nil {
		return fmt.Errorf("checkpoint in %s: %w", f.where, err)
	}
	found, err := c.read()
	if err == nil {
		err = x.j.judge(found, f.span, all())
	}
	if err != nil {
		return fmt.Errorf("checkpoint in %s: %w", f.where, err)
	}
	return c.close()
}
