package goycsb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pingcap/go-ycsb/pkg/util"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/workloads"
)

// recordBytes is the size of a record of 10 fields of 100 bytes: version,
// count, and for each field two lengths and a name of 6 bytes.
const recordBytes = 2 + 10*(1+6+1+100)

func TestALoadInsertsEveryRecordOnce(t *testing.T) {
	m := newMemory()
	l := open(t, m, spec(t, "C", "recordcount=1001"), func(o *bench.LoopOptions) { o.LoadThreads = threads(2) })
	r, err := l.Load(t.Context(), all("load"))
	must(t, r, err)
	ins := r.Ops[workloads.Insert]
	if len(r.Ops) != 1 || ins.N != 1001 || ins.OK != 1001 || ins.Service.N() != 1001 {
		t.Errorf("load counts %d kinds, inserts %+d of which ok %d, timed %d; want 1001 inserts", len(r.Ops), ins.N, ins.OK, ins.Service.N())
	}
	if m.calls["put"] != 1001 || len(m.keys) != 1001 {
		t.Errorf("the target saw %d puts of %d keys, want 1001", m.calls["put"], len(m.keys))
	}
	live := int64(0)
	for k, v := range m.values {
		if len(v) != recordBytes {
			t.Fatalf("record of %q has %d bytes, want %d", k, len(v), recordBytes)
		}
		live += int64(len(k) + len(v))
	}
	if !r.LiveDeltaOK || r.LiveDelta != live || ins.BytesIn != uint64(live) {
		t.Errorf("live bytes %d (known: %t), written %d; the target holds %d", r.LiveDelta, r.LiveDeltaOK, ins.BytesIn, live)
	}
	for number := range int64(1001) {
		if !slices.Contains(m.keys, keyOf(number)) {
			t.Fatalf("record %d (%s) was not inserted", number, keyOf(number))
		}
	}
	again, err := l.Load(t.Context(), all("load"))
	if must(t, again, err); again.N() != 0 {
		t.Errorf("a second load inserts %d records, want none", again.N())
	}
}

// keyOf is go-ycsb's key of a record.
func keyOf(number int64) string { return fmt.Sprintf("user%d", util.Hash64(number)) }

func TestALoadInPartsInsertsEveryRecordOnce(t *testing.T) {
	m := newMemory()
	l := open(t, m, spec(t, "C", "recordcount=100"))
	for _, want := range []int{30, 60, 90, 100, 100} {
		limits := all("load")
		limits.Operations = 30
		r, err := l.Load(t.Context(), limits)
		if must(t, r, err); len(m.keys) != want {
			t.Errorf("%d records after a part of 30, want %d", len(m.keys), want)
		}
	}
}

// TestCountsAddUp: the target sees as many calls as the phase reports, and
// go-ycsb makes as many operations as it was asked for.
func TestCountsAddUp(t *testing.T) {
	for _, preset := range []string{"A", "B", "C", "D", "E", "F"} {
		for _, mode := range []string{"field", "blind"} {
			t.Run(preset+" "+mode, func(t *testing.T) { testCounts(t, preset, mode) })
		}
	}
}

