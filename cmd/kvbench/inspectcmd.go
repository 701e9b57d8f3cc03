package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/engine"
)

// inspectOptions are the flags of inspect.
type inspectOptions struct{ format, engine string }

func newInspectCommand(a *app) *cobra.Command {
	o := &inspectOptions{}
	c := &cobra.Command{
		Use:   "inspect DIR",
		Short: "Print how an engine's directory is laid out",
		Long: `Inspect prints what a directory holds that an engine has made: its levels,
pages or segments, how full they are, and what stands out. The file KVBENCH in
it says whose it is. Nothing is changed, and nobody may have it open.`,
		Example: `  kvbench load pebble --dir /data/pebble --records 1m
  kvbench inspect /data/pebble`,
		Args:              exactArgs("DIR"),
		RunE:              func(c *cobra.Command, args []string) error { return a.inspect(c.Context(), o, args[0]) },
		ValidArgsFunction: completeDirs,
	}
	formatFlag(c, &o.format)
	engineFlag(c, &o.engine)
	return c
}

// engineFlag is for directories that have lost their marker.
func engineFlag(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "engine", "", "`ENGINE` that made the directory, where its file KVBENCH is damaged or missing")
}

func completeDirs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// inspection is a layout as inspect prints it.
type inspection struct {
	Dir    string            `json:"dir"`
	Engine string            `json:"engine"`
	Format int               `json:"format"`
	Fixed  map[string]string `json:"fixed"`
	Files  int               `json:"files"`
	Bytes  uint64            `json:"bytes"`
	engine.Layout
}

func (a *app) inspect(ctx context.Context, o *inspectOptions, dir string) error {
	if err := oneOf("format", o.format, "table", "json"); err != nil {
		return err
	}
	d, err := a.engineDir(dir, o.engine)
	if err != nil {
		return err
	}
	if d.driver.Inspect == nil {
		return a.unable(d.driver, "inspect", func(d engine.Driver) bool { return d.Inspect != nil })
	}
	ctx, stop := a.interruptible(ctx, func() { a.warn("interrupted: ending") })
	defer stop()
	layout, err := d.driver.Inspect(ctx, dir, engine.Env{})
	if ctx.Err() != nil {
		return invalidRun{"inspect: interrupted"}
	}
	if err != nil {
		return err
	}
	x := inspection{Dir: dir, Engine: d.driver.Name, Format: d.marker.Format, Fixed: d.marker.Fixed, Layout: layout}
	x.Files, x.Bytes = dirSize(dir)
	if o.format == "json" {
		x.fill()
		return a.printJSON(x)
	}
	_, err = fmt.Fprint(a.out, x.text(d.title()))
	return err
}

// fill makes lists and maps that are not there empty.
func (x *inspection) fill() {
	if x.Fixed == nil {
		x.Fixed = map[string]string{}
	}
	x.Facts = append([]engine.Fact{}, x.Facts...)
	x.Tables = append([]engine.LayoutTable{}, x.Tables...)
	for i := range x.Tables {
		if x.Tables[i].Rows == nil {
			x.Tables[i].Rows = [][]string{}
		}
	}
}

func (x *inspection) text(title string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "directory\t%s\nengine\t%s\n", x.Dir, title)
	for _, name := range slices.Sorted(maps.Keys(x.Fixed)) {
		fmt.Fprintf(w, "%s\t%s (fixed)\n", name, x.Fixed[name])
	}
	fmt.Fprintf(w, "files\t%d\nbytes\t%s\n", x.Files, withUnit(strconv.FormatUint(x.Bytes, 10)))
	for _, f := range x.Facts {
		value := f.Value
		if f.Name == "bytes" || strings.HasSuffix(f.Name, " bytes") {
			value = withUnit(value)
		}
		fmt.Fprintf(w, "%s\t%s\n", f.Name, value)
	}
	w.Flush() //nolint:errcheck // into memory
	for _, t := range x.Tables {
		fmt.Fprintf(&b, "\n%s\n", t.Title)
		if len(t.Rows) == 0 {
			b.WriteString("none\n")
			continue
		}
		b.WriteString(textTable(t.Columns, t.Rows))
	}
	return b.String()
}

// withUnit adds the rounded size to a number of bytes.
func withUnit(text string) string {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < 1<<10 {
		return text
	}
	return fmt.Sprintf("%s (%s)", text, humanBytes(n))
}
