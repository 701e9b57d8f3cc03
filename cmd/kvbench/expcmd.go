package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/bench/experiments"
	"github.com/kvbench/kvbench/bench/machine"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// expOptions are the flags of exp run.
type expOptions struct {
	progressOptions
	scale  string
	outDir string
	dir    string
	reps   int
	seed   uint64
	format string
}

func newExpCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "exp",
		Short: "Run built-in experiments: a question, its procedure, and the shape to expect",
		Long: `An experiment is a question about storage that has a known answer, from a paper
that is named. It is run at one of three scales:

  tiny    seconds; looks at counters only, which are the same on every machine
  small   minutes; times as well, as advice
  full    as large as published results want it

Exit code 3 says that a claim did not hold, 4 that a cell failed.`,
	}
	group(c)
	o := &expOptions{}
	run := &cobra.Command{
		Use: "run NAME... | all", Short: "Run experiments and judge their claims",
		Example: `  kvbench exp run compaction-space --scale tiny
  kvbench exp run monkey filters --scale small --out kvbench-results/filters
  kvbench exp run all --scale tiny`,
		RunE:              func(c *cobra.Command, args []string) error { return a.expRun(c.Context(), o, args) },
		ValidArgsFunction: completeStudies,
	}
	f := run.Flags()
	f.SortFlags = false
	f.StringVar(&o.scale, "scale", string(experiments.Small), "`SCALE`: tiny, small or full")
	f.StringVarP(&o.outDir, "out", "o", "", "results `DIR`, new or empty; with several experiments one in it for each (default kvbench-results/TIME-NAME)")
	f.StringVar(&o.dir, "dir", "", "`DIR` where engines keep their data (default: in the results directory)")
	f.IntVar(&o.reps, "reps", 0, "`NUMBER` of repetitions of what is timed (0: as the scale says: 1, 3 or 6)")
	f.Uint64Var(&o.seed, "seed", 1, "`NUMBER` behind everything random")
	f.StringVar(&o.format, "format", "table", "`FORMAT` of what is printed: table, markdown or json")
	o.progressOptions.add(f)

	list := &cobra.Command{
		Use: "list", Short: "List the experiments", Args: exactArgs(),
		RunE: func(*cobra.Command, []string) error { return a.expList(o.format) },
	}
	describe := &cobra.Command{
		Use: "describe NAME", Short: "Say what an experiment asks, why, and what to look for", Args: exactArgs("NAME"),
		RunE:              func(_ *cobra.Command, args []string) error { return a.expDescribe(args[0], o.format) },
		ValidArgsFunction: completeStudies,
	}
	for _, sub := range []*cobra.Command{list, describe} {
		sub.Flags().StringVar(&o.format, "format", "table", "table or json")
	}
	c.AddCommand(list, describe, run)
	return c
}

