package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// toyDrivers are engines for runs within this process. The one called disk
// keeps its data in a file of its directory.
func toyDrivers() []engine.Driver {
	settings := []engine.Setting{
		engine.DurabilityOption(engine.OS, engine.Durabilities(engine.OS, engine.Sync)),
		engine.NoCacheBytes("it has none"), engine.NoReadOnly("it cannot"),
	}
	memory := func(name string, make func() engine.Engine) engine.Driver {
		return engine.Driver{
			Name: name, Settings: settings, Rail: true, Blank: name == "blank",
			Open: func(string, map[string]string, engine.Env) (engine.Engine, error) { return make(), nil },
		}
	}
	disk := func(name string, change func(*diskToy)) engine.Driver {
		return engine.Driver{
			Name: name, Settings: settings,
			Open: func(dir string, _ map[string]string, _ engine.Env) (engine.Engine, error) {
				e, err := openDiskToy(dir)
				if err == nil && change != nil {
					change(e)
				}
				return e, err
			},
		}
	}
	return []engine.Driver{
		disk("disk", nil),
		disk("hash", func(e *diskToy) { e.unordered = true }),
		{
			Name: "forgetful", Settings: settings, // no rail, yet nothing persists
			Open: func(string, map[string]string, engine.Env) (engine.Engine, error) { return newToy(), nil },
		},
		disk("broken", func(e *diskToy) { e.get = func(_, _ []byte) ([]byte, error) { return nil, errBroken } }),
		disk("full", func(e *diskToy) { e.put = func(_, _ []byte) error { return errBroken } }),
		memory("memory", func() engine.Engine { return newToy() }),
		memory("blank", func() engine.Engine { return &blankEngine{} }),
	}
}

func toyLookup(name string) (engine.Driver, error) {
	for _, d := range toyDrivers() {
		if d.Name == name {
			return d, nil
		}
	}
	return engine.Driver{}, engine.ErrInvalid
}

// diskToy writes its records to a file when it is closed.
type diskToy struct {
	toy
	path string
}

func openDiskToy(dir string) (*diskToy, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	e := &diskToy{toy: *newToy(), path: filepath.Join(dir, "records")}
	data, err := os.ReadFile(e.path)
	if errors.Is(err, os.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return nil, err
	}
	var b engine.Batch
	if err := b.Load(data); err != nil {
		return nil, err
	}
	r := b.Reader()
	for op := (engine.Op{}); r.Next(&op); {
		e.data[string(op.Key)] = slices.Clone(op.Value)
	}
	return e, r.Err()
}

func (e *diskToy) Caps() engine.Caps {
	c := e.toy.Caps()
	c.Family, c.Persistent = engine.FamilyHash, true
	return c
}

func (e *diskToy) Close() error {
	var b engine.Batch
	for k, v := range e.data {
		b.Put([]byte(k), v)
	}
	return os.WriteFile(e.path, b.Bytes(), 0o644)
}

// experiment is a small matrix.
func experiment(t *testing.T, engines, workloadNames []string) *Experiment {
	t.Helper()
	x := &Experiment{
		Name: "test", Threads: []int{2}, Reps: 2, Seed: 11, Durability: "async", Operations: 300,
		Interval: time.Second, Calibrate: 3 * time.Millisecond, Settle: time.Second,
		Timing: Timing{Auto: true}, Verify: VerifyFull, Dir: filepath.Join(t.TempDir(), "data"),
	}
	for _, name := range engines {
		d, err := toyLookup(name)
		if err != nil {
			t.Fatal(err)
		}
		x.Engines = append(x.Engines, EngineChoice{Driver: d})
	}
	for _, name := range workloadNames {
		base, loadOnly := name, name == LoadWorkload
		if loadOnly {
			base = "a"
		}
		w := *spec(t, base, "recordcount=200", "operationcount=300")
		if loadOnly {
			w.Name = LoadWorkload
		}
		x.Workloads = append(x.Workloads, WorkloadChoice{Spec: &w, LoadOnly: loadOnly})
	}
	return x
}

// perform runs x in this process and returns what was written.
func perform(t *testing.T, ctx context.Context, x *Experiment, starter Starter) (*results.Run, error) {
	t.Helper()
	p, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "results")
	w, err := results.Create(dir, x.Manifest(p))
	if err != nil {
		t.Fatal(err)
	}
	if starter == nil {
		starter = InProcess{Deps: toyDeps()}
	}
	runErr := (&Runner{Starter: starter, Results: w}).Run(ctx, x, p)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	run, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(x.Dir); !errors.Is(err, os.ErrNotExist) && !x.Keep {
		t.Errorf("the data are still there: %v", err)
	}
	return run, runErr
}

