package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/results"
)

func (o *runOptions) addResume(f *pflag.FlagSet) {
	f.StringVar(&o.resume, "resume", "", "go on with the interrupted run in results `DIR`, by its own command line; cells that failed are measured anew")
	f.StringVar(&o.resumeInto, "resume-into", "", "set by --resume")
	f.Lookup("resume-into").Hidden = true
}

// resumeRun performs the command line of the run in dir again, without the
// cells that it has.
func (a *app) resumeRun(ctx context.Context, o *runOptions, args []string) error {
	dir, more := o.resume, slices.Clone(args)
	o.flags.Visit(func(f *pflag.Flag) {
		if f.Name != "resume" && f.Name != "no-progress" && f.Name != "status" {
			more = append(more, "--"+f.Name)
		}
	})
	if len(more) > 0 {
		return usagef("--resume %s: all else is as the run was begun: leave %s out", dir, strings.Join(more, ", "))
	}
	run, err := results.Open(dir)
	if err != nil {
		return usage(err)
	}
	m := &run.Manifest
	if len(m.Args) == 0 {
		return usagef("--resume %s: its command line is not recorded; begin anew: %s", dir, m.Command)
	}
	if m.Status == results.StatusOK {
		return usagef("--resume %s: the run is whole: nothing is left to do", dir)
	}
	if p := program(); m.Program.SHA256 != "" && p.SHA256 != m.Program.SHA256 {
		return usagef("--resume %s: it was begun by another build of kvbench (%s): one run is one program; begin anew with --out", dir, m.Program.Version)
	}
	again := *a
	again.command, again.args = m.Command, m.Args
	root := newRoot(&again)
	root.SetArgs(append(normalize(root, m.Args), "--resume-into="+dir))
	return root.ExecuteContext(ctx)
}

// discardData removes what an earlier attempt left of the engines' data below
// the results.
func discardData(x *bench.Experiment) error {
	if _, err := os.Stat(filepath.Join(filepath.Dir(x.Dir), results.ManifestFile)); err != nil {
		return nil // --dir: not ours to remove
	}
	return os.RemoveAll(x.Dir)
}

// openResults begins the results, or goes on with them; done are the cells
// that they have.
func (a *app) openResults(o *runOptions, x *bench.Experiment, plan *bench.Plan, notes []string) (*results.Writer, map[string]bool, error) {
	if o.resumeInto == "" {
		m := x.Manifest(plan)
		m.Notes, m.Args = notes, a.args
		w, err := results.Create(o.outDir, m)
		if err != nil {
			return nil, nil, fmt.Errorf("--out: %w", err)
		}
		return w, nil, nil
	}
	specs := make(map[string]string)
	for _, c := range plan.Cells {
		specs[c.Spec.Cell.ID] = c.Spec.Cell.SpecSHA
	}
	w, run, err := results.Resume(o.resumeInto)
	if err != nil {
		return nil, nil, usage(err)
	}
	done := make(map[string]bool)
	for _, c := range run.Cells {
		if specs[c.ID] != c.SpecSHA {
			w.Close() //nolint:errcheck // the mismatch is what matters
			return nil, nil, usagef("--resume %s: cell %s would be measured otherwise now than it was: has a file that the command names changed? begin anew with --out", o.resumeInto, c.ID)
		}
		done[c.ID] = true
	}
	fmt.Fprintf(a.console, "resumed: %d of %d cells are there\n", len(done), len(plan.Cells))
	return w, done, nil
}
