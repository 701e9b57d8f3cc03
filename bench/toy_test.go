package bench

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
)

// toy is a small correct engine, with hooks to break it.
type toy struct {
	mu   sync.Mutex
	data map[string][]byte

	get func(key, value []byte) ([]byte, error) // nil: as stored
	put func(key, value []byte) error           // nil: store
	// unordered takes the scanner away.
	unordered bool
	closed    bool
}

func newToy() *toy { return &toy{data: make(map[string][]byte)} }

func (e *toy) Caps() engine.Caps {
	return engine.Caps{
		Family: engine.FamilyMemory, Ordered: !e.unordered, Reverse: true, IterSnapshot: true,
		Durabilities: engine.Durabilities(engine.None, engine.OS, engine.Sync),
	}
}

func (e *toy) Get(dst, key []byte) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v, ok := e.data[string(key)]
	if !ok {
		return dst, engine.ErrNotFound
	}
	if e.get != nil {
		var err error
		if v, err = e.get(key, v); err != nil {
			return dst, err
		}
	}
	return append(dst, v...), nil
}

func (e *toy) Put(key, value []byte, _ engine.Durability) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.put != nil {
		if err := e.put(key, value); err != nil {
			return err
		}
	}
	e.data[string(key)] = bytes.Clone(value)
	return nil
}

func (e *toy) Delete(key []byte, _ engine.Durability) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.data, string(key))
	return nil
}

func (e *toy) Apply(*engine.Batch, engine.Durability) error { return engine.ErrUnsupported }
func (e *toy) Sync() error                                  { return nil }
func (e *toy) Metrics(*engine.Metrics)                      {}
func (e *toy) Close() error                                 { e.closed = true; return nil }

func (e *toy) NewIter(engine.IterOptions) (engine.Iterator, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	it := &toyIter{at: -1}
	for k, v := range e.data {
		it.rows = append(it.rows, [2][]byte{[]byte(k), bytes.Clone(v)})
	}
	slices.SortFunc(it.rows, func(a, b [2][]byte) int { return bytes.Compare(a[0], b[0]) })
	return it, nil
}

type toyIter struct {
	rows [][2][]byte
	at   int
}

func (it *toyIter) move(at int) bool { it.at = at; return at >= 0 && at < len(it.rows) }
func (it *toyIter) First() bool      { return it.move(0) }
func (it *toyIter) Last() bool       { return it.move(len(it.rows) - 1) }
func (it *toyIter) SeekGE(key []byte) bool {
	i, _ := slices.BinarySearchFunc(it.rows, key, func(r [2][]byte, k []byte) int { return bytes.Compare(r[0], k) })
	return it.move(i)
}

func (it *toyIter) SeekLT(key []byte) bool {
	it.SeekGE(key)
	return it.move(it.at - 1)
}
func (it *toyIter) Next() bool             { return it.move(it.at + 1) }
func (it *toyIter) Prev() bool             { return it.move(it.at - 1) }
func (it *toyIter) Key() []byte            { return it.rows[it.at][0] }
func (it *toyIter) Value() ([]byte, error) { return it.rows[it.at][1], nil }
func (it *toyIter) Err() error             { return nil }
func (it *toyIter) Close() error           { return nil }

// blankEngine answers at once and stores nothing.
type blankEngine struct{ toy }

func (*blankEngine) Get(dst, _ []byte) ([]byte, error)          { return dst, nil }
func (*blankEngine) Put(_, _ []byte, _ engine.Durability) error { return nil }
func (*blankEngine) Delete(_ []byte, _ engine.Durability) error { return nil }

var errBroken = errors.New("the disk is gone")

// spec parses a core workload with overrides.
func spec(t testing.TB, preset string, overrides ...string) *workloads.Spec {
	t.Helper()
	in, err := workloads.NewInput(preset)
	if err != nil {
		t.Fatal(err)
	}
	in.Overrides = append(in.Overrides, overrides...)
	s, err := workloads.Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