func toyDeps() CellDeps {
	return CellDeps{Lookup: toyLookup, Noop: func() (engine.Engine, error) { return &blankEngine{}, nil }}
}

func TestARunWritesOneCellForEachEngineWorkloadAndRepetition(t *testing.T) {
	x := experiment(t, []string{"disk", "hash", "forgetful", "memory", "blank"}, []string{"a", "e", LoadWorkload})
	run, err := perform(t, context.Background(), x, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]int)
	for _, c := range run.Cells {
		seen[c.Engine.Name+" "+c.Workload.Name]++
		want := results.StatusOK
		if c.Engine.Name == "hash" && strings.EqualFold(c.Workload.Name, "e") {
			want = results.StatusUnsupported
		}
		if c.Status != want {
			t.Errorf("%s is %s: %s", c.ID, c.Status, c.Error)
		}
		if (c.OpsPerS == nil) != (want != results.StatusOK) {
			t.Errorf("%s: ops/s %v with status %s", c.ID, c.OpsPerS, c.Status)
		}
		if want == results.StatusOK {
			checkMeasured(t, &c)
		}
	}
	if len(run.Cells) != 5*3*2 || len(seen) != 5*3 {
		t.Errorf("%d cells: %v", len(run.Cells), seen)
	}
}

// checkMeasured looks for what every measured cell must have.
func checkMeasured(t *testing.T, c *results.Cell) {
	t.Helper()
	var n uint64
	for _, op := range c.Ops {
		n += op.N
		if op.Service == nil && op.Timed > 0 {
			t.Errorf("%s: timed operations without latency", c.ID)
		}
	}
	want := uint64(300)
	if c.Workload.Name == LoadWorkload {
		want = 200
	}
	if n != want {
		t.Errorf("%s: %d operations, want %d", c.ID, n, want)
	}
	if c.Quality.HarnessNs == nil || *c.Quality.HarnessNs <= 0 || c.Quality.HarnessShare == nil {
		t.Errorf("%s: no calibration", c.ID)
	}
	if v, ok := c.IO.UserWrite.Value(); c.Workload.Name == LoadWorkload && (!ok || v < 200*1000) {
		t.Errorf("%s: %d bytes written by the user", c.ID, v)
	}
	if live, ok := c.IO.LiveBytes.Value(); c.Engine.Name == "disk" && (!ok || live < 200*1000) {
		t.Errorf("%s: %d live bytes, known %v", c.ID, live, ok)
	}
}

