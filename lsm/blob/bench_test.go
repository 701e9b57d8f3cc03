package blob

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
)

// BenchmarkGet reads a value from a file of the system, which is in its page
// cache, or from the cache of the engine.
func BenchmarkGet(b *testing.B) {
	for _, size := range []int{1000, 64 << 10} {
		fsys, path := vfs.OS{}, b.TempDir()+"/7.blob"
		pointers, err := write(fsys, path, Options{ID: id}, [][]byte{bytes.Repeat([]byte("v"), size)})
		if err != nil {
			b.Fatal(err)
		}
		for _, io := range ways {
			c := newCache(b)
			r, err := Open(fsys, path, id, ReaderOptions{IO: io, Cache: c})
			if err != nil {
				b.Logf("io %d: %v", io, err)
				continue
			}
			dst := make([]byte, 0, 2*size)
			b.Run(fmt.Sprintf("size=%d/io=%d", size, io), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if dst, err = r.Get(dst[:0], pointers[0]); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("size=%d/io=%d/cached", size, io), func(b *testing.B) {
				if _, err = r.Load(dst[:0], pointers[0], cache.Normal); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					guard := c.Domain().Pin()
					value, ok := r.Cached(pointers[0])
					dst = append(dst[:0], value...)
					guard.Unpin()
					if !ok {
						b.Fatal("it is not cached")
					}
				}
			})
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	value := bytes.Repeat([]byte("v"), 1000)
	m := vfs.OS{}
	f, err := m.Create(b.TempDir() + "/7.blob")
	if err != nil {
		b.Fatal(err)
	}
	w := NewWriter(f, Options{ID: id, WriteBack: true})
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		if _, err := w.Add(value); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}
