package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

func openRun(t *testing.T, dir string) *results.Run {
	t.Helper()
	run, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestARunWritesOneCellForEachEngineWorkloadAndRepetition(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := quick("mem", "noop,pogreb", "-w", "A,E", "--reps", "2", "-threads", "2", "--calibrate", "6ms", "--out", "r", "-no-progress")
	o := finish(t, asProcess(t, dir, args...)).must(t, exitOK)
	run := openRun(t, filepath.Join(dir, "r"))
	if run.Manifest.Status != results.StatusOK || run.Manifest.Finished == nil {
		t.Errorf("manifest: %s, finished %v", run.Manifest.Status, run.Manifest.Finished)
	}
	if want := commandLine(args); run.Manifest.Command != want {
		t.Errorf("recorded command %q, want %q", run.Manifest.Command, want)
	}
	if c := run.Manifest.Calibration; c.NoopAllNs == nil || c.ClockNs == nil || c.FdatasyncUs == nil {
		t.Errorf("the calibration is not recorded: %+v", c)
	}
	if m := run.Manifest; m.Host.CPUs == 0 || m.Disk.FileSystem == "" || m.Go.Version == "" || m.Program.SHA256 == "" {
		t.Errorf("the machine is not recorded: %+v", m)
	}
	seen := make(map[string]int)
	for _, c := range run.Cells {
		seen[c.Engine.Name+" "+c.Workload.Name]++
		want := results.StatusOK
		if c.Engine.Name == "pogreb" && c.Workload.Name == "E" {
			want = results.StatusUnsupported
		}
		if c.Status != want {
			t.Errorf("%s is %s, want %s: %s", c.ID, c.Status, want, c.Error)
		}
		if (c.OpsPerS != nil) != (want == results.StatusOK) {
			t.Errorf("%s: rate %v of a cell that is %s", c.ID, c.OpsPerS, c.Status)
		}
	}
	if len(run.Cells) != 12 || len(seen) != 6 {
		t.Errorf("%d cells of %d kinds, want 12 of 6: %v", len(run.Cells), len(seen), seen)
	}
	if !strings.Contains(o.out, "n/a") || !strings.Contains(o.out, "Reference rails") {
		t.Errorf("the table has no n/a or no table of rails:\n%s", o.out)
	}
	if strings.Contains(o.errs, "[1/12]") || !strings.Contains(o.errs, "results: r") {
		t.Errorf("standard error:\n%s", o.errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "r", "data")); !os.IsNotExist(err) {
		t.Errorf("the data are still there: %v", err)
	}
}

func TestTheResolvedSpecificationSaysEverythingAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := quick("mem", "-w", "F", "--reps", "1", "--value-size", "uniform:50-90", "--set", "mem.degree=7", "-p", "recordcount=300", "--out", "r")
	finish(t, asProcess(t, dir, args...)).must(t, exitOK)
	text, err := os.ReadFile(filepath.Join(dir, "r", results.SpecFile))
	if err != nil {
		t.Fatal(err)
	}
	var spec resolvedSpec
	if err := yaml.UnmarshalWithOptions(text, &spec, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if spec.Engines[0].Settings["degree"] != "7" || spec.Reps != 1 || spec.Duration != "40ms" {
		t.Errorf("the specification is not what was asked for:\n%s", text)
	}
	again := workloads.Input{}
	for name, value := range spec.Workloads[0].Properties {
		again.Overrides = append(again.Overrides, name+"="+value)
	}
	repeated, err := workloads.Parse(again)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := workloads.Parse(workloads.Input{Preset: "F", Overrides: []string{"valuesize=uniform:50-90", "recordcount=300", "operationcount=300"}})
	if err != nil {
		t.Fatal(err)
	}
	if repeated.Hash() != asked.Hash() {
		t.Errorf("the recorded properties are another workload:\n%s", text)
	}
}

func TestACellWhoseProcessDiesFailsAndTheOthersRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := asProcess(t, dir, quick("mem", "noop", "-w", "A", "--reps", "2", "--out", "r")...)
	c.Env = append(c.Env, victim+"=A-mem-t2-r1")
	o := finish(t, c).must(t, exitInvalid)
	run := openRun(t, filepath.Join(dir, "r"))
	if len(run.Cells) != 4 || run.Manifest.Status != results.StatusFailed {
		t.Errorf("%d cells, want 4; the run is %s", len(run.Cells), run.Manifest.Status)
	}
	for _, cell := range run.Cells {
		if cell.ID != "A-mem-t2-r1" {
			if cell.Status != results.StatusOK {
				t.Errorf("%s is %s: %s", cell.ID, cell.Status, cell.Error)
			}
			continue
		}
		if cell.Status != results.StatusFailed || cell.OpsPerS != nil || cell.LastWords != lastWords || !strings.Contains(cell.Error, "killed") {
			t.Errorf("the dead cell is %s, rate %v, error %q, last words %q", cell.Status, cell.OpsPerS, cell.Error, cell.LastWords)
		}
	}
	for _, words := range []string{"1 of 4 cells failed: A-mem-t2-r1", lastWords} {
		if !strings.Contains(o.errs, words) {
			t.Errorf("standard error does not say %q:\n%s", words, o.errs)
		}
	}
}

