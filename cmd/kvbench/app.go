package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/catalog"
)

// app is what the commands share.
type app struct {
	in      io.Reader
	out     io.Writer
	console *console // standard error
	errs    io.Writer
	exit    func(int)
	command string // as typed
	args    []string

	// The engines; tests have their own.
	drivers func() []engine.Driver
	lookup  func(name string) (engine.Driver, error)
}

func newApp(args []string, in io.Reader, out, errs io.Writer, exit func(int)) *app {
	return &app{
		in: in, out: out, errs: errs, console: &console{to: errs}, exit: exit, command: commandLine(args), args: args,
		drivers: catalog.All, lookup: catalog.Lookup,
	}
}

// warn writes a line to standard error.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.console, "kvbench: "+format+"\n", args...)
}

// report writes err to standard error, each of its lines behind the program's
// name, without the word by which the program tells invalid arguments.
func (a *app) report(err error) {
	if err == nil {
		return
	}
	for line := range strings.Lines(strings.ReplaceAll(err.Error(), engine.ErrInvalid.Error()+": ", "")) {
		if line = strings.TrimSpace(line); line != "" {
			a.warn("%s", line)
		}
	}
}

// console is a stream that can be led elsewhere for a while: past the bars of
// progress. It is safe for concurrent use.
type console struct {
	mu sync.Mutex
	to io.Writer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.to.Write(p)
}

func (c *console) lead(to io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.to = to
}

// terminalWidth returns the columns of the terminal behind w; ok is false
// when there is none.
func terminalWidth(w io.Writer) (columns int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}

// colors reports whether w is a terminal that wants colors.
func colors(w io.Writer) bool {
	_, terminal := terminalWidth(w)
	return terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// commandLine writes args so that a shell reads them back.
func commandLine(args []string) string {
	words := []string{"kvbench"}
	for _, arg := range args {
		if arg == "" || strings.ContainsAny(arg, " \t\n'\"\\$`&|;<>()*?[]{}~#!") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
