package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// normalize makes YCSB's spelling of long flags ("-threads 4") the usual one
// ("--threads 4"). Only names of flags of the command that args choose are
// changed, so that "-n100k" stays a short flag with its value.
func normalize(root *cobra.Command, args []string) []string {
	command, _, err := root.Find(args)
	if err != nil {
		command = root
	}
	out := make([]string, 0, len(args))
	for i, arg := range args {
		if arg == "--" {
			return append(out, args[i:]...)
		}
		if name, ok := singleDash(arg); ok && lookup(command, name) != nil {
			arg = "-" + arg
		}
		out = append(out, arg)
	}
	return out
}

// singleDash returns the name in "-name" or "-name=value".
func singleDash(arg string) (name string, ok bool) {
	if len(arg) < 3 || arg[0] != '-' || arg[1] == '-' {
		return "", false
	}
	name, _, _ = strings.Cut(arg[1:], "=")
	return name, len(name) > 1
}

func lookup(command *cobra.Command, name string) *pflag.Flag {
	if f := command.Flags().Lookup(name); f != nil {
		return f
	}
	return command.InheritedFlags().Lookup(name)
}
