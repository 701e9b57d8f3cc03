package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/workloads/trace"
)

func newTraceCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "trace",
		Short: "Record, import, describe, fit and replay traces of operations",
		Long: `A trace is a file of operations: what was done on which keys, with values of
which sizes, when, and what reads found. It comes from a run here or from the
files of other tools, and can be described, replayed against any engine, or
turned into a workload that looks like it.`,
		Example: `  kvbench trace record mem -w A --ops 100000 -o a.trace
  kvbench trace import cluster12.csv.gz --from twitter -o c12.trace
  kvbench trace stat a.trace
  kvbench trace fit c12.trace -o c12.properties
  kvbench trace replay a.trace pebble bbolt --load`,
	}
	group(c)
	c.AddCommand(a.traceRecord(), a.traceImport(), a.traceStat(), a.traceFit(), a.traceReplay())
	return c
}

// openTrace opens a trace, which may be compressed with gzip.
func openTrace(name string) (*trace.Reader, io.Closer, error) {
	r, c, err := openText(name)
	if err != nil {
		return nil, nil, err
	}
	t, err := trace.NewReader(r, name)
	if err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	return t, c, nil
}

// openText opens a file, or standard input for "-"; the ending .gz means gzip.
func openText(name string) (io.Reader, io.Closer, error) {
	if name == "-" {
		return os.Stdin, io.NopCloser(nil), nil
	}
	switch filepath.Ext(name) {
	case ".zst", ".zstd":
		return nil, nil, usagef("%s: zstd is not read; decompress it first: zstd -dc %s | kvbench trace import - ...", name, name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, usage(err)
	}
	if filepath.Ext(name) != ".gz" {
		return f, f, nil
	}
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return z, f, nil
}

// createFile makes a file that must not exist yet.
func createFile(name string) (*os.File, error) {
	if name == "" {
		return nil, usagef("no file to write to: name one with -o")
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, usagef("-o %s: it exists; remove it, or choose another name", name)
	}
	if err != nil {
		return nil, usage(err)
	}
	return f, nil
}

func (a *app) traceStat() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "stat FILE",
		Short: "Describe a trace: mix, skew, working set, sizes, rate",
		Args:  exactArgs("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			s, err := a.survey(args[0])
			if err != nil {
				return err
			}
			if format == "json" {
				return a.printJSON(s)
			}
			return a.printStat(args[0], s)
		},
	}
	formatFlag(c, &format)
	return c
}

// survey describes a trace, and warns of one that was torn.
func (a *app) survey(name string) (*trace.Stat, error) {
	r, c, err := openTrace(name)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s, err := trace.Survey(r)
	if err == nil && s.Torn != "" {
		a.warn("%s", s.Torn)
	}
	return s, err
}

func (a *app) traceFit() *cobra.Command {
	var format, out string
	c := &cobra.Command{
		Use:   "fit FILE -o WORKLOAD",
		Short: "Write a workload that looks like a trace, and say how much",
		Long: `Fit writes a YCSB property file whose operations look like those of the trace:
mix, distribution of requests, records, sizes, lengths of scans. Then it draws
operations of that workload and prints their figures beside the trace's.`,
		Args: exactArgs("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("format", format, "table", "json"); err != nil {
				return err
			}
			s, err := a.survey(args[0])
			if err != nil {
				return err
			}
			name := out
			if name == "" {
				name = strings.TrimSuffix(filepath.Base(args[0]), filepath.Ext(args[0])) + ".properties"
			}
			fit, err := trace.FitWorkload(s, filepath.Base(name))
			if err != nil {
				return err
			}
			f, err := createFile(name)
			if err != nil {
				return err
			}
			_, err = f.Write(fit.Properties)
			if err = errors.Join(err, f.Close()); err != nil {
				return fmt.Errorf("write %s: %w", name, err)
			}
			if format == "json" {
				return a.printJSON(fit)
			}
			return a.printFit(name, fit)
		},
	}
	formatFlag(c, &format)
	c.Flags().StringVarP(&out, "out", "o", "", "`FILE` to write (default: the trace's name with .properties, here)")
	return c
}

func (a *app) traceImport() *cobra.Command {
	var o trace.ImportOptions
	var out string
	c := &cobra.Command{
		Use:   "import FILE --from FORMAT -o TRACE",
		Short: "Make a trace from the file of another tool",
		Long: `Import reads a text of another tool, plain or .gz, or standard input for "-":

  ycsb      what YCSB prints with -db site.ycsb.BasicDB (go-ycsb: basic)
  rocksdb   trace_analyzer -convert_to_human_readable_trace
  twitter   the cache traces of OSDI 2020, decompressed
  tectonic  workloads of KV-WorkloadGenerator and Tectonic (I U D P S R)

A line that makes no sense is an error, unless --skip-bad lets it pass.`,
		Args: exactArgs("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if o.Format == "" {
				return usagef("trace import: --from says what the file is: %s", strings.Join(trace.Formats(), ", "))
			}
			if err := oneOf("from", o.Format, trace.Formats()...); err != nil {
				return err
			}
			if o.SkipBad < 0 || o.ScanLength < 0 {
				return usagef("trace import: --skip-bad and --scan-length are at least 0")
			}
			o.Name = args[0]
			return a.importTrace(o, out)
		},
	}
	c.Flags().StringVar(&o.Format, "from", "", "`FORMAT` of the file: "+strings.Join(trace.Formats(), ", "))
	c.Flags().StringVarP(&out, "out", "o", "", "trace `FILE` to write")
	c.Flags().IntVar(&o.SkipBad, "skip-bad", 0, "`NUMBER` of lines that may make no sense; they are left out")
	c.Flags().IntVar(&o.ScanLength, "scan-length", 10, "`RECORDS` of scans whose length the file does not tell (rocksdb)")
	return c
}

func (a *app) importTrace(o trace.ImportOptions, out string) error {
	in, c, err := openText(o.Name)
	if err != nil {
		return err
	}
	defer c.Close()
	f, err := createFile(out)
	if err != nil {
		return err
	}
	w, err := trace.NewWriter(f, trace.Sequential(o.Format))
	var done trace.Import
	if err == nil {
		done, err = trace.ImportText(in, w, o)
	}
	if err == nil {
		err = w.Close()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(out))
	}
	for _, bad := range done.FirstBad {
		a.warn("%s: left out: %s", o.Name, bad)
	}
	if done.Bad > len(done.FirstBad) {
		a.warn("%s: %d lines were left out", o.Name, done.Bad)
	}
	_, err = fmt.Fprintf(a.out, "%s: %d operations from %d lines (%d were none), %.2f bytes an operation\n",
		out, done.Operations, done.Lines, done.Ignored, float64(w.Bytes())/float64(done.Operations))
	return err
}
