package main

import "github.com/spf13/cobra"

func newLoadCommand(a *app) *cobra.Command {
	return &cobra.Command{Use: "load", RunE: func(*cobra.Command, []string) error { return nil }}
}
