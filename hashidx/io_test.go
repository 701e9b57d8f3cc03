package hashidx

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/enginetest"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/manifest"
)

func ioModes() []string { return []string{ioPread, ioMmap, ioDirect} }

// tiny settings with an io and a cache.
func tinyWith(io, cacheBytes string) map[string]string {
	s := smallest()
	maps.Copy(s, map[string]string{"io": io, "cache_bytes": cacheBytes, "record_cache": cacheOn, "resident": "false"})
	return s
}

// fill puts keys key0 to key(n-1) with values of all lengths, seals and
// opens again.
func fill(t *testing.T, fsys vfs.FS, n int, given map[string]string) *store {
	t.Helper()
	e := openIn(t, fsys, given)
	for i := range n {
		if err := e.Put(fmt.Appendf(nil, "key%d", i), []byte(valueOf(i)), engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{e.hot.Rotate(t.Context()), e.Settle(t.Context()), e.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return openIn(t, fsys, given)
}

func TestDataFarLargerThanMemoryIsRight(t *testing.T) {
	const n = 2000 // 3 MB
	for _, mode := range ioModes() {
		t.Run(mode, func(t *testing.T) {
			e := fill(t, vfs.NewMem(), n, tinyWith(mode, "80k"))
			r := rand.New(rand.NewPCG(1, 2))
			for range 2 * n {
				i := r.IntN(n)
				wantValue(t, e, fmt.Sprintf("key%d", i), valueOf(i))
			}
			// Among them some that are overwritten, some that were just read.
			for range n {
				i, j := r.IntN(n), r.IntN(n)
				if err := e.Put(fmt.Appendf(nil, "key%d", i), []byte(valueOf(i)), engine.Default); err != nil {
					t.Fatal(err)
				}
				wantValue(t, e, fmt.Sprintf("key%d", j), valueOf(j))
			}
			var m engine.Metrics
			e.Metrics(&m)
			if used := m.Memory.Off.Or(0) - m.Memory.Index.Or(0); used > 80<<10+2*minPageBytes {
				t.Errorf("tail and cache take %d bytes", used)
			}
			if mode != ioMmap && (m.Cache.Inserts.Or(0) == 0 || m.Cache.Evictions.Or(0) == 0) {
				t.Errorf("the cache was not used: %+v", m.Cache)
			}
		})
	}
}

func TestTheContractHoldsWithEachWayToRead(t *testing.T) {
	if testing.Short() {
		t.Skip("the contract takes long")
	}
	for _, mode := range ioModes()[1:] {
		t.Run(mode, func(t *testing.T) {
			given := map[string]string{"io": mode, "tail_bytes": "16k", "segment_bytes": "8k", "cache_bytes": "80k"}
			enginetest.Run(t, Driver(), enginetest.Settings(given), enginetest.Tiny(given))
		})
	}
}

func TestSealedSegmentsAreReadAsTold(t *testing.T) {
	for _, mode := range ioModes() {
		t.Run(mode, func(t *testing.T) {
			e := fill(t, vfs.NewMem(), 100, tinyWith(mode, "0"))
			for i := range 100 {
				wantValue(t, e, fmt.Sprintf("key%d", i), valueOf(i))
			}
			sealed := 0
			for _, s := range e.segments.list() {
				src := s.source.Load()
				if src == nil || !src.settled {
					continue
				}
				sealed++
				if src.direct != (mode == ioDirect) || (src.mapping != nil) != (mode == ioMmap) {
					t.Errorf("%s is read in another way", s.path)
				}
			}
			if sealed == 0 {
				t.Error("no sealed segment was read")
			}
		})
	}
}

// undirected cannot read past the page cache.
type undirected struct{ vfs.FS }

func (undirected) OpenDirect(path string, _ bool) (vfs.File, error) {
	return nil, fmt.Errorf("open %s: %w", path, errors.ErrUnsupported)
}

func TestDirectReadsThatCannotBeAreRefusedAtOnce(t *testing.T) {
	_, err := open("/db", map[string]string{"io": ioDirect}, engine.Env{FS: undirected{vfs.NewMem()}})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Fatal(err)
	}
}

func TestDamageIsNoticedOnReadInEachWay(t *testing.T) {
	for _, mode := range ioModes() {
		t.Run(mode, func(t *testing.T) {
			fsys := vfs.NewMem()
			e := fill(t, fsys, 200, tinyWith(mode, "80k"))
			c := e.index.Find(e.hash([]byte("key7")))
			place, _ := c.Next()
			seg, off := e.segments.at(place)
			if seg.log != manifest.Hot || !seg.settled.Load() {
				t.Fatal("key7 is not in a sealed segment")
			}
			f, err := fsys.OpenReadWrite(seg.path)
			if err != nil {
				t.Fatal(err)
			}
			var p [1]byte
			at := off + 30 // within the value
			if _, err := f.ReadAt(p[:], at); err != nil {
				t.Fatal(err)
			}
			p[0] ^= 1
			if _, err := f.WriteAt(p[:], at); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, err := e.Get(nil, []byte("key7"))
				var c *engine.CorruptionError
				if !errors.As(err, &c) || c.File != seg.path || c.Offset != off {
					t.Fatalf("%v, want damage in %s at %d", err, filepath.Base(seg.path), off)
				}
				out := []engine.Value{{}}
				if err := e.MultiGet([][]byte{[]byte("key7")}, out); !errors.Is(err, engine.ErrCorrupt) {
					t.Fatal(err)
				}
			}
			var m engine.Metrics
			e.Metrics(&m)
			if n := m.Health.CorruptionFound.Or(0); n != 4 {
				t.Errorf("%d damages counted, want 4", n)
			}
			// Whole again, it is read: nothing of the damage was kept.
			p[0] ^= 1
			if _, err := f.WriteAt(p[:], at); err != nil {
				t.Fatal(err)
			}
			wantValue(t, e, "key7", valueOf(7))
		})
	}
}

func TestTheEndOfAFileIsNotReadOver(t *testing.T) {
	for _, mode := range ioModes() {
		t.Run(mode, func(t *testing.T) {
			e := fill(t, vfs.NewMem(), 50, tinyWith(mode, "0"))
			for _, seg := range e.segments.list() {
				size, err := fileSize(e, seg.path)
				if err != nil {
					t.Fatal(err)
				}
				for _, off := range []int64{size - 1, size, size + 1, size + 1<<20} {
					src, err := e.segments.open(seg)
					if err != nil {
						t.Fatal(err)
					}
					s := e.scratch()
					if _, err := s.load(src, seg, off); !errors.Is(err, engine.ErrCorrupt) {
						t.Errorf("%s at %d of %d: %v", seg.path, off, size, err)
					}
					if p := seg.mapped(off); int64(len(p)) != max(0, size-off) && p != nil {
						t.Errorf("%d bytes are mapped at %d of %d", len(p), off, size)
					}
				}
			}
		})
	}
}

func TestAnOverwriteOfAKeyOnDiskCostsOneReadAndNoRoomInTheCache(t *testing.T) {
	fsys := vfs.NewMem()
	given := map[string]string{"durability": "buffered", "resident": "false"}
	e := openIn(t, fsys, given)
	const n = 100
	for i := range n {
		if err := e.Put(fmt.Appendf(nil, "key%d", i), bytes.Repeat([]byte("v"), 500), engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openIn(t, fsys, given)
	before := e.counting.Counts(vfs.Data).Reads
	for i := range n {
		if err := e.Put(fmt.Appendf(nil, "key%d", i), nil, engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	if reads := e.counting.Counts(vfs.Data).Reads - before; reads != n {
		t.Errorf("%d reads for %d overwrites", reads, n)
	}
	if st := e.records.cache.Stats(); st.Blocks != 0 {
		t.Errorf("%d records in the cache", st.Blocks)
	}
}
