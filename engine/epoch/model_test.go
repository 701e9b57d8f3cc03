package epoch

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The model below is the algorithm, one atomic step at a time: readers, each
// of which picks any of two stripes at each try to pin, a writer that replaces
// an object, goroutines that advance, and frees at any moment that allows
// them. explore visits every state that any interleaving can reach.

const (
	modelReaders   = 2
	modelStripes   = 2
	modelAdvancers = 2
	modelObjects   = 3
)

// A model is how many take part, and how they break the rules.
type model struct {
	readers, advancers, retired int
	epochs                      uint8 // nobody advances beyond
	mutant
}

// Where a reader is: what it does next.
const (
	readEpoch uint8 = iota
	publish
	recheck
	undo
	load
	use // it holds an object
	unpin
	done
)

// Where the writer is with its object.
const (
	writerUnlink uint8 = iota
	writerTag
	writerDone
)

type modelReader struct{ pc, epoch, stripe, object uint8 }

type modelAdvancer struct{ epoch, scanned, started uint8 }

type modelState struct {
	epoch     uint8
	count     [modelStripes][2]int8
	linked    uint8 // the object that readers reach
	readers   [modelReaders]modelReader
	writer    uint8
	early     uint8 // the epoch that a mutant read too early
	advancers [modelAdvancers]modelAdvancer
	tag       [modelObjects]uint8 // 1 + the epoch of Retire; 0: not retired
	freed     [modelObjects]bool
}

// A mutant breaks one rule of the algorithm.
type mutant struct {
	noRecheck, noUndo       bool
	oneStripe, wrongParity  bool
	blindStore, lateEpoch   bool
	ripeEarly, tagTooEarly  bool
	unpinEarly, parityFixed bool
}

// next calls f with every state that one step of one participant leads to.
func (m *model) next(s modelState, f func(step string, s modelState)) {
	for i := range m.readers {
		m.readerSteps(s, i, f)
	}
	m.writerStep(s, f)
	for i := range m.advancers {
		m.advancerStep(s, i, f)
	}
	ripe := uint8(ripeAfter)
	if m.ripeEarly {
		ripe--
	}
	for i, tag := range s.tag {
		if tag > 0 && !s.freed[i] && tag-1+ripe <= s.epoch {
			t := s
			t.freed[i] = true
			f(fmt.Sprintf("free object %d", i), t)
		}
	}
}

func (m *model) readerSteps(s modelState, i int, f func(string, modelState)) {
	r := &s.readers[i]
	say := func(format string, args ...any) {
		f(fmt.Sprintf("reader %d: ", i)+fmt.Sprintf(format, args...), s)
	}
	count := &s.count[r.stripe][r.epoch&1]
	switch r.pc {
	case readEpoch:
		r.epoch, r.pc = s.epoch, publish
		for stripe := range uint8(modelStripes) {
			r.stripe = stripe
			say("reads epoch %d, picks stripe %d", r.epoch, stripe)
		}
	case publish:
		*count++
		r.pc = recheck
		if m.noRecheck {
			r.pc = load
		}
		say("publishes")
	case recheck:
		r.pc = load
		if s.epoch != r.epoch {
			r.pc = undo
		}
		say("checks again")
	case undo:
		if !m.noUndo {
			*count--
		}
		*r = modelReader{}
		say("takes it back")
	case load:
		r.object, r.pc = s.linked, use
		if m.unpinEarly {
			*count--
		}
		say("reaches object %d", r.object)
	case use:
		r.pc = unpin
		say("has used it")
	case unpin:
		if !m.unpinEarly {
			*count--
		}
		*r = modelReader{pc: done}
		say("unpins")
	}
}

func (m *model) writerStep(s modelState, f func(string, modelState)) {
	switch s.writer {
	case writerUnlink:
		s.early = 0
		if m.tagTooEarly {
			// Both orders of the two reads are one step apart, so let the
			// early one be any epoch that was.
			for e := range s.epoch + 1 {
				s.early = e
				t := s
				t.linked++
				t.writer = writerTag
				f(fmt.Sprintf("writer: unlinks object %d, having read epoch %d", s.linked, e), t)
			}
			return
		}
		s.linked++
		s.writer = writerTag
		f(fmt.Sprintf("writer: unlinks object %d", s.linked-1), s)
	case writerTag:
		e := s.epoch
		if m.tagTooEarly {
			e = s.early
		}
		s.tag[s.linked-1] = e + 1
		s.writer, s.early = writerUnlink, 0
		if int(s.linked) == m.retired {
			s.writer = writerDone
		}
		f(fmt.Sprintf("writer: retires object %d in epoch %d", s.linked-1, e), s)
	}
}

