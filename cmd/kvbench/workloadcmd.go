package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/workloads"
)

func newWorkloadCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "workload", Short: "List, show, preview and validate workloads"}
	group(c)
	c.AddCommand(a.workloadList(), a.workloadShow(), a.workloadPreview(), a.workloadValidate(), a.workloadProperties(),
		&cobra.Command{
			Use: "schema", Short: "Print the JSON Schema of a resolved workload", Args: exactArgs(),
			RunE: func(*cobra.Command, []string) error {
				_, err := fmt.Fprintf(a.out, "%s\n", strings.TrimSpace(string(workloads.JSONSchema())))
				return err
			},
		})
	return c
}

func formatFlag(c *cobra.Command, format *string) {
	c.Flags().StringVar(format, "format", "table", "table or json")
}

func (a *app) workloadList() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "list", Short: "List the built-in workloads", Args: exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			if format == "json" {
				return a.printJSON(workloads.List())
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "WORKLOAD\tWHAT\tSOURCE")
			for _, p := range workloads.List() {
				source, _, _ := strings.Cut(p.Source, " (")
				fmt.Fprintf(w, "%s\t%s\t%s\n", p.Name, p.Title, source)
			}
			fmt.Fprintln(w, "load\tthe load phase of A, or of what -P says\t")
			return w.Flush()
		},
	}
	formatFlag(c, &format)
	return c
}

func (a *app) workloadShow() *cobra.Command {
	var format string
	o := &workloadOptions{}
	c := &cobra.Command{
		Use:   "show WORKLOAD",
		Short: "Print a workload with every property resolved", Args: exactArgs("WORKLOAD"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("format", format, "table", "json", "properties"); err != nil {
				return err
			}
			spec, err := o.spec(args[0])
			if err != nil {
				return err
			}
			return a.showWorkload(spec, format)
		},
		ValidArgsFunction: completeWorkloads,
	}
	o.add(c.Flags())
	hideName(c)
	c.Flags().StringVar(&format, "format", "table", "table, json, or properties (a file for -P)")
	return c
}

// hideName hides --workload where the workload is the argument.
func hideName(c *cobra.Command) { c.Flags().Lookup("workload").Hidden = true }

// spec resolves one workload with all of its own numbers.
func (o *workloadOptions) spec(name string) (*workloads.Spec, error) {
	files, err := readFiles(o.files)
	if err != nil {
		return nil, err
	}
	in, err := workloads.NewInput(name)
	if err != nil {
		return nil, usage(err)
	}
	in.Files = append(in.Files, files...)
	overrides, spelling := o.overrides()
	in.Overrides = overrides
	spec, err := workloads.Parse(in)
	if err != nil {
		return nil, usagef("%s", spelling.Replace(err.Error()))
	}
	return spec, nil
}

func (a *app) showWorkload(s *workloads.Spec, format string) error {
	if format == "json" {
		return a.printJSON(s)
	}
	names := slices.Sorted(maps.Keys(s.Properties))
	if format == "properties" {
		var b strings.Builder
		for _, name := range names {
			fmt.Fprintf(&b, "%s=%s\n", name, s.Properties[name])
		}
		_, err := fmt.Fprint(a.out, b.String())
		return err
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "workload\t%s: %s\n", s.Name, s.Title)
	fmt.Fprintf(w, "records\t%s of %.0f bytes on average (%d fields of %s)\n",
		humanCount(float64(s.Records)), s.MeanValue(), s.Values.FieldCount, s.Values.FieldLength)
	fmt.Fprintf(w, "mix\t%s\n", mixText(s.Mix))
	if s.Writers > 0 {
		fmt.Fprintf(w, "writers\t%d with %s\n", s.Writers, mixText(s.WriterMix))
	}
	fmt.Fprintf(w, "requests\t%s\n", s.Request)
	fmt.Fprintf(w, "updates\t%s\n", s.UpdateMode)
	fmt.Fprintf(w, "semantics\t%s\n\t\n", s.Compat)
	for _, name := range names {
		fmt.Fprintf(w, "%s\t%s\n", name, s.Properties[name])
	}
	for _, text := range s.Warnings {
		a.warn("note: %s", text)
	}
	return w.Flush()
}

func mixText(m workloads.Mix) string {
	var parts []string
	for k, share := range m {
		if share > 0 {
			parts = append(parts, fmt.Sprintf("%s %s %%", workloads.Kind(k), strconv.FormatFloat(100*share, 'g', 4, 64)))
		}
	}
	return strings.Join(parts, ", ")
}

