package hashidx

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

// BenchmarkOpen opens a directory that was closed, one as kill -9 leaves it,
// and one whose image of the index is lost. Keys are written once, then a
// tenth of them again.
func BenchmarkOpen(b *testing.B) {
	for _, keys := range []int{1e6, 1e7} {
		b.Run(fmt.Sprintf("engine=hash/keys=%.0e/value=100", float64(keys)), func(b *testing.B) {
			if keys > 1e6 && testing.Short() {
				b.Skip("takes 2 GB of disk")
			}
			closed, killed := openDirs(b, keys, 100)
			benchOpen(b, "after=close", closed, keys)
			benchOpen(b, "after=kill", killed, keys)
			if err := os.RemoveAll(filepath.Join(closed, imageDir)); err != nil {
				b.Fatal(err)
			}
			benchOpen(b, "after=loss-of-image", closed, keys)
		})
	}
}

// openDirs returns directories that were closed and not closed.
func openDirs(b *testing.B, keys, value int) (closed, killed string) {
	b.Helper()
	closed, killed = filepath.Join(b.TempDir(), "closed"), filepath.Join(b.TempDir(), "killed")
	e, err := open(closed, nil, engine.Env{})
	if err != nil {
		b.Fatal(err)
	}
	v, key := make([]byte, value), make([]byte, 8)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range keys + keys/10 {
		if i >= keys {
			i = r.IntN(keys)
		}
		if err := e.Put(benchKey(key, i), v, engine.Buffered); err != nil {
			b.Fatal(err)
		}
	}
	if err := e.Sync(); err != nil {
		b.Fatal(err)
	}
	if err := os.CopyFS(killed, os.DirFS(closed)); err != nil {
		b.Fatal(err)
	}
	if err := e.Close(); err != nil {
		b.Fatal(err)
	}
	return closed, killed
}

func benchOpen(b *testing.B, name, dir string, keys int) {
	b.Run(name, func(b *testing.B) {
		for b.Loop() {
			e, err := open(dir, map[string]string{"read_only": "true"}, engine.Env{})
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if n := e.(*store).index.Len(); n != keys {
				b.Fatalf("%d keys, want %d", n, keys)
			}
			e.Close()
			b.StartTimer()
		}
	})
}
