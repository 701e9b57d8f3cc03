package btree

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/btree/page"
)

// A page that is evicted again and again before a view has looked at it is read
// for the view alone.
func TestAViewReadsForItselfWhatDoesNotStay(t *testing.T) {
	s := newSubject(t, map[string]string{"cache_bytes": "256k"})
	for i := range 4000 {
		s.put(t, fmt.Sprintf("%05d", i), strings.Repeat("v", 100))
	}
	snap, err := s.NewSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer closeIt(t, snap)
	v := view{tree: s.tree, at: snap.(*snapshot).hold.moment.At()}
	defer v.end()
	read := 0
	for id := page.ID(1); id <= s.pages.Len(); id++ {
		e := s.pages.Load(id)
		if e == 0 || e.Resident() {
			continue
		}
		p, err := v.bring(id, e, viewLoads)
		if err != nil || p == nil || s.pages.Load(id) != e {
			t.Fatalf("page %d: %d bytes, at %v then %v: %v", id, len(p), e, s.pages.Load(id), err)
		}
		alone := bytes.Clone(p)
		if p, err = v.page(id); err != nil || !bytes.Equal(p[page.HeaderBytes:], alone[page.HeaderBytes:]) {
			t.Fatalf("page %d differs from what was read alone: %v", id, err)
		}
		read++
	}
	if read == 0 {
		t.Error("no page is on disk alone")
	}
	older := view{tree: s.tree, at: 0}
	defer older.end()
	for id := page.ID(1); id <= s.pages.Len(); id++ {
		if e := s.pages.Load(id); e != 0 && !e.Resident() {
			if p, err := older.bring(id, e, viewLoads); p != nil || err != nil {
				t.Errorf("before all writes page %d has %d bytes: %v", id, len(p), err)
			}
			return
		}
	}
}

func TestCellsThatNobodyWroteAreRefused(t *testing.T) {
	chain := appendReference(nil, 7, 9000)
	for _, c := range []struct {
		flags   uint8
		payload []byte
		ok      bool
	}{
		{0, nil, true},
		{page.FlagExpires, make([]byte, 8), true},
		{page.FlagExpires, make([]byte, 7), false},
		{page.FlagOverflow, chain, true},
		{page.FlagOverflow, chain[1:], false},
		{page.FlagOverflow, append(chain[:len(chain):len(chain)], 0), false},
		{page.FlagOverflow, appendReference(nil, 0, 9000), false},
		{page.FlagOverflow, appendReference(nil, 7, maxValue+1), false},
		{page.FlagOverflow | page.FlagExpires, chain, false},
		{page.FlagOverflow | page.FlagExpires, append(make([]byte, 8), chain...), true},
		{4, nil, false},
	} {
		r, ok := parseRow(c.flags, c.payload)
		if ok != c.ok {
			t.Errorf("flags %d, payload %x: %v", c.flags, c.payload, ok)
		}
		if ok && r.chained && (r.first != 7 || r.length != 9000) {
			t.Errorf("flags %d, payload %x: page %d, %d bytes", c.flags, c.payload, r.first, r.length)
		}
	}
}
