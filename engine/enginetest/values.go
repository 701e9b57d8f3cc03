package enginetest

import (
	"bytes"
	"errors"
	"strings"

	"github.com/kvbench/kvbench/engine"
)

func valueClauses() []clause {
	return []clause{
		{name: "a key that was put is found with its value", run: putIsFound},
		{name: "a key that was never put is absent", run: neverPutIsAbsent},
		{name: "a put replaces the value", run: putReplaces},
		{name: "a deleted key is absent", run: deletedIsAbsent},
		{name: "a deleted key can be put again", run: deletedCanReturn},
		{name: "deleting an absent key is no error", run: deleteIsBlind},
		{name: "nil and empty values are equal and present", run: emptyIsPresent},
		{name: "values of all sizes come back", run: sizesComeBack},
		{name: "Get appends to dst", run: getAppends},
		{name: "a miss returns dst as it came and the bare ErrNotFound", run: missIsBare},
		{name: "arguments may be reused on return", run: argumentsMayBeReused},
		{name: "arguments are not changed", run: argumentsAreKept},
		{name: "what Get returns belongs to the caller", run: resultsAreTheCallers},
	}
}

func putIsFound(b *rig) {
	e := b.open()
	e.put("k", "v")
	e.wants("k", "v")
}

func neverPutIsAbsent(b *rig) {
	e := b.open()
	e.misses("k")
	e.put("k", "v")
	for _, key := range []string{"a", "j", "kk", "k\x00", "l", "K"} {
		e.misses(key)
	}
}

func putReplaces(b *rig) {
	e := b.open()
	e.put("other", "stays")
	for _, v := range []string{"1", "a longer value", "", "2"} {
		e.put("k", v)
		e.wants("k", v)
	}
	e.wants("other", "stays")
}

func deletedIsAbsent(b *rig) {
	e := b.open()
	for _, key := range []string{"a", "b", "c"} {
		e.put(key, "v"+key)
	}
	e.remove("b")
	e.misses("b")
	e.wants("a", "va")
	e.wants("c", "vc")
	e.put("a", "again")
	e.remove("a")
	e.misses("a")
}

func deletedCanReturn(b *rig) {
	e := b.open()
	for _, v := range []string{"1", "2", "3"} {
		e.put("k", v)
		e.remove("k")
		e.misses("k")
	}
	e.put("k", "4")
	e.wants("k", "4")
}

func deleteIsBlind(b *rig) {
	e := b.open()
	e.remove("never")
	e.put("k", "v")
	e.remove("k")
	e.remove("k")
	var batch engine.Batch
	batch.Delete([]byte("never"))
	e.apply(&batch)
	e.misses("k")
	e.misses("never")
}

func emptyIsPresent(b *rig) {
	e := b.open()
	b.ok(e.Put([]byte("nil"), nil, e.level), "put nil")
	b.ok(e.Put([]byte("empty"), []byte{}, e.level), "put an empty value")
	var batch engine.Batch
	batch.Put([]byte("batched"), nil)
	e.apply(&batch)
	for _, key := range []string{"nil", "empty", "batched"} {
		e.wants(key, "")
		got, err := e.Get([]byte("dst"), []byte(key))
		if err != nil || string(got) != "dst" {
			b.Errorf("get %s after dst: %s, %v", key, show(got), err)
		}
	}
	e.remove("nil")
	e.misses("nil")
}

func sizesComeBack(b *rig) {
	e := b.open()
	sizes := []int{0, 1, 2, 7, 8, 127, 128, 255, 256, 4095, 4096, 4097, 16383, 16384, 65535, 65536, 1 << 20}
	for i, n := range sizes {
		if most := b.caps.MaxValue; most > 0 && n > most {
			continue
		}
		e.put(string(rune('a'+i)), filled(n))
	}
	for i, n := range sizes {
		if most := b.caps.MaxValue; most > 0 && n > most {
			continue
		}
		e.wants(string(rune('a'+i)), filled(n))
	}
}

// filled returns n bytes of which no two neighbourhoods look alike.
func filled(n int) string {
	p := make([]byte, n)
	x := uint32(n) + 1
	for i := range p {
		x = x*1664525 + 1013904223
		p[i] = byte(x >> 24)
	}
	return string(p)
}

