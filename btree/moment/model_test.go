package moment

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The model below is the algorithm of the package's comment, one atomic step
// at a time: readers that enter, try again and leave, a writer that runs
// groups and asks in them, with what it remembers, and somebody who lists what
// is live. explore visits every state that any interleaving can reach.

const (
	modelReaders = 2
	modelSlots   = 2
)

// A model is how many take part, and how they break the rules.
type model struct {
	readers int
	lives   uint8 // snapshots that each reader takes
	groups  uint8
	lists   bool
	mutant
}

// A mutant breaks one rule of the algorithm.
type mutant struct {
	noCheck, checkPublished       bool
	slotLate, raiseLate, noUndo   bool
	startLate, publishEarly       bool
	oneSlot, forgetNewest, frozen bool
	horizonLate, horizonAhead     bool
	listOneSlot                   bool
}

// Where a reader is: what it does next.
const (
	readerReads uint8 = iota
	readerRaises
	readerClaims
	readerChecks
	readerUndoes
	readerRaisesLate
	readerHolds
	readerDone
)

// Where the writer is.
const (
	writerRests uint8 = iota
	writerAsks        // whether newest is high enough
	writerRecalls
	writerScans
	writerKnows // bound is valid: no for all stamps >= bound
	writerStarts
)

// Where the lister is.
const (
	listerReads uint8 = iota
	listerScans
	listerReadsLate
	listerDone
)

type modelReader struct{ pc, n, slot, lives uint8 }

type modelWriter struct {
	pc, group, newest, at uint8
	top, slot             uint8 // of the scan under way; slot 0: none
	bound                 uint8
	seenNewest            uint8
	seenTop, seenSlot     uint8
}

type modelLister struct{ pc, x, at, found uint8 }

type modelState struct {
	published, started, newest uint8
	slots                      [modelSlots]uint8
	readers                    [modelReaders]modelReader
	writer                     modelWriter
	lister                     modelLister
}

// next calls f with every state that one step of one participant leads to.
func (m *model) next(s modelState, f func(step string, s modelState)) {
	for i := range m.readers {
		m.readerSteps(s, i, f)
	}
	m.writerSteps(s, f)
	if m.lists {
		m.listerStep(s, f)
	}
}

func (m *model) readerSteps(s modelState, i int, f func(string, modelState)) {
	r := &s.readers[i]
	say := func(format string, args ...any) {
		f(fmt.Sprintf("reader %d: ", i)+fmt.Sprintf(format, args...), s)
	}
	switch r.pc {
	case readerReads:
		r.n, r.pc = s.published, readerRaises
		if m.raiseLate {
			r.pc = readerClaims
		}
		say("reads that %d is published", r.n)
	case readerRaises:
		s.newest = max(s.newest, r.n+1)
		r.pc = readerClaims
		if m.slotLate {
			r.pc = readerChecks
		}
		say("raises newest")
	case readerClaims:
		m.claimSteps(s, i, f)
	case readerChecks:
		m.readerChecks(&s, r)
		say("checks again")
	case readerUndoes:
		if !m.noUndo && !m.slotLate {
			s.slots[r.slot] = 0
		}
		*r = modelReader{lives: r.lives}
		say("takes it back")
	case readerRaisesLate:
		s.newest = max(s.newest, r.n+1)
		r.pc = readerHolds
		say("raises newest, late")
	case readerHolds:
		s.slots[r.slot] = 0
		*r = modelReader{lives: r.lives + 1}
		if r.lives == m.lives {
			r.pc = readerDone
		}
		say("leaves")
	}
}

func (m *model) claimSteps(s modelState, i int, f func(string, modelState)) {
	for slot := range s.slots {
		if s.slots[slot] != 0 {
			continue
		}
		t := s
		r := &t.readers[i]
		t.slots[slot], r.slot = r.n+1, uint8(slot)
		switch {
		case m.slotLate, m.noCheck:
			r.pc = readerHolds
		default:
			r.pc = readerChecks
		}
		f(fmt.Sprintf("reader %d: takes slot %d for %d", i, slot, r.n), t)
	}
}

