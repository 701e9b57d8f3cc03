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