func (a *app) workloadPreview() *cobra.Command {
	var format string
	var n int
	var seed uint64
	o := &workloadOptions{}
	c := &cobra.Command{
		Use:   "preview WORKLOAD",
		Short: "Print a workload's first operations and what they are like", Args: exactArgs("WORKLOAD"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			if n < 0 || n > 1_000_000 {
				return usagef("--first %d: want 0 to 1000000", n)
			}
			spec, err := o.spec(args[0])
			if err != nil {
				return err
			}
			p, err := workloads.Preview(spec, seed, n)
			if err != nil {
				return err
			}
			if format == "json" {
				return a.printJSON(p)
			}
			return a.printPreview(p)
		},
		ValidArgsFunction: completeWorkloads,
	}
	o.add(c.Flags())
	hideName(c)
	formatFlag(c, &format)
	c.Flags().IntVar(&n, "first", 20, "operations to print")
	c.Flags().Uint64Var(&seed, "seed", 1, "of the draws")
	return c
}

func (a *app) printPreview(p *workloads.PreviewResult) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "OPERATION\tRECORD\tKEY\tLENGTH\tVALUE BYTES")
	for _, r := range p.Rows {
		length, value := "-", "-"
		if r.Len > 0 {
			length = strconv.Itoa(r.Len)
		}
		if r.ValueBytes > 0 {
			value = strconv.Itoa(r.ValueBytes)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", r.Kind, r.Number, printable(r.Key), length, value)
	}
	s := p.Summary
	fmt.Fprintf(w, "\t\t\t\t\nof %s operations:\t\t\t\t\n", humanCount(float64(s.Operations)))
	if err := w.Flush(); err != nil {
		return err
	}
	w = tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "mix\t%s\n", mixText(s.Mix))
	fmt.Fprintf(w, "distinct records\t%d\n", s.Distinct)
	fmt.Fprintf(w, "hottest record\t%d, %.3g %% of the requests\n", s.HottestNumber, 100*s.HottestShare)
	fmt.Fprintf(w, "hottest 1 %%\t%.3g %% of the requests\n", 100*s.Top1Share)
	if s.MaxScan > 0 {
		fmt.Fprintf(w, "scans\t%.1f records on average, at most %d\n", s.MeanScan, s.MaxScan)
	}
	fmt.Fprintf(w, "key\t%.1f bytes on average\n", s.MeanKey)
	fmt.Fprintf(w, "value\t%.1f bytes on average\n", s.MeanValue)
	return w.Flush()
}

// printable writes a key that is not text in hexadecimal.
func printable(key string) string {
	for _, c := range []byte(key) {
		if c < 0x20 || c > 0x7e {
			return fmt.Sprintf("0x%x", key)
		}
	}
	return key
}

func (a *app) workloadValidate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check property files and report everything wrong with them",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s: no FILE given; usage: %s", commandName(c), c.UseLine())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			bad := 0
			for _, name := range args {
				spec, err := (&workloadOptions{}).specOf(name)
				if err != nil {
					a.report(err)
					bad++
					continue
				}
				for _, text := range spec.Warnings {
					a.warn("note: %s", text)
				}
				if _, err := fmt.Fprintf(a.out, "%s: ok (%s)\n", name, mixText(spec.Mix)); err != nil {
					return err
				}
			}
			if bad > 0 {
				return usagef("%d of %d workloads are not valid", bad, len(args))
			}
			return nil
		},
	}
}

// specOf resolves a workload as it is, without flags.
func (*workloadOptions) specOf(name string) (*workloads.Spec, error) {
	in, err := workloads.NewInput(name)
	if err != nil {
		return nil, err
	}
	return workloads.Parse(in)
}

func (a *app) workloadProperties() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "properties", Short: "List every property that a workload may set", Args: exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			if format == "json" {
				return a.printJSON(workloads.Properties())
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "PROPERTY\tTYPE\tDEFAULT\tORIGIN\tEFFECT")
			for _, p := range workloads.Properties() {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.Name, p.Kind, orDash(p.Default), p.Origin, p.Effect)
			}
			return w.Flush()
		},
	}
	formatFlag(c, &format)
	return c
}

// completeWorkloads offers the built-in workloads to the shell.
func completeWorkloads(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, p := range workloads.List() {
		names = append(names, p.Name+"\t"+p.Title)
	}
	return names, cobra.ShellCompDirectiveDefault
}
