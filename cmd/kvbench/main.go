package main

import (
	"context"
	"io"
	"os"
)

func main() {
	os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Exit))
}

// execute runs one command line and returns the exit code. exit ends the
// program at once.
func execute(args []string, in io.Reader, out, errs io.Writer, exit func(int)) int {
	return newApp(args, in, out, errs, exit).execute(args)
}

func (a *app) execute(args []string) int {
	root := newRoot(a)
	root.SetArgs(normalize(root, args))
	err := root.ExecuteContext(context.Background())
	a.report(err)
	return exitCode(err)
}
