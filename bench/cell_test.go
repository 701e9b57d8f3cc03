package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

func TestALevelIsOneTheEngineHasOrNone(t *testing.T) {
	all := engine.Durabilities(engine.None, engine.Buffered, engine.OS, engine.Sync)
	for _, c := range []struct {
		asked string
		set   engine.DurabilitySet
		rail  bool
		want  engine.Durability // Default: refused
		load  engine.Durability
	}{
		{"sync", all, false, engine.Sync, engine.OS},
		{"async", all, false, engine.OS, engine.OS},
		{"Async", engine.Durabilities(engine.None, engine.Buffered, engine.Sync), false, engine.Buffered, engine.Buffered},
		{"buffered", all, false, engine.Buffered, engine.OS},
		{"none", all, false, engine.None, engine.OS},
		{"os", engine.Durabilities(engine.Buffered, engine.Sync), false, engine.Default, engine.Buffered},
		{"async", engine.Durabilities(engine.None, engine.Sync), false, engine.Default, engine.Sync},
		{"none", engine.Durabilities(engine.Sync), false, engine.Default, engine.Sync},
		{"sync", engine.Durabilities(engine.None), false, engine.Default, engine.None},
		{"sync", engine.Durabilities(engine.None), true, engine.None, engine.None},
		{"async", engine.Durabilities(engine.None), true, engine.None, engine.None},
	} {
		got, err := level(c.asked, c.set, c.rail)
		if c.want == engine.Default {
			if !errors.Is(err, engine.ErrUnsupported) {
				t.Errorf("%s of an engine with %s is %s: %v", c.asked, c.set, got, err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%s of an engine with %s is %s, want %s: %v", c.asked, c.set, got, c.want, err)
		}
		if got := loadLevel(c.set); got != c.load {
			t.Errorf("an engine with %s is loaded at %s, want %s", c.set, got, c.load)
		}
	}
	for asked, want := range map[string]string{"sync": "sync", "async": "async", "os": "async", "buffered": "async", "none": "none", "NONE": "none"} {
		if got, err := Regime(asked); err != nil || got != want {
			t.Errorf("%s belongs to regime %q, want %s: %v", asked, got, want, err)
		}
	}
}

func TestACellIsFlaggedForWhatSpoilsIt(t *testing.T) {
	num := results.Num
	for _, c := range []struct {
		want string // flags with levels
		cell results.Cell
	}{
		{"", results.Cell{Quality: results.Quality{HarnessShare: num(.05), HarnessNs: num(1), RefillShare: num(.05)}}},
		{"harness yellow", results.Cell{Quality: results.Quality{HarnessShare: num(.051), HarnessNs: num(1)}}},
		{"harness_bound yellow", results.Cell{Quality: results.Quality{HarnessShare: num(.21), HarnessNs: num(1)}}},
		{"harness_bound red", results.Cell{Quality: results.Quality{HarnessShare: num(.51), HarnessNs: num(1)}}},
		{"", results.Cell{Engine: results.EngineInfo{Rail: true}, Quality: results.Quality{HarnessShare: num(1), HarnessNs: num(1), RefillShare: num(1)}}},
		{"refill yellow", results.Cell{Quality: results.Quality{RefillShare: num(.06)}}},
		{"short yellow, errors red", results.Cell{Ops: map[string]*results.OpStats{"read": {N: 9, Errors: 1}}}},
		{"short yellow", results.Cell{Ops: map[string]*results.OpStats{"update": {N: 999}}}},
		{"", results.Cell{Ops: map[string]*results.OpStats{"update": {N: 1000}}}},
		{"unverified yellow", results.Cell{Ops: map[string]*results.OpStats{"read": {N: 1000, OK: 1}}}},
		{"", results.Cell{Ops: map[string]*results.OpStats{"read": {N: 1000, OK: 1}}, Quality: results.Quality{Verified: 1}}},
		{"", results.Cell{Engine: results.EngineInfo{Rail: true}, Ops: map[string]*results.OpStats{"read": {N: 1000, OK: 1}}}},
		{"", results.Cell{Ops: map[string]*results.OpStats{"read": {N: 1000, NotFound: 1000}}}},
		{"debt_start yellow", results.Cell{Debt: results.Debt{Start: engine.Known(6), End: engine.Known(0)}, IO: results.IO{LiveBytes: engine.Known(100)}}},
		{"", results.Cell{Debt: results.Debt{Start: engine.Known(6)}, IO: results.IO{LiveBytes: engine.Known(100)}}}, // what became of it is not known
		{"", results.Cell{Debt: results.Debt{Start: engine.Known(5)}, IO: results.IO{LiveBytes: engine.Known(100)}}},
		{"", results.Cell{Debt: results.Debt{Start: engine.Known(60), End: engine.Known(60)}, IO: results.IO{LiveBytes: engine.Known(100)}}},
		{"debt_end yellow", results.Cell{Debt: results.Debt{Start: engine.Known(60), End: engine.Known(81)}, IO: results.IO{LiveBytes: engine.Known(100)}}},
		{"", results.Cell{Debt: results.Debt{End: engine.Known(81)}, IO: results.IO{LiveBytes: engine.Known(100)}}},
		{"debt yellow", results.Cell{Debt: results.Debt{TimedOut: true}}},
		{"steal yellow", results.Cell{CPU: results.CPU{UserS: num(1), SystemS: num(1), StealS: num(.11)}}},
		{"", results.Cell{CPU: results.CPU{UserS: num(1), SystemS: num(1), StealS: num(.1)}}},
		{"other_load yellow", results.Cell{CPU: results.CPU{UserS: num(1), SystemS: num(1), OtherS: num(.21)}}},
		{"", results.Cell{CPU: results.CPU{UserS: num(1), SystemS: num(1), OtherS: num(.2)}}},
		{"", with(measuredFor(1, results.Quality{}), func(c *results.Cell) {
			c.CPU = results.CPU{UserS: num(.01), SystemS: num(.01), OtherS: num(.05)} // the kernel's own, of an engine that waits
		})},
		{"gc yellow", results.Cell{CPU: results.CPU{UserS: num(1), SystemS: num(1), GCS: num(.51)}}},
		{"", results.Cell{CPU: results.CPU{UserS: num(1), SystemS: num(1), GCS: num(.5)}}},
		{"", steadyCell(results.Steady{OK: true, Windows: 20})},
		{"not_steady yellow", steadyCell(results.Steady{Windows: 20, Reasons: []string{"it falls"}})},
		{"short yellow", steadyCell(results.Steady{Windows: 4, Reasons: []string{"too few"}})},
		{"uneven yellow", measuredFor(2, results.Quality{})},
		{"", measuredFor(1.05, results.Quality{})},
		{"refill yellow", measuredFor(2, results.Quality{RefillShare: num(.5)})},
		{"", results.Cell{Status: results.StatusFailed}}, // the status says so
		{"", results.Cell{Status: results.StatusPartial}},
	} {
		var got []string
		judge(&c.cell, &CellSpec{})
		for _, f := range c.cell.Quality.Flags {
			got = append(got, f.Name+" "+f.Level)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("flags are %v, want %q", got, c.want)
		}
	}
}

func with(c results.Cell, change func(*results.Cell)) results.Cell {
	change(&c)
	return c
}

// steadyCell is a cell whose measured phase was tested.
func steadyCell(s results.Steady) results.Cell {
	return with(measuredFor(1, results.Quality{}), func(c *results.Cell) { c.Phases[1].Steady = &s })
}

func TestTheLampIsThatOfTheWorstObjection(t *testing.T) {
	unsteady := results.Steady{Windows: 20, Reasons: []string{"it falls"}}
	for _, c := range []struct {
		name string
		cell results.Cell
		spec CellSpec
		want string
	}{
		{"nothing to object to", steadyCell(results.Steady{OK: true, Windows: 20}), CellSpec{}, results.LampGreen},
		{"not steady", steadyCell(unsteady), CellSpec{}, results.LampYellow},
		{"not steady where it must be", steadyCell(unsteady), CellSpec{RequireSteady: true}, results.LampRed},
		{"untested where it must be", measuredFor(1, results.Quality{}), CellSpec{RequireSteady: true}, results.LampRed},
		{"too short where it must be steady", steadyCell(results.Steady{Windows: 2, Reasons: []string{"few"}}), CellSpec{RequireSteady: true}, results.LampRed},
		{"a load need not be", steadyCell(unsteady), CellSpec{RequireSteady: true, Task: TaskLoad}, results.LampGreen},
		{"errors", results.Cell{Ops: map[string]*results.OpStats{"read": {N: 9, Errors: 1}}}, CellSpec{}, results.LampRed},
		{"failed", results.Cell{Status: results.StatusFailed}, CellSpec{RequireSteady: true}, results.LampRed},
		{"interrupted", results.Cell{Status: results.StatusPartial}, CellSpec{}, results.LampYellow},
		{"unable", results.Cell{Status: results.StatusUnsupported}, CellSpec{}, ""},
	} {
		c.cell.Quality.Lamp = results.LampRed // of before
		if judge(&c.cell, &c.spec); c.cell.Quality.Lamp != c.want {
			t.Errorf("%s: the lamp is %q (%v), want %q", c.name, c.cell.Quality.Lamp, c.cell.Quality.Flags, c.want)
		}
	}
}

// measuredFor is a cell of 1000 operations at 1000 a second of the workers'
// time, whose measured phase took longer.
func measuredFor(seconds float64, q results.Quality) results.Cell {
	return results.Cell{
		OpsPerS: results.Num(1000), Quality: q,
		Phases: []results.Phase{{Name: "load", EndS: 9, Ops: 5}, {Name: "measure", StartS: 9, EndS: 9 + seconds, Ops: 1000}, {Name: "settle", StartS: 20, EndS: 30}},
	}
}

// settler is an engine with background work.
type settler struct {
	toy
	settle func(ctx context.Context) error
	debt   uint64
}

func (e *settler) Settle(ctx context.Context) error { return e.settle(ctx) }
func (e *settler) Metrics(m *engine.Metrics)        { m.Work.DebtBytes = engine.Known(e.debt) }

func TestSettlingEndsByItselfOrByTheLimit(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	for _, c := range []struct {
		name     string
		settle   func(ctx context.Context) error
		status   results.Status
		timedOut bool
		settled  bool // SettleS is known
	}{
		{"at once", func(context.Context) error { return nil }, results.StatusOK, false, true},
		{"never", func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("compact: %w", ctx.Err()) }, results.StatusOK, true, true},
		{"broken", func(context.Context) error { return errBroken }, results.StatusFailed, false, false},
		{"unable", func(context.Context) error { return engine.ErrUnsupported }, results.StatusOK, false, false},
		{"interrupted", func(ctx context.Context) error { interrupt(); <-ctx.Done(); return ctx.Err() }, results.StatusPartial, false, false},
	} {
		deps := toyDeps()
		deps.Lookup = func(string) (engine.Driver, error) {
			d, err := toyLookup("memory")
			d.Open = func(string, map[string]string, engine.Env) (engine.Engine, error) {
				return &settler{toy: *newToy(), settle: c.settle, debt: 77}, nil
			}
			return d, err
		}
		cell := runCellWith(t, ctx, deps, func(s *CellSpec) { s.Settle = 5 * time.Millisecond; s.Calibrate = 0 }, nil)
		if cell.Status != c.status || cell.Debt.TimedOut != c.timedOut || (cell.Debt.SettleS != nil) != c.settled {
			t.Errorf("%s: the cell is %s (%s), debt %+v", c.name, cell.Status, cell.Error, cell.Debt)
		}
		if (cell.OpsPerS == nil) != (c.status == results.StatusFailed) {
			t.Errorf("%s: ops/s %v of a cell that is %s", c.name, cell.OpsPerS, cell.Status)
		}
		if !is(cell.Debt.Start, 77) || !is(cell.Debt.End, 77) || (c.settled && !is(cell.Debt.Settled, 77)) {
			t.Errorf("%s: debt %+v", c.name, cell.Debt)
		}
	}
}

func TestMessagesArriveAsTheyWereSent(t *testing.T) {
	in, out := io.Pipe()
	go func() {
		send := MessageWriter(out)
		send(Message{Progress: &Progress{Phase: "measure", Ops: 7}})
		send(Message{Progress: &Progress{Rate: math.NaN()}}) // cannot be written
		send(Message{Cell: &results.Cell{ID: "c"}})
		out.CloseWithError(nil)
	}()
	var got []string
	err := readMessages(in, func(m Message) {
		switch {
		case m.Progress != nil:
			got = append(got, fmt.Sprint(m.Progress.Phase, m.Progress.Ops))
		case m.Cell != nil:
			got = append(got, m.Cell.ID)
		}
	})
	if err != nil || strings.Join(got, " ") != "measure7 c" {
		t.Fatalf("got %v: %v", got, err)
	}
}

func TestAStreamThatIsTornOrNoiseIsAnError(t *testing.T) {
	for _, text := range []string{`{"cell":{"id":"c"`, "{\"progress\":{}}\nbadger 2026/01/01 INFO: hello\n", "\x00\x00"} {
		n := 0
		if err := readMessages(strings.NewReader(text), func(Message) { n++ }); err == nil {
			t.Errorf("%q was read as %d messages", text, n)
		}
	}
}

func TestAProcessThatReportsAndThenDiesHasFailed(t *testing.T) {
	if os.Getenv("KVBENCH_TEST_TORN") != "" {
		MessageWriter(os.Stdout)(Message{Cell: &results.Cell{ID: "c", Status: results.StatusOK, OpsPerS: results.Num(1e6)}})
		os.Stdout.WriteString(`{"cell":{"id"`)
		os.Stderr.WriteString("fatal error: afterwards")
		os.Exit(3)
	}
	x := experiment(t, []string{"memory"}, []string{"c"})
	x.Reps = 1
	starter := Process{
		Path: os.Args[0], Args: []string{"-test.run=^TestAProcessThatReportsAndThenDiesHasFailed$"},
		Env: append(os.Environ(), "KVBENCH_TEST_TORN=1"), Grace: time.Minute,
	}
	run, err := perform(t, t.Context(), x, starter)
	if err != nil {
		t.Fatal(err)
	}
	if c := run.Cells[0]; c.Status != results.StatusFailed || c.OpsPerS != nil || !strings.Contains(c.LastWords, "afterwards") {
		t.Fatalf("the cell is %s, ops/s %v, last words %q", c.Status, c.OpsPerS, c.LastWords)
	}
}

func TestAChildThatWillNotEndIsKilled(t *testing.T) {
	if os.Getenv("KVBENCH_TEST_DEAF") != "" {
		MessageWriter(os.Stdout)(Message{Progress: &Progress{Phase: "measure"}})
		time.Sleep(time.Hour)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := Process{
		Path: os.Args[0], Args: []string{"-test.run=^TestAChildThatWillNotEndIsKilled$"},
		Env: append(os.Environ(), "KVBENCH_TEST_DEAF=1"), Grace: 10 * time.Millisecond,
	}
	err := p.Run(ctx, &CellSpec{}, func(Message) { cancel() })
	var death *DeathError
	if !errors.As(err, &death) || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the child ended with %v", err)
	}
}

func TestASpecCrossesTheProcessBoundaryWhole(t *testing.T) {
	for _, preset := range workloads.List() {
		x := experiment(t, []string{"disk"}, []string{preset.Name})
		p, err := x.Plan()
		if err != nil {
			t.Fatal(err)
		}
		want := p.Cells[0].Spec
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got CellSpec
		if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got.Workload, want.Workload) {
			t.Errorf("%s: %v, the workload became %+v", preset.Name, err, got.Workload)
		}
		again, err := json.Marshal(got)
		if err != nil || string(again) != string(data) {
			t.Errorf("%s: %v, the spec became %s, was %s", preset.Name, err, again, data)
		}
	}
}
