package trace

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/mem"
)

func openMem(t testing.TB) engine.Engine {
	t.Helper()
	e, err := mem.Driver().Open(t.TempDir(), nil, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// recorded returns what was recorded while f used the engine.
func recorded(t testing.TB, e engine.Engine, f func(e engine.Engine)) []Op {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, true)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, r := NewRecorder(e, w)
	must(t, wrapped.Put([]byte("before"), []byte("x"), engine.Default))
	r.Start()
	f(wrapped)
	must(t, r.Stop())
	must(t, wrapped.Put([]byte("after"), []byte("x"), engine.Default))
	must(t, wrapped.Close())
	ops, err := readAll(b.Bytes())
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return ops
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatAnEngineIsAskedIsRecorded(t *testing.T) {
	got := recorded(t, openMem(t), func(e engine.Engine) {
		must(t, e.Put([]byte("a"), []byte("123"), engine.Default))
		if v, err := e.Get([]byte("zz"), []byte("a")); err != nil || string(v) != "zz123" {
			t.Fatal(string(v), err)
		}
		if _, err := e.Get(nil, []byte("b")); !errors.Is(err, engine.ErrNotFound) {
			t.Fatal(err)
		}
		var b engine.Batch
		b.Put([]byte("c"), []byte("4"))
		b.Delete([]byte("a"))
		must(t, e.Apply(&b, engine.Default))
		must(t, e.Delete([]byte("q"), engine.Default))
		s, ok := engine.As[engine.Scanner](e)
		if !ok {
			t.Fatal("the recorder took the scanner away")
		}
		it, err := s.NewIter(engine.IterOptions{})
		must(t, err)
		for ok := it.SeekGE([]byte("b")); ok; ok = it.Next() {
			continue
		}
		it.SeekLT([]byte("c\x00"))
		it.Prev()
		must(t, it.Close())
		if r, ok := engine.As[engine.RangeDeleter](e); ok {
			must(t, r.DeleteRange([]byte("a"), []byte("d"), engine.Default))
		}
	})
	want := []Op{
		{Kind: Put, Key: key("a"), Size: 3},
		{Kind: Get, Key: key("a"), Size: 3, Result: Found},
		{Kind: Get, Key: key("b"), Size: -1, Result: Absent},
		{Kind: Put, Key: key("c"), Size: 1, More: true},
		{Kind: Delete, Key: key("a"), Size: -1},
		{Kind: Delete, Key: key("q"), Size: -1},
		{Kind: Scan, Key: key("b"), Size: -1, N: 2}, // before, c
	}
	for i := range got {
		got[i].Time = 0
	}
	if len(got) < len(want)+1 || !slices.EqualFunc(got[:len(want)-1], want[:len(want)-1], same) {
		t.Fatalf("%+v", got)
	}
	if back := got[len(want)]; back.Kind != ReverseScan || string(back.Key) != "c" || back.N != 2 {
		t.Errorf("backwards: %+v", back)
	}
	if !same(got[len(want)-1], want[len(want)-1]) {
		t.Errorf("forward: %+v", got[len(want)-1])
	}
}

// asking can look up many keys at once.
type asking struct{ engine.Engine }

func (a asking) MultiGet(keys [][]byte, out []engine.Value) error {
	for i := range keys {
		v, err := a.Get(out[i].Data[:0], keys[i])
		out[i] = engine.Value{Data: v, Found: err == nil}
	}
	return nil
}

func TestTheRolesOfAnEngineAreRecordedAndNoneIsAdded(t *testing.T) {
	got := recorded(t, asking{openMem(t)}, func(e engine.Engine) {
		m, ok := engine.As[engine.MultiGetter](e)
		if !ok {
			t.Fatal("no multi-get")
		}
		must(t, m.MultiGet([][]byte{[]byte("before"), []byte("no")}, make([]engine.Value, 2)))
		if _, ok := engine.As[engine.Settler](e); ok {
			t.Error("a settler came from nowhere")
		}
	})
	if len(got) != 2 || !got[0].More || got[0].Result != Found || got[0].Size != 1 || got[1].More || got[1].Result != Absent {
		t.Errorf("%+v", got)
	}
	var b bytes.Buffer
	w, err := NewWriter(&b, true)
	must(t, err)
	e, _ := NewRecorder(openMem(t), w)
	if _, ok := engine.As[engine.MultiGetter](e); ok {
		t.Error("an engine without multi-get has one")
	}
	if _, ok := engine.As[engine.AsyncWriter](e); ok {
		t.Error("an engine without asynchronous writes has them")
	}
	must(t, e.Close())
}

func TestManyGoroutinesMayBeRecorded(t *testing.T) {
	const workers, each = 4, 2000
	got := recorded(t, openMem(t), func(e engine.Engine) {
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				for i := range each {
					if err := e.Put(fmt.Appendf(nil, "%d-%d", w, i), nil, engine.Default); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
	next := make([]int, workers)
	for _, op := range got {
		var w, i int
		if _, err := fmt.Sscanf(string(op.Key), "%d-%d", &w, &i); err != nil || next[w] != i {
			t.Fatalf("%q out of order", op.Key)
		}
		next[w]++
	}
	if len(got) != workers*each {
		t.Errorf("%d operations", len(got))
	}
}

// full is a destination without room.
type full struct{ room int }

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestAFullDiskEndsTheRecordingAndNotTheEngine(t *testing.T) {
	w, err := NewWriter(&full{room: 1000}, true)
	must(t, err)
	e, r := NewRecorder(openMem(t), w)
	r.Start()
	for i := range 100_000 {
		must(t, e.Put(fmt.Appendf(nil, "%d", i), nil, engine.Default))
	}
	if err := r.Stop(); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	must(t, e.Close())
}

// null answers at once.
type null struct{ engine.Engine }

func (null) Get(dst, _ []byte) ([]byte, error) { return dst, nil }

func BenchmarkRecord(b *testing.B) {
	w, err := NewWriter(io.Discard, true)
	must(b, err)
	e, r := NewRecorder(null{openMem(b)}, w)
	r.Start()
	keys := make([][]byte, 1<<12)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "user%019d", i)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Get(nil, keys[i&(1<<12-1)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkRecorder is the cost of a get with and without a recorder.
func BenchmarkRecorder(b *testing.B) {
	for _, recording := range []bool{false, true} {
		b.Run(fmt.Sprintf("recording=%t", recording), func(b *testing.B) {
			e := openMem(b)
			w, err := NewWriter(io.Discard, true)
			if err != nil {
				b.Fatal(err)
			}
			var r *Recorder
			if recording {
				e, r = NewRecorder(e, w)
				r.Start()
			}
			const n = 1 << 14
			keys := make([][]byte, n)
			for i := range keys {
				keys[i] = fmt.Appendf(nil, "user%016d", i*7919%n)
				must(b, e.Put(keys[i], []byte("0123456789"), engine.Default))
			}
			var v []byte
			i := 0
			for b.Loop() {
				if v, err = e.Get(v[:0], keys[i*31&(n-1)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
			if r != nil {
				must(b, r.Stop())
			}
			must(b, e.Close())
		})
	}
}