func testCounts(t *testing.T, preset, mode string) {
	const operations = 2000
	m := newMemory()
	s := spec(t, preset, "recordcount=500", "operationcount=2000", "maxscanlength=20", "updatemode="+mode)
	l := open(t, m, s)
	r, err := l.Load(t.Context(), all("load"))
	must(t, r, err)
	m.calls = map[string]uint64{}
	limits := all("run")
	limits.Operations = operations
	r, err = l.Run(t.Context(), limits)
	must(t, r, err)

	var n [workloads.NumKinds]uint64
	for k, op := range r.Ops {
		n[k] = op.N
		if op.OK+op.NotFound+op.Errors != op.N || op.Errors != 0 || op.Service.N() != op.N {
			t.Errorf("%s: %d calls, %d ok, %d not found, %d errors, %d timed", k, op.N, op.OK, op.NotFound, op.Errors, op.Service.N())
		}
	}
	gets, puts := n[workloads.Read], n[workloads.Insert]
	missed := uint64(0)
	if u := r.Ops[workloads.Update]; u != nil {
		puts += u.OK
		if mode == "field" {
			gets += u.N
		}
	}
	if read := r.Ops[workloads.Read]; read != nil {
		missed = read.NotFound
	}
	if m.calls["get"] != gets || m.calls["put"] != puts || m.calls["scan"] != n[workloads.Scan] {
		t.Errorf("the target saw %v; the phase counts %d gets, %d puts, %d scans", m.calls, gets, puts, n[workloads.Scan])
	}
	// A read-modify-write is a read and, if that found something, an update.
	total := r.N()
	if preset == "F" {
		if rmw := n[workloads.Update]; rmw < operations/3 || rmw > operations*2/3 {
			t.Errorf("%d updates among %d operations, want about half", rmw, operations)
		}
		if n[workloads.Read] != operations {
			t.Errorf("%d reads, want one an operation: %d", n[workloads.Read], operations)
		}
		total -= n[workloads.Update]
	}
	if total != operations {
		t.Errorf("%d calls, %d operations; want %d", r.N(), total, operations)
	}
	if s.Request.Name != "zipfian" && missed > 0 {
		t.Errorf("%d reads of absent records with %s requests", missed, s.Request.Name)
	}
	if !r.LiveDeltaOK || r.LiveDelta < 0 || (n[workloads.Insert] == 0) != (r.LiveDelta == 0) {
		t.Errorf("live bytes changed by %d (known: %t) with %d inserts", r.LiveDelta, r.LiveDeltaOK, n[workloads.Insert])
	}
	if scan := r.Ops[workloads.Scan]; scan != nil && (scan.Rows < scan.N || scan.Rows > 20*scan.N) {
		t.Errorf("%d rows in %d scans of 1 to 20", scan.Rows, scan.N)
	}
	if verified := n[workloads.Read] - missed; n[workloads.Scan] == 0 && r.Verified != verified {
		t.Errorf("%d reads verified, want %d", r.Verified, verified)
	}
	if r.Active <= 0 || r.Active > r.Elapsed || r.HarnessBytes == 0 || r.Interrupted {
		t.Errorf("active %v of %v, %d bytes, interrupted %t", r.Active, r.Elapsed, r.HarnessBytes, r.Interrupted)
	}
}

// TestAnUpdateChangesOneFieldAndKeepsTheOthers looks at what updates leave.
func TestAnUpdateChangesOneFieldAndKeepsTheOthers(t *testing.T) {
	m := newMemory()
	s := spec(t, "A", "recordcount=1", "requestdistribution=uniform", "readproportion=0", "updateproportion=1")
	l := open(t, m, s, oneThread)
	r, err := l.Load(t.Context(), all("load"))
	must(t, r, err)
	before := fieldsOf(t, m.values[m.keys[0]])
	limits := all("run")
	limits.Operations = 1
	r, err = l.Run(t.Context(), limits)
	must(t, r, err)
	after := fieldsOf(t, m.values[m.keys[0]])
	changed := 0
	for name, v := range after {
		if v != before[name] {
			changed++
		}
	}
	if len(before) != 10 || len(after) != 10 || changed != 1 {
		t.Errorf("%d of %d fields changed, %d before; want 1 of 10", changed, len(after), len(before))
	}
}

func fieldsOf(t *testing.T, record []byte) map[string]string {
	t.Helper()
	var c codec
	if err := c.decode(record); err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, f := range c.fields {
		m[f.name] = string(f.value)
	}
	return m
}

func TestInsertsGoOnWhereTheLastPhaseStopped(t *testing.T) {
	m := newMemory()
	s := spec(t, "D", "recordcount=100", "readproportion=0", "insertproportion=1")
	l := open(t, m, s)
	r, err := l.Load(t.Context(), all("load"))
	must(t, r, err)
	for i, phase := range []string{"warm-up", "measure"} {
		limits := all(phase)
		limits.Operations = 50
		r, err := l.Run(t.Context(), limits)
		must(t, r, err)
		if want := 100 + 50*(i+1); len(m.keys) != want {
			t.Errorf("%d records after %s, want %d: an insert repeated a key", len(m.keys), phase, want)
		}
	}
	for number := range int64(200) {
		if !slices.Contains(m.keys, keyOf(number)) {
			t.Fatalf("record %d (%s) was not inserted", number, keyOf(number))
		}
	}
}

