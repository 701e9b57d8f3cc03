package enginetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func crashClauses() []clause {
	prefix := func(f *facts) bool { return f.onMem && f.PowerLossPrefix }
	batch := func(f *facts) bool { return f.onMem && f.AtomicBatch }
	copies := func(f *facts) bool { return f.onMem && f.Checkpoint }
	return []clause{
		{name: "a power loss at every sync point keeps every synced write", needs: onMem, run: keepsSynced},
		{name: "a power loss leaves a prefix", needs: prefix, run: leavesPrefix},
		{name: "a batch survives a power loss whole or not at all", needs: batch, run: keepsBatchesWhole},
		{name: "an engine works on after a power loss", needs: onMem, run: worksOnAfterCrash},
		{name: "a crash during recovery loses nothing", needs: onMem, run: survivesTwoCrashes},
		{name: "a checkpoint stays what it was", needs: copies, run: checkpointsStay},
		{name: "a power loss amid many writers keeps what each was told", needs: onMem, run: manyWritersCrash},
	}
}

// onMem applies to engines that take their files from Env.FS.
func onMem(f *facts) bool { return f.onMem }

// A storm is a loop of crashes: histories of a shape, what to check, and how.
type storm struct {
	shape
	rule rule

	// whole wants all that is there to be of one batch.
	whole bool
	// goesOn writes after each crash, and opens again.
	goesOn bool
	// deep is how many crashes may follow each other.
	deep int
	// every is one in how many points is forked; 0 is all sync points, and
	// some others.
	every int
}

// tally counts what a loop did.
type tally struct{ histories, points, crashes, again int }

func (t tally) String() string {
	return fmt.Sprintf("%d histories, %d points, %d crashes, %d during recovery", t.histories, t.points, t.crashes, t.again)
}

const (
	crashTime = 150 * time.Millisecond

	// A short history is forked at all of its sync points.
	shortSteps, longSteps = 14, 120
)

func keepsSynced(b *rig) { b.storms(storm{shape: shape{writers: 1, reopens: true}}) }

func leavesPrefix(b *rig) {
	b.storms(storm{shape: shape{writers: 1, reopens: true}, rule: rule{prefix: true}})
}

func keepsBatchesWhole(b *rig) {
	b.storms(storm{shape: shape{writers: 1, wide: true, reopens: true}, whole: true})
}

func worksOnAfterCrash(b *rig) {
	b.storms(storm{shape: shape{writers: 1}, rule: rule{prefix: b.caps.PowerLossPrefix}, goesOn: true, deep: 0})
}

func survivesTwoCrashes(b *rig) {
	b.storms(storm{shape: shape{writers: 1}, rule: rule{prefix: b.caps.PowerLossPrefix}, goesOn: true, deep: 1})
}

func manyWritersCrash(b *rig) {
	b.storms(storm{shape: shape{writers: 3}, rule: rule{prefix: b.caps.PowerLossPrefix}, every: 8})
}

// storms runs a storm on short histories at every sync point, and on long ones
// at random points, until the time is over.
func (b *rig) storms(s storm) {
	b.Helper()
	deadline := time.Now().Add(budget(crashTime) + b.spare)
	var sum tally
	for seed := firstSeed(); sum.histories < 4-2*s.deep || time.Now().Before(deadline); seed++ {
		if !b.storm(s.variant(int(seed%variants)), seed, &sum) {
			return
		}
	}
	b.Logf("%v", sum)
}

// variant is the storm for one kind of history: even ones and others take
// turns, and so do short and long ones.
func (s storm) variant(n int) storm {
	s.even = n%2 == 1 && !s.wide
	s.steps = shortSteps
	long := n%4 >= 2
	switch {
	case s.writers > 1:
		s.steps = longSteps / s.writers
	case s.deep > 0: // what one crash leaves takes the next
		s.even = n%4 > 0
	case long:
		s.steps, s.every = longSteps, 16
	}
	return s
}

// storm runs one history. It reports what fails, with the shortest history
// found that does.
func (b *rig) storm(s storm, seed uint64, sum *tally) bool {
	b.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	settings := b.trialSettings(seed, r)
	h := drawHistory(r, &b.caps, s.shape)
	crashSeed := r.Uint64()
	t, err := b.strike(s, settings, h, crashSeed)
	sum.add(t)
	if err == nil {
		return true
	}
	if s.writers == 1 && !b.impatient {
		h.steps[0] = shrink(h.steps[0], time.Now().Add(shrinkTime), func(fewer []op) bool {
			_, e := b.strike(s, settings, &history{[][]op{fewer}, h.levels, h.keys, h.length}, crashSeed)
			if e != nil {
				err = e
			}
			return e != nil
		})
	}
	b.Errorf("%s with %v, KVBENCH_SEED=%d: %v; the history:%v", b.d.Name, settings, seed, err, h)
	return false
}

func (t *tally) add(u tally) {
	t.histories += u.histories
	t.points += u.points
	t.crashes += u.crashes
	t.again += u.again
}

