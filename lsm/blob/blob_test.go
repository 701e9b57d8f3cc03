package blob

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/compress"
)

var ways = []IO{Pread, Mmap, Direct}

func TestValuesComeBack(t *testing.T) {
	for _, kind := range compress.Kinds() {
		p, pointers := file(t, kind, some())
		m := newDir(t)
		put(t, m, p)
		for _, io := range ways {
			if err := readAll(t, m, ReaderOptions{IO: io}, pointers, some()); err != nil {
				t.Errorf("%v, io %d: %v", kind, io, err)
			}
		}
	}
}

func TestAnyValuesComeBack(t *testing.T) {
	m := newDir(t)
	rapid.Check(t, func(r *rapid.T) {
		var values [][]byte
		for range rapid.IntRange(1, 20).Draw(r, "values") {
			part := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(r, "part")
			values = append(values, bytes.Repeat(part, rapid.SampledFrom([]int{1, 1, 3, 100}).Draw(r, "times")))
		}
		o := Options{
			ID: id, Compression: rapid.SampledFrom(compress.Kinds()).Draw(r, "kind"),
			WriteBytes: rapid.SampledFrom([]int{0, 1, 100, 4096}).Draw(r, "write bytes"), WriteBack: true,
		}
		if err := m.RemoveAll(path); err != nil {
			r.Fatal(err)
		}
		pointers, err := write(m, path, o, values)
		if err != nil {
			r.Fatal(err)
		}
		io := rapid.SampledFrom(ways).Draw(r, "io")
		if err := readAll(t, m, ReaderOptions{IO: io}, pointers, values); err != nil {
			r.Fatal(err)
		}
	})
}

func TestLongValuesComeBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	long := make([]byte, 5<<20)
	for i := range long {
		long[i] = byte(r.Uint32())
	}
	values := [][]byte{[]byte("short"), long, bytes.Repeat([]byte("long"), 1<<20+1), []byte("short")}
	for _, kind := range []compress.Kind{compress.None, compress.LZ4} {
		m := newDir(t)
		pointers, err := write(m, path, Options{ID: id, Compression: kind}, values)
		if err != nil {
			t.Fatal(err)
		}
		some := ways
		if kind != compress.None {
			some = ways[:1] // it takes long
		}
		for _, io := range some {
			if err := readAll(t, m, ReaderOptions{IO: io}, pointers, values); err != nil {
				t.Errorf("%v, io %d: %v", kind, io, err)
			}
		}
	}
}

func TestAWriterCountsWhatItWrote(t *testing.T) {
	m := newDir(t)
	f, err := m.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(f, Options{ID: id, Compression: compress.Snappy})
	if _, err := w.Finish(); !errors.Is(err, engine.ErrInvalid) || !w.Empty() {
		t.Errorf("finishing an empty file: %v", err)
	}
	w.Reset(f, Options{ID: id, Compression: compress.Snappy})
	var stored, plain uint64
	for _, v := range some() {
		p, err := w.Add(v)
		if err != nil {
			t.Fatal(err)
		}
		stored += p.Length
		plain += uint64(len(v))
	}
	if n, bytes := w.Values(); n != uint64(len(some())) || bytes != plain || w.Empty() {
		t.Errorf("%d values of %d bytes", n, bytes)
	}
	info, err := w.Finish()
	if err != nil || info.ID != id || info.ValueBytes != stored || stored >= plain {
		t.Errorf("%+v, %v, want %d bytes of values, of %d", info, err, stored, plain)
	}
	if size, err := f.Size(); err != nil || size != info.Bytes {
		t.Errorf("file of %d bytes, %v: %+v", size, err, info)
	}
	if _, err := w.Add(nil); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("adding to a finished file: %v", err)
	}
	r, err := Open(m, path, id, ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if n, bytes := r.Values(); r.Info() != info || n != uint64(len(some())) || bytes != plain {
		t.Errorf("%+v, %d values of %d bytes", r.Info(), n, bytes)
	}
}

func TestAFileWithoutANumberIsRefused(t *testing.T) {
	f, err := newDir(t).Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewWriter(f, Options{}).Add(nil); !errors.Is(err, engine.ErrInvalid) {
		t.Error(err)
	}
}

