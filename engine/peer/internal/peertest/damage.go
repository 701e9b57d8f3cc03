package peertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

// Filled makes a directory with 2000 keys that are compacted where the engine
// can do that, and returns it with the engine closed.
func Filled(t *testing.T, d engine.Driver) (dir string) {
	t.Helper()
	dir = t.TempDir()
	e := Open(t, d, dir, nil)
	var b engine.Batch
	for i := range 2000 {
		b.Put(fmt.Appendf(nil, "key%05d", i), []byte(strings.Repeat("v", 100)))
	}
	if err := e.Apply(&b, engine.Default); err != nil {
		t.Fatal(err)
	}
	if c, ok := engine.As[engine.Compactor](e); ok {
		if err := c.Compact(context.Background(), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Problems returns what Verify reports.
func Problems(t *testing.T, d engine.Driver, dir string) (found []engine.Problem) {
	t.Helper()
	err := d.Verify(context.Background(), dir, engine.Env{}, func(p engine.Problem) { found = append(found, p) })
	if err != nil {
		t.Error("verify:", err)
	}
	return found
}

// VerifyFindsDamage: Verify reports nothing for a sound directory, and
// something once bytes in the middle of a file with the extension are changed.
func VerifyFindsDamage(t *testing.T, d engine.Driver, ext string) {
	t.Helper()
	dir := Filled(t, d)
	if found := Problems(t, d, dir); len(found) > 0 {
		t.Fatalf("a sound directory has problems: %+v", found)
	}
	if layout, err := d.Inspect(context.Background(), dir, engine.Env{}); err != nil || len(layout.Tables) == 0 {
		t.Errorf("inspect: %+v, %v", layout, err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "db", "*"+ext))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no file with extension %s: %v", ext, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range min(16, len(data)/2) {
			data[len(data)/2+i] ^= 0x5a
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if found := Problems(t, d, dir); len(found) == 0 {
		t.Error("a damaged directory has no problems")
	}
}
