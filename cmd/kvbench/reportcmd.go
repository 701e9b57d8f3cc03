package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/report"
)

// reportOptions are the flags of report.
type reportOptions struct {
	html, markdown, csv, title string
	red                        bool
	allow                      []string
}

func newReportCommand(a *app) *cobra.Command {
	o := &reportOptions{}
	c := &cobra.Command{
		Use:   "report RESULTS...",
		Short: "Make a report of one or several runs",
		Long: `Report reads results directories and writes what they came to: the verdict, the
rankings with their intervals, which engine for which need, latencies, time
series, amplification, comparisons, causes, and everything that there is to
object to. The page is one file that asks nobody for anything: it can be
mailed, committed, or opened without a network.

With several results the first is what the others are compared with: before
and after. Every run writes report.html and report.md into its results by
itself.`,
		Example: `  kvbench report kvbench-results/RUN
  kvbench report BEFORE AFTER -o change.html --title "size ratio 4"
  kvbench report RESULTS --md - --csv figures.csv`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return nil
			}
			return exactArgs("RESULTS")(c, args)
		},
		RunE:              func(_ *cobra.Command, args []string) error { return a.makeReport(o, args) },
		ValidArgsFunction: completeDirs,
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVarP(&o.html, "output", "o", "", "write the page to `FILE`, - for standard output (default: report.html, unless --md or --csv is given)")
	f.StringVar(&o.markdown, "md", "", "write Markdown to `FILE`, - for standard output")
	f.StringVar(&o.csv, "csv", "", "write the figures, one a line, to `FILE`, - for standard output")
	f.BoolVar(&o.red, "include-red", false, "rank and compare cells whose lamp is red, too")
	f.StringSliceVar(&o.allow, "allow-diff", nil, "`NAMES` of differences between runs that are accepted, as the report names them; * for all")
	f.StringVar(&o.title, "title", "", "`TITLE` of the report (default: the names of the runs)")
	return c
}

// A reportForm is one way to write a report, and where to.
type reportForm struct {
	flag, path string
	write      func(io.Writer, *report.Model) error
}

func (o *reportOptions) forms() ([]reportForm, error) {
	if o.html == "" && o.markdown == "" && o.csv == "" {
		o.html = results.ReportFile
	}
	var forms []reportForm
	seen := map[string]string{}
	for _, f := range []reportForm{
		{"-o", o.html, report.HTML}, {"--md", o.markdown, report.Markdown}, {"--csv", o.csv, report.CSV},
	} {
		if f.path == "" {
			continue
		}
		place := filepath.Clean(f.path)
		if other, twice := seen[place]; twice {
			return nil, usagef("%s %s: %s goes there already", f.flag, f.path, other)
		}
		seen[place] = f.flag
		forms = append(forms, f)
	}
	return forms, nil
}

func (a *app) makeReport(o *reportOptions, args []string) error {
	forms, err := o.forms()
	if err != nil {
		return err
	}
	runs := make([]*results.Run, len(args))
	for i, dir := range args {
		for _, other := range args[:i] {
			if filepath.Clean(other) == filepath.Clean(dir) {
				return usagef("report: %s is given twice", dir)
			}
		}
		if runs[i], err = openResults(dir); err != nil {
			return err
		}
	}
	m, err := report.Build(runs, report.Options{Title: o.title, IncludeRed: o.red, AllowDiff: words(o.allow)})
	if err != nil {
		return usage(err)
	}
	for i, run := range runs {
		for _, n := range run.Notes {
			a.warn("note: %s: %s", args[i], n)
		}
	}
	for _, f := range forms {
		if err := a.writeForm(f, m); err != nil {
			return err
		}
	}
	return nil
}

// writeForm writes a file whole or not at all.
func (a *app) writeForm(f reportForm, m *report.Model) error {
	var b bytes.Buffer
	if err := f.write(&b, m); err != nil {
		return err
	}
	if f.path == "-" {
		_, err := a.out.Write(b.Bytes())
		return err
	}
	if info, err := os.Stat(f.path); err == nil && info.IsDir() {
		return usagef("%s %s: it is a directory; name a file in it", f.flag, f.path)
	}
	if err := results.ReplaceFile(f.path, b.Bytes()); err != nil {
		return usagef("%s: %w", f.flag, err)
	}
	fmt.Fprintf(a.console, "wrote %s (%s)\n", f.path, humanBytes(uint64(b.Len())))
	return nil
}

// leaveReport writes the report of a run that has ended into its results. A
// report that cannot be made is no reason to lose the run: it is a warning.
func (a *app) leaveReport(run *results.Run) {
	m, err := report.Build([]*results.Run{run}, report.Options{})
	for _, f := range []reportForm{
		{"page", filepath.Join(run.Dir, results.ReportFile), report.HTML},
		{"text", filepath.Join(run.Dir, results.ReportMarkdown), report.Markdown},
	} {
		var b bytes.Buffer
		if err == nil {
			err = f.write(&b, m)
		}
		if err == nil {
			err = results.ReplaceFile(f.path, b.Bytes())
		}
	}
	if err != nil {
		a.warn("no report was written: %v; kvbench report %s tries again", err, run.Dir)
		return
	}
	fmt.Fprintf(a.console, "report: %s, and the same as text in %s\n",
		filepath.Join(run.Dir, results.ReportFile), results.ReportMarkdown)
}