func TestAnEngineThatFailsIsAFailedCellAndNotTheEndOfTheRun(t *testing.T) {
	x := experiment(t, []string{"broken", "full", "disk"}, []string{"c"})
	x.Durability = "sync"
	run, err := perform(t, context.Background(), x, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range run.Cells {
		if c.Engine.Name == "disk" {
			if c.Status != results.StatusOK {
				t.Errorf("%s: %s", c.ID, c.Error)
			}
			continue
		}
		// Not the level that the shared load was done at.
		if c.Durability == engine.OS || c.Engine.Settings[engine.DurabilityName] != "sync" || c.Engine.Caps == nil {
			t.Errorf("%s has durability %s, settings %v", c.ID, c.Durability, c.Engine.Settings)
		}
		if c.Status != results.StatusFailed || !strings.Contains(c.Error, errBroken.Error()) || c.OpsPerS != nil {
			t.Errorf("%s is %s with %q and ops/s %v", c.ID, c.Status, c.Error, c.OpsPerS)
		}
	}
	if len(run.Cells) != 6 {
		t.Errorf("%d cells", len(run.Cells))
	}
}

// diary is a Watcher that writes down what it is told.
type diary struct{ lines []string }

func (d *diary) Begin(index, total int, cell *results.Cell, task Task) {
	d.lines = append(d.lines, fmt.Sprintf("begin %d/%d %s %s", index, total, task, cell.Engine.Name))
}
func (d *diary) Progress(Progress)      {}
func (d *diary) End(cell *results.Cell) { d.lines = append(d.lines, "end "+string(cell.Status)) }

func TestAWatcherIsToldOfEveryCell(t *testing.T) {
	x := experiment(t, []string{"full"}, []string{"c"})
	p, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	w, err := results.Create(filepath.Join(t.TempDir(), "results"), x.Manifest(p))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	d := &diary{}
	if err := (&Runner{Starter: InProcess{Deps: toyDeps()}, Watcher: d, Results: w}).Run(t.Context(), x, p); err != nil {
		t.Fatal(err)
	}
	want := []string{"begin 0/2 prepare full", "end failed", "begin 1/2 run full", "end failed", "begin 2/2 run full", "end failed"}
	if !slices.Equal(d.lines, want) {
		t.Errorf("the watcher was told %q, want %q", d.lines, want)
	}
}

func TestAnInterruptedRunKeepsWhatItHas(t *testing.T) {
	x := experiment(t, []string{"disk", "memory"}, []string{"a"})
	x.Reps, x.Operations, x.Duration = 3, 0, time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	started := 0
	starter := starterFunc(func(ctx context.Context, spec *CellSpec, f func(Message)) error {
		if spec.Task == TaskRun {
			if started++; started < 3 {
				spec.Duration, spec.Operations = 0, 100
			} else {
				time.AfterFunc(time.Millisecond, cancel)
			}
		}
		return InProcess{Deps: toyDeps()}.Run(ctx, spec, f)
	})
	run, err := perform(t, ctx, x, starter)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the run ended with %v", err)
	}
	var got []results.Status
	for _, c := range run.Cells {
		got = append(got, c.Status)
	}
	if !slices.Equal(got, []results.Status{results.StatusOK, results.StatusOK, results.StatusPartial}) {
		t.Fatalf("cells are %v", got)
	}
	if last := run.Cells[2]; last.Error == "" {
		t.Errorf("the interrupted cell has no reason")
	}
}

type starterFunc func(ctx context.Context, spec *CellSpec, f func(Message)) error

func (s starterFunc) Run(ctx context.Context, spec *CellSpec, f func(Message)) error {
	return s(ctx, spec, f)
}

func TestAProcessThatDiesLeavesItsLastWords(t *testing.T) {
	if os.Getenv("KVBENCH_TEST_DIE") != "" {
		os.Stderr.WriteString("panic: the engine exploded\n" + strings.Repeat("frame\n", 5000) + "exit status 2\n")
		os.Exit(2)
	}
	x := experiment(t, []string{"memory"}, []string{"c"})
	x.Reps = 1
	starter := Process{
		Path: os.Args[0], Args: []string{"-test.run=^TestAProcessThatDiesLeavesItsLastWords$"},
		Env: append(os.Environ(), "KVBENCH_TEST_DIE=1"), Grace: time.Minute,
	}
	run, err := perform(t, context.Background(), x, starter)
	if err != nil {
		t.Fatal(err)
	}
	c := run.Cells[0]
	if c.Status != results.StatusFailed || !strings.Contains(c.LastWords, "engine exploded") ||
		!strings.HasSuffix(c.LastWords, "exit status 2\n") || len(c.LastWords) > 3*wordsKept {
		t.Fatalf("%s, last words %q", c.Status, c.LastWords)
	}
}

func TestAChildEndsWhenItsParentIsGone(t *testing.T) {
	if os.Getenv("KVBENCH_TEST_SERVE") != "" {
		ServeCell(context.Background(), os.Stdin, os.Stdout, toyDeps()) //nolint:errcheck
		os.Exit(0)
	}
	x := experiment(t, []string{"memory"}, []string{"c"})
	x.Reps, x.Operations, x.Duration = 1, 0, time.Hour
	x.Interval = time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	starter := starterFunc(func(ctx context.Context, spec *CellSpec, f func(Message)) error {
		p := Process{
			Path: os.Args[0], Args: []string{"-test.run=^TestAChildEndsWhenItsParentIsGone$"},
			Env: append(os.Environ(), "KVBENCH_TEST_SERVE=1"), Grace: time.Minute,
		}
		return p.Run(ctx, spec, func(m Message) {
			if m.Progress != nil && m.Progress.Phase == "measure" {
				cancel() // closes the child's input
			}
			f(m)
		})
	})
	run, err := perform(t, ctx, x, starter)
	if !errors.Is(err, context.Canceled) || len(run.Cells) != 1 {
		t.Fatalf("%v, %d cells", err, len(run.Cells))
	}
	if c := run.Cells[0]; c.Status != results.StatusPartial || c.OpsPerS == nil {
		t.Fatalf("the cell is %s (%s) with ops/s %v", c.Status, c.Error, c.OpsPerS)
	}
}