func TestARunOutlivesTheRemovalOfItsBinary(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux keeps a link to the running binary")
	}
	t.Parallel()
	dir := t.TempDir()
	c := asProcess(t, dir, quick("mem", "--reps", "2", "--out", "r")...)
	binary, err := os.ReadFile(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	c.Path = filepath.Join(dir, "kvbench")
	if err := os.WriteFile(c.Path, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	pipe, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(c.Path); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(pipe)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestAnInterruptEndsARunEarlyWithValidPartialResults(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := asProcess(t, dir, quick("mem", "noop", "-w", "A", "--reps", "2", "--duration", "10m", "--out", "r")...)
	pipe, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	c.Stdout = &table
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(time.Minute, func() { c.Process.Kill() })
	defer watchdog.Stop()
	var said strings.Builder
	interrupted := false
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "measure") && !interrupted && strings.HasPrefix(lines.Text(), "[1/4]") {
			interrupted = true
			if err := c.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.Wait() //nolint:errcheck // the exit code is checked
	if code := c.ProcessState.ExitCode(); code != exitInvalid {
		t.Errorf("exit code %d, want %d\n%s", code, exitInvalid, said.String())
	}
	run := openRun(t, filepath.Join(dir, "r"))
	if run.Manifest.Status != results.StatusPartial || run.Manifest.Finished == nil {
		t.Errorf("the manifest says %s, finished %v", run.Manifest.Status, run.Manifest.Finished)
	}
	count := make(map[results.Status]int)
	for _, cell := range run.Cells {
		count[cell.Status]++
		if cell.Status == results.StatusPartial && cell.OpsPerS == nil {
			t.Errorf("%s measured something, and has no rate", cell.ID)
		}
	}
	if count[results.StatusPartial] != 1 || count[results.StatusSkipped] != 3 {
		t.Errorf("cells: %v; want 1 partial and 3 skipped", count)
	}
	if !strings.Contains(said.String(), "partial") || !strings.Contains(table.String(), "not run") {
		t.Errorf("neither says that the run is partial:\n%s\n%s", said.String(), table.String())
	}
	if !strings.Contains(said.String(), "--resume r goes on") {
		t.Errorf("nothing says how to go on:\n%s", said.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "r", "data")); !os.IsNotExist(err) {
		t.Errorf("the data are still there: %v", err)
	}
}

func TestASecondInterruptEndsTheProgramAtOnce(t *testing.T) {
	exited := make(chan int, 1)
	a := newApp(nil, nil, os.Stdout, os.Stderr, func(code int) { exited <- code })
	first := make(chan struct{})
	ctx, stop := a.interruptible(t.Context(), func() { close(first) })
	defer stop()
	interrupt := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	interrupt()
	<-ctx.Done()
	<-first
	interrupt()
	if code := <-exited; code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
}

func TestALoadLeavesADirectoryThatIsThereToStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := finish(t, asProcess(t, dir, "load", "bbolt", "--dir", "d", "-n", "700", "-p", "valuesize=100", "--format", "json")).must(t, exitOK)
	var cell results.Cell
	if err := json.Unmarshal([]byte(o.out), &cell); err != nil {
		t.Fatal(err)
	}
	if cell.OpsPerS == nil || cell.Ops["insert"].OK != 700 {
		t.Errorf("the cell: %s", o.out)
	}
	if names, err := os.ReadDir(filepath.Join(dir, "d")); err != nil || len(names) < 2 {
		t.Errorf("the directory holds %v, %v", names, err)
	}
	o = finish(t, asProcess(t, dir, "load", "bbolt", "--dir", "d", "-n", "700")).must(t, exitUsage)
	if !strings.Contains(o.errs, "already") {
		t.Errorf("the error of a second load: %s", o.errs)
	}
}

func TestStandardOutputIsTheTableAlone(t *testing.T) {
	t.Parallel()
	for format, starts := range map[string]string{"json": "[", "csv": "experiment,", "markdown": "#"} {
		dir := t.TempDir()
		o := finish(t, asProcess(t, dir, quick("mem", "--reps", "1", "--format", format)...)).must(t, exitOK)
		if !strings.HasPrefix(o.out, starts) {
			t.Errorf("%s begins with %.40q", format, o.out)
		}
		if format == "json" && !json.Valid([]byte(o.out)) {
			t.Errorf("not JSON: %s", o.out)
		}
		runs, err := filepath.Glob(filepath.Join(dir, resultsRoot, "*-mem-A"))
		if err != nil || len(runs) != 1 {
			t.Errorf("results in the default place: %v, %v", runs, err)
		}
	}
}

func TestADryRunPrintsTheMatrixAndDoesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	o := inProcess(t, "run", "mem", "bbolt", "-w", "A,load", "--threads", "1,8", "--reps", "3", "--dry-run").must(t, exitOK)
	for _, words := range []string{"24 cells", "about", "of disk", "A-bbolt-t8-r3", "load-mem-t1-r1", "prepare-bbolt"} {
		if !strings.Contains(o.out, words) {
			t.Errorf("the plan lacks %q:\n%s", words, o.out)
		}
	}
	if names := listing(t); !slices.Equal(names, []string{"."}) {
		t.Errorf("a dry run left %q", names)
	}
}

func TestTheDemoHasFiveEnginesAndEnoughOfEverything(t *testing.T) {
	t.Chdir(t.TempDir())
	o := inProcess(t, "run", "--dry-run").must(t, exitOK)
	for _, words := range []string{"lsm btree hash pebble bbolt", "workload A C", "6 repetitions", "100 k records x 1000 B"} {
		if !strings.Contains(o.out, words) {
			t.Errorf("the plan lacks %q:\n%s", words, o.out)
		}
	}
	o = inProcess(t, "run", "--dry-run", "--reps", "2", "-n", "5k").must(t, exitOK)
	for _, words := range []string{"2 repetitions", "5 k records"} {
		if !strings.Contains(o.out, words) {
			t.Errorf("flags do not change the demo, %q is missing:\n%s", words, o.out)
		}
	}
}
