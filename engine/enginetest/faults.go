package enginetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func faultClauses() []clause {
	return []clause{
		{name: "a failing file operation is an error, never a loss or a wrong value", needs: onMem, run: failuresAreErrors},
		{name: "after a failed write the engine is read-only and says why", needs: onMem, run: failuresStay},
		{name: "a failed sync is never taken for done", needs: onMem, run: failedSyncs},
		{name: "a full disk is an error, and what is there stays readable", needs: onMem, run: fullDisk},
		{name: "an end at any file operation loses nothing, also when the power fails later", needs: onMem, run: suddenEnds},
	}
}

// changes are the calls that change a file system, or make that durable.
const changes = vfs.KindAny &^ (vfs.KindOpen | vfs.KindRead | vfs.KindList | vfs.KindStat | vfs.KindLock | vfs.KindMmap | vfs.KindClose)

// A misfortune is what to check in a loop of faults.
type misfortune struct {
	// stays: after a write that failed all others do, and say why.
	stays bool
	// lost: what a failed sync had to write is gone, so that only a power
	// loss is of interest.
	lost bool
}

const faultTime = 150 * time.Millisecond

func failuresAreErrors(b *rig) {
	plain := func(n int, r *rand.Rand) vfs.Rule {
		return vfs.Rule{Kind: vfs.KindAny, Nth: uint64(n), Err: syscall.EIO}
	}
	partial := func(n int, r *rand.Rand) vfs.Rule {
		x := vfs.Rule{Kind: changes, Nth: uint64(n), Err: syscall.ENOSPC}
		switch r.IntN(3) {
		case 0:
			x.Done = true
		case 1:
			x.Short = 1 + r.IntN(60)
		}
		return x
	}
	b.misfortunes(misfortune{}, plain, partial)
}

func failuresStay(b *rig) {
	b.misfortunes(misfortune{stays: true}, func(n int, r *rand.Rand) vfs.Rule {
		return vfs.Rule{Kind: changes, Nth: uint64(n), Err: syscall.EIO}
	})
}

func failedSyncs(b *rig) {
	b.misfortunes(misfortune{lost: true}, func(n int, r *rand.Rand) vfs.Rule {
		return vfs.Rule{Kind: vfs.KindSync, Nth: uint64(n), Err: syscall.EIO, Lost: true}
	})
}

func fullDisk(b *rig) {
	b.misfortunes(misfortune{stays: true}, func(n int, r *rand.Rand) vfs.Rule {
		return vfs.Rule{
			Kind: vfs.KindWrite | vfs.KindPreallocate, Err: syscall.ENOSPC,
			Budget: int64(1 + (n-1)*400 + r.IntN(400)),
		}
	})
}

func suddenEnds(b *rig) {
	b.misfortunes(misfortune{}, func(n int, r *rand.Rand) vfs.Rule {
		return vfs.Rule{Kind: vfs.KindAny, After: uint64(n - 1), Err: syscall.EIO}
	})
}

// misfortunes has a short history suffer each of the rules for every n that
// matters, and then others, until the time is over.
func (b *rig) misfortunes(m misfortune, rules ...func(n int, r *rand.Rand) vfs.Rule) {
	b.Helper()
	deadline := time.Now().Add(budget(faultTime) + b.spare)
	runs, fired := 0, uint64(0)
	for i, seed := 0, firstSeed(); i < len(rules) || time.Now().Before(deadline); i, seed = i+1, seed+1 {
		r := rand.New(rand.NewPCG(seed, 9))
		settings := b.trialSettings(seed, r)
		h := drawHistory(r, &b.caps, shape{writers: 1, steps: shortSteps, reopens: true})
		for n := 1; i < len(rules) || time.Now().Before(deadline); n++ {
			x := rules[seed%uint64(len(rules))](n, r)
			crash := r.Uint64()
			hits, err := b.suffer(m, settings, h, x, crash)
			if err != nil {
				b.reportFault(m, settings, h, x, crash, seed, err)
				return
			}
			if runs++; hits == 0 {
				break
			}
			fired += hits
		}
	}
	b.Logf("%d histories with faults, %d calls failed", runs, fired)
}

// reportFault looks for the shortest history that fails under the rule.
func (b *rig) reportFault(m misfortune, settings map[string]string, h *history, x vfs.Rule, crash, seed uint64, err error) {
	b.Helper()
	if !b.impatient {
		h.steps[0] = shrink(h.steps[0], time.Now().Add(shrinkTime), func(fewer []op) bool {
			_, e := b.suffer(m, settings, &history{[][]op{fewer}, h.levels, h.keys, h.length}, x, crash)
			if e != nil {
				err = e
			}
			return e != nil
		})
	}
	b.Errorf("%s with %v, KVBENCH_SEED=%d, on a file system with the fault %q: %v; the history:%v",
		b.d.Name, settings, seed, x, err, h)
}

// sufferer is a trial on a file system with faults.
type sufferer struct {
	*trial
	misfortune
	fault *vfs.Fault
	first error // of a write or of Sync
}