func TestAPlanIsBalancedPairedAndRepeatable(t *testing.T) {
	x := experiment(t, []string{"disk", "hash", "memory", "blank"}, []string{"a", "b", "c"})
	x.Reps, x.Threads = 8, []int{1, 4}
	p, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	again, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Cells) != 4*3*2*8 {
		t.Fatalf("%d cells", len(p.Cells))
	}
	ids := make(map[string]bool)
	seeds := make(map[string]uint64)
	first := make(map[string]int)
	for i, c := range p.Cells {
		cell := c.Spec.Cell
		if ids[cell.ID] || cell.Order != i+1 || again.Cells[i].Spec.Cell.ID != cell.ID {
			t.Fatalf("cell %d is %s (order %d), seen %v, again %s", i, cell.ID, cell.Order, ids[cell.ID], again.Cells[i].Spec.Cell.ID)
		}
		ids[cell.ID] = true
		if i > 0 && cell.Rep < p.Cells[i-1].Spec.Cell.Rep {
			t.Fatalf("repetition %d follows %d", cell.Rep, p.Cells[i-1].Spec.Cell.Rep)
		}
		block := strings.ReplaceAll(cell.ID, cell.Engine.Name, "*")
		if seed, ok := seeds[block]; ok && seed != cell.Seed {
			t.Errorf("engines of block %s have different seeds", block)
		}
		seeds[block] = cell.Seed
		if i%4 == 0 {
			first[cell.Engine.Name+cell.Workload.Name+string(rune('0'+cell.Load.Threads))]++
		}
	}
	distinct := make(map[uint64]bool)
	for _, s := range seeds {
		distinct[s] = true
	}
	if len(distinct) != 3*2*8 {
		t.Errorf("%d distinct seeds for 48 blocks", len(distinct))
	}
	for who, n := range first {
		if n != 2 { // 8 repetitions, 4 engines
			t.Errorf("%s is first in its block %d times of 8, want 2", who, n)
		}
	}
}

func TestWorkloadsThatAgreeInTheirDataShareTheLoad(t *testing.T) {
	x := experiment(t, []string{"disk", "memory"}, []string{"a", "c", "e"})
	p, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Prepared) != 1 {
		t.Errorf("%d loads for three workloads over the same data on one persistent engine", len(p.Prepared))
	}
	x.Workloads[1].Spec = spec(t, "c", "recordcount=201")
	if p, err = x.Plan(); err != nil || len(p.Prepared) != 2 {
		t.Errorf("%d loads where one workload has more records: %v", len(p.Prepared), err)
	}
}

func TestAnExperimentThatMakesNoSenseIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Experiment){
		"no engines":       func(x *Experiment) { x.Engines = nil },
		"no workloads":     func(x *Experiment) { x.Workloads = nil },
		"no repetitions":   func(x *Experiment) { x.Reps = 0 },
		"no threads":       func(x *Experiment) { x.Threads = []int{0} },
		"a bad level":      func(x *Experiment) { x.Durability = "fsync" },
		"unknown setting":  func(x *Experiment) { x.Engines[0].Settings = map[string]string{"cash_bytes": "1"} },
		"one engine twice": func(x *Experiment) { x.Engines = append(x.Engines, x.Engines[0]) },
		"threads twice":    func(x *Experiment) { x.Threads = []int{2, 2} },
		"names that differ in signs only": func(x *Experiment) {
			a, b := *x.Workloads[0].Spec, *x.Workloads[0].Spec
			a.Name, b.Name = "my a", "my/a"
			x.Workloads = []WorkloadChoice{{Spec: &a}, {Spec: &b}}
		},
		"fewer than no loaders":  func(x *Experiment) { x.LoadThreads = -1 },
		"an interval of nothing": func(x *Experiment) { x.Interval = time.Microsecond },
		"a negative warm-up":     func(x *Experiment) { x.Warmup = -time.Second },
		"no end": func(x *Experiment) {
			w := *x.Workloads[0].Spec
			w.Operations, x.Operations, x.Workloads[0].Spec = 0, 0, &w
		},
	} {
		x := experiment(t, []string{"disk"}, []string{"a"})
		change(x)
		if _, err := x.Plan(); !errors.Is(err, engine.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
