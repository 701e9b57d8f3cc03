package lsm

import (
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func TestAScanWithinAPrefixPassesTablesThatLackIt(t *testing.T) {
	given := map[string]string{"filter_prefix": "4", "layout": "tiered", "filter_bits": "20", "durability": "buffered"}
	e := openIn(t, vfs.NewMem(), given)
	const runs = 3
	for run := range runs {
		for i := range 100 { // run 0 has prefixes 0000 0003 0006 ..., all span the same keys
			if err := e.Put(fmt.Appendf(nil, "%04d/x", 3*i+run), []byte("v"), engine.Default); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.flushAll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sources := 0
	for i := range 100 {
		lower, upper := fmt.Appendf(nil, "%04d", 3*i+1), fmt.Appendf(nil, "%04d/~", 3*i+1)
		it, err := e.newIter(engine.IterOptions{Lower: lower, Upper: upper}, 1<<50)
		if err != nil {
			t.Fatal(err)
		}
		sources += len(it.sources)
		if !it.First() || string(it.Key()) != fmt.Sprintf("%04d/x", 3*i+1) || it.Next() {
			t.Errorf("%d: it is on %q", i, it.Key())
		}
		if err := it.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if sources > 105 {
		t.Errorf("%d runs for 100 scans, each of which is in one", sources)
	}
}

func TestAScanPassesWhatARangeDeleteCovers(t *testing.T) {
	e := openIn(t, vfs.NewMem(), map[string]string{"layout": "tiered", "durability": "buffered", "block_bytes": "512"})
	const n = 20_000
	for i := range n {
		if err := e.Put(fmt.Appendf(nil, "%05d", i), []byte("value"), engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.flushAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.DeleteRange([]byte("00001"), []byte("19999"), engine.Default); err != nil {
		t.Fatal(err)
	}
	it, err := e.newIter(engine.IterOptions{}, 1<<50)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	var got []string
	for ok := it.First(); ok; ok = it.Next() {
		got = append(got, string(it.Key()))
	}
	if fmt.Sprint(got) != "[00000 19999]" {
		t.Errorf("%v", got)
	}
	if s := it.live.Stats(); s.Covered > 200 || s.Seeks == 0 {
		t.Errorf("%d covered entries were looked at, %d seeks", s.Covered, s.Seeks)
	}
}
