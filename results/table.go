package results

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Format is how tables are written.
type Format string

const (
	FormatText     Format = "text" // for a terminal
	FormatMarkdown Format = "markdown"
	FormatCSV      Format = "csv"  // one line a Row, unrounded, empty for unknown
	FormatJSON     Format = "json" // an array of Row
)

// ParseFormat reads a format's name.
func ParseFormat(s string) (Format, error) {
	switch f := Format(strings.ToLower(s)); f {
	case FormatText, FormatMarkdown, FormatCSV, FormatJSON:
		return f, nil
	}
	return "", fmt.Errorf("format %q: want text, markdown, csv or json", s)
}

// TableOptions say how a table looks. The zero value is plain text with the
// legend.
type TableOptions struct {
	Format Format // empty: text
	// Matrix asks for engines by workloads with the median rates alone. It
	// changes text and Markdown only.
	Matrix bool
	// Color marks text with ANSI codes. Whether the terminal has them, and
	// NO_COLOR, is for the caller to know.
	Color bool
	// Width is that of the terminal: wider tables are broken into several.
	// 0 is any width. It changes text only.
	Width int
	// IncludeRed takes cells whose lamp is red into figures and rankings.
	IncludeRed bool
	// NoLegend leaves out how to read the table.
	NoLegend bool
}

// Table writes what a run came to. Cells of different setups, regimes above
// all, never share a table, nor do rails and engines; the rows of CSV and JSON
// name them.
func Table(w io.Writer, run *Run, o TableOptions) error {
	var text []byte
	var err error
	switch o.Format {
	case FormatJSON:
		text, err = json.MarshalIndent(append([]Row{}, rowsOf(run, o.IncludeRed)...), "", "  ")
		text = append(text, '\n')
	case FormatCSV:
		text, err = csvTable(rowsOf(run, o.IncludeRed))
	case FormatText, FormatMarkdown, "":
		text = document(run, o)
	default:
		_, err = ParseFormat(string(o.Format))
	}
	if err != nil {
		return fmt.Errorf("make table: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

// document is the run for people: tables, footnotes, legend.
func document(run *Run, o TableOptions) []byte {
	p := newPage(o)
	groups := groupCells(run, o.IncludeRed)
	switch {
	case isSearch(run):
		searches(p, run)
	case o.Matrix:
		matrices(p, run, groups)
	case isSweep(run):
		sweep(p, run, groups)
	default:
		for i := range groups {
			detail(p, run, &groups[i])
		}
	}
	if len(groups) == 0 {
		p.line("no cells")
	}
	if notes := append(append([]string{}, run.Manifest.Notes...), run.Notes...); len(notes) > 0 {
		p.heading(2, "Notes")
		for _, n := range notes {
			p.item("-", n)
		}
	}
	if !o.NoLegend && len(groups) > 0 {
		p.heading(2, "How to read this")
		lines := legend(o.Matrix)
		lines = append(lines, openLegend(groups)...)
		if isSearch(run) {
			lines = searchLegend()
		}
		for _, l := range lines {
			p.item("-", l)
		}
	}
	return p.bytes()
}

func legend(matrix bool) []string {
	lines := []string{
		"ops/s: median of n repetitions, measured phase only; min .. max are the slowest and the fastest of them. Ranges that overlap may be chance.",
	}
	if matrix {
		lines[0] = "Figures are ops/s: median of n repetitions, measured phase only. One table is one durability regime and one data set; do not compare across tables."
	}
	lines = append(lines,
		"durability: what a write has survived once it returned. none: no log; buffered: in a log in the process; os: in the page cache; sync: on disk. kill -9: whether such a write survives one.",
	)
	if matrix {
		lines = append(lines, "[n]: a grave objection to the figure, or why there is none; slighter ones are in the detailed table.")
	} else {
		lines = append(lines,
			"vs 1st: ratio of the medians. Who failed in any repetition, or has a red lamp, is not ranked. One table is one durability regime, workload and load; do not compare across tables.",
			"p50, p99, p99.9: medians over the repetitions; rmw is read-modify-write, counted as one operation.",
			"w-amp: bytes written to files per byte that the user wrote, as the engine counts them or, where it does not, as the kernel counts those of its write calls; of engines that write through mappings the pages made dirty. settled: with the background work that followed; r-amp: bytes read from the disk per byte returned; s-amp: bytes on disk per live byte.",
			"harness: share of the measured time that is the benchmark's own; it is not subtracted.",
			"lamp: how far to trust a figure. ok: nothing to object to; !: with the reservations explained below the table; !!: unfit for a ranking. A repetition with it is in no figure, and who has no other is not ranked, unless asked for.",
		)
	}
	return append(lines, "n/a: the engine cannot do this. "+unknownText+": unknown, or does not apply.")
}
