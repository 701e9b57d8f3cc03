package hashidx

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

// BenchmarkSettle overwrites every key three times and settles: only that is
// timed. It reports bytes on disk for each live byte of keys and values, and
// what the index takes.
func BenchmarkSettle(b *testing.B) {
	const keys, value = 1_000_000, 100
	b.Run(fmt.Sprintf("engine=hash/keys=1e6/value=%d", value), func(b *testing.B) {
		for range b.N {
			b.StopTimer()
			dir := b.TempDir()
			e := benchStoreIn(b, dir, keys, value, nil)
			key, v := make([]byte, 8), make([]byte, value)
			for i := range 3 * keys {
				if err := e.Put(benchKey(key, i%keys), v, engine.Buffered); err != nil {
					b.Fatal(err)
				}
			}
			b.StartTimer()
			if err := e.Settle(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			b.ReportMetric(float64(dirBytes(b, dir))/float64(keys*(8+value)), "space-amp")
			b.ReportMetric(float64(e.index.Bytes())/float64(keys), "index-B/key")
			b.StartTimer()
		}
	})
}

// dirBytes is what the files of a directory take.
func dirBytes(b *testing.B, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}
