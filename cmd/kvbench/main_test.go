package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// asProgram makes the test's binary be kvbench, so that a run under test
// starts its cells from it as well.
const asProgram = "KVBENCH_TEST_AS_PROGRAM"

// victim names the cell whose process dies, after some words.
const victim = "KVBENCH_TEST_VICTIM"

const lastWords = "the tape measure snapped"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	in := io.Reader(os.Stdin)
	if id := os.Getenv(victim); id != "" && os.Args[1] == "cell" {
		spec, err := bufio.NewReader(os.Stdin).ReadBytes('\n')
		if err == nil && bytes.Contains(spec, []byte(fmt.Sprintf("%q:%q", "id", id))) {
			fmt.Fprintln(os.Stderr, lastWords)
			syscall.Kill(os.Getpid(), syscall.SIGKILL) //nolint:errcheck // fatal
		}
		// What follows a spec is only the end of the input.
		in = io.MultiReader(bytes.NewReader(spec), os.Stdin)
	}
	os.Exit(execute(os.Args[1:], in, os.Stdout, os.Stderr, os.Exit))
}

// asProcess returns kvbench with arguments, to be run in dir.
func asProcess(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), asProgram+"=1")
	return c
}

// outcomeOf is what a command line came to.
type outcomeOf struct {
	code      int
	out, errs string
}

// finish runs a command to its end.
func finish(t *testing.T, c *exec.Cmd) outcomeOf {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil && c.ProcessState == nil {
		t.Fatal(err)
	}
	return outcomeOf{c.ProcessState.ExitCode(), out.String(), errs.String()}
}

// inProcess performs a command line that starts no cells.
func inProcess(t *testing.T, args ...string) outcomeOf {
	t.Helper()
	var out, errs bytes.Buffer
	code := execute(args, strings.NewReader(""), &out, &errs, func(int) { t.Error("exit was called") })
	return outcomeOf{code, out.String(), errs.String()}
}

// must fails the test unless the command line ended with the code.
func (o outcomeOf) must(t *testing.T, code int) outcomeOf {
	t.Helper()
	if o.code != code {
		t.Fatalf("exit code %d, want %d\n%s\n%s", o.code, code, o.out, o.errs)
	}
	return o
}

// quick makes runs short; nobody looks at their figures.
func quick(args ...string) []string {
	return append([]string{
		"run", "--duration", "40ms", "--warmup", "10ms", "--calibrate", "0s", "--settle", "100ms",
		"--interval", "20ms", "--records", "500",
	}, args...)
}