// strike performs a history once and examines every fork of it.
func (b *rig) strike(s storm, settings map[string]string, h *history, seed uint64) (t tally, err error) {
	r := rand.New(rand.NewPCG(seed, 8))
	x := b.newTrial(vfs.NewMem(), settings, h, nil)
	if s.every == 0 {
		x.watch(everyPoint(r, 2, s.deep == 0))
	} else {
		x.watch(somePoints(r, s.every))
	}
	err = x.perform()
	x.mem.Watch(nil)
	t = tally{histories: 1, points: x.points}
	if err != nil {
		return t, err
	}
	// Random order, so that a mutant shows soon and a long run ends anywhere.
	for _, i := range r.Perm(len(x.forks)) {
		t.crashes++
		if err := x.examine(&x.forks[i], s, 0, r, &t); err != nil {
			return t, err
		}
	}
	return t, nil
}

// examine opens what a crash left and judges it.
func (x *trial) examine(f *fork, s storm, depth int, r *rand.Rand, t *tally) error {
	next := x.b.newTrial(f.mem, x.settings, x.h.emptied(), nil)
	if depth < s.deep {
		next.watch(somePoints(r, 20))
	}
	if err := next.open(); err != nil {
		return fmt.Errorf("%s: %w", f.where, err)
	}
	found, err := next.read()
	if err == nil {
		err = x.j.judge(found, f.span, s.rule)
	}
	if err == nil && s.whole {
		err = oneBatch(found)
	}
	next.j.base = found
	if err == nil && s.goesOn {
		err = next.goOn(continuation(x.h, depth, r), depth < s.deep)
	}
	if err == nil && next.e != nil {
		err = next.close()
	}
	next.mem.Watch(nil)
	if err != nil {
		return fmt.Errorf("%s: %w", f.where, err)
	}
	s.whole = false
	for i := range next.forks {
		t.again++
		if err := next.examine(&next.forks[i], s, depth+1, r, t); err != nil {
			return fmt.Errorf("%s; then %w", f.where, err)
		}
	}
	return nil
}

// goOn writes a little, closes and opens: all of it must be there. Where forks
// are wanted, one is made after each step, of all that was written: nothing of
// what the first crash has left may come back.
func (x *trial) goOn(steps []op, forks bool) error {
	for i, o := range steps {
		if err := x.play(0, o); err != nil {
			return fmt.Errorf("step %d after the crash, %v: %w", i, o, err)
		}
		if forks && o.kind != opReopen {
			x.keep(fork{x.mem.Image(vfs.Written), x.j.span(), fmt.Sprintf("kill after step %d", i)})
		}
	}
	found, err := x.read()
	if err != nil {
		return err
	}
	if err := x.j.judge(found, x.j.span(), all()); err != nil {
		return fmt.Errorf("after the crash it was written to, closed and opened: %w", err)
	}
	return nil
}

// continuation is what goOn does. Where a history is even it is so too: what
// it writes then ends where something else once began.
func continuation(h *history, depth int, r *rand.Rand) (steps []op) {
	weak, strong := uint64(h.levels[0]), uint64(h.levels[len(h.levels)-1])
	put := func(i int, level uint64) op {
		value := historyValue(0, 900+10*depth+i, 0, h.length)
		return op{kind: opPut, key: historyKey(0, i), value: value, level: level}
	}
	if h.length > 0 {
		for i := range 1 + r.IntN(4) {
			steps = append(steps, put(i, strong))
		}
		return append(steps, op{kind: opReopen})
	}
	return []op{
		put(0, strong),
		put(1, weak),
		{kind: opDelete, key: historyKey(0, 2), level: weak},
		{kind: opSync},
		put(3, weak),
		{kind: opReopen},
	}
}

// oneBatch wants nothing, or all keys of one batch. Where batches are wide
// they give every key a value with their number in it.
func oneBatch(found map[string]string) error {
	if len(found) == 0 {
		return nil
	}
	first, number := "", ""
	for key, value := range found {
		n, _, _ := strings.Cut(strings.TrimPrefix(value, "w"), "/")
		n = n[:strings.LastIndexByte(n, '.')]
		if first == "" {
			first, number = key, n
		}
		if n != number {
			return fmt.Errorf("%s is of batch %s, but %s of batch %s", first, number, key, n)
		}
	}
	if len(found) != historyKeys {
		return fmt.Errorf("%d keys of batch %s are there, want all %d", len(found), number, historyKeys)
	}
	return nil
}

// trialSettings are those of one history: all at their least, half of the
// time, else the run's own, or random ones.
func (b *rig) trialSettings(seed uint64, r *rand.Rand) map[string]string {
	var settings map[string]string
	switch seed % variants {
	case 0, 1, 2, 3, 6, 9:
		settings = leastSettings(&b.d)
	case 5, 7, 10:
		settings = randomSettings(&b.d, r)
	}
	for name, value := range b.tiny {
		if settings == nil {
			settings = map[string]string{}
		}
		settings[name] = value
	}
	e, err := b.d.Open(trialDir, b.with(settings), engine.Env{FS: vfs.NewMem()})
	if err != nil { // not together
		b.Logf("%s with %v: %v", b.d.Name, settings, err)
		return b.tiny
	}
	e.Close()
	return settings
}

// leastSettings has sizes and counts at their least, so that a few writes
// already rotate, flush and compact.
func leastSettings(d *engine.Driver) map[string]string {
	settings := map[string]string{}
	for _, s := range d.Settings {
		if s.Inapplicable == "" && s.Min > 0 && (s.Kind == engine.SizeSetting || s.Kind == engine.IntSetting) {
			settings[s.Name] = fmt.Sprint(s.Min)
		}
	}
	return settings
}
