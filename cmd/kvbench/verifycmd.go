package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/kvbench/kvbench/engine"
)

// verifyOptions are the flags of verify.
type verifyOptions struct {
	progressOptions
	format, engine string
}

func newVerifyCommand(a *app) *cobra.Command {
	o := &verifyOptions{}
	c := &cobra.Command{
		Use:   "verify DIR",
		Short: "Check an engine's directory for damage",
		Long: `Verify reads all of a directory that an engine has made, as far as its engine
can check it, and prints each problem with file and offset. The file KVBENCH in
it says whose it is. Nothing is changed, and nobody may have it open.

Exit codes:
  0    no problem was found
  1    it could not look: the disk failed
  2    usage: it is no directory of an engine of this build, or it is in use
  4    problems were found, or it was interrupted`,
		Example: `  kvbench verify /data/pebble
  kvbench verify /data/hash --format json`,
		Args:              exactArgs("DIR"),
		RunE:              func(c *cobra.Command, args []string) error { return a.verify(c.Context(), o, args[0]) },
		ValidArgsFunction: completeDirs,
	}
	formatFlag(c, &o.format)
	engineFlag(c, &o.engine)
	o.progressOptions.add(c.Flags())
	return c
}

// checkup is what verify prints.
type checkup struct {
	Dir       string           `json:"dir"`
	Engine    string           `json:"engine"`
	Format    int              `json:"format"`
	Sound     bool             `json:"sound"`    // all was looked at, and no problem found
	Complete  bool             `json:"complete"` // all was looked at
	Problems  []engine.Problem `json:"problems"`
	ReadBytes *uint64          `json:"read_bytes"` // without what is read through mappings
	TookS     float64          `json:"took_s"`
}

func (a *app) verify(ctx context.Context, o *verifyOptions, dir string) error {
	if err := oneOf("format", o.format, "table", "json"); err != nil {
		return err
	}
	d, err := a.engineDir(dir, o.engine)
	if err != nil {
		return err
	}
	if d.driver.Verify == nil {
		return a.unable(d.driver, "verify", func(d engine.Driver) bool { return d.Verify != nil })
	}
	v := &checkup{Dir: dir, Engine: d.driver.Name, Format: d.marker.Format, Problems: []engine.Problem{}}
	if err := a.look(ctx, o, d, v); err != nil {
		return err
	}
	if o.format == "json" {
		err = a.printJSON(v)
	} else {
		_, err = fmt.Fprint(a.out, v.text(d.title()))
	}
	switch {
	case err != nil:
		return err
	case !v.Complete:
		return invalidRun{"verify: interrupted: not all was looked at"}
	case !v.Sound:
		return invalidRun{fmt.Sprintf("%s: %s", dir, count(len(v.Problems), "problem"))}
	}
	return nil
}

// look has the engine check its directory. An interrupt is no error, but it
// leaves v incomplete.
func (a *app) look(ctx context.Context, o *verifyOptions, d *engineDir, v *checkup) error {
	ctx, stop := a.interruptible(ctx, func() { a.warn("interrupted: ending the check") })
	defer stop()
	start, before := time.Now(), readByProcess()
	read := func() *uint64 {
		now := readByProcess()
		if before == nil || now == nil {
			return nil
		}
		*now -= *before
		return now
	}
	_, size := dirSize(d.path)
	var found atomic.Int64
	quiet := a.tell(o.progressOptions, func() string {
		return fmt.Sprintf("verify %s: %sthe directory has %s; %s, %s so far", d.path,
			readText(read()), humanBytes(size), humanTime(time.Since(start)), count(int(found.Load()), "problem"))
	})
	err := d.driver.Verify(ctx, d.path, engine.Env{}, func(p engine.Problem) {
		v.Problems = append(v.Problems, p)
		found.Add(1)
	})
	quiet()
	v.Complete = ctx.Err() == nil
	v.Sound = v.Complete && len(v.Problems) == 0
	v.ReadBytes, v.TookS = read(), time.Since(start).Seconds()
	if !v.Complete && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

func (v *checkup) text(title string) string {
	var b strings.Builder
	var rows [][]string
	for _, p := range v.Problems {
		offset := "-"
		if p.Offset >= 0 {
			offset = strconv.FormatInt(p.Offset, 10)
		}
		rows = append(rows, []string{v.below(p.File), offset, oneLine(p.Detail)})
	}
	if len(rows) > 0 {
		b.WriteString(textTable([]string{"file", "offset", "problem"}, rows) + "\n")
	}
	fmt.Fprintf(&b, "%s (%s): %s", v.Dir, title, count(len(rows), "problem"))
	fmt.Fprintf(&b, "; it took %s", humanTime(time.Duration(v.TookS*float64(time.Second))))
	if !v.Complete {
		b.WriteString("; interrupted, not all was looked at")
	}
	b.WriteString("\n")
	return b.String()
}

// readByProcess is how much this process has read, or nil where the system does
// not say.
func readByProcess() *uint64 {
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return nil
	}
	first, _, _ := strings.Cut(string(data), "\n")
	n, err := strconv.ParseUint(strings.TrimPrefix(first, "rchar: "), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

func readText(bytes *uint64) string {
	if bytes == nil {
		return ""
	}
	return humanBytes(*bytes) + " read, "
}

// below is a path without the directory, if it is in there.
func (v *checkup) below(path string) string {
	if rel, err := filepath.Rel(v.Dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// count writes a number of things.
func count(n int, thing string) string {
	switch n {
	case 0:
		return "no " + thing
	case 1:
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// linesEvery is how often a line says how far a check has come, where there is
// no terminal.
const linesEvery = 10 * time.Second

// tell shows what text returns at the bottom of a terminal, or in a line now
// and then elsewhere, until quiet is called.
func (a *app) tell(o progressOptions, text func() string) (quiet func()) {
	_, terminal := terminalWidth(a.errs)
	line := func() { fmt.Fprintln(a.console, text()) }
	switch {
	case o.none:
		return func() {}
	case o.lines:
		return every(time.Second, line)
	case !terminal:
		return every(linesEvery, line)
	}
	all := mpb.New(mpb.WithOutput(a.errs), mpb.WithRefreshRate(150*time.Millisecond))
	now := all.New(1, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return text() })))
	a.console.lead(all) // what others write must not land in the line
	return func() {
		now.Abort(true)
		all.Wait()
		a.console.lead(a.errs)
	}
}
