package enginetest

import (
	"context"
	"runtime"
	"time"

	"github.com/kvbench/kvbench/engine"
)

func closeClauses() []clause {
	return []clause{
		{name: "calls after Close return ErrClosed", run: closedAnswersSo},
		{name: "Close is idempotent", run: closeTwice},
		{name: "Caps and Metrics still answer after Close", run: capsOutlive},
		{name: "no goroutine is left after Close", run: noGoroutineIsLeft},
	}
}

// calls are all methods of the engine and its roles that can fail.
func (e *opened) calls() map[string]func() error {
	k := []byte("k")
	calls := map[string]func() error{
		"Get":  func() error { _, err := e.Get(nil, k); return err },
		"Sync": e.Sync,
	}
	for name, write := range e.writes("k") {
		calls[name] = func() error { return write(e.level) }
	}
	add := func(name string, has bool, call func() error) {
		if has {
			calls[name] = call
		}
	}
	ctx := context.Background()
	scanner, ok := engine.As[engine.Scanner](e.Engine)
	add("NewIter", ok, func() error { _, err := scanner.NewIter(engine.IterOptions{}); return err })
	snapshotter, ok := engine.As[engine.Snapshotter](e.Engine)
	add("NewSnapshot", ok, func() error { _, err := snapshotter.NewSnapshot(); return err })
	scan, ok := engine.As[engine.UnorderedScanner](e.Engine)
	add("Scan", ok, func() error { return scan.Scan(ctx, func(_, _ []byte) error { return nil }) })
	checkpointer, ok := engine.As[engine.Checkpointer](e.Engine)
	add("Checkpoint", ok, func() error { return checkpointer.Checkpoint(e.b.TempDir()) })
	multi, ok := engine.As[engine.MultiGetter](e.Engine)
	add("MultiGet", ok, func() error { return multi.MultiGet([][]byte{k}, make([]engine.Value, 1)) })
	bulk, ok := engine.As[engine.BulkLoader](e.Engine)
	add("NewBulkLoad", ok, func() error { _, err := bulk.NewBulkLoad(); return err })
	async, ok := engine.As[engine.AsyncWriter](e.Engine)
	add("ApplyAsync", ok, func() error {
		var b engine.Batch
		b.Put(k, k)
		_, err := async.ApplyAsync(&b)
		return err
	})
	settler, ok := engine.As[engine.Settler](e.Engine)
	add("Settle", ok, func() error { return settler.Settle(ctx) })
	compactor, ok := engine.As[engine.Compactor](e.Engine)
	add("Compact", ok, func() error { return compactor.Compact(ctx, nil, nil) })
	return calls
}

func closedAnswersSo(b *rig) {
	e := b.open()
	e.put("k", "v")
	calls := e.calls()
	calls["Get of an absent key"] = func() error { _, err := e.Get(nil, []byte("absent")); return err }
	calls["Apply of an empty batch"] = func() error { return e.Apply(&engine.Batch{}, engine.Default) }
	calls["Put at the default level"] = func() error { return e.Put([]byte("k"), nil, engine.Default) }
	e.close()
	for name, call := range calls {
		b.is(call(), engine.ErrClosed, "%s", name)
	}
	dst := []byte("dst")
	if got, err := e.Get(dst, []byte("k")); string(got) != "dst" || err != engine.ErrClosed {
		b.Errorf("get: %q, %v, want dst as it came and ErrClosed itself", got, err)
	}
}

func closeTwice(b *rig) {
	e := b.open()
	e.put("k", "v")
	for range 3 {
		b.ok(e.Close(), "close")
	}
	if !b.caps.Persistent {
		return
	}
	e = b.openIn(e.dir, nil)
	e.wants("k", "v")
}

func capsOutlive(b *rig) {
	e := b.open()
	e.put("k", "v")
	was := e.Caps()
	e.close()
	if now := e.Caps(); now != was {
		b.Errorf("Caps were %+v and are %+v", was, now)
	}
	var m engine.Metrics
	e.Metrics(&m)
}

func noGoroutineIsLeft(b *rig) {
	use := func() {
		e := b.open()
		for _, k := range awkward() {
			e.put(k, filled(100))
		}
		e.contents()
		e.close()
	}
	use() // what a library starts once and for all
	was := runtime.NumGoroutine()
	for range 3 {
		use()
	}
	deadline := time.Now().Add(b.patience)
	for runtime.NumGoroutine() > was && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if now := runtime.NumGoroutine(); now > was {
		stacks := make([]byte, 1<<16)
		stacks = stacks[:runtime.Stack(stacks, true)]
		b.Errorf("%d goroutines before, %d after\n%s", was, now, stacks)
	}
}