func (m *model) readerChecks(s *modelState, r *modelReader) {
	now := s.started
	if m.checkPublished {
		now = s.published
	}
	switch {
	case now != r.n:
		r.pc = readerUndoes
	case m.slotLate:
		r.pc = readerClaims
	case m.raiseLate:
		r.pc = readerRaisesLate
	default:
		r.pc = readerHolds
	}
}

func (m *model) writerSteps(s modelState, f func(string, modelState)) {
	w := &s.writer
	say := func(format string, args ...any) {
		f("writer: "+fmt.Sprintf(format, args...), s)
	}
	switch w.pc {
	case writerRests:
		if s.published == m.groups {
			return
		}
		w.group, w.pc = s.published+1, writerAsks
		if !m.startLate {
			s.started = w.group
		}
		if m.publishEarly {
			s.published = w.group
		}
		say("begins group %d", w.group)
	case writerStarts:
		s.started, w.pc = w.group, writerKnows
		say("says, late, that group %d has begun", w.group)
	case writerAsks, writerRecalls:
		m.writerAsks(s, f)
	case writerScans:
		m.writerScans(&s)
		say("looks at a slot")
	case writerKnows:
		t := s
		if !m.startLate {
			t.writer.pc = writerAsks
			f("writer: has another question", t)
		}
		s.published = s.started
		w.pc, w.bound = writerRests, 0
		say("ends group %d", w.group)
	}
}

func (m *model) writerAsks(s modelState, f func(string, modelState)) {
	w := &s.writer
	knows := writerKnows
	if m.startLate {
		knows = writerStarts
	}
	if w.pc == writerRecalls {
		w.pc, w.bound = knows, w.seenTop
		if w.seenSlot != 0 && s.slots[w.seenSlot-1] != w.seenTop ||
			m.forgetNewest && w.seenNewest == 0 {
			w.pc = writerScans
		}
		f(fmt.Sprintf("writer: recalls a bound of %d", w.seenTop), s)
		return
	}
	w.newest = s.newest
	t := s
	t.writer.bound, t.writer.pc = w.newest, knows
	f(fmt.Sprintf("writer: newest is %d; asks for a stamp not below", w.newest), t)
	w.pc = writerRecalls
	if w.newest != w.seenNewest && !m.forgetNewest && (!m.frozen || w.seenNewest == 0) {
		w.pc = writerScans
	}
	f(fmt.Sprintf("writer: newest is %d; asks for a stamp below", w.newest), s)
}

func (m *model) writerScans(s *modelState) {
	w := &s.writer
	if held := s.slots[w.at]; held > w.top {
		w.top, w.slot = held, w.at+1
	}
	w.at++
	if w.at < modelSlots && !m.oneSlot {
		return
	}
	w.seenNewest, w.seenTop, w.seenSlot = w.newest, w.top, w.slot
	w.bound, w.at, w.top, w.slot = w.top, 0, 0, 0
	w.pc = writerKnows
	if m.startLate {
		w.pc = writerStarts
	}
}

func (m *model) listerStep(s modelState, f func(string, modelState)) {
	l := &s.lister
	switch l.pc {
	case listerReads:
		l.x, l.pc = s.started, listerScans
		if m.horizonAhead {
			l.x = s.published + 1
		}
		f(fmt.Sprintf("lister: the horizon is %d", l.x), s)
	case listerScans:
		if held := s.slots[l.at]; held != 0 {
			l.found |= 1 << (held - 1)
		}
		l.at++
		if l.at == modelSlots || m.listOneSlot {
			l.pc = listerDone
			if m.horizonLate {
				l.pc = listerReadsLate
			}
		}
		f("lister: looks at a slot", s)
	case listerReadsLate:
		l.x, l.pc = s.started, listerDone
		f(fmt.Sprintf("lister: the horizon is %d", l.x), s)
	}
}

