package enginetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func directoryClauses() []clause {
	return []clause{
		{name: "reopening finds everything", needs: persistent, run: reopenFindsAll},
		{name: "what is not persistent is gone, and its directory is not used", needs: transient, run: nothingIsKept},
		{name: "Open makes an absent directory and marks it", needs: persistent, run: openMakesDirectory},
		{name: "a directory of another engine is refused", needs: persistent, run: anotherEnginesDirectory},
		{name: "a directory of a newer format is refused", needs: persistent, run: newerFormat},
		{name: "a directory with foreign files is refused", needs: persistent, run: foreignFiles},
		{name: "a damaged marker is corrupt", needs: persistent, run: damagedMarker},
		{name: "a directory in use is refused", needs: persistent, run: directoryInUse},
		{name: "read_only refuses writes and changes nothing", needs: canReadOnly, run: readOnly},
		{name: "read_only needs a directory that exists", needs: canReadOnly, run: readOnlyAbsent},
		{name: "Verify finds nothing in a sound directory", needs: hasVerify, run: verifySound},
		{name: "Inspect describes a directory", needs: hasInspect, run: inspects},
	}
}

func transient(f *facts) bool  { return !f.Persistent }
func hasVerify(f *facts) bool  { return f.Persistent && f.driver.Verify != nil }
func hasInspect(f *facts) bool { return f.Persistent && f.driver.Inspect != nil }

func canReadOnly(f *facts) bool {
	s, ok := f.driver.Setting(engine.ReadOnlyName)
	return ok && s.Inapplicable == "" && f.Persistent
}

func reopenFindsAll(b *rig) {
	for _, d := range b.caps.Durabilities.Levels() {
		e := b.open()
		e.level = d
		want := e.fill(awkward())
		e.put("zz", "deleted")
		e.put(want[0].key, "old")
		e = e.reopen()
		e.level = d
		e.holds(sorted(append([]pair{{want[0].key, "old"}, {"zz", "deleted"}}, want[1:]...)))
		e.remove("zz")
		e.put(want[0].key, want[0].value)
		e = e.reopen()
		e.misses("zz")
		e.holds(want)
		e = e.reopen() // with nothing written
		e.holds(want)
		e.close()
	}
}

func nothingIsKept(b *rig) {
	e := b.open()
	e.put("k", "v")
	second := b.openIn(e.dir, nil)
	second.misses("k")
	second.put("k", "w")
	e.wants("k", "v")
	e.close()
	third := b.openIn(e.dir, nil)
	third.misses("k")
	if left := fingerprint(b, e.dir); len(left) > 0 {
		b.Errorf("the directory holds %v", left)
	}
}

func openMakesDirectory(b *rig) {
	dir := filepath.Join(b.TempDir(), "not", "there", "yet")
	e := b.openIn(dir, nil)
	e.put("k", "v")
	e.close()
	m, err := engine.ReadMarker(vfs.OS{}, dir)
	b.ok(err, "read marker")
	if m.Engine != b.d.Name || m.Format < 1 {
		b.Errorf("the marker names %s, format %d", m.Engine, m.Format)
	}
	b.openIn(dir, nil).wants("k", "v")
}

// refuses expects Open of dir to fail with want and to leave it as it is.
func (b *rig) refuses(dir string, settings map[string]string, want error) {
	b.Helper()
	was := fingerprint(b, dir)
	e, err := b.d.Open(dir, b.with(settings), engine.Env{})
	if err == nil {
		e.Close()
	}
	b.is(err, want, "open")
	if now := fingerprint(b, dir); !maps.Equal(was, now) {
		b.Errorf("the refused directory changed:\nwas %v\nis  %v", was, now)
	}
}

func anotherEnginesDirectory(b *rig) {
	dir := b.TempDir()
	b.ok(engine.WriteMarker(vfs.OS{}, dir, engine.Marker{Engine: "another-engine", Format: 1}), "write marker")
	b.refuses(dir, nil, engine.ErrWrongEngine)
}

func newerFormat(b *rig) {
	e := b.open()
	e.close()
	m, err := engine.ReadMarker(vfs.OS{}, e.dir)
	b.ok(err, "read marker")
	b.ok(os.Remove(filepath.Join(e.dir, engine.MarkerName)), "remove marker")
	m.Format++
	b.ok(engine.WriteMarker(vfs.OS{}, e.dir, m), "write marker")
	b.refuses(e.dir, nil, engine.ErrWrongEngine)
}

func foreignFiles(b *rig) {
	for _, name := range []string{"thesis.tex", ".hidden"} {
		dir := b.TempDir()
		b.ok(os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600), "write file")
		b.refuses(dir, nil, engine.ErrNotEngineDir)
	}
	path := filepath.Join(b.TempDir(), "file")
	b.ok(os.WriteFile(path, []byte("mine"), 0o600), "write file")
	if e, err := b.d.Open(path, b.with(nil), engine.Env{}); err == nil {
		e.Close()
		b.Errorf("a file was opened as a directory")
	}
}

