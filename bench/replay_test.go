package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
	"github.com/kvbench/kvbench/workloads/trace"
)

// traceFile writes a trace and returns its name and what it looks like.
func traceFile(t *testing.T, sequential bool, ops []trace.Op) (name string, s *trace.Stat) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "some.trace")
	var b bytes.Buffer
	w, err := trace.NewWriter(&b, sequential)
	if err != nil {
		t.Fatal(err)
	}
	for i := range ops {
		if err := w.Write(&ops[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := trace.NewReader(&b, name)
	if err == nil {
		s, err = trace.Survey(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name, s
}

// someOps reads 500 keys that were there, writes and deletes some of them, and
// writes and reads others.
func someOps() []trace.Op {
	var ops []trace.Op
	at := time.Duration(0)
	add := func(op trace.Op) {
		op.Time = at
		at += 10 * time.Microsecond
		ops = append(ops, op)
	}
	for i := range 500 {
		old, fresh := fmt.Appendf(nil, "old%d", i), fmt.Appendf(nil, "new%d", i)
		add(trace.Op{Kind: trace.Get, Key: old, Size: 10 + i, Result: trace.Found})
		add(trace.Op{Kind: trace.Get, Key: fresh, Size: -1, Result: trace.Absent})
		add(trace.Op{Kind: trace.Put, Key: fresh, Size: i, More: i%2 == 0})
		add(trace.Op{Kind: trace.Get, Key: fresh, Size: i, Result: trace.Found})
		if i%3 == 0 {
			add(trace.Op{Kind: trace.Delete, Key: old, Size: -1})
			add(trace.Op{Kind: trace.Get, Key: old, Size: -1, Result: trace.Absent})
		}
		add(trace.Op{Kind: trace.Scan, Key: fresh, N: 3, Size: -1})
	}
	add(trace.Op{Kind: trace.Scan, Key: []byte("new1"), Upper: []byte("new2"), Size: -1})
	add(trace.Op{Kind: trace.ReverseScan, Key: []byte("new1"), N: 1, Size: -1})
	return ops
}

// replayed replays ops on e and returns what came of it.
func replayed(t *testing.T, e engine.Engine, ops []trace.Op, threads int, speed float64) (*PhaseResult, *trace.Stat) {
	t.Helper()
	name, s := traceFile(t, true, ops)
	w, err := ReplaySpec("some", s, true)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Replay{File: name, Speed: speed}.Open(EngineTarget(e, engine.None), LoopOptions{Workload: w, Threads: threads, Verify: VerifyFull})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := l.Load(context.Background(), Limits{Name: "load"})
	if err != nil || p.FirstError != nil || p.N() != s.Preloaded {
		t.Fatalf("load: %v, %+v, want %d records", err, p, s.Preloaded)
	}
	p, err = l.Run(context.Background(), Limits{Name: "measure", Operations: s.Operations, Timing: Timing{Every: 1}, Interval: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

func TestAReplayDoesWhatTheTraceSays(t *testing.T) {
	ops := someOps()
	for _, threads := range []int{1, 3} {
		e := newToy()
		p, s := replayed(t, e, ops, threads, 0)
		if p.FirstError != nil {
			t.Fatal(p.FirstError)
		}
		if p.N() != uint64(len(ops)) || s.Preloaded != 500 {
			t.Errorf("%d operations of %d, %d records", p.N(), len(ops), s.Preloaded)
		}
		gets := p.Ops[workloads.Read]
		if gets.NotFound != s.Absent || gets.OK != s.Found || gets.Service.N() != gets.N {
			t.Errorf("%d workers: %d found, %d absent, want %d and %d", threads, gets.OK, gets.NotFound, s.Found, s.Absent)
		}
		for i := range 500 {
			if v, ok := e.data[fmt.Sprintf("new%d", i)]; !ok || len(v) != i {
				t.Fatalf("new%d has %d bytes", i, len(v))
			}
			if _, ok := e.data[fmt.Sprintf("old%d", i)]; ok != (i%3 != 0) {
				t.Fatalf("old%d: %v", i, ok)
			}
		}
		if rows := p.Ops[workloads.Scan].Rows; threads == 1 && rows < 1400 {
			t.Errorf("%d records in scans", rows)
		}
	}
}

func TestAReplayFindsAnEngineThatAnswersWrong(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(e *toy)
		want  string
	}{
		"a lost write": {func(e *toy) {
			e.put = func(key, _ []byte) error {
				if string(key) == "new7" {
					e.get = func(key, v []byte) ([]byte, error) {
						if string(key) == "new7" {
							return nil, engine.ErrNotFound
						}
						return v, nil
					}
				}
				return nil
			}
		}, "the trace found a value"},
		"another value": {func(e *toy) {
			e.get = func(key, v []byte) ([]byte, error) {
				if string(key) == "new9" {
					v = bytes.Clone(v)
					v[3] ^= 1
				}
				return v, nil
			}
		}, "not a value of the key"},
		"a failure": {func(e *toy) { e.put = func(key, _ []byte) error { return failsOn(key, "new5") } }, "the disk is gone"},
	} {
		e := newToy()
		c.spoil(e)
		p, _ := replayed(t, e, someOps(), 1, 0)
		if p.FirstError == nil || !strings.Contains(p.FirstError.Error(), c.want) || !strings.Contains(p.FirstError.Error(), `"new`) {
			t.Errorf("%s: %v", name, p.FirstError)
		}
	}
	e := newToy()
	ops := append(someOps(), trace.Op{Kind: trace.Get, Key: []byte("new3"), Size: -1, Result: trace.Absent})
	if p, _ := replayed(t, e, ops, 1, 0); !errors.Is(p.FirstError, errWrongValue) || !strings.Contains(p.FirstError.Error(), "found nothing") {
		t.Errorf("a value too many: %v", p.FirstError)
	}
}

func failsOn(key []byte, on string) error {
	if string(key) == on {
		return errBroken
	}
	return nil
}

func TestPhasesOfAReplayLoseNoOperationBetweenThem(t *testing.T) {
	var ops []trace.Op
	for i := range 3 * chunkOps {
		ops = append(ops, trace.Op{Kind: trace.Put, Key: fmt.Appendf(nil, "k%d", i), Size: 1})
	}
	name, s := traceFile(t, true, ops)
	w, err := ReplaySpec("some", s, true)
	if err != nil {
		t.Fatal(err)
	}
	e := newToy()
	l, err := Replay{File: name}.Open(EngineTarget(e, engine.None), LoopOptions{Workload: w, Threads: 2, Verify: VerifyFull})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var n uint64
	for _, limits := range []Limits{{Name: "warmup", Operations: 100}, {Name: "measure"}} {
		l.(Preparer).Prepare(limits)
		p, err := l.Run(context.Background(), limits)
		if err != nil || p.FirstError != nil {
			t.Fatal(err, p)
		}
		n += p.N()
	}
	if n != uint64(len(ops)) || len(e.data) != len(ops) {
		t.Errorf("%d operations and %d keys, want %d", n, len(e.data), len(ops))
	}
}

func TestAPacedReplayEndsInTimeAndTakesNoMoreOfTheTrace(t *testing.T) {
	var ops []trace.Op
	for i := range 100 {
		ops = append(ops, trace.Op{Time: time.Duration(i) * time.Hour, Kind: trace.Put, Key: []byte("a"), Size: 1})
	}
	name, s := traceFile(t, true, ops)
	w, err := ReplaySpec("some", s, true)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Replay{File: name, Speed: 1}.Open(EngineTarget(newToy(), engine.None), LoopOptions{Workload: w, Threads: 1, Verify: VerifyFull})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := l.Run(context.Background(), Limits{Name: "measure", Duration: 20 * time.Millisecond})
	if err != nil || p.N() != 1 || p.Elapsed > 30*time.Minute {
		t.Fatal(err, p)
	}
	if left := len(l.(*replayLoop).workers[0].chunk); left < len(ops)-2 {
		t.Errorf("%d operations of the trace are left, want all but the one performed and the one waited for", left)
	}
}

func TestAPacedReplayBeginsNothingEarly(t *testing.T) {
	e := newToy()
	began := time.Now()
	var early int
	ops := []trace.Op{{Kind: trace.Put, Key: []byte("a"), Size: 1}, {Time: 40 * time.Millisecond, Kind: trace.Put, Key: []byte("b"), Size: 1}}
	e.put = func(key, _ []byte) error {
		if string(key) == "b" && time.Since(began) < 20*time.Millisecond {
			early++
		}
		return nil
	}
	p, _ := replayed(t, e, ops, 1, 2)
	if p.FirstError != nil || early > 0 || p.Open == nil || p.Open.Intended != 2 || p.Ops[workloads.Put].Response.N() != 2 {
		t.Errorf("%v, %d early, %+v", p.FirstError, early, p.Open)
	}
}

func TestAReplayIsKnownByItsName(t *testing.T) {
	for _, d := range []Replay{{File: "/tmp/a.trace"}, {File: "/tmp/a@x.trace", Speed: 2}, {File: "a@x3", Speed: 0.5}} {
		if got, ok := ParseReplay(d.Name()); !ok || got != d {
			t.Errorf("%+v became %+v, %v", d, got, ok)
		}
	}
	for _, name := range []string{"kvbench", "trace:", "go-ycsb"} {
		if _, ok := ParseReplay(name); ok {
			t.Errorf("%q is taken for a replay", name)
		}
	}
	for text, want := range map[string]float64{"none": 0, "recorded": 1, "x2.5": 2.5} {
		if got, err := ParsePace(text); err != nil || got != want {
			t.Errorf("%s: %g, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "x", "x0", "x-1", "2", "xNaN", "fast"} {
		if _, err := ParsePace(text); err == nil {
			t.Errorf("%q is a pace", text)
		}
	}
}

func TestADamagedTraceEndsItsReplay(t *testing.T) {
	name, s := traceFile(t, true, someOps())
	w, err := ReplaySpec("some", s, false)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file[len(file)/2] ^= 1
	if err := os.WriteFile(name, file, 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := Replay{File: name}.Open(EngineTarget(newToy(), engine.None), LoopOptions{Workload: w, Threads: 2, Verify: VerifyFull})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Run(context.Background(), Limits{Operations: s.Operations}); !errors.Is(err, engine.ErrCorrupt) || !strings.Contains(err.Error(), name) {
		t.Errorf("%v", err)
	}
}

func TestABlankTargetGoesRoundTheTrace(t *testing.T) {
	name, s := traceFile(t, true, someOps())
	w, err := ReplaySpec("some", s, true)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Replay{File: name, Speed: 1}.Open(EngineTarget(&blankEngine{}, engine.None), LoopOptions{Workload: w, Threads: 1, Blank: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 2 {
		if p, err := l.Run(context.Background(), Limits{Operations: 2 * s.Operations}); err != nil || p.N() != 2*s.Operations {
			t.Fatalf("%v, %+v", err, p)
		}
	}
}
