package enginetest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/kvbench/kvbench/engine"
)

func iteratorClauses() []clause {
	return []clause{
		{name: "an iterator is unpositioned at birth", needs: ordered, run: unpositionedAtBirth},
		{name: "an iterator of an empty engine finds nothing", needs: ordered, run: emptyIterator},
		{name: "an iterator walks forwards", needs: ordered, run: walksForwards},
		{name: "an iterator walks backwards", needs: reverse, run: walksBackwards},
		{name: "backwards is ErrUnsupported without Reverse", needs: forwardOnly, run: backwardsRefused},
		{name: "SeekGE finds the first key at or after", needs: ordered, run: seeksGE},
		{name: "SeekLT finds the last key before", needs: reverse, run: seeksLT},
		{name: "bounds are [Lower, Upper)", needs: ordered, run: boundsHold},
		{name: "no key is below an empty upper bound", needs: ordered, run: emptyBounds},
		{name: "an iterator turns round anywhere", needs: reverse, run: turnsRound},
		{name: "an iterator runs off an end and comes back", needs: reverse, run: comesBack},
		{name: "an iterator keeps its own bounds and seek keys", needs: ordered, run: boundsAreCopied},
		{name: "an iterator leaves out what was deleted", needs: ordered, run: deletedAreLeftOut},
		{name: "an iterator walks many keys", needs: ordered, run: walksMany},
		{name: "closing an iterator is idempotent and ends it", needs: ordered, run: closedIterator},
	}
}

func forwardOnly(f *facts) bool { return f.Ordered && !f.Reverse }

// bdfh are the keys that most of these clauses walk; probes lie on, between
// and outside of them.
var (
	bdfh   = []pair{{"b", "1"}, {"d", "2"}, {"f", "3"}, {"h", "4"}}
	probes = []string{"a", "b", "b\x00", "c", "d", "e", "f", "g", "h", "h\x00", "i", "\x00", "\xff"}
)

func (b *rig) openWith(all []pair) *opened {
	b.Helper()
	e := b.open()
	for i := range all {
		p := all[(i*5+2)%len(all)]
		if len(all)%5 == 0 {
			p = all[len(all)-1-i]
		}
		e.put(p.key, p.value)
	}
	return e
}

// check does m on it and compares with what the oracle's does.
func check(t T, it engine.Iterator, want *oracleIter, m move, history func() string) bool {
	t.Helper()
	found := do(it, m)
	shouldFind := want.move(m)
	switch {
	case found != shouldFind:
		at := "nothing"
		if shouldFind {
			at = show([]byte(want.current().key))
		}
		t.Errorf("%s %s: found %v, want %s; err %v", history(), m, found, at, it.Err())
	case !found:
		if err := it.Err(); err != nil {
			t.Errorf("%s %s: %v", history(), m, err)
			return false
		}
		return true
	default:
		if got := current(t, it); got != want.current() {
			t.Errorf("%s %s: on %q, want %q", history(), m, got, want.current())
			return false
		}
		return true
	}
	return false
}

func do(it engine.Iterator, m move) bool {
	switch m.name {
	case "First":
		return it.First()
	case "Last":
		return it.Last()
	case "SeekGE":
		return it.SeekGE([]byte(m.key))
	case "SeekLT":
		return it.SeekLT([]byte(m.key))
	case "Next":
		return it.Next()
	}
	return it.Prev()
}

// walk checks a series of moves from birth.
func (e *opened) walk(lower, upper bound, o *oracle, moves ...move) {
	e.b.Helper()
	it := e.iter(engine.IterOptions{Lower: lower.bytes(), Upper: upper.bytes()})
	want := o.iter(lower, upper)
	for i, m := range moves {
		done := func() string { return fmt.Sprintf("[%s, %s) %s then", lower, upper, describe(moves[:i])) }
		if !check(e.b, it, want, m, done) {
			break
		}
	}
	if err := it.Close(); err != nil {
		e.b.Errorf("close: %v", err)
	}
}

func describe(moves []move) string {
	const last = 6
	var text []string
	if len(moves) > last {
		text = append(text, fmt.Sprintf("(%d moves)", len(moves)-last))
		moves = moves[len(moves)-last:]
	}
	for _, m := range moves {
		text = append(text, m.String())
	}
	return strings.Join(text, " ")
}

// moves parses a series such as "First Next SeekGE:d Prev".
func moves(text string) []move {
	var all []move
	for _, word := range strings.Fields(text) {
		name, key, _ := strings.Cut(word, ":")
		all = append(all, move{name, key})
	}
	return all
}

