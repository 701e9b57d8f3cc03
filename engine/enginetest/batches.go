package enginetest

import (
	"fmt"

	"github.com/kvbench/kvbench/engine"
)

func batchClauses() []clause {
	return []clause{
		{name: "a batch does all of its ops", run: batchDoesAll},
		{name: "the later op of a batch wins", run: laterOpWins},
		{name: "an empty batch is no error", run: emptyBatch},
		{name: "a batch may be applied again and reused", run: batchIsReusable},
		{name: "a refused batch has no effect", run: refusedBatch},
		{name: "a batch with a range delete is refused without the role", needs: noRangeDelete, run: rangeDeleteRefused},
		{name: "a range delete makes a range absent", needs: rangeDelete, run: rangeDeletes},
		{name: "a range delete in a batch acts in its place", needs: rangeDelete, run: rangeDeleteInBatch},
	}
}

func noRangeDelete(f *facts) bool { return !f.RangeDelete }

func batchDoesAll(b *rig) {
	e := b.open()
	e.put("gone", "v")
	var batch engine.Batch
	var want []pair
	for i := range 500 {
		p := pair{fmt.Sprintf("key%03d", i), fmt.Sprint("value", i)}
		batch.Put([]byte(p.key), []byte(p.value))
		want = append(want, p)
	}
	batch.Delete([]byte("gone"))
	e.apply(&batch)
	e.misses("gone")
	e.holds(want)
}

func laterOpWins(b *rig) {
	e := b.open()
	e.put("c", "old")
	e.put("d", "old")
	var batch engine.Batch
	batch.Put([]byte("a"), []byte("1"))
	batch.Put([]byte("a"), []byte("2"))
	batch.Put([]byte("b"), []byte("1"))
	batch.Delete([]byte("b"))
	batch.Delete([]byte("c"))
	batch.Put([]byte("c"), []byte("3"))
	batch.Put([]byte("d"), []byte("4"))
	batch.Delete([]byte("d"))
	batch.Put([]byte("d"), []byte("5"))
	batch.Delete([]byte("d"))
	e.apply(&batch)
	e.misses("b")
	e.misses("d")
	e.holds([]pair{{"a", "2"}, {"c", "3"}})
}

func emptyBatch(b *rig) {
	e := b.open()
	e.put("k", "v")
	e.apply(&engine.Batch{})
	var batch engine.Batch
	batch.Put([]byte("k"), []byte("changed"))
	batch.Reset()
	e.apply(&batch)
	e.holds([]pair{{"k", "v"}})
}

func batchIsReusable(b *rig) {
	e := b.open()
	var batch engine.Batch
	batch.Put([]byte("a"), []byte("1"))
	e.apply(&batch)
	e.remove("a")
	e.apply(&batch)
	e.wants("a", "1")
	batch.Put([]byte("b"), []byte("2"))
	e.apply(&batch)
	batch.Reset()
	batch.Put([]byte("c"), []byte("3"))
	e.apply(&batch)
	e.holds([]pair{{"a", "1"}, {"b", "2"}, {"c", "3"}})
}

func refusedBatch(b *rig) {
	e := b.open()
	e.put("a", "1")
	bad := map[string]func(*engine.Batch){
		"an empty key at the end": func(x *engine.Batch) { x.Put(nil, []byte("v")) },
		"an empty key to delete":  func(x *engine.Batch) { x.Delete(nil) },
	}
	for what, add := range bad {
		var batch engine.Batch
		batch.Put([]byte("a"), []byte("changed"))
		batch.Put([]byte("b"), []byte("new"))
		batch.Delete([]byte("a"))
		add(&batch)
		batch.Put([]byte("c"), []byte("new"))
		if err := e.Apply(&batch, e.level); err == nil {
			b.Errorf("%s: no error", what)
		}
		for _, key := range []string{"b", "c"} {
			e.misses(key)
		}
		e.holds([]pair{{"a", "1"}})
	}
	e.put("a", "still writable")
}

func rangeDeleteRefused(b *rig) {
	e := b.open()
	e.put("a", "1")
	var batch engine.Batch
	batch.Put([]byte("a"), []byte("changed"))
	batch.DeleteRange([]byte("a"), []byte("b"))
	b.is(e.Apply(&batch, e.level), engine.ErrUnsupported, "apply")
	e.holds([]pair{{"a", "1"}})
}

// rangeCases are ranges and which of the keys a..e, with a\xff and e\xff, stay.
var rangeCases = []struct {
	lower, upper string
	noUpper      bool
	stay         string
}{
	{lower: "b", upper: "d", stay: "ade"},
	{lower: "a", upper: "a", stay: "abcde"},
	{lower: "d", upper: "b", stay: "abcde"},
	{lower: "aa", upper: "cc", stay: "ade"},
	{lower: "", upper: "c", stay: "cde"},
	{lower: "c", noUpper: true, stay: "ab"},
	{lower: "", noUpper: true, stay: ""},
	{lower: "f", upper: "z", stay: "abcde"},
	{lower: "a", upper: "b\x00", stay: "cde"},
	{lower: "e", upper: "e\x00", stay: "abcd"},
}

func rangeDeletes(b *rig) {
	e := b.open()
	r := role[engine.RangeDeleter](e)
	for _, c := range rangeCases {
		for _, k := range "abcde" {
			e.put(string(k), "v")
		}
		upper := []byte(c.upper)
		if c.noUpper {
			upper = nil
		}
		b.ok(r.DeleteRange([]byte(c.lower), upper, e.level), "delete range")
		for _, k := range "abcde" {
			if containsRune(c.stay, k) {
				e.wants(string(k), "v")
			} else {
				e.misses(string(k))
			}
		}
		e.holds(pairsOf(c.stay, "v"))
	}
	e.put("b", "again")
	e.wants("b", "again")
}

func rangeDeleteInBatch(b *rig) {
	e := b.open()
	for _, k := range "abcde" {
		e.put(string(k), "old")
	}
	var batch engine.Batch
	batch.Put([]byte("b"), []byte("before"))
	batch.DeleteRange([]byte("b"), []byte("d"))
	batch.Put([]byte("c"), []byte("after"))
	batch.DeleteRange([]byte("e"), nil)
	batch.Put([]byte("f"), []byte("after"))
	e.apply(&batch)
	e.misses("b")
	e.misses("e")
	e.holds([]pair{{"a", "old"}, {"c", "after"}, {"d", "old"}, {"f", "after"}})
}

func containsRune(s string, r rune) bool {
	for _, c := range s {
		if c == r {
			return true
		}
	}
	return false
}

func pairsOf(keys, value string) []pair {
	all := []pair{}
	for _, k := range keys {
		all = append(all, pair{string(k), value})
	}
	return all
}