func (m *model) advancerStep(s modelState, i int, f func(string, modelState)) {
	a := &s.advancers[i]
	say := func(text string) { f(fmt.Sprintf("advancer %d: %s", i, text), s) }
	stripes := uint8(modelStripes)
	if m.oneStripe {
		stripes--
	}
	switch {
	case a.started == 0:
		if s.epoch < m.epochs {
			*a = modelAdvancer{epoch: s.epoch, started: 1}
			say("reads the epoch")
		}
	case a.scanned < stripes:
		parity := (a.epoch + 1) & 1
		if m.wrongParity {
			parity ^= 1
		}
		if m.parityFixed {
			parity = 0
		}
		if s.count[a.scanned][parity] != 0 {
			*a = modelAdvancer{}
			say("sees a reader")
			return
		}
		a.scanned++
		say("sees a stripe without readers")
	default:
		switch {
		case m.blindStore:
			s.epoch = a.epoch + 1
		case m.lateEpoch && s.epoch < m.epochs:
			s.epoch++
		case s.epoch == a.epoch:
			s.epoch++
		}
		*a = modelAdvancer{}
		say("moves on")
	}
}

// broken says which promise s breaks, if any.
func broken(s *modelState) string {
	resting := 0
	for i, r := range s.readers {
		if r.pc == use && s.freed[r.object] {
			return fmt.Sprintf("reader %d uses object %d, which is free", i, r.object)
		}
		if r.pc == readEpoch || r.pc == publish || r.pc == done {
			resting++
		}
	}
	if resting == modelReaders && s.count != [modelStripes][2]int8{} {
		return "a counter says that somebody is pinned, and nobody is"
	}
	return ""
}

type visit struct {
	parent int
	step   string
	state  modelState
}

// explore returns the number of states, a shortest way to a broken promise if
// there is one, and whether some state had everything freed after all readers
// were done.
func (m *model) explore() (states int, failure string, drained bool) {
	seen := map[modelState]bool{{}: true}
	visits := []visit{{parent: -1}}
	var all [modelObjects]bool
	for i := range m.retired {
		all[i] = true
	}
	for at := 0; at < len(visits); at++ {
		s := visits[at].state
		if why := broken(&s); why != "" {
			return len(visits), trace(visits, at) + why, false
		}
		drained = drained || s.freed == all && s.allDone(m.readers)
		m.next(s, func(step string, t modelState) {
			if !seen[t] {
				seen[t] = true
				visits = append(visits, visit{at, step, t})
			}
		})
	}
	return len(visits), "", drained
}

func trace(visits []visit, at int) string {
	var lines []string
	for ; visits[at].parent >= 0; at = visits[at].parent {
		lines = append([]string{visits[at].step}, lines...)
	}
	return strings.Join(lines, "\n") + "\n"
}

// allDone reports whether the first n readers have pinned and unpinned.
func (s *modelState) allDone(n int) bool {
	for _, r := range s.readers[:n] {
		if r.pc != done {
			return false
		}
	}
	return true
}

func TestNoInterleavingFreesWhatAReaderUses(t *testing.T) {
	models := []model{
		{readers: 1, advancers: 2, retired: 1, epochs: 5},
		{readers: 1, advancers: 1, retired: 2, epochs: 6},
		{readers: 2, advancers: 1, retired: 1, epochs: 4},
	}
	if os.Getenv("KVBENCH_SOAK") != "" {
		// A minute and 10 GB.
		models = append(models, model{readers: 2, advancers: 2, retired: 2, epochs: 5})
	}
	for _, m := range models {
		states, failure, drained := m.explore()
		if failure != "" {
			t.Fatalf("%+v: %s", m, failure)
		}
		if !drained {
			t.Errorf("%+v: no interleaving frees everything", m)
		}
		t.Logf("%+v: %d states", m, states)
	}
}

func TestEachRuleOfTheAlgorithmIsNeeded(t *testing.T) {
	for name, broken := range map[string]mutant{
		"pin without checking again":          {noRecheck: true},
		"no taking back of a stale pin":       {noUndo: true},
		"advance looks at some stripes only":  {oneStripe: true},
		"advance looks at its own parity":     {wrongParity: true},
		"advance looks at one parity only":    {parityFixed: true},
		"advance stores without comparing":    {blindStore: true},
		"advance from an epoch not looked at": {lateEpoch: true},
		"free after one advance":              {ripeEarly: true},
		"the epoch is read before unlinking":  {tagTooEarly: true},
		"unpin before the last use":           {unpinEarly: true},
	} {
		t.Run(name, func(t *testing.T) {
			m := model{readers: 1, advancers: 2, retired: 1, epochs: 5, mutant: broken}
			states, failure, _ := m.explore()
			if failure == "" {
				t.Fatalf("all %d states are fine", states)
			}
			t.Logf("found after %d states:\n%s", states, failure)
		})
	}
}
