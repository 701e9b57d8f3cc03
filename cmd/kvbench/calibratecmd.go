package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

func newCalibrateCommand(a *app) *cobra.Command {
	var dir, format string
	d := span(time.Second)
	c := &cobra.Command{
		Use:   "calibrate",
		Short: "Measure the clock, the disk and the harness itself",
		Long: `Calibrate measures what bounds every figure: a reading of the clock, a sleep,
the disk, and the loop against an engine that does nothing.`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			return a.calibrate(c.Context(), dir, time.Duration(d), format)
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "on the disk to measure")
	c.Flags().VarP(&d, "duration", "d", "of each measurement of the loop")
	c.Flags().StringVar(&format, "format", "table", "table or json")
	return c
}

func (a *app) calibrate(ctx context.Context, dir string, d time.Duration, format string) error {
	if err := oneOf("format", format, "table", "json"); err != nil {
		return err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usagef("--dir %s: it is not a directory", dir)
	}
	ctx, stop := a.interruptible(ctx, func() {})
	defer stop()
	c, err := calibrate(ctx, dir, d)
	if err != nil {
		return err
	}
	if format == "json" {
		return a.printJSON(c)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	row := func(name string, x *float64, unit, note string) {
		text := "-"
		if x != nil {
			text = number(*x)
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\n", name, text, unit, note)
	}
	row("clock", c.ClockNs, "ns", "one reading")
	row("clock step", c.ClockStepNs, "ns", "the smallest seen")
	row("sleep", c.SleepMs, "ms", "median of asking for 100 us")
	row("loop, every operation timed", c.NoopAllNs, "ns/op", fmt.Sprintf("%d threads, an engine that does nothing", c.Workers))
	row("loop, 1 in 16 timed", c.NoopSampledNs, "ns/op", "")
	row("loop, chained readings", c.ChainedNs, "ns/op", "")
	row("loop", c.NoopOpsPerS, "ops/s", "all threads, every operation timed")
	row("loop", c.NoopAllocs, "allocs/op", "")
	row("fdatasync", c.FdatasyncUs, "us", "median of 4 KiB appends")
	row("write 4 KiB", c.Write4KUs, "us", "median, buffered")
	row("read 4 KiB", c.Read4KUs, "us", "median, cached")
	row("sequential write", c.SequentialMBS, "MB/s", "with a sync at the end")
	u := c.UnitCosts
	row("read memory at random", u.DRAM, "ns", "each waits for the one before")
	row("copy 1 KiB", u.CopyKiB, "ns", "in a row")
	row("checksum 1 KiB", u.CRCKiB, "ns", "CRC-32C")
	row("read 4 KiB, device", u.DeviceRead4K, "ns", "past the page cache")
	row("write call", u.WriteCall, "ns", "median, 1 byte, buffered")
	row("write 1 KiB more", u.WriteKiB, "ns", "")
	row("allocation", u.Alloc, "ns", "32 bytes; without the collector")
	row("allocate 1 KiB more", u.AllocKiB, "ns", "")
	row("hand-off", u.Handoff, "ns", "between goroutines, through a channel")
	row("mutex", u.Mutex, "ns", "that nobody else wants")
	row("system call", u.Syscall, "ns", "the cheapest")
	return w.Flush()
}

// number writes three significant digits.
func number(x float64) string {
	if x >= 1e5 {
		return humanCount(x)
	}
	if x >= 1000 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// mallocs returns how many objects this process has allocated.
func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
