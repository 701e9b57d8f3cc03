package catalog_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/catalog"
	"github.com/kvbench/kvbench/engine/vfs"
)

// These benchmarks do one thing once, whatever -benchtime says, and report what
// it cost in units of their own: run them with -benchtime 1x.

// treesOfThisBuild are the engines with one file of pages.
func treesOfThisBuild() (names []string) {
	for _, name := range catalog.Names() {
		switch name {
		case "btree", "bbolt", "lmdb":
			names = append(names, name)
		}
	}
	return names
}

const (
	spaceValue = 100 // bytes
	spaceBatch = 1000
	megabyte   = 1e6
)

func spaceKeys() int {
	if testing.Short() {
		return 1e5
	}
	return 1e6
}

func spaceKey(i int) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(i)*0x9E3779B97F4A7C15)
}

// opened returns an engine in a directory of its own, with all keys, settled.
func opened(b *testing.B, name string, given map[string]string, env engine.Env) (engine.Engine, string) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), name)
	e, err := catalog.Open(name, dir, given, env)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	})
	order := rand.New(rand.NewPCG(1, 1)).Perm(spaceKeys())
	inBatches(b, e, len(order), func(batch *engine.Batch, i int) { batch.Put(spaceKey(order[i]), spaceContent(i)) })
	settled(b, e)
	return e, dir
}

// unsynced are settings of an engine that hands writes to the kernel.
func unsynced() map[string]string { return map[string]string{"durability": "os"} }

func spaceContent(i int) []byte {
	v := make([]byte, spaceValue)
	for at := 0; at+8 <= len(v); at += 8 {
		binary.LittleEndian.PutUint64(v[at:], uint64(i+at)*0xBF58476D1CE4E5B9)
	}
	return v
}

func inBatches(b *testing.B, e engine.Engine, n int, add func(*engine.Batch, int)) {
	b.Helper()
	var batch engine.Batch
	for i := range n {
		add(&batch, i)
		if batch.Len() == spaceBatch || i == n-1 {
			if err := e.Apply(&batch, engine.Default); err != nil {
				b.Fatal(err)
			}
			batch.Reset()
		}
	}
}

func settled(b *testing.B, e engine.Engine) {
	b.Helper()
	if s, ok := engine.As[engine.Settler](e); ok {
		if err := s.Settle(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	if err := e.Sync(); err != nil {
		b.Fatal(err)
	}
}

// space is what the files of a directory take on disk: those of the log, and
// all others.
func space(b *testing.B, dir string) (bytes, log float64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		const sector = 512
		if n := float64(info.Sys().(*syscall.Stat_t).Blocks * sector); filepath.Base(filepath.Dir(path)) == "log" {
			log += n
		} else {
			bytes += n
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return bytes, log
}

// BenchmarkSpaceAfterDeletes deletes nine keys of ten and settles.
func BenchmarkSpaceAfterDeletes(b *testing.B) {
	for _, name := range treesOfThisBuild() {
		b.Run("engine="+name, func(b *testing.B) {
			e, dir := opened(b, name, unsynced(), engine.Env{})
			before, _ := space(b, dir)
			order := rand.New(rand.NewPCG(2, 2)).Perm(spaceKeys())
			began := time.Now()
			inBatches(b, e, len(order)/10*9, func(batch *engine.Batch, i int) { batch.Delete(spaceKey(order[i])) })
			deleted := time.Since(began)
			settled(b, e)
			after, log := space(b, dir)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(before/megabyte, "MB-before")
			b.ReportMetric(after/megabyte, "MB-after")
			b.ReportMetric(log/megabyte, "MB-log")
			b.ReportMetric(deleted.Seconds(), "delete-s")
			b.ReportMetric((time.Since(began) - deleted).Seconds(), "settle-s")
			for _, i := range order[len(order)/10*9:] {
				if _, err := e.Get(nil, spaceKey(i)); err != nil {
					b.Fatalf("key %d: %v", i, err)
				}
			}
		})
	}
}

// longReader is KVBENCH_LONG_READER, or a second.
func longReader(b *testing.B) time.Duration {
	text := os.Getenv("KVBENCH_LONG_READER")
	if text == "" {
		return time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		b.Fatalf("KVBENCH_LONG_READER: %v", err)
	}
	return d
}

// BenchmarkLongReader overwrites keys at random for a while, once with nobody
// reading and once while a snapshot from before is open.
func BenchmarkLongReader(b *testing.B) {
	for _, name := range treesOfThisBuild() {
		for _, held := range []bool{false, true} {
			b.Run(fmt.Sprintf("engine=%s/snapshot=%v", name, held), func(b *testing.B) {
				e, dir := opened(b, name, unsynced(), engine.Env{})
				before, _ := space(b, dir)
				if held {
					s, err := e.(engine.Snapshotter).NewSnapshot()
					if err != nil {
						b.Fatal(err)
					}
					defer func() {
						if err := s.Close(); err != nil {
							b.Error(err)
						}
					}()
				}
				updates := overwrite(b, e, longReader(b))
				grown, log := space(b, dir)
				grown -= before
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(before/megabyte, "MB-before")
				b.ReportMetric(grown/megabyte, "MB-grown")
				b.ReportMetric(log/megabyte, "MB-log")
				b.ReportMetric(updates/longReader(b).Seconds(), "updates/s")
				b.ReportMetric(grown/updates, "B-grown/update")
			})
		}
	}
}

func overwrite(b *testing.B, e engine.Engine, d time.Duration) (updates float64) {
	b.Helper()
	r := rand.New(rand.NewPCG(3, 3))
	for end := time.Now().Add(d); time.Now().Before(end); updates++ {
		i := r.IntN(spaceKeys())
		if err := e.Put(spaceKey(i), spaceContent(i+1), engine.Default); err != nil {
			b.Fatal(err)
		}
	}
	return updates
}

// BenchmarkCommit puts keys at level sync, and counts what goes to the disk for
// each: while they are put, and up to where all is in the file of pages.
func BenchmarkCommit(b *testing.B) {
	const puts = 4096
	for _, mode := range []string{"wal", "cow"} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("engine=btree/mode=%s/writers=%d", mode, writers), func(b *testing.B) {
				counting := vfs.NewCounting(vfs.OS{})
				given := map[string]string{"mode": mode, "checkpoint_interval": "0s"}
				e, _ := opened(b, "btree", given, engine.Env{FS: counting})
				before := counting.Total()
				began := time.Now()
				putAll(b, e, puts, writers)
				took := time.Since(began)
				moved := counting.Total().Minus(before)
				settled(b, e)
				all := counting.Total().Minus(before)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(puts/took.Seconds(), "puts/s")
				b.ReportMetric(float64(moved.Syncs)/puts, "syncs/put")
				b.ReportMetric(float64(moved.WriteBytes)/puts, "B/put")
				b.ReportMetric(float64(all.WriteBytes)/puts, "B-settled/put")
			})
		}
	}
}

func putAll(b *testing.B, e engine.Engine, puts, writers int) {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for i := int(next.Add(1)); i <= puts; i = int(next.Add(1)) {
				if err := e.Put(spaceKey(i*241%spaceKeys()), spaceContent(i), engine.Sync); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