// broken says which promise s breaks, if any.
func (m *model) broken(s *modelState) string {
	resting := 0
	for i, r := range s.readers {
		if r.pc == readerReads || r.pc == readerDone {
			resting++
		}
		if r.pc != readerHolds {
			continue
		}
		if s.writer.pc != writerRests && r.n >= s.writer.group {
			return fmt.Sprintf("reader %d is at %d, which is not over", i, r.n)
		}
		if s.writer.pc == writerKnows && r.n >= s.writer.bound {
			return fmt.Sprintf("reader %d at %d is overlooked by a writer that knows of none at %d",
				i, r.n, s.writer.bound)
		}
		if s.lister.pc == listerDone && r.n < s.lister.x && s.lister.found>>r.n&1 == 0 {
			return fmt.Sprintf("reader %d at %d is not in the list below %d", i, r.n, s.lister.x)
		}
	}
	if resting == modelReaders && s.slots != [modelSlots]uint8{} {
		return "a slot is taken, and nobody is in it"
	}
	return ""
}

type visit struct {
	parent int
	step   string
	state  modelState
}

// explore returns the number of states, a shortest way to a broken promise if
// there is one, and whether some state had everybody done.
func (m *model) explore() (states int, failure string, done bool) {
	seen := map[modelState]bool{{}: true}
	visits := []visit{{parent: -1}}
	for at := 0; at < len(visits); at++ {
		s := visits[at].state
		if why := m.broken(&s); why != "" {
			return len(visits), trace(visits, at) + why, false
		}
		done = done || m.done(&s)
		m.next(s, func(step string, t modelState) {
			if !seen[t] {
				seen[t] = true
				visits = append(visits, visit{at, step, t})
			}
		})
	}
	return len(visits), "", done
}

func (m *model) done(s *modelState) bool {
	for _, r := range s.readers[:m.readers] {
		if r.pc != readerDone {
			return false
		}
	}
	return s.published == m.groups && (!m.lists || s.lister.pc == listerDone)
}

func trace(visits []visit, at int) string {
	var lines []string
	for ; visits[at].parent >= 0; at = visits[at].parent {
		lines = append([]string{visits[at].step}, lines...)
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestNoInterleavingOverlooksASnapshot(t *testing.T) {
	models := []model{
		{readers: 1, lives: 2, groups: 3, lists: true},
		{readers: 2, lives: 1, groups: 3},
	}
	if os.Getenv("KVBENCH_SOAK") != "" {
		models = append(models, model{readers: 2, lives: 2, groups: 3, lists: true})
	}
	for _, m := range models {
		states, failure, done := m.explore()
		if failure != "" {
			t.Fatalf("%+v: %s", m, failure)
		}
		if !done {
			t.Errorf("%+v: no interleaving comes to an end", m)
		}
		t.Logf("%+v: %d states", m, states)
	}
}

func TestEachRuleOfTheAlgorithmIsNeeded(t *testing.T) {
	for name, broken := range map[string]mutant{
		"enter without checking again":          {noCheck: true},
		"enter checks what is published":        {checkPublished: true},
		"the slot is set after the check":       {slotLate: true},
		"newest is raised after the check":      {raiseLate: true},
		"no taking back when the check fails":   {noUndo: true},
		"started is stored after looking":       {startLate: true},
		"a group is published before its end":   {publishEarly: true},
		"the writer looks at some slots only":   {oneSlot: true},
		"the writer remembers whatever newest":  {forgetNewest: true},
		"the writer looks once and never again": {frozen: true},
		"the horizon is read after the slots":   {horizonLate: true},
		"the horizon is ahead of what began":    {horizonAhead: true},
		"a list has some slots only":            {listOneSlot: true},
	} {
		t.Run(name, func(t *testing.T) {
			m := model{readers: 1, lives: 2, groups: 3, lists: true, mutant: broken}
			states, failure, _ := m.explore()
			if failure == "" {
				t.Fatalf("all %d states are fine", states)
			}
			t.Logf("found after %d states:\n%s", states, failure)
		})
	}
}