func completeStudies(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, s := range experiments.All() {
		names = append(names, s.Name+"\t"+s.Title)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// study finds an experiment by name.
func (a *app) study(name string) (experiments.Study, error) {
	s, err := experiments.Find(name)
	return s, usage(err)
}

// studies finds those named; "all" is every one.
func (a *app) studies(args []string) ([]experiments.Study, error) {
	names := words(args)
	if len(names) == 0 {
		return nil, usagef("exp run: no experiment given; kvbench exp list lists them, and all runs every one")
	}
	var list []experiments.Study
	seen := make(map[string]bool)
	for _, name := range names {
		if strings.EqualFold(name, "all") {
			if len(names) > 1 {
				return nil, usagef("exp run: all and others are named; all has every one")
			}
			return experiments.All(), nil
		}
		s, err := a.study(name)
		if err != nil {
			return nil, err
		}
		if seen[s.Name] {
			return nil, usagef("exp run: %s is named twice", s.Name)
		}
		seen[s.Name] = true
		list = append(list, s)
	}
	return list, nil
}

// expRun runs experiments one after the other. Of several all are run,
// whatever becomes of one; the error is the gravest.
func (a *app) expRun(ctx context.Context, o *expOptions, args []string) error {
	list, err := a.studies(args)
	if err != nil {
		return err
	}
	scale, err := experiments.ParseScale(o.scale)
	if err != nil {
		return usagef("--scale: %w", err)
	}
	if o.reps < 0 {
		return usagef("--reps %d: at least 0", o.reps)
	}
	if err := oneOf("format", o.format, "table", "markdown", "json"); err != nil {
		return err
	}
	var outcomes []studyOutcome
	for _, s := range list {
		r := &studyRun{app: a, o: o, study: s, scale: scale}
		r.place(len(list) > 1)
		outcome, err := r.perform(ctx)
		if err != nil && (len(list) == 1 || exitCode(err) == exitUsage || ctx.Err() != nil) {
			return err
		}
		if err != nil {
			a.report(err)
			outcome = studyOutcome{study: &results.Study{Name: s.Name}, invalid: invalidRun{err.Error()}}
		}
		outcomes = append(outcomes, outcome)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if len(outcomes) > 1 && o.format == "table" {
		fmt.Fprint(a.out, summaryOf(outcomes))
	}
	return worst(outcomes)
}

// studyRun is one experiment being run.
type studyRun struct {
	*app
	o     *expOptions
	study experiments.Study
	scale experiments.Scale
	out   string // results directory
}

// place chooses the results directory.
func (r *studyRun) place(several bool) {
	switch {
	case r.o.outDir != "" && several:
		r.out = filepath.Join(r.o.outDir, r.study.Name)
	case r.o.outDir != "":
		r.out = r.o.outDir
	default:
		base := filepath.Join(resultsRoot, time.Now().UTC().Format("20060102-150405")+"-"+r.study.Name)
		r.out = base
		for i := 2; exists(r.out); i++ {
			r.out = fmt.Sprintf("%s-%d", base, i)
		}
	}
}

// dataDir is where engines keep their data.
func (r *studyRun) dataDir() (string, error) {
	abs, err := filepath.Abs(r.out)
	if err != nil || r.o.dir == "" {
		return filepath.Join(abs, "data"), err
	}
	if err := writable("--dir", r.o.dir); err != nil {
		return "", err
	}
	if name := filepath.Join(r.o.dir, engine.MarkerName); exists(name) {
		return "", usagef("--dir %s: it is the directory of an engine (%s); give one for kvbench to work in", r.o.dir, name)
	}
	dir := filepath.Join(r.o.dir, "kvbench-"+filepath.Base(abs))
	if exists(dir) {
		return "", usagef("--dir %s: %s is in use by another run, or left over from one: wait for it, or remove it", r.o.dir, dir)
	}
	return filepath.Abs(dir)
}

// perform runs the experiment from the empty results directory to its claims.
func (r *studyRun) perform(ctx context.Context) (outcome studyOutcome, err error) {
	cells, err := starter()
	if err != nil {
		return outcome, err
	}
	data, err := r.dataDir()
	if err != nil {
		return outcome, err
	}
	ctx, stop := r.interruptible(ctx, func() {
		r.warn("interrupted: ending the cell; what was measured is kept")
	})
	defer stop()
	name := filepath.Base(filepath.Dir(data))
	if r.o.dir != "" {
		name = strings.TrimPrefix(filepath.Base(data), "kvbench-")
	}
	w, err := results.Create(r.out, results.Manifest{
		Experiment: name, Status: results.StatusPartial, Started: time.Now().UTC(), Command: r.command,
		Plan: results.Plan{Seed: r.o.seed, Reps: max(r.o.reps, 1)},
	})
	if err != nil {
		return outcome, fmt.Errorf("--out: %w", err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.SetSpec(specOfStudy(r)); err != nil {
		return outcome, err
	}
	fmt.Fprintf(r.console, "%s, scale %s: %s\n%s\n", r.study.Name, r.scale, r.study.Title, experiments.Paragraph(r.study.Question, 80))
	before := machine.Steal()
	if err := r.describeMachine(ctx, w, data); err != nil {
		return outcome, err
	}
	progress := r.newProgress(r.o.progressOptions, &bench.Experiment{Reps: 2, Threads: []int{1, 2}}, 0)
	done, runErr := experiments.Run(ctx, r.study, experiments.Options{
		Scale: r.scale, Reps: r.o.reps, Seed: r.o.seed, Dir: data, Name: name, Command: r.command,
		Lookup: r.lookup, Starter: cells, Watcher: progress, Results: w, Say: r.say(),
	})
	progress.close()
	interrupted := errors.Is(runErr, context.Canceled)
	if runErr != nil && !interrupted {
		return outcome, errors.Join(runErr, discardEmpty(w))
	}
	if err := conclude(w, &bench.Plan{}, interrupted, before); err != nil {
		return outcome, err
	}
	run, err := results.Open(w.Dir())
	if err != nil {
		return outcome, err
	}
	r.leaveReport(run)
	outcome = studyOutcome{study: done, run: run, invalid: verdict(run, interrupted)}
	if done == nil {
		return outcome, outcome.invalid
	}
	return outcome, r.printStudy(&outcome)
}

// say prints what a study does besides cells.
func (r *studyRun) say() func(string, ...any) {
	if r.o.none {
		return nil
	}
	return func(format string, args ...any) { fmt.Fprintf(r.console, format+"\n", args...) }
}

// studySpec is spec.resolved.yaml of an experiment: what else it does follows
// from its name and this program.
type studySpec struct {
	Schema  string `yaml:"schema"`
	Study   string `yaml:"study"`
	Scale   string `yaml:"scale"`
	Reps    int    `yaml:"reps"` // 0: as the scale says
	Seed    uint64 `yaml:"seed"`
	Command string `yaml:"command"`
}

func specOfStudy(r *studyRun) studySpec {
	return studySpec{
		Schema: "kvbench.study/1", Study: r.study.Name, Scale: string(r.scale), Reps: r.o.reps, Seed: r.o.seed, Command: r.command,
	}
}

// width is how wide text may be on standard output.
func (a *app) width() int {
	const usual = 80
	if columns, ok := terminalWidth(a.out); ok && columns > 0 {
		return columns
	}
	if _, ok := a.out.(*os.File); ok {
		return usual
	}
	return usual
}