func unpositionedAtBirth(b *rig) {
	e := b.openWith(bdfh)
	o := &oracle{bdfh}
	e.walk(bound{}, bound{}, o, moves("Next Next Next Next Next Next")...)
	e.walk(bound{"c", true}, bound{}, o, moves("Next")...)
	if b.caps.Reverse {
		e.walk(bound{}, bound{}, o, moves("Prev Prev Prev Prev Prev Prev")...)
		e.walk(bound{}, bound{"f", true}, o, moves("Prev")...)
	}
}

func emptyIterator(b *rig) {
	e := b.open()
	for _, m := range []string{"First", "Next Next", "SeekGE:a Next", "SeekGE:"} {
		e.walk(bound{}, bound{}, &oracle{}, moves(m)...)
	}
	if b.caps.Reverse {
		for _, m := range []string{"Last", "Prev Prev", "SeekLT:z Prev Next", "First Prev Last Next"} {
			e.walk(bound{}, bound{}, &oracle{}, moves(m)...)
		}
	}
}

func walksForwards(b *rig) {
	e := b.openWith(bdfh)
	e.walk(bound{}, bound{}, &oracle{bdfh}, moves("First Next Next Next Next Next First Next")...)
	b.same("forwards", e.contents(), bdfh)
}

func walksBackwards(b *rig) {
	e := b.openWith(bdfh)
	e.walk(bound{}, bound{}, &oracle{bdfh}, moves("Last Prev Prev Prev Prev Prev Last Prev")...)
}

func backwardsRefused(b *rig) {
	e := b.openWith(bdfh)
	for _, m := range moves("Last SeekLT:z Prev") {
		it := e.iter(engine.IterOptions{})
		if do(it, m) {
			b.Errorf("%s stands on a key", m)
		}
		b.is(it.Err(), engine.ErrUnsupported, "%s", m)
		it.Close()
	}
}

func seeksGE(b *rig) {
	e := b.openWith(bdfh)
	for _, key := range append(probes, "") {
		m := []move{{"SeekGE", key}, {"Next", ""}, {"Next", ""}}
		e.walk(bound{}, bound{}, &oracle{bdfh}, m...)
	}
	e.walk(bound{}, bound{}, &oracle{bdfh}, moves("SeekGE:h SeekGE:a SeekGE:z SeekGE:d SeekGE:c Next")...)
}

func seeksLT(b *rig) {
	e := b.openWith(bdfh)
	for _, key := range append(probes, "") {
		m := []move{{"SeekLT", key}, {"Prev", ""}, {"Prev", ""}}
		e.walk(bound{}, bound{}, &oracle{bdfh}, m...)
	}
	e.walk(bound{}, bound{}, &oracle{bdfh}, moves("SeekLT:b SeekLT:i SeekLT:a SeekLT:e SeekLT:g Prev")...)
}

// boundsHold tries every pair of bounds, also empty and reversed ranges.
func boundsHold(b *rig) {
	e := b.openWith(bdfh)
	o := &oracle{bdfh}
	bounds := []bound{{}}
	for _, key := range probes {
		bounds = append(bounds, bound{key, true})
	}
	for _, lower := range bounds {
		for _, upper := range bounds {
			all := moves("First Next Next Next Next Next")
			for _, key := range probes {
				all = append(all, move{"SeekGE", key}, move{"Next", ""})
			}
			if b.caps.Reverse {
				all = append(all, moves("Last Prev Prev Prev Prev Prev Next First Prev Last Next Prev")...)
				for _, key := range probes {
					all = append(all, move{"SeekLT", key}, move{"Prev", ""})
				}
			}
			e.walk(lower, upper, o, all...)
		}
	}
}

// emptyBounds: only a nil bound is none. No key lies below an empty upper one.
func emptyBounds(b *rig) {
	e := b.openWith(bdfh)
	b.same("with an empty lower bound", forwards(b, e.iter(engine.IterOptions{Lower: []byte{}})), bdfh)
	it := e.iter(engine.IterOptions{Upper: []byte{}})
	b.same("with an empty upper bound", forwards(b, it), nil)
	if b.caps.Reverse && it.Last() {
		b.Errorf("Last stands on %q, below an empty upper bound", it.Key())
	}
	if r, ok := engine.As[engine.RangeDeleter](e.Engine); ok {
		b.ok(r.DeleteRange(nil, []byte{}, e.level), "delete range")
		var batch engine.Batch
		batch.DeleteRange(nil, []byte{})
		e.apply(&batch)
		b.same("after range deletes below an empty upper bound", e.contents(), bdfh)
	}
}

