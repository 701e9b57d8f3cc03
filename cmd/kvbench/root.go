package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/engine"
)

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "kvbench",
		Short: "Measure key-value engines, and know how far to trust the figures",
		Long: `kvbench measures key-value engines with YCSB workloads: every cell in a
process of its own, repetitions interleaved, answers checked, and the cost of
the harness printed beside the figures.

  kvbench run                            a comparison in about a minute
  kvbench run pebble bbolt -w A,C,E      your own
  kvbench compare RESULTS                who is better, and whether it can be told
  kvbench explain RESULTS A B            why one is slower, by its counters
  kvbench check BASE NEW                 whether counters got worse
  kvbench report RESULTS                 a page to read, mail or keep
  kvbench sweep lsm --vary ...           settings, workloads and load that vary
  kvbench exp list                       experiments from the literature
  kvbench engine list                    what can be measured
  kvbench workload list                  what can be asked
  kvbench inspect DIR                    what an engine has made of a directory
  kvbench verify DIR                     whether it is whole

` + exitHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	group(root)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.console)
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveDefault)
	root.AddCommand(
		newRunCommand(a), newExpCommand(a), newSweepCommand(a), newLoadCommand(a), newEngineCommand(a), newWorkloadCommand(a),
		newInspectCommand(a), newVerifyCommand(a), newCalibrateCommand(a), newVersionCommand(a), newCellCommand(a),
		newExplainCommand(a), newCompareCommand(a), newReportCommand(a), newCheckCommand(a), newTraceCommand(a),
	)
	return root
}

// group makes c a command that only holds others.
func group(c *cobra.Command) {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		var names []string
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				names = append(names, sub.Name())
			}
		}
		return usagef("unknown command %q of %s%s", args[0], c.CommandPath(), engine.Suggest(args[0], names))
	}
}

// exactArgs wants the named arguments, no more and no fewer.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		if len(args) > len(names) {
			return usagef("%s: unexpected argument %q; usage: %s", commandName(c), args[len(names)], c.UseLine())
		}
		return usagef("%s: no %s given; usage: %s", commandName(c), names[len(args)], c.UseLine())
	}
}

// commandName is the command as typed behind the program's name.
func commandName(c *cobra.Command) string {
	return strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
}

// flagError names the nearest flag for one that does not exist.
func flagError(c *cobra.Command, err error) error {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return usage(err)
	}
	name, dashes := unknown.GetSpecifiedName(), "--"
	if shorts := unknown.GetSpecifiedShortnames(); shorts != "" {
		name, dashes = shorts, "-"
	}
	var known []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, "--"+f.Name)
		}
	})
	return usagef("%s: unknown flag %s%s", commandName(c), dashes+name, suggestFlag(name, known, c))
}

// suggestFlag is short: a command may have dozens of flags.
func suggestFlag(name string, known []string, c *cobra.Command) string {
	text := engine.Suggest("--"+name, known)
	if len(text) > 80 {
		return fmt.Sprintf("; %s --help lists them", c.CommandPath())
	}
	return text
}
