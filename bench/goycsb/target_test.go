package goycsb

import (
	"context"
	"errors"
	"slices"
	"sort"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
)

// memory is a target in memory that counts calls. It overwrites what it was
// given, so that whoever relies on arguments after a call reads garbage.
type memory struct {
	caps   engine.Caps
	blank  bool               // store nothing, answer anything
	before func(string) error // called with the name of each call

	mu       sync.Mutex
	keys     []string // sorted
	values   map[string][]byte
	calls    map[string]uint64
	sessions int
}

func newMemory() *memory {
	return &memory{
		caps:   engine.Caps{Family: engine.FamilyMemory, Ordered: true},
		values: map[string][]byte{}, calls: map[string]uint64{},
	}
}

func (m *memory) Caps() engine.Caps            { return m.caps }
func (m *memory) Metrics(*engine.Metrics)      {}
func (m *memory) Sync() error                  { return nil }
func (m *memory) Settle(context.Context) error { return engine.ErrUnsupported }
func (m *memory) Close() error                 { return nil }

func (m *memory) Session(int) (bench.Session, error) {
	if err := m.note("session"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions++
	return session{m}, nil
}

func (m *memory) note(call string) error {
	m.mu.Lock()
	m.calls[call]++
	m.mu.Unlock()
	if m.before != nil {
		return m.before(call)
	}
	return nil
}

type session struct{ *memory }

func (s session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions--
	return nil
}

func (s session) Get(dst, key []byte) ([]byte, error) {
	if err := s.note("get"); err != nil {
		return dst, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[string(key)]
	if !ok && !s.blank {
		return dst, engine.ErrNotFound
	}
	return append(dst, v...), nil
}

func (s session) Put(key, value []byte) error {
	if err := s.note("put"); err != nil || s.blank {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	k := string(key)
	if _, ok := s.values[k]; !ok {
		i, _ := slices.BinarySearch(s.keys, k)
		s.keys = slices.Insert(s.keys, i, k)
	}
	s.values[k] = slices.Clone(value)
	for i := range value {
		value[i] = 0xdb
	}
	return nil
}

func (s session) Delete(key []byte) error {
	if err := s.note("delete"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, string(key))
	s.keys = slices.DeleteFunc(s.keys, func(k string) bool { return k == string(key) })
	return nil
}

func (s session) DeleteRange(_, _ []byte) error { return engine.ErrUnsupported }

func (s session) Scan(start []byte, n int, reverse bool, v bench.Visitor) (int, error) {
	if err := s.note("scan"); err != nil {
		return 0, err
	}
	if reverse {
		return 0, errors.New("go-ycsb scans forward only")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from := sort.SearchStrings(s.keys, string(start))
	to := min(from+n, len(s.keys))
	for i, k := range s.keys[from:to] {
		key, value := []byte(k), slices.Clone(s.values[k])
		if err := v.Visit(key, value); err != nil {
			return i, err
		}
		clear(key)
		clear(value)
	}
	return to - from, nil
}

// spec resolves a preset with overrides.
func spec(t *testing.T, preset string, overrides ...string) *workloads.Spec {
	t.Helper()
	s, err := workloads.Parse(workloads.Input{Preset: preset, Overrides: overrides})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// threads is 1 under the race detector, which reports go-ycsb's own races.
func threads(n int) int {
	if raceDetector {
		return 1
	}
	return n
}

func open(t *testing.T, target bench.Target, s *workloads.Spec, change ...func(*bench.LoopOptions)) *loop {
	t.Helper()
	o := bench.LoopOptions{Workload: s, Threads: threads(3), Verify: bench.VerifyHeader}
	for _, c := range change {
		c(&o)
	}
	l, err := Driver().Open(target, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l.(*loop)
}

func oneThread(o *bench.LoopOptions) { o.Threads = 1 }

// must fails the test unless the phase ended without a failure.
func must(t *testing.T, r *bench.PhaseResult, err error) *bench.PhaseResult {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if r.FirstError != nil {
		t.Fatal(r.FirstError)
	}
	return r
}

func all(name string) bench.Limits { return bench.Limits{Name: name, Timing: bench.Timing{Every: 1}} }
