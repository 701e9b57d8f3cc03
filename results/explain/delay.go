package explain

import (
	"fmt"
	"math"
	"slices"

	"github.com/kvbench/kvbench/results"
)

const (
	runDelay  = "run delay"
	mutexWait = "mutex wait"
	schedWait = "scheduler wait"
)

// A delay is time that threads or goroutines stood still, measured over the
// whole process: background work's delays are in it, and may have held up no
// operation.
type delay struct {
	counter string
	seconds func(*results.Cell) *float64
}

func delays() []delay {
	return []delay{
		{runDelay, func(c *results.Cell) *float64 { return c.CPU.RunDelayS }},
		{mutexWait, func(c *results.Cell) *float64 { return c.CPU.MutexWaitS }},
		{schedWait, func(c *results.Cell) *float64 { return c.CPU.SchedWaitS }},
	}
}

func isDelay(counter string) bool {
	return slices.ContainsFunc(delays(), func(d delay) bool { return d.counter == counter })
}

func delayCauses() []cause {
	var all []cause
	for _, d := range delays() {
		all = append(all, cause{
			part: partWait, charged: (*side).charged,
			ways: []way{{d.counter, "ns/op", secondsPerOp(d.seconds)}},
		})
	}
	return all
}

// delayed is an operation's share of all delays, as far as they are known;
// known is false when none is.
func (s *side) delayed() (ns float64, known bool) {
	for _, d := range delays() {
		if x := s.median(secondsPerOp(d.seconds)); x != nil {
			ns += *x
			known = true
		}
	}
	return ns, known
}

// charged is the share of the delays that counts: all of them, or what comes
// to the wait that stalls have left. Which delays were those of background
// work is not known; all are cut alike.
func (s *side) charged() float64 {
	all, _ := s.delayed()
	room, _, _ := s.busy()
	if wait := s.parts(room)[partWait]; wait != nil {
		room = *wait
	}
	if stalls := s.median(stallNs); stalls != nil {
		room -= *stalls
	}
	if room = max(room, 0); all <= room {
		return 1
	}
	return room / all
}

// noteDelays says what is charged of the delays when it is not all.
func (s *side) noteDelays(who string) []string {
	const whole = 0.995
	share := s.charged()
	if share > whole {
		return nil
	}
	all, _ := s.delayed()
	return []string{fmt.Sprintf(
		"%sdelays of all threads and goroutines come to %s an operation, of which %s is charged, for it waited no longer; the rest overlaps or is background work's, as some of what is charged may be",
		who, ns(all), ns(all*share))}
}

// noteWaits says what waiting may be.
func (x *Explanation) noteWaits(a, b *side, waitA, waitB *float64) {
	if slices.ContainsFunc(x.Terms, func(t Term) bool { return isDelay(t.Counter) }) {
		x.Notes = append(x.Notes, a.noteDelays(a.label+": ")...)
		x.Notes = append(x.Notes, b.noteDelays(b.label+": ")...)
	}
	for _, t := range x.Terms {
		if t.Counter == runDelay && t.Share != nil && math.Abs(*t.Share) >= leastShare {
			x.note("run delay is waiting for processors that other programs or the process's own threads were using: on a machine that does nothing else the gap may be another")
		}
	}
	const much = 1. / 3
	switch {
	case waitA == nil || waitB == nil:
	case *waitA < 0 || *waitB < 0:
		x.note("waiting below zero: background work ran on processors beside the operations")
	case *waitA <= much*x.NsA || *waitB <= much*x.NsB || x.Setup.Regime == results.RegimeSync:
	default:
		delayA, knownA := a.delayed()
		delayB, knownB := b.delayed()
		switch {
		case !knownA || !knownB:
			x.note("both sides waited for more than a third of the time: for locks or disks, or for processors that other programs used")
		case delayA < *waitA/2 && delayB < *waitB/2:
			x.note("both sides waited for more than a third of the time, and mostly not for processors or mutexes: for disks, or for other goroutines")
		}
	}
}
