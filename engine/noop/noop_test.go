package noop

import (
	"errors"
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func mustOpen(t *testing.T) engine.Engine {
	t.Helper()
	d := Driver()
	e, err := d.Open("", nil, engine.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEveryKeyIsFoundEmptyAndNothingIsScanned(t *testing.T) {
	e := mustOpen(t)
	if err := e.Put([]byte("k"), []byte("v"), engine.Default); err != nil {
		t.Error("put:", err)
	}
	for _, key := range []string{"k", "never written"} {
		got, err := e.Get([]byte("dst"), []byte(key))
		if string(got) != "dst" || err != nil {
			t.Errorf("get %s: %q, %v", key, got, err)
		}
	}
	s, ok := engine.As[engine.Scanner](e)
	if !ok {
		t.Fatal("not a Scanner")
	}
	it, err := s.NewIter(engine.IterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if it.First() || it.Last() || it.SeekGE(nil) || it.SeekLT([]byte("z")) || it.Next() || it.Prev() {
		t.Error("an iterator stands on a key")
	}
	if err := errors.Join(it.Err(), it.Close()); err != nil {
		t.Error(err)
	}
}

func TestALevelAboveNoneIsRefused(t *testing.T) {
	e := mustOpen(t)
	var b engine.Batch
	for d := engine.Default; d <= engine.Sync+1; d++ {
		errs := []error{e.Put([]byte("k"), nil, d), e.Delete([]byte("k"), d), e.Apply(&b, d)}
		for i, err := range errs {
			if refused := errors.Is(err, engine.ErrUnsupported); refused != (d > engine.None) {
				t.Errorf("call %d at %v: %v", i, d, err)
			}
		}
	}
}

func TestAnUnknownSettingIsRefused(t *testing.T) {
	d := Driver()
	for _, given := range []map[string]string{{"cache_bytes": "1"}, {"read_only": "true"}, {"degree": "3"}} {
		if _, err := d.Open("", given, engine.Env{}); !errors.Is(err, engine.ErrInvalid) {
			t.Errorf("%v: %v", given, err)
		}
	}
}

func TestNoCallAllocates(t *testing.T) {
	e := mustOpen(t)
	key, dst := []byte("k"), make([]byte, 0, 8)
	var b engine.Batch
	var m engine.Metrics
	b.Put(key, key)
	n := testing.AllocsPerRun(100, func() {
		dst, _ = e.Get(dst[:0], key)
		e.Put(key, dst, engine.Default)
		e.Delete(key, engine.None)
		e.Apply(&b, engine.None)
		e.Metrics(&m)
		e.(engine.Scanner).NewIter(engine.IterOptions{})
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGet(b *testing.B) {
	d := Driver()
	e, err := d.Open("", nil, engine.Env{})
	if err != nil {
		b.Fatal(err)
	}
	key, dst := []byte("k"), make([]byte, 0, 8)
	for b.Loop() {
		dst, _ = e.Get(dst[:0], key)
	}
}