// suffer performs a history while the rule is in force, and then looks what is
// left: after a power loss, and when it is opened again without one. hits is
// how often the rule fired.
func (b *rig) suffer(m misfortune, settings map[string]string, h *history, x vfs.Rule, crash uint64) (hits uint64, err error) {
	s := &sufferer{trial: b.newTrial(vfs.NewMem(), settings, h, nil), misfortune: m}
	s.fault = vfs.NewFault(s.mem, x)
	s.fsys = s.fault
	closed, err := s.perform()
	if err != nil {
		return 0, err
	}
	hits = s.fault.Fired()
	s.fault.Set()
	for _, shot := range append(extremes()[:1], shot{seed: crash}) {
		f := fork{shot.of(s.mem), s.j.span(), "power loss after the last step, " + shot.String()}
		if err := s.examine(&f, storm{rule: rule{prefix: b.caps.PowerLossPrefix}}, 0, nil, &tally{}); err != nil {
			return hits, err
		}
	}
	if s.lost {
		return hits, nil
	}
	return hits, s.reopened(closed)
}

// perform opens, performs the steps and closes. closed says that nothing of
// this failed, so that everything must be in the directory. It is no error
// that steps fail as they may.
func (s *sufferer) perform() (closed bool, err error) {
	if err := s.open(); err != nil {
		return false, s.allowed("open", err)
	}
	for i, o := range s.h.steps[0] {
		answer := s.play(0, o)
		if err := s.took(o, answer); err != nil {
			return false, fmt.Errorf("step %d, %v: %w", i, o, err)
		}
		if o.kind == opReopen && answer != nil { // there is no engine any more
			return false, nil
		}
		if s.fault.Fired() == 0 {
			continue
		}
		if err := s.look(); err != nil {
			return false, fmt.Errorf("after step %d, %v, which returned %v: %w", i, o, answer, err)
		}
	}
	if err := s.close(); err != nil {
		return false, s.allowed("close", err)
	}
	return true, nil
}

// allowed returns nil if an error may be the fault's.
func (s *sufferer) allowed(what string, err error) error {
	if s.fault.Fired() == 0 || errors.Is(err, errPanic) {
		return fmt.Errorf("%s, without a fault: %w", what, err)
	}
	return nil
}

// took judges what a step returned.
func (s *sufferer) took(o op, err error) error {
	writing := o.writes() || o.kind == opSync
	if err == nil {
		if o.kind == opReopen { // it may write again
			s.first = nil
		}
		if s.stays && s.first != nil && writing {
			return fmt.Errorf("no error, though an earlier write had failed: %w", s.first)
		}
		return nil
	}
	if err := s.allowed("error", err); err != nil {
		return err
	}
	if !writing {
		return nil
	}
	if s.first == nil {
		s.first = err
		if !errors.Is(err, vfs.ErrInjected) {
			return fmt.Errorf("the error does not wrap that of the file system: %w", err)
		}
		return nil
	}
	if s.stays && (!errors.Is(err, engine.ErrReadOnly) || !errors.Is(err, vfs.ErrInjected)) {
		return fmt.Errorf("after a write that had failed the error must wrap ErrReadOnly and the cause, but is: %w", err)
	}
	if o.writes() && errors.Is(err, engine.ErrReadOnly) {
		s.j.unsaid(0)
	}
	return nil
}

// look reads while the rule is in force.
func (s *sufferer) look() error {
	found, err := s.read()
	if err != nil {
		if errors.Is(err, vfs.ErrInjected) { // it was a read that failed
			return nil
		}
		return err
	}
	return s.j.judge(found, s.j.span(), all())
}

// reopened opens the directory again, on the same kernel. What is there then
// must survive a power loss once Sync has returned.
func (s *sufferer) reopened(closed bool) error {
	s.fsys = s.mem
	if err := s.open(); err != nil {
		return fmt.Errorf("when the fault is over: %w", err)
	}
	found, err := s.read()
	if err != nil {
		return fmt.Errorf("when the fault is over: %w", err)
	}
	r := rule{prefix: true, least: engine.OS}
	if closed {
		r = all()
	}
	if err := s.j.judge(found, s.j.span(), r); err != nil {
		return fmt.Errorf("when the fault is over and it is open again: %w", err)
	}
	key, value := historyKey(0, 0), historyValue(0, 999, 0, 0)
	if err := s.e.Put([]byte(key), []byte(value), s.h.strongest()); err != nil {
		return fmt.Errorf("put when the fault is over: %w", err)
	}
	if err := s.e.Sync(); err != nil {
		return fmt.Errorf("sync when the fault is over: %w", err)
	}
	dark := s.b.newTrial(s.mem.Image(vfs.Synced), s.settings, s.h, nil)
	if err := s.close(); err != nil {
		return err
	}
	if err := dark.open(); err != nil {
		return fmt.Errorf("open after a fault, another open, Sync and a power loss: %w", err)
	}
	left, err := dark.read()
	if err != nil {
		return err
	}
	found[key] = value
	if !maps.Equal(left, found) {
		return fmt.Errorf("after a fault, another open, Sync and a power loss: %s",
			explainKeys(differing(found, left), found, left))
	}
	return dark.close()
}

// strongest is the highest level that the history uses.
func (h *history) strongest() engine.Durability { return h.levels[len(h.levels)-1] }
