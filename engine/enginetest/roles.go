package enginetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kvbench/kvbench/engine"
)

func roleClauses() []clause {
	return []clause{
		{name: "an unordered scan sees each live key once", needs: unordered, run: scanSeesAll},
		{name: "an error ends an unordered scan and is returned", needs: unordered, run: scanEnds},
		{name: "MultiGet answers as Get does", needs: multiGet, run: multiGets},
		{name: "a checkpoint opens and equals its engine", needs: checkpoint, run: checkpointOpens},
		{name: "a checkpoint into a directory with files is refused", needs: checkpoint, run: checkpointRefused},
		{name: "Settle and Compact keep what is there", needs: maintains, run: maintenanceKeeps},
		{name: "Settle and Compact end with their context", needs: maintains, run: maintenanceEnds},
		{name: "ApplyAsync is visible at once and durable after WaitDurable", needs: async, run: asyncApplies},
	}
}

func unordered(f *facts) bool  { return f.UnorderedScan }
func multiGet(f *facts) bool   { return f.multiGet }
func checkpoint(f *facts) bool { return f.Checkpoint }
func maintains(f *facts) bool  { return f.settle || f.compact }
func async(f *facts) bool      { return f.async }

func scanSeesAll(b *rig) {
	e := b.open()
	s := role[engine.UnorderedScanner](e)
	b.same("empty", scanned(b, s), nil)
	want := e.fill(awkward())
	for _, p := range want {
		e.put(p.key, "old")
		e.put(p.key, p.value)
	}
	e.put("zz", "deleted")
	e.remove("zz")
	e.put("empty", "")
	want = sorted(append(want, pair{"empty", ""}))
	b.same("scan", scanned(b, s), want)
	b.same("scan again", scanned(b, s), want)
}

func scanEnds(b *rig) {
	e := b.open()
	s := role[engine.UnorderedScanner](e)
	e.fill(awkward())
	enough := errors.New("enough")
	calls := 0
	err := s.Scan(context.Background(), func(_, _ []byte) error {
		calls++
		if calls == 3 {
			return enough
		}
		return nil
	})
	if err != enough || calls != 3 { //nolint:errorlint // as it is
		b.Errorf("error %v after %d calls, want the third call's own", err, calls)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = s.Scan(ctx, func(_, _ []byte) error { return nil })
	b.is(err, context.Canceled, "scan with a context that has ended")
}

func multiGets(b *rig) {
	e := b.open()
	m := role[engine.MultiGetter](e)
	want := e.fill(awkward())
	e.put("empty", "")
	var keys [][]byte
	for _, p := range want {
		keys = append(keys, []byte(p.key), []byte(p.key+"absent"), []byte(p.key))
	}
	keys = append(keys, []byte("empty"))
	out := make([]engine.Value, len(keys))
	for i := range out {
		out[i] = engine.Value{Data: []byte("stale"), Found: i%2 == 0}
	}
	for range 2 {
		b.ok(m.MultiGet(keys, out), "multiget")
		for i, key := range keys {
			value, err := e.Get(nil, key)
			if found := err == nil; found != out[i].Found || found && string(value) != string(out[i].Data) {
				b.Errorf("key %q: found %v, %q; get says %q, %v", key, out[i].Found, out[i].Data, value, err)
			}
		}
	}
	b.ok(m.MultiGet(nil, nil), "multiget of nothing")
	b.is(m.MultiGet([][]byte{nil}, make([]engine.Value, 1)), engine.ErrEmptyKey, "multiget of an empty key")
	b.is(m.MultiGet(keys, out[1:]), engine.ErrInvalid, "multiget with too few places")
}

func checkpointOpens(b *rig) {
	e := b.open()
	want := e.fill(awkward())
	c := role[engine.Checkpointer](e)
	absent := filepath.Join(b.TempDir(), "copy")
	empty := b.TempDir()
	b.ok(c.Checkpoint(absent), "checkpoint to an absent directory")
	b.ok(c.Checkpoint(empty), "checkpoint to an empty directory")
	e.put(want[0].key, "changed")
	e.put("zz", "new")
	for _, dir := range []string{absent, empty} {
		copied := b.openIn(dir, nil)
		copied.holds(want)
		copied.put("zzz", "in the copy")
		copied.reopen().wants("zzz", "in the copy")
	}
	e.misses("zzz")
	e.wants(want[0].key, "changed")
	e.reopen().wants("zz", "new")
}

func checkpointRefused(b *rig) {
	e := b.open()
	e.put("k", "v")
	if err := role[engine.Checkpointer](e).Checkpoint(e.dir); err == nil {
		b.Errorf("checkpoint into its own directory: no error")
	}
	e.put("l", "w")
	e.reopen().holds([]pair{{"k", "v"}, {"l", "w"}})
}

func maintenanceKeeps(b *rig) {
	e := b.open()
	var o oracle
	ctx := context.Background()
	settler, settles := engine.As[engine.Settler](e.Engine)
	compactor, compacts := engine.As[engine.Compactor](e.Engine)
	for round := range 3 {
		for i := range 300 {
			key, value := fmt.Sprintf("key%03d", (i*7+round)%400), filled(i+round)
			e.put(key, value)
			o.put(key, value)
			gone := fmt.Sprintf("key%03d", (i*13+round)%400)
			if i%3 == 0 {
				e.remove(gone)
				o.remove(gone)
			}
		}
		if settles {
			b.ok(settler.Settle(ctx), "settle")
			e.holds(o.pairs)
		}
		if compacts {
			b.ok(compactor.Compact(ctx, []byte("key100"), []byte("key200")), "compact a range")
			e.holds(o.pairs)
			b.ok(compactor.Compact(ctx, nil, nil), "compact")
		}
		e.holds(o.pairs)
	}
	if b.caps.Persistent {
		e.reopen().holds(o.pairs)
	}
}

// maintenanceEnds: a context that has ended is an error or nothing to do.
func maintenanceEnds(b *rig) {
	e := b.open()
	want := e.fill(awkward())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if s, ok := engine.As[engine.Settler](e.Engine); ok {
		if err := s.Settle(ctx); !acceptable(err, context.Canceled) {
			b.Errorf("settle: %v", err)
		}
	}
	if c, ok := engine.As[engine.Compactor](e.Engine); ok {
		if err := c.Compact(ctx, nil, nil); !acceptable(err, context.Canceled) {
			b.Errorf("compact: %v", err)
		}
	}
	e.holds(want)
}

func asyncApplies(b *rig) {
	e := b.open()
	a := role[engine.AsyncWriter](e)
	var last engine.LSN
	for i := range 20 {
		var batch engine.Batch
		batch.Put([]byte("k"), fmt.Append(nil, i))
		lsn, err := a.ApplyAsync(&batch)
		b.ok(err, "apply")
		if i > 0 && lsn <= last {
			b.Errorf("position %d came after %d", lsn, last)
		}
		last = lsn
		e.wants("k", fmt.Sprint(i))
	}
	b.ok(a.WaitDurable(context.Background(), last), "wait")
	var bad engine.Batch
	bad.Put(nil, nil)
	_, err := a.ApplyAsync(&bad)
	b.is(err, engine.ErrEmptyKey, "apply of an empty key")
	e.wants("k", "19")
}
