package index

import "testing"

// The model is one entry and its reader, one atomic step at a time. The entry
// is in an overflow line; a writer moves it to the home line and unlinks the
// other, or splits the bucket, or does both in either order.

const (
	inHome = iota // lines
	inOver
	inNew
)

type protocol struct {
	at     [3]bool // lines whose slot has the entry
	low    [3]bool // lines whose lows for that slot are the entry's
	linked bool    // the overflow line
	split  bool    // count includes the new bucket
	moves  uint8

	pc     uint8 // of the writer
	reader struct {
		pc      uint8
		split   bool
		watched bool
		next    bool
		low     bool
		moves   uint8
		found   bool
		missed  bool
	}
}

// Writers' steps, by name, so that mutants can reorder them.
var protocolSteps = map[string]func(*protocol){
	"lows home": func(s *protocol) { s.low[inHome] = true },
	"copy home": func(s *protocol) { s.at[inHome] = true },
	"bump":      func(s *protocol) { s.moves++ },
	"clear":     func(s *protocol) { s.at[inOver] = false },
	"reuse":     func(s *protocol) { s.low[inOver] = false },
	"unlink":    func(s *protocol) { s.linked = false },
	"copy new":  func(s *protocol) { s.at[inNew], s.low[inNew] = true, true },
	"publish":   func(s *protocol) { s.split = true },
	"empty":     func(s *protocol) { s.at[inHome], s.at[inOver] = false, false },
}

// Mutants of the reader.
const (
	noF5      = "moves are not compared"
	noF6      = "the count is not compared"
	lowsFirst = "lows are read before next"
)

// readerStep is the next step of the reader, as in doc.go.
func (s *protocol) readerStep(mutant string) {
	r := &s.reader
	line := inHome
	if r.split {
		line = inNew
	}
	r.pc++
	switch r.pc {
	case 1:
		r.split = s.split
	case 2:
		if mutant == lowsFirst {
			r.low = s.low[line]
		}
	case 3:
		r.next = s.linked && !r.split
		r.watched = r.next
		if !r.watched {
			r.pc = 5
		}
	case 4:
		r.moves = s.moves
	case 5:
		r.next = s.linked && !r.split
	case 6:
		if mutant != lowsFirst {
			r.low = s.low[line]
		}
	case 7:
		r.found = r.low && s.at[line]
		if !r.next {
			r.pc = 9
		}
	case 8:
		r.low = s.low[inOver]
	case 9:
		r.found = r.found || r.low && s.at[inOver]
	case 10:
		if r.watched && r.moves != s.moves && mutant != noF5 {
			r.pc = 0
		}
	case 11:
		r.missed = !r.found
		if r.split != s.split && mutant != noF6 {
			r.pc, r.missed = 0, false
		}
	}
	if r.found {
		r.pc, r.missed = 11, false
	}
}

// misses explores all interleavings of the writer's steps with a reader.
func misses(writer []string, mutant string) bool {
	start := protocol{linked: true}
	start.at[inOver], start.low[inOver] = true, true
	seen := map[protocol]bool{start: true}
	for todo := []protocol{start}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if s.reader.missed {
			return true
		}
		visit := func(t protocol) {
			if !seen[t] {
				seen[t] = true
				todo = append(todo, t)
			}
		}
		if int(s.pc) < len(writer) {
			t := s
			protocolSteps[writer[s.pc]](&t)
			t.pc++
			visit(t)
		}
		if s.reader.pc < 11 {
			t := s
			t.readerStep(mutant)
			visit(t)
		}
	}
	return false
}

func TestNoInterleavingMissesAnEntryThatStays(t *testing.T) {
	for _, writer := range [][]string{
		{"lows home", "copy home", "bump", "clear", "unlink"},
		{"lows home", "copy home", "bump", "clear", "reuse"},
		{"copy new", "publish", "empty", "unlink"},
		{"lows home", "copy home", "bump", "clear", "unlink", "copy new", "publish", "empty"},
	} {
		if misses(writer, "") {
			t.Errorf("%v: missed", writer)
		}
	}
}

func TestEachRuleOfTheProtocolIsNeeded(t *testing.T) {
	move := []string{"lows home", "copy home", "bump", "clear", "unlink"}
	split := []string{"copy new", "publish", "empty", "unlink"}
	for name, c := range map[string]struct {
		writer []string
		mutant string
	}{
		noF5:                          {move, noF5},
		noF6:                          {split, noF6},
		lowsFirst:                     {move, lowsFirst},
		"clear before the move tells": {writer: []string{"lows home", "copy home", "clear", "bump", "unlink"}},
		"clear before copy":           {writer: []string{"lows home", "bump", "clear", "copy home", "unlink"}},
		"the word before its lows":    {writer: []string{"copy home", "bump", "lows home", "clear"}},
		"empty before publish":        {writer: []string{"copy new", "empty", "publish"}},
		"publish before copy":         {writer: []string{"publish", "copy new", "empty"}},
	} {
		if !misses(c.writer, c.mutant) {
			t.Errorf("%s: nothing is missed", name)
		}
	}
}
