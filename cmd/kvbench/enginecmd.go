package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/catalog"
)

func newEngineCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "engine", Short: "List and describe the engines"}
	group(c)
	var format string
	list := &cobra.Command{
		Use: "list", Short: "List the engines of this build", Args: exactArgs(),
		RunE: func(*cobra.Command, []string) error { return a.listEngines(format) },
	}
	describe := &cobra.Command{
		Use:   "describe ENGINE",
		Short: "Print what an engine can do, its settings and its asterisks", Args: exactArgs("ENGINE"),
		RunE:              func(_ *cobra.Command, args []string) error { return a.describeEngine(args[0], format) },
		ValidArgsFunction: completeEngines,
	}
	for _, sub := range []*cobra.Command{list, describe} {
		sub.Flags().StringVar(&format, "format", "table", "table or json")
		c.AddCommand(sub)
	}
	return c
}

// description is an engine as describe prints it.
type description struct {
	Name      string           `json:"name"`
	Family    string           `json:"family"`
	Title     string           `json:"title"`
	Version   string           `json:"version"`
	Rail      bool             `json:"rail"`
	Levels    []string         `json:"durability_levels"`
	Caps      *engine.Caps     `json:"caps"`
	Settings  []engine.Setting `json:"settings"`
	Asterisks []string         `json:"asterisks"`
	Verify    bool             `json:"verify"`
	Inspect   bool             `json:"inspect"`
}

// describe opens the engine in a directory of its own for a moment, since only
// an opened engine knows what it can do.
func describe(d engine.Driver) (desc *description, err error) {
	desc = &description{
		Name: d.Name, Family: d.Family, Title: d.Title, Version: d.Version, Rail: d.Rail,
		Levels: []string{}, Settings: d.Settings, Asterisks: append([]string{}, d.Asterisks...),
		Verify: d.Verify != nil, Inspect: d.Inspect != nil,
	}
	dir, err := os.MkdirTemp("", "kvbench-describe-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	e, err := d.Open(dir, nil, engine.Env{})
	if err != nil {
		return nil, fmt.Errorf("open %s to describe it: %w", d.Name, err)
	}
	caps := e.Caps()
	desc.Caps = &caps
	for _, level := range caps.Durabilities.Levels() {
		desc.Levels = append(desc.Levels, level.String())
	}
	return desc, e.Close()
}

func (a *app) listEngines(format string) error {
	if err := oneOf("format", format, "table", "json"); err != nil {
		return err
	}
	if format == "json" {
		type entry struct {
			Name    string `json:"name"`
			Family  string `json:"family"`
			Title   string `json:"title"`
			Version string `json:"version"`
			Rail    bool   `json:"rail"`
		}
		list := []entry{}
		for _, d := range catalog.All() {
			list = append(list, entry{d.Name, d.Family, d.Title, d.Version, d.Rail})
		}
		return a.printJSON(list)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ENGINE\tFAMILY\tVERSION\tWHAT")
	for _, d := range catalog.All() {
		title := d.Title
		if d.Rail {
			title += " (reference rail)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Name, d.Family, orDash(d.Version), title)
	}
	return w.Flush()
}

func (a *app) describeEngine(name, format string) error {
	if err := oneOf("format", format, "table", "json"); err != nil {
		return err
	}
	d, err := catalog.Lookup(name)
	if err != nil {
		return err
	}
	desc, err := describe(d)
	if err != nil {
		return err
	}
	if format == "json" {
		return a.printJSON(desc)
	}
	_, err = fmt.Fprint(a.out, desc.text())
	return err
}

func (d *description) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", d.Name, d.Title)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "family\t%s\n", d.Family)
	fmt.Fprintf(w, "version\t%s\n", orDash(d.Version))
	fmt.Fprintf(w, "durability\t%s\n", strings.Join(d.Levels, " "))
	can, cannot := abilities(d.Caps)
	fmt.Fprintf(w, "can\t%s\n", orDash(strings.Join(can, ", ")))
	fmt.Fprintf(w, "cannot\t%s\n", orDash(strings.Join(cannot, ", ")))
	fmt.Fprintf(w, "limits\tkey %s, value %s, batch %s\n", limit(d.Caps.MaxKey), limit(d.Caps.MaxValue), limit(d.Caps.MaxBatch))
	w.Flush() //nolint:errcheck // into memory
	b.WriteString("\nSettings (--set " + d.Name + ".NAME=VALUE)\n")
	for _, s := range d.Settings {
		fmt.Fprintf(&b, "  %s\n      %s\n", settingHead(s), settingEffect(s))
	}
	if len(d.Asterisks) > 0 {
		b.WriteString("\nAsterisks\n")
		for _, text := range d.Asterisks {
			fmt.Fprintf(&b, "  * %s\n", text)
		}
	}
	return b.String()
}

// settingHead is a setting's name, type and default.
func settingHead(s engine.Setting) string {
	kind := string(s.Kind)
	if s.Kind == engine.ChoiceSetting {
		kind = strings.Join(s.Choices, "|")
	}
	if s.Unit != "" {
		kind += " " + s.Unit
	}
	if s.Inapplicable != "" {
		return fmt.Sprintf("%s  (does not apply)", s.Name)
	}
	head := fmt.Sprintf("%s  %s", s.Name, kind)
	switch {
	case s.Max > 0:
		head += fmt.Sprintf(", %d to %d", s.Min, s.Max)
	case s.Min > 0:
		head += fmt.Sprintf(", at least %d", s.Min)
	}
	if s.Default != "" {
		head += ", default " + s.Default
	}
	if s.Fixed {
		head += ", fixed when the directory is made"
	}
	return head
}

func settingEffect(s engine.Setting) string {
	if s.Inapplicable != "" {
		return s.Inapplicable
	}
	return s.Effect
}

func abilities(c *engine.Caps) (can, cannot []string) {
	for _, ability := range []struct {
		name string
		has  bool
	}{
		{"ordered scans", c.Ordered},
		{"reverse scans", c.Reverse},
		{"unordered scans", c.UnorderedScan},
		{"snapshots", c.Snapshots},
		{"iterators see one moment", c.IterSnapshot},
		{"atomic batches", c.AtomicBatch},
		{"range deletes", c.RangeDelete},
		{"bulk loads", c.BulkLoad},
		{"expiry", c.TTL},
		{"checkpoints", c.Checkpoint},
		{"data larger than memory", c.LargerThanMemory},
		{"persistence", c.Persistent},
		{"a crash leaves a prefix of the writes", c.PowerLossPrefix},
		{"checks what it reads", c.VerifiesReads},
	} {
		if ability.has {
			can = append(can, ability.name)
		} else {
			cannot = append(cannot, ability.name)
		}
	}
	return can, cannot
}

func limit(n int) string {
	if n == 0 {
		return "unlimited"
	}
	return humanBytes(uint64(n))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// oneOf checks the value of a flag.
func oneOf(flag, value string, words ...string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return usagef("--%s %q: want %s", flag, value, strings.Join(words, " or "))
}
