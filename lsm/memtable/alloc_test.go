package memtable

import (
	"fmt"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/kvbench/kvbench/lsm/ikey"
)

func TestHotPathsDoNotAllocate(t *testing.T) {
	m := newTable(t, Options{Bytes: 4 << 20})
	keys := make([][]byte, 5000)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "user%020d", i*7919%len(keys))
		put(t, m, string(keys[i]), i+1, "value")
	}
	it := m.NewIter()
	value := []byte("value")
	i := 0
	on := it.First()
	for name, f := range map[string]func(){
		"add": func() {
			i++
			key := keys[i%len(keys)]
			if !m.Reserve(Need(len(key), len(value)), 1) {
				t.Fatal("full")
			}
			m.Add(xxh3.Hash(key), ikey.Make(ikey.Seq(10_000+i), ikey.Put), key, value)
		},
		"get": func() {
			i++
			key := keys[i%len(keys)]
			if _, _, ok := m.Get(xxh3.Hash(key), key, ikey.MaxSeq); !ok {
				t.Fatal("absent")
			}
		},
		"next": func() {
			if on = on && it.Next(); !on {
				on = it.First()
			}
		},
		"seek": func() {
			i++
			it.SeekGE(keys[i%len(keys)])
		},
		"ranges": func() { m.Ranges() },
	} {
		if n := testing.AllocsPerRun(3000, f); n != 0 {
			t.Errorf("%s: %g allocations", name, n)
		}
	}
}