func TestFewerOperationsThanThreadsAreDone(t *testing.T) {
	m := newMemory()
	l := open(t, m, spec(t, "C", "recordcount=2", "requestdistribution=uniform"), func(o *bench.LoopOptions) { o.Threads = threads(8) })
	r, err := l.Load(t.Context(), all("load"))
	if must(t, r, err); r.N() != 2 {
		t.Errorf("loaded %d records, want 2", r.N())
	}
	limits := all("run")
	limits.Operations = 3
	r, err = l.Run(t.Context(), limits)
	if must(t, r, err); r.N() != 3 {
		t.Errorf("%d operations, want 3", r.N())
	}
}

func TestAnErrorOfTheTargetEndsThePhase(t *testing.T) {
	m := newMemory()
	l := open(t, m, spec(t, "A", "recordcount=100"), oneThread)
	broken := errors.New("disk on fire")
	puts := 0
	m.before = func(call string) error {
		if call == "put" {
			puts++
		}
		if puts == 10 {
			return broken
		}
		return nil
	}
	r, err := l.Load(t.Context(), all("load"))
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(r.FirstError, broken) || !strings.Contains(r.FirstError.Error(), "insert of") {
		t.Errorf("first error %v, want the insert's %v", r.FirstError, broken)
	}
	if ins := r.Ops[workloads.Insert]; ins.N != 10 || ins.OK != 9 || ins.Errors != 1 {
		t.Errorf("%d inserts, %d ok, %d errors; want 10, 9, 1", ins.N, ins.OK, ins.Errors)
	}
	if r.Interrupted {
		t.Error("the phase counts as interrupted, but the context goes on")
	}
}

func TestErrorsAreCountedWhenAsked(t *testing.T) {
	m := newMemory()
	l := open(t, m, spec(t, "C", "recordcount=100"), func(o *bench.LoopOptions) { o.CountErrors = true })
	var puts atomic.Uint64
	m.before = func(string) error {
		if puts.Add(1)%10 == 0 {
			return io.ErrShortWrite
		}
		return nil
	}
	r, err := l.Load(t.Context(), all("load"))
	if err != nil {
		t.Fatal(err)
	}
	if ins := r.Ops[workloads.Insert]; ins.N != 100 || ins.OK != 90 || ins.Errors != 10 || !errors.Is(r.FirstError, io.ErrShortWrite) {
		t.Errorf("%d inserts, %d ok, %d errors, first %v; want 100, 90, 10", ins.N, ins.OK, ins.Errors, r.FirstError)
	}
}

func TestARecordThatVanishedIsAnError(t *testing.T) {
	m := newMemory()
	l := open(t, m, spec(t, "C", "recordcount=1", "requestdistribution=uniform"), oneThread)
	limits := all("run")
	limits.Operations = 5
	r, err := l.Run(t.Context(), limits)
	if err != nil {
		t.Fatal(err)
	}
	if read := r.Ops[workloads.Read]; !errors.Is(r.FirstError, errWrongAnswer) || read.N != 1 || read.NotFound != 1 || read.Errors != 1 {
		t.Errorf("%d reads, %d not found, first error %v; want the first miss to end the phase", read.N, read.NotFound, r.FirstError)
	}
}

func TestARecordThatLostAFieldIsAnErrorWhenReadsAreVerified(t *testing.T) {
	for verify, want := range map[bench.Verify]bool{bench.VerifyHeader: true, bench.VerifyOff: false} {
		for _, preset := range []string{"C", "E"} {
			m := newMemory()
			s := spec(t, preset, "recordcount=1", "operationcount=0", "requestdistribution=uniform")
			l := open(t, m, s, oneThread, func(o *bench.LoopOptions) { o.Verify = verify })
			r, err := l.Load(t.Context(), all("load"))
			must(t, r, err)
			var c codec
			c.set(map[string][]byte{"field0": []byte("alone")})
			m.values[m.keys[0]] = c.append(nil)
			limits := all("run")
			limits.Operations = 20
			r, err = l.Run(t.Context(), limits)
			if err != nil {
				t.Fatal(err)
			}
			if got := errors.Is(r.FirstError, errWrongAnswer); got != want {
				t.Errorf("%s with verify %s: first error %v", preset, verify, r.FirstError)
			}
		}
	}
}

