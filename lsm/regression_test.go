package lsm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// A table on the deepest level that the range meets had deletes beyond it, of
// keys that were deeper still: they could not go, and the table was written
// anew for ever.
func TestCompactingARangeEndsThoughItsTablesHideKeysBeyondIt(t *testing.T) {
	for name, more := range families() {
		t.Run(name, func(t *testing.T) {
			e := openMem(t, vfs.NewMem(), more)
			for i := range 1000 { // several levels deep
				e.put(t, fmt.Sprintf("k7%03d", i), strings.Repeat("v", 200))
			}
			must(t, e.Settle(context.Background()))
			e.put(t, "k3", "high")
			must(t, e.Delete([]byte("k3"), engine.Default))
			must(t, e.Delete([]byte("k7777"), engine.Default))
			must(t, e.DeleteRange([]byte("k6"), []byte("k8"), engine.Default))
			for range 3 {
				must(t, e.Compact(context.Background(), []byte("k2"), []byte("k5")))
			}
			if got := all(t, e); got != "" {
				t.Errorf("there is %s", got)
			}
		})
	}
}

// Without a log, ApplyAsync was refused, though the role was there.
func TestApplyAsyncIsDurableAfterWaitDurableWithoutALog(t *testing.T) {
	fsys := vfs.NewMem()
	more := map[string]string{"durability": "none"}
	e := openMem(t, fsys, more)
	var b engine.Batch
	b.Put([]byte("key"), []byte("value"))
	lsn, err := e.ApplyAsync(&b)
	must(t, err)
	must(t, e.WaitDurable(context.Background(), lsn))
	crashed := openMem(t, fsys.Image(vfs.Synced), more)
	if got := all(t, crashed); got != "key=value" {
		t.Errorf("after a power loss there is %q", got)
	}
}

func TestAPositionBeyondTheLogIsRefusedAndHarmsNothing(t *testing.T) {
	e := openMem(t, vfs.NewMem(), nil)
	var b engine.Batch
	b.Put([]byte("k"), []byte("v"))
	at, err := e.ApplyAsync(&b)
	must(t, err)
	if err := e.WaitDurable(context.Background(), at+1<<40); !errors.Is(err, engine.ErrInvalid) {
		t.Errorf("a position beyond the log: %v, want %v", err, engine.ErrInvalid)
	}
	must(t, e.WaitDurable(context.Background(), at))
	must(t, e.Put([]byte("k"), []byte("w"), engine.Sync))
	closed(t, e)
}

// The manifest referred to the beginning of a log that was not on disk yet, as
// long as nothing had been flushed.
func TestATreeWithoutALogOpensAfterItsFirstLoad(t *testing.T) {
	given := map[string]string{"durability": "none"}
	fsys := vfs.NewMem()
	e := openMem(t, fsys, given)
	must(t, tryLoad(e, map[string]string{"k": "v"}))
	must(t, e.Checkpoint("/copy"))
	left := fsys.Crash(1)
	for _, dir := range []string{"/db", "/copy"} {
		c, err := open(dir, small(given), engine.Env{FS: left})
		if err != nil {
			t.Errorf("open %s: %v", dir, err)
			continue
		}
		if got, err := c.Get(nil, []byte("k")); string(got) != "v" || err != nil {
			t.Errorf("%s has %q, %v, want v", dir, got, err)
		}
		must(t, c.Close())
	}
}

// A block is checked when it is first read. What happens to it later, in
// memory or under a mapping, only shows when it is looked at.
func TestABlockThatTurnsBadAfterItsCheckIsDamage(t *testing.T) {
	fsys := vfs.NewMem()
	e := openMem(t, fsys, map[string]string{"io": "mmap"})
	e.put(t, "k", "v")
	must(t, e.flushAll(context.Background()))
	if _, err := e.Get(nil, []byte("k")); err != nil {
		t.Fatal(err)
	}
	path := e.tablePath(e.view.Load().levels.runs[0].tables[0].meta.ID)
	f, err := fsys.OpenReadWrite(path)
	must(t, err)
	_, err = f.WriteAt([]byte{0xee}, 0)
	must(t, errors.Join(err, f.Close()))
	key := []byte("k")
	_, err = e.Get(nil, key)
	several := e.MultiGet([][]byte{key}, make([]engine.Value, 1))
	for name, err := range map[string]error{"Get": err, "MultiGet": several} {
		var found *engine.CorruptionError
		if !errors.As(err, &found) || found.File != path {
			t.Errorf("%s: %v, want damage of %s", name, err, path)
		}
	}
}
