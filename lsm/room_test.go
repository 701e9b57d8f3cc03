package lsm

import (
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// openIn opens a tree in a directory of a file system.
func openIn(t testing.TB, fsys vfs.FS, given map[string]string) *tree {
	t.Helper()
	e, err := open("/db", given, engine.Env{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e.(*tree)
}

func smallest() map[string]string {
	return map[string]string{
		"memtable_bytes": "64k", "memory_bytes": "256k", "table_bytes": "4k", "base_bytes": "16k",
		"block_bytes": "512", "l0_runs": "2", "size_ratio": "3", "cache_bytes": "64k",
	}
}

func TestABatchOfManySmallOpsFindsRoom(t *testing.T) {
	e := openIn(t, vfs.NewMem(), smallest())
	var b engine.Batch
	const n = 20_000
	for i := range n {
		b.Put(fmt.Appendf(nil, "%05d", i), nil)
	}
	for range 3 {
		if err := e.Apply(&b, engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestABatchLargerThanAMemtableIsReadBackAndRecovered(t *testing.T) {
	fsys := vfs.NewMem()
	e := openIn(t, fsys, smallest())
	var b engine.Batch
	value := make([]byte, 1<<20)
	for i := range 5 {
		b.Put([]byte{byte('a' + i)}, value)
	}
	if err := e.Apply(&b, engine.Default); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		for i := range 5 {
			if got, err := e.Get(nil, []byte{byte('a' + i)}); err != nil || len(got) != len(value) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
		}
	}
	check()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openIn(t, fsys, smallest())
	check()
}