func TestADamagedRecordIsAnErrorEvenUnverified(t *testing.T) {
	for _, preset := range []string{"A", "C", "E"} {
		m := newMemory()
		s := spec(t, preset, "recordcount=1", "operationcount=0", "requestdistribution=uniform")
		l := open(t, m, s, oneThread, func(o *bench.LoopOptions) { o.Verify = bench.VerifyOff })
		r, err := l.Load(t.Context(), all("load"))
		must(t, r, err)
		m.values[m.keys[0]][0] = 0
		limits := all("run")
		limits.Operations = 50
		if r, err = l.Run(t.Context(), limits); err != nil || !errors.Is(r.FirstError, errDamaged) {
			t.Errorf("%s: first error %v, %v; want %v", preset, r.FirstError, err, errDamaged)
		}
	}
}

func TestCancellingEndsThePhaseAndIsNoError(t *testing.T) {
	m := newMemory()
	l := open(t, m, spec(t, "A", "recordcount=100"), oneThread)
	r, err := l.Load(t.Context(), all("load"))
	must(t, r, err)
	ctx, cancel := context.WithCancel(t.Context())
	m.calls = map[string]uint64{}
	m.before = func(string) error {
		if m.calls["get"] >= 77 {
			cancel()
		}
		return nil
	}
	r, err = l.Run(ctx, all("run")) // no limit
	must(t, r, err)
	if !r.Interrupted || m.calls["get"] != 77 {
		t.Errorf("interrupted %t after %d gets, want the operation that cancelled to be the last", r.Interrupted, m.calls["get"])
	}
	if r, err = l.Run(ctx, all("run")); err != nil || !r.Interrupted || r.N() != 0 {
		t.Errorf("a cancelled context: %d operations, interrupted %t, %v", r.N(), r.Interrupted, err)
	}
}

// TestAPhaseEndsByDurationAndLeavesNoGoroutine runs by go-ycsb's target rate,
// so that the bubble's time passes. synctest fails when a goroutine is left.
func TestAPhaseEndsByDurationAndLeavesNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := open(t, m, spec(t, "C", "recordcount=100", "target=4000"), oneThread)
		r, err := l.Load(t.Context(), all("load"))
		must(t, r, err)
		var glances []bench.Progress
		limits := all("measure")
		limits.Duration = 3 * time.Second
		limits.Interval = time.Second
		limits.Progress = func(p bench.Progress) { glances = append(glances, p) }
		r, err = l.Run(t.Context(), limits)
		must(t, r, err)
		if r.Elapsed != 3*time.Second || r.Active != r.Elapsed || r.Interrupted {
			t.Errorf("elapsed %v, active %v, interrupted %t; want 3s", r.Elapsed, r.Active, r.Interrupted)
		}
		if n := r.N(); n < 11_990 || n > 12_010 {
			t.Errorf("%d operations in 3 s at 4000 a second", n)
		}
		var rows, timed uint64
		for i, row := range r.Series {
			if row.Phase != "measure" || row.T-row.Seconds != float64(i) {
				t.Errorf("row %d: phase %q, ends at %g s after %g s", i, row.Phase, row.T, row.Seconds)
			}
			rows += row.Ops
		}
		timed = r.Ops[workloads.Read].Service.N()
		if rows != r.N() || timed != r.N() || len(r.Series) < 3 {
			t.Errorf("%d rows of the series have %d operations, %d are timed, of %d", len(r.Series), rows, timed, r.N())
		}
		if len(glances) < 2 || glances[1].Ops < 7_900 || glances[1].Rate < 3_900 || glances[1].Phase != "measure" {
			t.Errorf("progress %+v", glances)
		}
	})
}

