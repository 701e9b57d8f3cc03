package enginetest

import (
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
)

func durabilityClauses() []clause {
	return []clause{
		{name: "every level in Caps is accepted", run: levelsAreAccepted},
		{name: "an unsupported durability is refused, never weaker", run: otherLevelsAreRefused},
		{name: "an engine has the level it was opened with", run: openedLevelIsThere},
		{name: "a Sync write syncs the log, where syncs are counted", needs: hasSync, run: syncIsCounted},
		{name: "Sync is no error", run: syncIsNoError},
	}
}

func hasSync(f *facts) bool { return f.Durabilities.Has(engine.Sync) }

// writes are all calls that take a level. Each changes or removes key.
func (e *opened) writes(key string) map[string]func(engine.Durability) error {
	k, v := []byte(key), []byte("written")
	calls := map[string]func(engine.Durability) error{
		"Put":    func(d engine.Durability) error { return e.Put(k, v, d) },
		"Delete": func(d engine.Durability) error { return e.Delete(k, d) },
		"Apply": func(d engine.Durability) error {
			var b engine.Batch
			b.Put(k, v)
			return e.Apply(&b, d)
		},
	}
	if r, ok := engine.As[engine.RangeDeleter](e.Engine); ok {
		calls["DeleteRange"] = func(d engine.Durability) error { return r.DeleteRange(k, append(k, 0), d) }
	}
	if r, ok := engine.As[engine.Expirer](e.Engine); ok {
		calls["PutTTL"] = func(d engine.Durability) error {
			return r.PutTTL(k, v, time.Now().Add(time.Hour), d)
		}
	}
	return calls
}

func levelsAreAccepted(b *rig) {
	e := b.open()
	for _, d := range append(b.caps.Durabilities.Levels(), engine.Default) {
		for name, write := range e.writes("k") {
			e.put("k", "old")
			b.ok(write(d), "%s at %s", name, d)
			if strings.HasPrefix(name, "Delete") {
				e.misses("k")
			} else {
				e.wants("k", "written")
			}
		}
	}
}

func otherLevelsAreRefused(b *rig) {
	e := b.open()
	e.put("k", "old")
	for d := engine.None; d < 10; d++ { // above Sync there are no levels
		if e.Caps().Durabilities.Has(d) {
			continue
		}
		for name, write := range e.writes("k") {
			b.is(write(d), engine.ErrUnsupported, "%s at %s", name, d)
			e.wants("k", "old")
		}
	}
	e.put("k", "still writable")
}

// levelSettings are the values that the setting durability can have.
func (b *rig) levelSettings() []engine.Durability {
	b.Helper()
	s, ok := b.d.Setting(engine.DurabilityName)
	if !ok {
		b.Fatalf("the driver has no setting %s", engine.DurabilityName)
	}
	var levels []engine.Durability
	for _, c := range s.Choices {
		d, err := engine.ParseDurability(c)
		b.ok(err, "choice %q of %s", c, engine.DurabilityName)
		levels = append(levels, d)
	}
	return levels
}

func openedLevelIsThere(b *rig) {
	levels := b.levelSettings()
	if len(levels) == 0 {
		b.Errorf("the setting %s has no choices", engine.DurabilityName)
	}
	for _, d := range levels {
		e := b.openIn(b.TempDir(), map[string]string{engine.DurabilityName: d.String()})
		if d != engine.Default && !e.Caps().Durabilities.Has(d) {
			b.Errorf("opened with durability %s, Caps have %s only", d, e.Caps().Durabilities)
		}
		b.ok(e.Put([]byte("k"), []byte("v"), engine.Default), "put at the default level of %s", d)
		b.ok(e.Put([]byte("l"), []byte("v"), d), "put at %s", d)
		e.wants("k", "v")
		e.wants("l", "v")
		e.close()
	}
}

func syncIsCounted(b *rig) {
	e := b.open()
	var m engine.Metrics
	e.Metrics(&m)
	was, known := m.Log.Syncs.Value()
	if !known {
		return
	}
	const writes = 3 // one after the other, so none can share a sync
	for range writes {
		b.ok(e.Put([]byte("k"), []byte("v"), engine.Sync), "put")
	}
	e.Metrics(&m)
	if now := m.Log.Syncs.Or(0); now < was+writes {
		b.Errorf("%d writes at sync made %d syncs of the log", writes, now-was)
	}
}

func syncIsNoError(b *rig) {
	e := b.open()
	b.ok(e.Sync(), "sync of an empty engine")
	for _, d := range b.caps.Durabilities.Levels() {
		b.ok(e.Put([]byte("k"), []byte("v"), d), "put at %s", d)
		b.ok(e.Sync(), "sync after a put at %s", d)
		b.ok(e.Sync(), "sync again")
	}
	e.wants("k", "v")
}