func getAppends(b *rig) {
	e := b.open()
	e.put("k", "value")
	long := strings.Repeat("x", 300)
	e.put("long", long)
	for _, room := range []int{0, 1, 4, 5, 6, 100, 1000} {
		for key, value := range map[string]string{"k": "value", "long": long} {
			dst := append(make([]byte, 0, room+3), "dst"...)
			got, err := e.Get(dst, []byte(key))
			if err != nil || string(got) != "dst"+value {
				b.Errorf("get %s into dst with room for %d: %s, %v", key, room, show(got), err)
			}
			if room >= len(value) && &got[0] != &dst[0] {
				b.Errorf("get %s: dst had room for %d, but was not used", key, room)
			}
		}
	}
}

func missIsBare(b *rig) {
	e := b.open()
	e.put("k", "v")
	e.put("gone", "v")
	e.remove("gone")
	for _, key := range []string{"absent", "gone"} {
		for _, dst := range [][]byte{nil, {}, []byte("dst"), make([]byte, 2, 100)} {
			was := bytes.Clone(dst)
			got, err := e.Get(dst, []byte(key))
			if err != engine.ErrNotFound { //nolint:errorlint // bare is what is promised
				b.Errorf("get %s: error %#v, want ErrNotFound itself", key, err)
			}
			if !bytes.Equal(got, was) || (got == nil) != (dst == nil) || cap(got) != cap(dst) {
				b.Errorf("get %s: dst %q of capacity %d came back as %q of %d", key, was, cap(dst), got, cap(got))
			}
		}
	}
}

func argumentsMayBeReused(b *rig) {
	e := b.open()
	key, value := []byte("key1"), []byte("value1")
	write := map[string]func() error{
		"put": func() error { return e.Put(key, value, e.level) },
		"batch": func() error {
			var batch engine.Batch
			batch.Put(key, value)
			err := e.Apply(&batch, e.level)
			spoil(batch.Bytes())
			return err
		},
	}
	for how, f := range write {
		copy(key, "key1")
		copy(value, "value1")
		b.ok(f(), "%s", how)
		spoil(key)
		spoil(value)
		e.wants("key1", "value1")
		e.misses(string(key))
		if e.Caps().Ordered {
			b.same("after "+how, e.contents(), []pair{{"key1", "value1"}})
		}
		e.remove("key1")
	}
	copy(key, "key1")
	e.put("key1", "v")
	b.ok(e.Delete(key, e.level), "delete")
	copy(key, "key2")
	e.put("key2", "v")
	e.misses("key1")
	e.wants("key2", "v")
}

// spoil overwrites p with bytes that no test stores.
func spoil(p []byte) {
	for i := range p {
		p[i] = 0xd7
	}
}

func argumentsAreKept(b *rig) {
	e := b.open()
	key, value := []byte("key1xxxx"), []byte("value1xxxx")
	k, v := key[:4], value[:6] // what lies behind is the caller's too
	var batch engine.Batch
	batch.Put(k, v)
	batch.Delete([]byte("absent"))
	batch.SetSequence(7)
	encoded := bytes.Clone(batch.Bytes())
	b.ok(e.Put(k, v, e.level), "put")
	e.apply(&batch)
	e.Get(nil, k)
	b.ok(e.Delete(k, e.level), "delete")
	if string(key) != "key1xxxx" || string(value) != "value1xxxx" {
		b.Errorf("key and value are now %s and %s", show(key), show(value))
	}
	if !bytes.Equal(batch.Bytes(), encoded) {
		b.Errorf("the batch is now %x, and was %x", batch.Bytes(), encoded)
	}
}

func resultsAreTheCallers(b *rig) {
	e := b.open()
	value := filled(100)
	e.put("k", value)
	for range 3 {
		got, err := e.Get(nil, []byte("k"))
		b.ok(err, "get")
		if string(got) != value {
			b.Errorf("get: %s, want %s", show(got), show([]byte(value)))
		}
		spoil(got[:cap(got)])
	}
	got, err := e.Get(nil, []byte("k"))
	b.ok(err, "get")
	e.put("k", filled(101)[:100])
	e.remove("k")
	for i := range 200 {
		e.put("k"+string(rune('a'+i)), filled(100))
	}
	if string(got) != value {
		b.Errorf("a result changed when the engine did: %s, want %s", show(got), show([]byte(value)))
	}
	if _, err := e.Get(nil, []byte("k")); !errors.Is(err, engine.ErrNotFound) {
		b.Errorf("get of a deleted key: %v", err)
	}
}