func turnsRound(b *rig) {
	e := b.openWith(bdfh)
	o := &oracle{bdfh}
	for _, text := range []string{
		"First Next Prev Next Next Prev Prev",
		"Last Prev Next Prev Prev Next Next",
		"SeekGE:d Prev Next Next Prev", "SeekGE:e Prev Prev Next", "SeekGE:d Next Prev Prev",
		"SeekLT:f Next Next Prev", "SeekLT:e Next Prev Prev", "SeekLT:d Prev Next Next",
		"First SeekLT:h Next Prev SeekGE:b Next",
	} {
		e.walk(bound{}, bound{}, o, moves(text)...)
		e.walk(bound{"c", true}, bound{"h", true}, o, moves(text)...)
	}
}

func comesBack(b *rig) {
	e := b.openWith(bdfh)
	o := &oracle{bdfh}
	for _, text := range []string{
		"Last Next Prev Prev", "Last Next Next Next Prev", "First Prev Next Next", "First Prev Prev Prev Next",
		"SeekGE:z Prev Prev", "SeekGE:z Next Prev", "SeekGE:z Next", "SeekLT:a Next Next", "SeekLT:a Prev Next",
		"SeekLT:a Prev", "First Prev Last Next Prev", "Last Next First Prev Next",
	} {
		e.walk(bound{}, bound{}, o, moves(text)...)
		e.walk(bound{"b", true}, bound{"f\x00", true}, o, moves(text)...)
		e.walk(bound{"c", true}, bound{"e", true}, o, moves(text)...)
		e.walk(bound{"x", true}, bound{"y", true}, o, moves(text)...)
	}
}

func boundsAreCopied(b *rig) {
	e := b.openWith(bdfh)
	lower, upper, key := []byte("c"), []byte("g"), []byte("d")
	it := e.iter(engine.IterOptions{Lower: lower, Upper: upper})
	spoil(lower)
	spoil(upper)
	b.same("in [c, g)", forwards(b, it), bdfh[1:3])
	if !it.SeekGE(key) {
		b.Fatalf("SeekGE: %v", it.Err())
	}
	spoil(key)
	if got := current(b, it); got != bdfh[1] {
		b.Errorf("on %q, want %q", got, bdfh[1])
	}
	if !it.Next() || current(b, it) != bdfh[2] {
		b.Errorf("the next key is not f")
	}
}

func deletedAreLeftOut(b *rig) {
	e := b.openWith(bdfh)
	e.remove("b")
	e.remove("f")
	o := &oracle{[]pair{{"d", "2"}, {"h", "4"}}}
	e.walk(bound{}, bound{}, o, moves("First Next Next SeekGE:a SeekGE:e SeekGE:f")...)
	if b.caps.Reverse {
		e.walk(bound{}, bound{}, o, moves("Last Prev Prev SeekLT:h SeekLT:g SeekLT:d")...)
	}
	e.put("f", "5")
	b.same("after f came back", e.contents(), []pair{{"d", "2"}, {"f", "5"}, {"h", "4"}})
	for _, k := range "dfh" {
		e.remove(string(k))
	}
	b.same("after all were deleted", e.contents(), nil)
}

// walksMany has enough keys that an engine's blocks, pages and buffers end in
// the middle of a walk.
func walksMany(b *rig) {
	var o oracle
	e := b.open()
	var batch engine.Batch
	const n = 3000
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
		key := fmt.Sprintf("key%05d", i)
		batch.Put([]byte(key), []byte(filled(i%90)))
		if batch.Len() == 100 {
			e.apply(&batch)
			batch.Reset()
		}
	}
	e.apply(&batch)
	for i := range n {
		o.pairs = append(o.pairs, pair{fmt.Sprintf("key%05d", i), filled(i % 90)})
	}
	b.same("forwards", e.contents(), o.pairs)
	all := []move{{"SeekGE", "key01234"}}
	step := func(name string, times int) {
		for range times {
			all = append(all, move{name, ""})
		}
	}
	step("Next", 700)
	if b.caps.Reverse {
		step("Prev", 900)
		step("Next", 50)
		all = append(all, move{"SeekLT", "key02900"})
		step("Prev", 2950)
		step("Next", 100)
	}
	e.walk(bound{}, bound{}, &o, all...)
	e.walk(bound{"key00500", true}, bound{"key02500", true}, &o, all...)
}

func closedIterator(b *rig) {
	e := b.openWith(bdfh)
	it := e.iter(engine.IterOptions{})
	if !it.First() {
		b.Fatalf("First: %v", it.Err())
	}
	for range 3 {
		b.ok(it.Close(), "close")
	}
	for _, text := range []string{"First", "Next", "SeekGE:a", "Last", "Prev", "SeekLT:z"} {
		m := moves(text)[0]
		if do(it, m) {
			b.Errorf("%s of a closed iterator stands on a key", m)
		}
		b.is(it.Err(), engine.ErrClosed, "%s", m)
	}
	e.put("k", "the engine goes on")
	e.wants("k", "the engine goes on")
}
