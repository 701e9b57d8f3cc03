package mem

import (
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestTheContract(t *testing.T) { enginetest.Run(t, Driver()) }

// The smallest nodes make the deepest trees, which split and join the most.
func TestTheContractWithTheSmallestNodes(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.Settings(map[string]string{"degree": "2"}))
}

func mustPut(t *testing.T, s *store, key, value string) {
	t.Helper()
	if err := s.Put([]byte(key), []byte(value), engine.None); err != nil {
		t.Fatal(err)
	}
}

func TestViewsBornBetweenTwoWritesShareOneTree(t *testing.T) {
	s := newStore(2)
	mustPut(t, s, "k", "v")
	first, _ := s.freeze()
	second, _ := s.freeze()
	if first != second {
		t.Error("two views without a write between them have a clone each")
	}
	mustPut(t, s, "k", "w")
	if third, _ := s.freeze(); third == first {
		t.Error("a view after a write has the tree of before")
	}
	if s.frozen == nil {
		t.Error("the newest clone is not kept")
	}
	if err := s.Delete([]byte("absent"), engine.Sync); err == nil {
		t.Error("a delete at sync was accepted")
	}
	if s.frozen == nil {
		t.Error("a refused write dropped the clone")
	}
}

func TestMemoryIsCountedInBytesOfKeysAndValues(t *testing.T) {
	s := newStore(2)
	wants := func(n uint64) {
		t.Helper()
		var m engine.Metrics
		s.Metrics(&m)
		if got := m.Memory.Memtable.Or(0); got != n {
			t.Errorf("%d bytes, want %d", got, n)
		}
	}
	for i := range 10 {
		mustPut(t, s, fmt.Sprintf("key%d", i), "value")
	}
	wants(90)
	mustPut(t, s, "key3", "")
	wants(85)
	if err := s.DeleteRange([]byte("key2"), []byte("key5"), engine.None); err != nil {
		t.Fatal(err)
	}
	wants(63)
	if err := s.DeleteRange(nil, nil, engine.None); err != nil {
		t.Fatal(err)
	}
	wants(0)
}

func TestAScanFillsItsBufferOnceForAFewKeys(t *testing.T) {
	s := newStore(32)
	for i := range 1000 {
		mustPut(t, s, fmt.Sprintf("key%04d", i), "value")
	}
	s.freeze()
	from := []byte("key0300")
	n := testing.AllocsPerRun(100, func() {
		it, _ := s.NewIter(engine.IterOptions{})
		ok := it.SeekGE(from)
		for range leastBuffer - 1 {
			ok = ok && it.Next()
		}
		if !ok {
			t.Fatal("the end came early")
		}
		it.Close()
	})
	if n > 3 { // iterator, bound method, buffer
		t.Errorf("%v allocations", n)
	}
}