func TestOnlyASampleIsTimedWhenAsked(t *testing.T) {
	m := newMemory()
	l := open(t, m, spec(t, "F", "recordcount=100", "readproportion=0", "readmodifywriteproportion=1"), oneThread)
	r, err := l.Load(t.Context(), bench.Limits{})
	if must(t, r, err); r.Ops[workloads.Insert].Service.N() != 0 {
		t.Error("operations were timed with timing off")
	}
	r, err = l.Run(t.Context(), bench.Limits{Operations: 8000, Timing: bench.Timing{Every: 16}})
	must(t, r, err)
	for _, k := range []workloads.Kind{workloads.Read, workloads.Update} {
		if n := r.Ops[k].Service.N(); n < 250 || n > 1000 {
			t.Errorf("%d of %d calls of %s were timed, want about one in 16", n, r.Ops[k].N, k)
		}
	}
}

func TestABlankTargetIsAskedTheSameAndExpectedNothing(t *testing.T) {
	for _, preset := range []string{"A", "E", "F"} {
		m := newMemory()
		m.blank = true
		l := open(t, m, spec(t, preset, "recordcount=100"), func(o *bench.LoopOptions) { o.Blank = true })
		r, err := l.Run(t.Context(), bench.Limits{Operations: 1000})
		must(t, r, err)
		if u := r.Ops[workloads.Update]; u != nil && u.BytesIn/u.N < recordBytes {
			t.Errorf("%s: updates write %d bytes each, want whole records of %d", preset, u.BytesIn/u.N, recordBytes)
		}
	}
}

// TestAPanicOfGoYCSBIsAnError: a hot set of no record makes its generator
// panic in the middle of an operation.
func TestAPanicOfGoYCSBIsAnError(t *testing.T) {
	s := spec(t, "C", "recordcount=10", "requestdistribution=hotspot:0:1")
	l := open(t, newMemory(), s)
	r, err := l.Run(t.Context(), bench.Limits{Operations: 100})
	if err == nil || !strings.Contains(err.Error(), "panicked") || r.N() != 0 {
		t.Errorf("%v after %d operations, want a panic as error", err, r.N())
	}
}

func TestNothingIsPrinted(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	l := open(t, newMemory(), spec(t, "F", "recordcount=10"), func(o *bench.LoopOptions) { o.CountErrors = true })
	p, err := l.Run(t.Context(), bench.Limits{Operations: 100})
	os.Stdout = stdout
	w.Close()
	if err != nil || p.Ops[workloads.Read].NotFound == 0 {
		t.Fatalf("%v, %d misses", err, p.Ops[workloads.Read].NotFound)
	}
	if text, err := io.ReadAll(r); err != nil || len(text) > 0 {
		t.Errorf("printed %q, %v", text, err)
	}
}

func TestLoopsRunBesideOneAnother(t *testing.T) {
	ended := make(chan error)
	for range 2 {
		l := open(t, newMemory(), spec(t, "F", "recordcount=50"), oneThread)
		go func() {
			_, err := l.Load(t.Context(), bench.Limits{})
			if err == nil {
				var r *bench.PhaseResult
				r, err = l.Run(t.Context(), bench.Limits{Operations: 2000})
				if err == nil && r.Ops[workloads.Read].N != 2000 {
					err = fmt.Errorf("%d reads, want 2000", r.Ops[workloads.Read].N)
				}
			}
			ended <- err
		}()
	}
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestSessionsAreClosed(t *testing.T) {
	m := newMemory()
	o := bench.LoopOptions{Workload: spec(t, "C", "recordcount=10"), Threads: 2, LoadThreads: 5}
	l, err := Driver().Open(m, o)
	if err != nil {
		t.Fatal(err)
	}
	if m.sessions != 5 {
		t.Errorf("%d sessions, want one for each of the 5 load threads", m.sessions)
	}
	if err := l.Close(); err != nil || m.sessions != 0 {
		t.Errorf("close: %v, %d sessions are left", err, m.sessions)
	}
	m.before = func(string) error {
		if m.calls["session"] == 8 { // the third of this attempt
			return engine.ErrClosed
		}
		return nil
	}
	if _, err := Driver().Open(m, o); !errors.Is(err, engine.ErrClosed) || m.sessions != 0 {
		t.Errorf("open with a failing session: %v, %d sessions are left", err, m.sessions)
	}
}
