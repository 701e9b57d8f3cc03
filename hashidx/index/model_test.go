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
	at     [3]bool // lines that have the entry
	linked bool    // the overflow line
	split  bool    // count includes the new bucket
	moves  uint8

	pc     uint8 // of the writer
	reader struct {
		pc      uint8
		split   bool
		watched bool
		next    bool
		moves   uint8
		found   bool
		missed  bool
	}
}

// Writers' steps, by name, so that mutants can reorder them.
var protocolSteps = map[string]func(*protocol){
	"copy home": func(s *protocol) { s.at[inHome] = true },
	"bump":      func(s *protocol) { s.moves++ },
	"clear":     func(s *protocol) { s.at[inOver] = false },
	"unlink":    func(s *protocol) { s.linked = false },
	"copy new":  func(s *protocol) { s.at[inNew] = true },
	"publish":   func(s *protocol) { s.split = true },
	"empty":     func(s *protocol) { s.at[inHome], s.at[inOver] = false, false },
}

// readerStep is the next step of the reader, as in doc.go.
func (s *protocol) readerStep(noF5, noF6 bool) {
	r := &s.reader
	r.pc++
	switch r.pc {
	case 1:
		r.split = s.split
	case 2:
		r.next = s.linked && !r.split
		r.watched = r.next
		if !r.watched {
			r.pc = 4
		}
	case 3:
		r.moves = s.moves
	case 4:
		r.next = s.linked && !r.split
	case 5:
		line := inHome
		if r.split {
			line = inNew
		}
		r.found = s.at[line]
		if !r.next {
			r.pc++
		}
	case 6:
		r.found = r.found || s.at[inOver]
	case 7:
		if r.watched && r.moves != s.moves && !noF5 {
			r.pc = 0
		}
	case 8:
		r.missed = !r.found
		if r.split != s.split && !noF6 {
			r.pc, r.missed = 0, false
		}
	}
	if r.found {
		r.pc, r.missed = 8, false
	}
}

// misses explores all interleavings of the writer's steps with a reader.
func misses(writer []string, noF5, noF6 bool) bool {
	start := protocol{linked: true}
	start.at[inOver] = true
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
		if s.reader.pc < 8 {
			t := s
			t.readerStep(noF5, noF6)
			visit(t)
		}
	}
	return false
}

func TestNoInterleavingMissesAnEntryThatStays(t *testing.T) {
	for _, writer := range [][]string{
		{"copy home", "bump", "clear", "unlink"},
		{"copy new", "publish", "empty", "unlink"},
		{"copy home", "bump", "clear", "unlink", "copy new", "publish", "empty"},
	} {
		if misses(writer, false, false) {
			t.Errorf("%v: missed", writer)
		}
	}
}

func TestEachRuleOfTheProtocolIsNeeded(t *testing.T) {
	move := []string{"copy home", "bump", "clear", "unlink"}
	split := []string{"copy new", "publish", "empty", "unlink"}
	for name, c := range map[string]struct {
		writer     []string
		noF5, noF6 bool
	}{
		"moves are not compared":      {writer: move, noF5: true},
		"the count is not compared":   {writer: split, noF6: true},
		"clear before the move tells": {writer: []string{"copy home", "clear", "bump", "unlink"}},
		"clear before copy":           {writer: []string{"bump", "clear", "copy home", "unlink"}},
		"empty before publish":        {writer: []string{"copy new", "empty", "publish"}},
		"publish before copy":         {writer: []string{"publish", "copy new", "empty"}},
	} {
		if !misses(c.writer, c.noF5, c.noF6) {
			t.Errorf("%s: nothing is missed", name)
		}
	}
}
