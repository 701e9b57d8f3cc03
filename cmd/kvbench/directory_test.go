package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// withToys performs a command line in a program whose engines are given.
func withToys(t *testing.T, toys []engine.Driver, args ...string) outcomeOf {
	t.Helper()
	var out, errs bytes.Buffer
	a := newApp(args, strings.NewReader(""), &out, &errs, func(int) { t.Error("exit was called") })
	a.drivers = func() []engine.Driver { return toys }
	a.lookup = func(name string) (engine.Driver, error) {
		for _, d := range toys {
			if d.Name == name {
				return d, nil
			}
		}
		return engine.Driver{}, fmt.Errorf("%w: unknown engine %q", engine.ErrInvalid, name)
	}
	return outcomeOf{a.execute(args), out.String(), errs.String()}
}

// marked makes a directory of an engine.
func marked(t *testing.T, dir, name string) string {
	t.Helper()
	home, err := engine.OpenHome(vfs.OS{}, dir, engine.Marker{Engine: name, Format: 3, Fixed: map[string]string{"index": "memory"}}, false)
	if err == nil {
		err = home.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// verifier is an engine whose Verify does what do says.
func verifier(do func(ctx context.Context, dir string, report func(engine.Problem)) error) engine.Driver {
	return engine.Driver{Name: "toy", Verify: func(ctx context.Context, dir string, _ engine.Env, report func(engine.Problem)) error {
		return do(ctx, dir, report)
	}}
}

func finding(problems ...engine.Problem) engine.Driver {
	return verifier(func(_ context.Context, dir string, report func(engine.Problem)) error {
		for _, p := range problems {
			p.File = filepath.Join(dir, p.File)
			report(p)
		}
		return nil
	})
}

func inspector(layout engine.Layout, err error) engine.Driver {
	return engine.Driver{Name: "toy", Inspect: func(context.Context, string, engine.Env) (engine.Layout, error) {
		return layout, err
	}}
}

func TestVerifyOfASoundDirectorySaysSo(t *testing.T) {
	dir := marked(t, t.TempDir(), "toy")
	o := withToys(t, []engine.Driver{finding()}, "verify", dir).must(t, exitOK)
	if want := dir + " (toy, format 3): no problem; it took "; !strings.HasPrefix(o.out, want) || o.errs != "" {
		t.Errorf("want %q, have %q and %q", want, o.out, o.errs)
	}
}

func TestVerifyPrintsEachProblemWithItsPlace(t *testing.T) {
	dir := marked(t, t.TempDir(), "toy")
	toys := []engine.Driver{finding(
		engine.Problem{File: "log/7", Offset: 4096, Detail: "the checksum\nis wrong"},
		engine.Problem{File: "MANIFEST", Offset: -1, Detail: "it is missing"},
	)}
	o := withToys(t, toys, "verify", dir).must(t, exitInvalid)
	table, _, _ := strings.Cut(o.out, "\n\n")
	if want := "FILE      OFFSET  PROBLEM\nlog/7       4096  the checksum is wrong\nMANIFEST       -  it is missing"; table != want {
		t.Errorf("want\n%s\nhave\n%s", want, table)
	}
	if o.errs != "kvbench: "+dir+": 2 problems\n" {
		t.Errorf("the error is %q", o.errs)
	}

	o = withToys(t, toys, "verify", dir, "--format", "json").must(t, exitInvalid)
	var c checkup
	if err := json.Unmarshal([]byte(o.out), &c); err != nil {
		t.Fatal(err)
	}
	if c.Sound || !c.Complete || c.Engine != "toy" || c.Format != 3 || len(c.Problems) != 2 || c.Problems[0].Offset != 4096 {
		t.Errorf("as JSON: %s", o.out)
	}
}

func TestAnInterruptedVerifyKeepsWhatItFound(t *testing.T) {
	dir := marked(t, t.TempDir(), "toy")
	o := withToys(t, []engine.Driver{verifier(func(ctx context.Context, _ string, report func(engine.Problem)) error {
		report(engine.Problem{File: "a", Offset: 1, Detail: "is damaged"})
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
			return err
		}
		<-ctx.Done()
		return fmt.Errorf("verify: %w", ctx.Err())
	})}, "verify", dir).must(t, exitInvalid)
	if !strings.Contains(o.out, "is damaged") || !strings.Contains(o.out, "not all was looked at") {
		t.Errorf("what was found is missing:\n%s", o.out)
	}
	if !strings.Contains(o.errs, "interrupted") {
		t.Errorf("the error does not say that it was interrupted: %s", o.errs)
	}
}

func TestAVerifyThatCannotLookIsNoVerdict(t *testing.T) {
	dir := marked(t, t.TempDir(), "toy")
	for code, err := range map[int]error{
		exitInternal: errors.New("the disk is on fire"),
		exitUsage:    fmt.Errorf("open %s: %w", dir, engine.ErrLocked),
		exitInvalid:  engine.Corrupt("x", 5, "", nil),
	} {
		toy := verifier(func(context.Context, string, func(engine.Problem)) error { return err })
		if o := withToys(t, []engine.Driver{toy}, "verify", dir).must(t, code); o.out != "" || !strings.Contains(o.errs, err.Error()) {
			t.Errorf("%v: have %q and %q", err, o.out, o.errs)
		}
	}
}

func TestInspectPrintsFactsAndTables(t *testing.T) {
	dir := marked(t, filepath.Join(t.TempDir(), "d"), "toy")
	toys := []engine.Driver{inspector(engine.Layout{
		Facts: []engine.Fact{{Name: "keys", Value: "12"}, {Name: "log bytes", Value: "2048"}},
		Tables: []engine.LayoutTable{
			{Title: "segments", Columns: []string{"file", "bytes"}, Rows: [][]string{{"a", "7"}, {"bcdefg", "12345"}, {"c", ""}}},
			{Title: "runs", Columns: []string{"run"}},
		},
	}, nil)}
	o := withToys(t, toys, "inspect", dir).must(t, exitOK)
	for _, words := range []string{
		"directory  " + dir + "\n", "engine     toy, format 3\n", "index      memory (fixed)\n", "files      1\n",
		"keys       12\n", "log bytes  2048 (2 KiB)\n",
		"\nsegments\nFILE    BYTES\na           7\nbcdefg  12345\nc           -\n",
		"\nruns\nnone\n",
	} {
		if !strings.Contains(o.out, words) {
			t.Errorf("%q is missing in\n%s", words, o.out)
		}
	}
	o = withToys(t, toys, "inspect", dir, "--format", "json").must(t, exitOK)
	var x inspection
	if err := json.Unmarshal([]byte(o.out), &x); err != nil {
		t.Fatal(err)
	}
	if x.Engine != "toy" || x.Files != 1 || x.Fixed["index"] != "memory" || len(x.Facts) != 2 || len(x.Tables) != 2 || strings.Contains(o.out, "null") {
		t.Errorf("as JSON: %s", o.out)
	}
}

func TestADamagedMarkerIsReportedAndTheEngineCanBeNamed(t *testing.T) {
	dir := marked(t, t.TempDir(), "toy")
	write(t, filepath.Join(dir, engine.MarkerName), "kvbench engine dir")
	for _, command := range []string{"inspect", "verify"} {
		o := withToys(t, []engine.Driver{finding()}, command, dir).must(t, exitInvalid)
		for _, words := range []string{engine.MarkerName, "offset 0", "--engine"} {
			if !strings.Contains(o.errs, words) {
				t.Errorf("%s: the error does not say %q: %s", command, words, o.errs)
			}
		}
	}
	withToys(t, []engine.Driver{finding(engine.Problem{})}, "verify", dir, "--engine", "toy").must(t, exitInvalid)
	withToys(t, []engine.Driver{inspector(engine.Layout{}, nil)}, "inspect", dir, "--engine", "toy").must(t, exitOK)
}

func TestADirectoryThatCannotBeLookedAtSaysWhatToDo(t *testing.T) {
	top := t.TempDir()
	toy := marked(t, filepath.Join(top, "toy"), "toy")
	strange := marked(t, filepath.Join(t.TempDir(), "x"), "strange")
	write(t, filepath.Join(top, "file"), "something")
	for _, command := range []string{"inspect", "verify"} {
		for name, m := range map[string]struct {
			args []string
			says []string
		}{
			"no directory given":   {nil, []string{"no DIR", "usage:"}},
			"no such directory":    {[]string{filepath.Join(top, "absent")}, []string{"absent", "no such file"}},
			"a file":               {[]string{filepath.Join(top, "file")}, []string{"is a file"}},
			"the directory above":  {[]string{top}, []string{"not an engine directory", "did you mean " + toy}},
			"an unknown engine":    {[]string{strange}, []string{"made by strange", "unknown engine"}},
			"an engine that can't": {[]string{toy}, []string{"cannot " + command, "of toy", "no engine of this build"}},
			"another engine":       {[]string{toy, "--engine", "mem"}, []string{"made by toy, not mem"}},
			"no such format":       {[]string{toy, "--format", "xml"}, []string{"xml", "json"}},
		} {
			t.Run(command+" "+name, func(t *testing.T) {
				o := withToys(t, []engine.Driver{{Name: "toy"}}, append([]string{command}, m.args...)...).must(t, exitUsage)
				if strings.Count(o.errs, "\n") != 1 || o.out != "" {
					t.Errorf("want one line of error, have %q and %q", o.errs, o.out)
				}
				for _, words := range m.says {
					if !strings.Contains(o.errs, words) {
						t.Errorf("the error does not say %q: %s", words, o.errs)
					}
				}
			})
		}
	}
}

func TestRealEnginesAreInspectedAndVerified(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	finish(t, asProcess(t, ".", "load", "pogreb", "--dir", dir, "--records", "100", "--no-progress")).must(t, exitOK)
	if o := inProcess(t, "inspect", dir).must(t, exitOK); !strings.Contains(o.out, "00000-1.psg") {
		t.Errorf("the segment is missing:\n%s", o.out)
	}
	inProcess(t, "verify", dir).must(t, exitOK)
	home, err := engine.OpenHome(vfs.OS{}, dir, engine.Marker{Engine: "pogreb", Format: 1}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	for _, command := range []string{"inspect", "verify"} {
		if o := inProcess(t, command, dir).must(t, exitUsage); !strings.Contains(o.errs, "in use") {
			t.Errorf("%s of a directory in use: %s", command, o.errs)
		}
	}
}

func TestALineComesEachTimeAndNoneAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs bytes.Buffer
		a := newApp(nil, nil, nil, &errs, nil)
		quiet := a.tell(progressOptions{}, func() string { return "so far" })
		time.Sleep(3*linesEvery + time.Second)
		quiet()
		time.Sleep(3 * linesEvery)
		if got := errs.String(); got != "so far\nso far\nso far\n" {
			t.Errorf("have %q", got)
		}
	})
}

func TestResultsDoNotGoWhereAFileIs(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	o := inProcess(t, "run", "mem", "-w", "C", "-n", "100", "--out", name).must(t, exitUsage)
	if !strings.Contains(o.errs, "it is a file") {
		t.Errorf("the error: %s", o.errs)
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "mine" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}
