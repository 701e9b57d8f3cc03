package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/bench/goycsb"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/catalog"
)

// newCellCommand is the process of one cell: a bench.CellSpec on standard
// input, messages on standard output. See bench.Process.
func newCellCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "cell",
		Short:  "Perform one cell (started by run)",
		Hidden: true,
		Args:   exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := terminable(c.Context())
			defer stop()
			out, err := ownOutput(a.out)
			if err != nil {
				return err
			}
			return bench.ServeCell(ctx, a.in, out, cellDeps())
		},
	}
}

func cellDeps() bench.CellDeps {
	return bench.CellDeps{Lookup: catalog.Lookup, Noop: openNoop, Loops: []bench.LoopDriver{goycsb.Driver()}}
}

func openNoop() (engine.Engine, error) { return catalog.Open("noop", "", nil, engine.Env{}) }

// starter starts cells as processes of this program. The link that Linux keeps
// leads to the running binary even when another has taken its name since: all
// cells of a run are the same program.
func starter() (bench.Starter, error) {
	self := "/proc/self/exe"
	if _, err := os.Readlink(self); err != nil {
		if self, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	const grace = 20 * time.Second // to end an operation and close an engine
	return bench.Process{Path: self, Args: []string{"cell"}, Grace: grace}, nil
}

// runCell performs one cell outside a run.
func runCell(ctx context.Context, spec *bench.CellSpec, f func(bench.Message)) error {
	s, err := starter()
	if err != nil {
		return err
	}
	return s.Run(ctx, spec, f)
}
