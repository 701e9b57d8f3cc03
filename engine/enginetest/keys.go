package enginetest

import (
	"errors"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine"
)

func keyClauses() []clause {
	return []clause{
		{name: "keys that share a prefix are different keys", run: prefixesDiffer},
		{name: "keys are ordered bytewise", needs: ordered, run: keysAreOrdered},
		{name: "an empty key is refused", run: emptyKeyIsRefused},
		{name: "a key of MaxKey bytes is stored", run: longestKeyIsStored},
		{name: "a key of over MaxKey bytes is refused", needs: hasMaxKey, run: longerKeyIsRefused},
		{name: "a value of over MaxValue bytes is refused", needs: hasMaxValue, run: longerValueIsRefused},
		{name: "a batch of over MaxBatch bytes is refused", needs: hasMaxBatch, run: longerBatchIsRefused},
	}
}

// Limits above these are taken on trust: a test would need the memory.
const (
	mostKeyTested   = 1 << 20
	mostValueTested = 64 << 20
	unlimitedKey    = 2 << 10 // stored where the engine has no limit of its own
)

func hasMaxKey(f *facts) bool   { return f.MaxKey > 0 && f.MaxKey <= mostKeyTested }
func hasMaxValue(f *facts) bool { return f.MaxValue > 0 && f.MaxValue <= mostValueTested }
func hasMaxBatch(f *facts) bool { return f.MaxBatch > 0 && f.MaxBatch <= mostValueTested }

// awkward are keys that are easily confused or misplaced.
func awkward() []string {
	keys := []string{
		"\x00", "\x00\x00", "\x00\x01", "\x01", " ", "0", "1", "10", "2", "A", "Z", "a", "a\x00", "a\x00\x00",
		"a\x00b", "a\x01", "aa", "aaa", "ab", "abcdefg", "abcdefgh", "abcdefgh\x00", "abcdefghi", "b", "z",
		"\x7f", "\x80", "\xc3\xa9", "\xfe", "\xfe\xff", "\xff", "\xff\x00", "\xff\xfe", "\xff\xff", "\xff\xff\xff",
		"\xff\xff\xff\xff\xff\xff\xff\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"key", "key\x00", "key\xff", "keys", strings.Repeat("p", 100), strings.Repeat("p", 100) + "q",
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// fill puts keys, in an order that is not theirs, with values that name them.
func (e *opened) fill(keys []string) []pair {
	e.b.Helper()
	all := make([]pair, len(keys))
	for i := range keys {
		k := keys[(i*7+3)%len(keys)]
		if len(keys)%7 == 0 {
			k = keys[len(keys)-1-i]
		}
		e.put(k, "value of "+k)
	}
	for i, k := range keys {
		all[i] = pair{k, "value of " + k}
	}
	return all
}

func prefixesDiffer(b *rig) {
	e := b.open()
	all := e.fill(awkward())
	for _, p := range all {
		e.wants(p.key, p.value)
	}
	for i, p := range all {
		if i%2 == 0 {
			e.remove(p.key)
		}
	}
	for i, p := range all {
		if i%2 == 0 {
			e.misses(p.key)
		} else {
			e.wants(p.key, p.value)
		}
	}
}

func keysAreOrdered(b *rig) {
	e := b.open()
	want := e.fill(awkward())
	b.same("forwards", e.contents(), want)
}

func emptyKeyIsRefused(b *rig) {
	e := b.open()
	e.put("k", "v")
	for _, key := range [][]byte{nil, {}} {
		_, err := e.Get(nil, key)
		b.is(err, engine.ErrEmptyKey, "get")
		b.is(e.Put(key, []byte("v"), e.level), engine.ErrEmptyKey, "put")
		b.is(e.Delete(key, e.level), engine.ErrEmptyKey, "delete")
		for _, kind := range []engine.Kind{engine.KindPut, engine.KindDelete} {
			var batch engine.Batch
			batch.Put([]byte("k"), []byte("changed"))
			if kind == engine.KindPut {
				batch.Put(key, nil)
			} else {
				batch.Delete(key)
			}
			b.is(e.Apply(&batch, e.level), engine.ErrEmptyKey, "apply %s", kind)
		}
	}
	e.holds([]pair{{"k", "v"}})
}

func longestKeyIsStored(b *rig) {
	n := b.caps.MaxKey
	if n == 0 || n > mostKeyTested {
		n = unlimitedKey
	}
	e := b.open()
	keys := []string{strings.Repeat("k", n-1), strings.Repeat("k", n), strings.Repeat("k", n-1) + "l"}
	e.holds(e.fill(keys))
	e.remove(keys[1])
	e.misses(keys[1])
	e.wants(keys[0], "value of "+keys[0])
}

func longerKeyIsRefused(b *rig) {
	e := b.open()
	e.put("k", "v")
	long := []byte(strings.Repeat("k", b.caps.MaxKey+1))
	b.is(e.Put(long, nil, e.level), engine.ErrTooLarge, "put")
	b.is(e.Delete(long, e.level), engine.ErrTooLarge, "delete")
	var batch engine.Batch
	batch.Put([]byte("k"), []byte("changed"))
	batch.Put(long, nil)
	b.is(e.Apply(&batch, e.level), engine.ErrTooLarge, "apply")
	if _, err := e.Get(nil, long); !errors.Is(err, engine.ErrTooLarge) && !errors.Is(err, engine.ErrNotFound) {
		b.Errorf("get: %v", err)
	}
	e.holds([]pair{{"k", "v"}})
	e.put("k", "still writable")
}

func longerValueIsRefused(b *rig) {
	e := b.open()
	e.put("k", "v")
	long := make([]byte, b.caps.MaxValue+1)
	b.is(e.Put([]byte("k"), long, e.level), engine.ErrTooLarge, "put")
	var batch engine.Batch
	batch.Put([]byte("k"), []byte("changed"))
	batch.Put([]byte("k2"), long)
	b.is(e.Apply(&batch, e.level), engine.ErrTooLarge, "apply")
	e.holds([]pair{{"k", "v"}})
	b.ok(e.Put([]byte("k"), long[1:], e.level), "put of MaxValue bytes")
	e.wants("k", string(long[1:]))
}

func longerBatchIsRefused(b *rig) {
	e := b.open()
	e.put("k", "v")
	value := make([]byte, 1024)
	var batch engine.Batch
	batch.Put([]byte("k"), []byte("changed"))
	for i := 0; batch.Size() <= b.caps.MaxBatch; i++ {
		batch.Put([]byte{'x', byte(i >> 16), byte(i >> 8), byte(i)}, value)
	}
	b.is(e.Apply(&batch, e.level), engine.ErrTooLarge, "apply")
	e.holds([]pair{{"k", "v"}})
}
