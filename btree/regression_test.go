package btree

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/btree/mapping"
	"github.com/kvbench/kvbench/btree/page"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// The superblock reached behind the last page that the copy had.
func TestACopyIsAsLongAsItsSuperblockSays(t *testing.T) {
	mem := vfs.NewMem()
	given := small(nil)
	e, err := open("/db", given, engine.Env{FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	tr := e.(*tree)
	for i := range 3 { // the third one is where the first one was
		if err := tr.Put([]byte{byte(i + 1)}, nil, engine.OS); err != nil {
			t.Fatal(err)
		}
		if err := tr.checkpointNow(context.Background()); err != nil {
			t.Fatal(err)
		}
		dir := fmt.Sprintf("/copy%d", i)
		if err := tr.Checkpoint(dir); err != nil {
			t.Fatal(err)
		}
		c, err := open(dir, given, engine.Env{FS: mem})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(nil, []byte{byte(i + 1)}); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
}

// A write that needs a damaged page was logged, and failed; and so did Open
// from then on, which applies the log.
func TestAWriteToADamagedPageIsRefusedAndTheOthersGoOn(t *testing.T) {
	mem := vfs.NewMem()
	given := small(nil)
	key := func(i int) []byte { return fmt.Appendf(nil, "key%05d", i) }
	const keys = 600
	e, err := open("/db", given, engine.Env{FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		if err := e.Put(key(i), make([]byte, 100), engine.OS); err != nil {
			t.Fatal(err)
		}
	}
	at := homeOfLeaf(t, e.(*tree), key(keys/2))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := mem.OpenReadWrite("/db/" + dataName)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("damage"), int64(at.Slot())*4096+200); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is opened the second time has the log of the first
		e, err := open("/db", given, engine.Env{FS: mem})
		if err != nil {
			t.Fatal(err)
		}
		var b engine.Batch
		b.Put(key(0), nil)
		b.Delete(key(keys / 2))
		for what, err := range map[string]error{
			"put":          e.Put(key(keys/2), nil, engine.OS),
			"delete":       e.Delete(key(keys/2), engine.OS),
			"batch":        e.Apply(&b, engine.OS),
			"delete range": e.(engine.RangeDeleter).DeleteRange(key(1), nil, engine.OS),
		} {
			if !errors.Is(err, engine.ErrCorrupt) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := e.Put(key(0), []byte("new"), engine.OS); err != nil {
			t.Error(err)
		}
		if err := e.Delete(key(keys-1), engine.OS); err != nil {
			t.Error(err)
		}
		if _, err := e.Get(nil, key(1)); err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// homeOfLeaf makes all durable, and returns where the leaf of a key is.
func homeOfLeaf(t *testing.T, tr *tree, key []byte) mapping.Entry {
	t.Helper()
	if err := tr.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	v := view{tree: tr, at: tr.clock.Published()}
	defer v.end()
	id, _, err := v.descend(key, toKey)
	if err != nil {
		t.Fatal(err)
	}
	if id == page.RootID {
		t.Fatal("the tree is a leaf")
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.pages.Durable(id)
}

// The log of a tree that is open for reading only is applied to pages that
// nobody may write: beside them, what is read finds room.
func TestReadersHaveRoomBesideWhatTheLogChanged(t *testing.T) {
	mem := vfs.NewMem()
	given := small(map[string]string{"log_bytes": "64m"})
	e, err := open("/db", given, engine.Env{FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	key := func(i int) []byte { return fmt.Appendf(nil, "key%05d", i*7919%20000) }
	for i := range 20000 {
		if err := e.Put(key(i), make([]byte, 100), engine.OS); err != nil {
			t.Fatal(err)
		}
		if i == 10000 {
			if err := e.(*tree).checkpointNow(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	crashed := mem.Image(vfs.Written)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	given["read_only"] = "true"
	r, err := open("/db", given, engine.Env{FS: crashed})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20000 {
		if _, err := r.Get(nil, key(i)); err != nil {
			t.Fatalf("key %d: %v", i, err)
		}
	}
	if c := r.(*tree).pool.Counts(); c.Clean > 64 {
		t.Errorf("%d pages that were only read, cache_bytes is 64 pages", c.Clean)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}
