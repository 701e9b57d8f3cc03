package report

import (
	"fmt"
	"math"
	"strings"
)

// mdPage collects Markdown as GitHub reads it.
type mdPage struct{ strings.Builder }

// text is safe in a paragraph and in a cell of a table. What the files say is
// never taken for markup.
func text(s string) string { return mdEscaper.Replace(s) }

// mdEscaper replaces; it has no state.
var mdEscaper = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`",
	"[", `\[`, "]", `\]`, "~", `\~`, "\n", " ", "\r", " ",
)

// code is s as it was typed; in the rare s with a backtick that shows as '.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.NewReplacer("`", "'", "\n", " ", "\r", " ", "|", `\|`).Replace(s) + "`"
}

func (p *mdPage) heading(level int, title string) {
	fmt.Fprintf(p, "%s %s\n\n", strings.Repeat("#", level), text(title))
}

// para writes text that is Markdown already.
func (p *mdPage) para(markdown string) {
	if markdown != "" {
		p.WriteString(markdown + "\n\n")
	}
}

func (p *mdPage) items(texts []string) {
	for _, t := range texts {
		p.WriteString("- " + text(t) + "\n")
	}
	if len(texts) > 0 {
		p.WriteByte('\n')
	}
}

// A mdTable has a head and rows of Markdown; heads that begin with "<" stand
// left, others right.
type mdTable struct {
	head []string
	rows [][]string
}

func (t *mdTable) add(cells ...string) { t.rows = append(t.rows, cells) }

// write leaves out the columns that are empty, or unknown, in all rows.
func (t *mdTable) write(p *mdPage) {
	if len(t.rows) == 0 {
		return
	}
	var keep []int
	for i := range t.head {
		for _, r := range t.rows {
			if r[i] != "" && r[i] != "-" {
				keep = append(keep, i)
				break
			}
		}
	}
	line := func(cell func(i int) string) {
		for _, i := range keep {
			p.WriteString("| " + cell(i) + " ")
		}
		p.WriteString("|\n")
	}
	line(func(i int) string { return text(strings.TrimPrefix(t.head[i], "<")) })
	for _, i := range keep {
		if strings.HasPrefix(t.head[i], "<") {
			p.WriteString("|:---")
		} else {
			p.WriteString("|---:")
		}
	}
	p.WriteString("|\n")
	for _, r := range t.rows {
		line(func(i int) string { return r[i] })
	}
	p.WriteByte('\n')
}

// details folds what few read.
func (p *mdPage) details(summary string, body func()) {
	fmt.Fprintf(p, "<details><summary>%s</summary>\n\n", text(summary))
	body()
	p.WriteString("</details>\n\n")
}

// bar is a share of the greatest, at most 12 characters wide.
func bar(x, most float64) string {
	const width = 12
	if most <= 0 || x <= 0 || math.IsNaN(x) {
		return ""
	}
	eighths := int(math.Round(min(x/most, 1) * width * 8))
	full, rest := eighths/8, eighths%8
	s := strings.Repeat("█", full)
	if rest > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	if s == "" {
		s = "▏"
	}
	return s
}

// sparkline draws values from 0 to the greatest, a character each, a blank
// where a value is unknown.
func sparkline(xs []*float64) string {
	const width = 60
	most := 0.0
	for _, x := range xs {
		if x != nil {
			most = max(most, *x)
		}
	}
	step := max(1, (len(xs)+width-1)/width)
	var s strings.Builder
	for i := 0; i < len(xs); i += step {
		var sum float64
		n := 0
		for _, x := range xs[i:min(i+step, len(xs))] {
			if x != nil {
				sum += *x
				n++
			}
		}
		if n == 0 || most == 0 {
			s.WriteRune(' ')
			continue
		}
		levels := []rune("▁▂▃▄▅▆▇█")
		s.WriteRune(levels[min(int(sum/float64(n)/most*float64(len(levels))), len(levels)-1)])
	}
	return s.String()
}
