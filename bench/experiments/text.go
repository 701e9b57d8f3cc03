package experiments

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kvbench/kvbench/results"
)

// Text is a figure as a table, and as bars below it where it has numbers.
func Text(f results.Figure, width int) string {
	if len(f.Points) == 0 {
		return "no point was measured\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", f.Title)
	b.WriteString(table(f))
	if bars := bars(f, max(width, 60)); bars != "" {
		fmt.Fprintf(&b, "\n%s%s\n%s", f.Y, logNote(f), bars)
	}
	return b.String()
}

// table has a column for each series where they share their X, else a line for
// each point.
func table(f results.Figure) string {
	series, xs := axesOf(f)
	cells := make(map[[2]string]string)
	for _, p := range f.Points {
		cells[[2]string{p.Series, p.X}] = yText(p)
	}
	if len(series) == 1 || len(xs)*len(series) > 2*len(f.Points) {
		rows := [][]string{{"", f.X, f.Y}}
		for _, p := range f.Points {
			rows = append(rows, []string{p.Series, p.X, yText(p)})
		}
		return columns(rows)
	}
	rows := [][]string{append([]string{f.X}, series...)}
	for _, x := range xs {
		row := []string{x}
		for _, s := range series {
			text, ok := cells[[2]string{s, x}]
			if !ok {
				text = "-"
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	return columns(rows)
}

// axesOf lists series and values of X in the order in which they come.
func axesOf(f results.Figure) (series, xs []string) {
	seen := make(map[[2]string]bool)
	add := func(list []string, kind, text string) []string {
		if key := [2]string{kind, text}; !seen[key] {
			seen[key] = true
			return append(list, text)
		}
		return list
	}
	for _, p := range f.Points {
		series, xs = add(series, "series", p.Series), add(xs, "x", p.X)
	}
	return series, xs
}

func yText(p results.Point) string {
	if p.Y == nil {
		return "-"
	}
	text := number(*p.Y)
	if p.Z != nil {
		text += " / " + number(*p.Z)
	}
	return text
}

// columns aligns rows below the first; numbers to the right.
func columns(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if _, err := strconv.ParseFloat(cell, 64); err == nil || cell == "-" {
				line.WriteString(pad + cell + "  ")
			} else {
				line.WriteString(cell + pad + "  ")
			}
		}
		b.WriteString("  " + strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

func logNote(f results.Figure) string {
	if f.LogY {
		return " (logarithmic)"
	}
	return ""
}

// bars draws a bar for each point, as long as its Y, or as its logarithm.
func bars(f results.Figure, width int) string {
	var names []string
	longest := 0
	for _, p := range f.Points {
		name := strings.TrimSpace(p.Series + " " + p.X)
		names = append(names, name)
		longest = max(longest, utf8.RuneCountInString(name))
	}
	lengths := barLengths(f, max(10, min(50, width-longest-16)))
	if lengths == nil {
		return ""
	}
	var b strings.Builder
	for i, p := range f.Points {
		if p.Y == nil {
			continue
		}
		pad := strings.Repeat(" ", longest-utf8.RuneCountInString(names[i]))
		fmt.Fprintf(&b, "  %s%s  %s %s\n", names[i], pad, strings.Repeat("█", lengths[i]), number(*p.Y))
	}
	return b.String()
}

// Paragraph breaks text into lines of at most width runes; empty lines stay.
func Paragraph(text string, width int) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "\n\n") {
		if i > 0 {
			b.WriteString("\n")
		}
		n := 0
		for _, word := range strings.Fields(part) {
			size := utf8.RuneCountInString(word)
			switch {
			case n == 0:
			case n+1+size > width:
				b.WriteString("\n")
				n = 0
			default:
				b.WriteString(" ")
				n++
			}
			b.WriteString(word)
			n += size
		}
		b.WriteString("\n")
	}
	return b.String()
}
