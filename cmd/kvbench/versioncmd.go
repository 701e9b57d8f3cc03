package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/bench/machine"
	"github.com/kvbench/kvbench/engine/catalog"
)

func newVersionCommand(a *app) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program and of its engines",
		Args:  exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			return a.version(format)
		},
	}
	c.Flags().StringVar(&format, "format", "table", "table or json")
	return c
}

func (a *app) version(format string) error {
	p, golang := program(), machine.GoInfo()
	if format == "json" {
		return a.printJSON(struct {
			Program any `json:"program"`
			Go      any `json:"go"`
		}{p, golang})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "kvbench %s", p.Version)
	if p.Commit != "" {
		fmt.Fprintf(&b, " commit %.12s", p.Commit)
		if p.Dirty != nil && *p.Dirty {
			b.WriteString(" (changed)")
		}
	}
	fmt.Fprintf(&b, "\n%s %s/%s, cgo %v, tags %v\n", golang.Version, golang.GOOS, golang.GOARCH, p.Cgo, p.Tags)
	for _, d := range catalog.All() {
		if d.Version != "" {
			fmt.Fprintf(&b, "%s %s\n", d.Name, d.Version)
		}
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}