// Each call to the file system fails in turn: that is told as what it is.
func TestEachFailedCallIsTold(t *testing.T) {
	for _, io := range ways {
		for nth := 1; ; nth++ {
			m := newDir(t)
			rules, err := vfs.ParseRules(fmt.Sprintf("create|open|write|sync|read|stat|mmap nth=%d error=EIO", nth))
			if err != nil {
				t.Fatal(err)
			}
			faulty := vfs.NewFault(m, rules...)
			pointers, err := write(faulty, path, Options{ID: id, WriteBytes: 500}, some())
			if err == nil {
				err = readAll(t, faulty, ReaderOptions{IO: io}, pointers, some())
			}
			if faulty.Fired() == 0 {
				if err != nil || nth < 10 {
					t.Errorf("io %d: %d calls, %v", io, nth-1, err)
				}
				break
			}
			if !errors.Is(err, vfs.ErrInjected) || errors.Is(err, engine.ErrCorrupt) {
				t.Errorf("io %d, call %d: %v", io, nth, err)
			}
		}
	}
}

func TestAPointerThatDoesNotFitIsCorrupt(t *testing.T) {
	p, pointers := file(t, compress.None, some())
	m := newDir(t)
	put(t, m, p)
	at := pointers[0]
	for _, io := range ways {
		r, err := Open(m, path, id, ReaderOptions{IO: io, Cache: newCache(t)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Load(nil, at, cache.Normal); err != nil {
			t.Fatal(err)
		}
		for _, p := range []Pointer{
			{at.File + 1, at.Offset, at.Length},
			{at.File, 0, at.Length},
			{at.File, at.Offset + 1, at.Length},
			{at.File, math.MaxUint64, 1},
			{at.File, uint64(len(p)) - footerBytes, 0},
			{at.File, uint64(len(p)) - footerBytes - 8, 0},
			{at.File, uint64(len(p)) - footerBytes - 8, 1 << 20},
			{at.File, at.Offset, at.Length + 1},
			{at.File, at.Offset, at.Length - 1},
			{at.File, at.Offset, math.MaxUint64},
			{at.File, at.Offset, uint64(len(p))},
		} {
			_, err := r.Get(nil, p)
			mustBeCorrupt(t, err, p.String())
			_, err = r.Load(nil, p, cache.Normal)
			mustBeCorrupt(t, err, p.String())
			if _, ok := r.Cached(p); ok {
				t.Errorf("%v is cached", p)
			}
		}
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// A power loss at any moment of writing leaves no file that can be opened, or
// the whole.
func TestAfterACrashAFileIsWholeOrRefused(t *testing.T) {
	for seed := range uint64(200) {
		m := newDir(t)
		f, err := m.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.SyncDir(dir); err != nil {
			t.Fatal(err)
		}
		w := NewWriter(f, Options{ID: id, WriteBytes: 200})
		var pointers []Pointer
		for _, v := range some() {
			p, err := w.Add(v)
			if err != nil {
				t.Fatal(err)
			}
			pointers = append(pointers, p)
		}
		finished := seed%2 == 1
		if finished {
			if _, err := w.Finish(); err != nil {
				t.Fatal(err)
			}
		} else {
			w.flush(0)
			w.Abort()
		}
		err = readAll(t, m.Crash(seed), ReaderOptions{}, pointers, some())
		if finished && err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !finished {
			mustBeCorrupt(t, err, fmt.Sprintf("seed %d", seed))
		}
	}
}

func newCache(t testing.TB) *cache.Cache {
	t.Helper()
	c, err := cache.New(cache.Options{Bytes: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestALoadedValueIsCached(t *testing.T) {
	for _, kind := range []compress.Kind{compress.None, compress.Snappy} {
		p, pointers := file(t, kind, some())
		m := newDir(t)
		put(t, m, p)
		for _, io := range ways {
			c := newCache(t)
			s := NewSet(SetOptions{FS: m, Path: func(uint64) string { return path }, Reader: ReaderOptions{IO: io, Cache: c}})
			guard := c.Domain().Pin()
			for i, p := range pointers {
				want := some()[i]
				if _, ok := s.Cached(p); ok && (i == 0 || io != Mmap) {
					t.Errorf("%v, io %d: %v is cached before it was loaded", kind, io, p)
				}
				got, err := s.Load([]byte("a"), p, cache.Normal)
				if err != nil || string(got) != "a"+string(want) {
					t.Errorf("%v, io %d: %q, %v", kind, io, got, err)
				}
				s.Prefetch(p)
				if got, ok := s.Cached(p); ok != (len(want) > 0 || io == Mmap && kind == compress.None) || ok && !bytes.Equal(got, want) {
					t.Errorf("%v, io %d: %.40q is cached: %t", kind, io, got, ok)
				}
			}
			guard.Unpin()
			if err := s.Drop(id); err != nil {
				t.Fatal(err)
			}
			if _, ok := c.Get(cache.Key{File: id, Offset: pointers[0].Offset}); ok {
				t.Error("a dropped file is in the cache")
			}
		}
	}
}

func TestALongValueIsNotCached(t *testing.T) {
	m := newDir(t)
	values := [][]byte{make([]byte, mostCached), make([]byte, mostCached+1)}
	pointers, err := write(m, path, Options{ID: id}, values)
	if err != nil {
		t.Fatal(err)
	}
	c := newCache(t)
	r, err := Open(m, path, id, ReaderOptions{Cache: c})
	if err != nil {
		t.Fatal(err)
	}
	guard := c.Domain().Pin()
	for i, p := range pointers {
		if _, err := r.Load(nil, p, cache.Normal); err != nil {
			t.Fatal(err)
		}
		if _, ok := r.Cached(p); ok != (i == 0) {
			t.Errorf("%d bytes are cached: %t", p.Length, ok)
		}
	}
	guard.Unpin()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReadingAllocatesNothing(t *testing.T) {
	if raced {
		t.Skip("pools forget under the race detector")
	}
	values := [][]byte{bytes.Repeat([]byte("noise and sounds"), 60)}
	for _, kind := range []compress.Kind{compress.None, compress.Snappy} {
		p, pointers := file(t, kind, values)
		m := newDir(t)
		put(t, m, p)
		for _, io := range ways {
			c := newCache(t)
			r, err := Open(m, path, id, ReaderOptions{IO: io, Cache: c})
			if err != nil {
				t.Fatal(err)
			}
			for _, room := range []int{len(values[0]), 2 * len(values[0])} {
				dst := make([]byte, 0, room)
				n := testing.AllocsPerRun(100, func() {
					dst, err = r.Get(dst[:0], pointers[0])
				})
				if n > 0 || err != nil {
					t.Errorf("%v, io %d, room %d: Get: %v allocations, %v", kind, io, room, n, err)
				}
				n = testing.AllocsPerRun(100, func() {
					dst, err = r.Load(dst[:0], pointers[0], cache.Normal)
					r.Cached(pointers[0])
				})
				if n > 0 || err != nil {
					t.Errorf("%v, io %d, room %d: Load: %v allocations, %v", kind, io, room, n, err)
				}
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestASetOpensFilesWhenTheyAreRead(t *testing.T) {
	m := newDir(t)
	name := func(id uint64) string { return fmt.Sprintf("%s/%d.blob", dir, id) }
	var pointers []Pointer
	for id := range uint64(5) {
		all, err := write(m, name(id+1), Options{ID: id + 1}, [][]byte{fmt.Append(nil, "value ", id+1)})
		if err != nil {
			t.Fatal(err)
		}
		pointers = append(pointers, all[0])
	}
	s := NewSet(SetOptions{FS: m, Path: name})
	if _, ok := s.Cached(pointers[0]); ok || s.Len() != 0 {
		t.Error("something is open")
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 200 {
				p := pointers[i%4]
				got, err := s.Get(nil, p)
				if err != nil || string(got) != fmt.Sprint("value ", p.File) {
					t.Errorf("%q, %v", got, err)
				}
				if i%50 == 0 {
					if err := s.Drop(5); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if s.Len() != 4 {
		t.Errorf("%d files are open", s.Len())
	}
	if err := s.Drop(1); err != nil || s.Len() != 3 {
		t.Errorf("%v, %d files are open", err, s.Len())
	}
	if got, err := s.Get([]byte("dst"), Pointer{File: 9}); !errors.Is(err, fs.ErrNotExist) || string(got) != "dst" {
		t.Errorf("%q, %v", got, err)
	}
	if err := errors.Join(s.Close(), s.Close(), s.Drop(1)); err != nil || s.Len() != 0 {
		t.Error(err)
	}
	if _, err := s.Load(nil, pointers[0], cache.Normal); !errors.Is(err, engine.ErrClosed) {
		t.Error(err)
	}
}

func TestManyMayReadAtOnce(t *testing.T) {
	values := some()
	p, pointers := file(t, compress.Snappy, values)
	m := newDir(t)
	put(t, m, p)
	for _, io := range ways {
		c := newCache(t)
		r, err := Open(m, path, id, ReaderOptions{IO: io, Cache: c})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := range 200 {
					n := (i + g) % len(values)
					guard := c.Domain().Pin()
					if got, ok := r.Cached(pointers[n]); ok && !bytes.Equal(got, values[n]) {
						t.Errorf("value %d is cached wrong", n)
					}
					guard.Unpin()
					got, err := r.Load(nil, pointers[n], cache.Normal)
					if err != nil || !bytes.Equal(got, values[n]) {
						t.Errorf("value %d: %v", n, err)
					}
				}
			})
		}
		wg.Wait()
		if err := errors.Join(r.Walk(nil), r.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