func damagedMarker(b *rig) {
	e := b.open()
	e.put("k", "v")
	e.close()
	path := filepath.Join(e.dir, engine.MarkerName)
	sound, err := os.ReadFile(path)
	b.ok(err, "read marker")
	for _, damaged := range []string{"", string(sound[:len(sound)/2]), "X" + string(sound[1:]), strings.ToUpper(string(sound))} {
		b.ok(os.WriteFile(path, []byte(damaged), 0o600), "write marker")
		b.refuses(e.dir, nil, engine.ErrCorrupt)
	}
	b.ok(os.WriteFile(path, sound, 0o600), "write marker")
	b.openIn(e.dir, nil).wants("k", "v")
}

func directoryInUse(b *rig) {
	e := b.open()
	e.put("k", "v")
	for range 2 {
		second, err := b.d.Open(e.dir, b.with(nil), engine.Env{})
		if err == nil {
			second.Close()
		}
		b.is(err, engine.ErrLocked, "second open")
	}
	e.put("k", "w")
	e = e.reopen()
	e.wants("k", "w")
}

func readOnly(b *rig) {
	e := b.open()
	want := e.fill(awkward())
	if second, err := b.d.Open(e.dir, b.with(yes(engine.ReadOnlyName)), engine.Env{}); err == nil {
		second.Close()
		b.Errorf("read_only opened a directory that is being written")
	} else {
		b.is(err, engine.ErrLocked, "read_only of a directory in use")
	}
	e.close()
	was := fingerprint(b, e.dir)
	r := b.openIn(e.dir, yes(engine.ReadOnlyName))
	for name, write := range r.writes(want[0].key) {
		b.is(write(engine.Default), engine.ErrReadOnly, "%s", name)
	}
	if bulk, ok := engine.As[engine.BulkLoader](r.Engine); ok {
		if _, err := bulk.NewBulkLoad(); !errors.Is(err, engine.ErrReadOnly) {
			b.Errorf("NewBulkLoad: %v", err)
		}
	}
	r.holds(want)
	b.ok(r.Sync(), "sync")
	r.close()
	if now := fingerprint(b, e.dir); !maps.Equal(was, now) {
		b.Errorf("the directory changed:\nwas %v\nis  %v", was, now)
	}
	e = b.openIn(e.dir, nil)
	e.put("k", "writable again")
}

func yes(name string) map[string]string { return map[string]string{name: "true"} }

func readOnlyAbsent(b *rig) {
	dir := filepath.Join(b.TempDir(), "absent")
	if e, err := b.d.Open(dir, b.with(yes(engine.ReadOnlyName)), engine.Env{}); err == nil {
		e.Close()
		b.Errorf("an absent directory was opened")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		b.Errorf("the directory was made: %v", err)
	}
	b.refuses(b.TempDir(), yes(engine.ReadOnlyName), engine.ErrNotEngineDir)
}

func verifySound(b *rig) {
	e := b.open()
	e.fill(awkward())
	e.remove("key")
	e.close()
	report := func(p engine.Problem) { b.Errorf("problem in %s at %d: %s", p.File, p.Offset, p.Detail) }
	b.ok(b.d.Verify(context.Background(), e.dir, engine.Env{}, report), "verify")
	b.openIn(e.dir, nil).misses("key")
}

func inspects(b *rig) {
	e := b.open()
	e.fill(awkward())
	e.close()
	was := fingerprint(b, e.dir)
	layout, err := b.d.Inspect(context.Background(), e.dir, engine.Env{})
	b.ok(err, "inspect")
	if len(layout.Facts)+len(layout.Tables) == 0 {
		b.Errorf("the layout is empty")
	}
	for _, table := range layout.Tables {
		for i, row := range table.Rows {
			if len(row) != len(table.Columns) {
				b.Errorf("table %s, row %d: %d cells for %d columns", table.Title, i, len(row), len(table.Columns))
			}
		}
	}
	if now := fingerprint(b, e.dir); !maps.Equal(was, now) {
		b.Errorf("the directory changed:\nwas %v\nis  %v", was, now)
	}
}

// fingerprint maps every file below dir to its size and hash.
func fingerprint(b *rig, dir string) map[string]string {
	b.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || entry.IsDir() {
			files[rel] = "directory"
			return err
		}
		data, err := os.ReadFile(path)
		files[rel] = fmt.Sprintf("%d bytes, %.4x", len(data), sha256.Sum256(data))
		return err
	})
	b.ok(err, "read %s", dir)
	return files
}
