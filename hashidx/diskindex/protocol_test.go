package diskindex

import "testing"

// The protocol of doc.go is one key, which is always there, one atomic step at
// a time: a writer moves it from place 1 to 2 to 4 to 8, a merge freezes and
// swaps at any time, and a reader looks for it. A set of places is their sum.
type protocol struct {
	added, removed [3]uint8 // of fronts
	files          [3]uint8 // file n is what front n-1 and file n-1 are together
	view           protocolView
	moves          uint8

	place  uint8 // of the key
	step   uint8 // of the writer in its Replace
	front  uint8 // that it writes to, once it has begun
	reader struct {
		step          uint8
		view          protocolView
		moves         uint8
		found, hidden bool
		missed        bool
	}
}

// A protocolView has the active front, the file, and between them the frozen
// front, if there is one: then active is file+1, else file.
type protocolView struct{ active, file uint8 }

// A mutant breaks a rule.
type mutant struct {
	replace     string // the order of R1, R2 and R3
	noF4        bool
	freezeInAll bool // while a writer is at work
}

// write is the writer's next step; false if there is none.
func (s *protocol) write(m mutant) bool {
	if s.place == 8 {
		return false
	}
	if s.step == 0 {
		s.front = s.view.active
	}
	a, next := s.front, s.place*2
	if s.step == 0 && s.added[a]&s.place != 0 {
		s.added[a] += next - s.place // one store
		s.place = next
		return true
	}
	switch m.replace[s.step] {
	case '1':
		s.added[a] |= next
	case '2':
		s.moves++
	case '3':
		s.removed[a] |= s.place
	}
	if s.step++; s.step == 3 {
		s.step, s.place = 0, next
	}
	return true
}

// merge is the next step of merges; false if there is none now.
func (s *protocol) merge(m mutant) bool {
	v := &s.view
	switch {
	case v.active > v.file:
		s.files[v.active] = s.files[v.file]&^s.removed[v.file] | s.added[v.file]
		v.file++
	case s.step != 0 && !m.freezeInAll || int(v.active) == len(s.added)-1:
		return false
	default:
		v.active++
	}
	return true
}

// read is the reader's next step.
func (s *protocol) read(m mutant) {
	r := &s.reader
	r.step++
	look := func(places uint8) {
		if hidden := places & s.removed[r.view.active]; hidden != 0 {
			r.hidden = true
			places -= hidden
		}
		r.found = r.found || places != 0
	}
	frozen := r.view.active > r.view.file
	switch r.step {
	case 1:
		r.view = s.view
	case 2:
		r.moves, r.hidden = s.moves, false
	case 3:
		r.found = s.added[r.view.active] != 0
	case 4:
		if frozen {
			look(s.added[r.view.file])
		}
	case 5:
		places := s.files[r.view.file]
		if frozen {
			places &^= s.removed[r.view.file]
		}
		look(places)
	case 6:
		r.missed = true
		if r.hidden && r.moves != s.moves && !m.noF4 {
			r.step, r.missed = 0, false
		}
	}
	if r.found {
		r.step, r.missed = 6, false
	}
}

// visible is where the key is, by the present view.
func (s *protocol) visible() uint8 {
	v := s.view
	base := s.files[v.file]
	if v.active > v.file {
		base = base&^s.removed[v.file] | s.added[v.file]
	}
	return base&^s.removed[v.active] | s.added[v.active]
}

// misses explores all interleavings: does a reader miss the key, or is it ever
// anywhere but at its place, with no writer at work?
func (m mutant) misses() bool {
	start := protocol{place: 1}
	start.files[0] = 1
	seen := map[protocol]bool{start: true}
	for todo := []protocol{start}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if s.reader.missed || s.step == 0 && s.visible() != s.place {
			return true
		}
		visit := func(s protocol) {
			if !seen[s] {
				seen[s] = true
				todo = append(todo, s)
			}
		}
		if next := s; next.write(m) {
			visit(next)
		}
		if next := s; next.merge(m) {
			visit(next)
		}
		if s.reader.step < 6 {
			s.read(m)
			visit(s)
		}
	}
	return false
}

func TestNoInterleavingMissesAKeyThatStays(t *testing.T) {
	if (mutant{replace: "123"}).misses() {
		t.Error("missed")
	}
}

func TestEachRuleOfTheProtocolIsNeeded(t *testing.T) {
	for name, m := range map[string]mutant{
		"moves are not compared":          {replace: "123", noF4: true},
		"hidden before moves tells":       {replace: "132"},
		"moves tells before it is there":  {replace: "213"},
		"hidden before the other is seen": {replace: "321"},
		"freeze does not wait":            {replace: "123", freezeInAll: true},
	} {
		if !m.misses() {
			t.Errorf("%s: nothing is missed", name)
		}
	}
}
