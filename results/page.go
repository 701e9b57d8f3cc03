package results

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/olekukonko/tablewriter"
)

const (
	ansiBold   = "\x1b[1m"
	ansiRed    = "\x1b[31m"
	ansiGreen  = "\x1b[32m"
	ansiYellow = "\x1b[33m"
	ansiReset  = "\x1b[0m"

	// proseWidth is where sentences break when the terminal is not narrower.
	proseWidth = 100
	// columnGap is what tablewriter puts around and between columns, in spaces.
	columnGap = 2
)

// A page collects text or Markdown.
type page struct {
	TableOptions
	buf bytes.Buffer
}

func newPage(o TableOptions) *page { return &page{TableOptions: o} }

func (p *page) bytes() []byte { return p.buf.Bytes() }

func (p *page) markdown() bool { return p.Format == FormatMarkdown }

// colored marks s on a terminal that has colors.
func (p *page) colored(code, s string) string {
	if !p.Color || p.markdown() || s == "" {
		return s
	}
	return code + s + ansiReset
}

// blank ends a paragraph.
func (p *page) blank() {
	if p.buf.Len() > 0 && !bytes.HasSuffix(p.buf.Bytes(), []byte("\n\n")) {
		p.buf.WriteByte('\n')
	}
}

func (p *page) heading(level int, text string) {
	p.blank()
	if p.markdown() {
		fmt.Fprintf(&p.buf, "%s %s\n\n", strings.Repeat("#", level+1), text)
		return
	}
	fmt.Fprintf(&p.buf, "%s\n", p.colored(ansiBold, text))
}

// line writes a sentence or two; in Markdown it is a paragraph of its own.
func (p *page) line(text string) {
	p.hanging("", text)
	if p.markdown() {
		p.blank()
	}
}

// item writes an element of a list.
func (p *page) item(marker, text string) {
	if p.markdown() && marker != "-" {
		marker = "- " + marker
	}
	p.hanging(marker+" ", text)
}

// hanging writes text behind a lead, broken into lines that begin below the
// text. Markdown is left to break by itself.
func (p *page) hanging(lead, text string) {
	width := proseWidth
	if p.Width > 0 {
		width = min(width, p.Width)
	}
	p.buf.WriteString(lead)
	at, indent := len(lead), strings.Repeat(" ", len(lead))
	for i, word := range strings.Fields(text) {
		n := tablewriter.DisplayWidth(word)
		switch {
		case i == 0:
		case !p.markdown() && at+1+n > width:
			p.buf.WriteString("\n" + indent)
			at = len(indent)
		default:
			p.buf.WriteByte(' ')
			at++
		}
		p.buf.WriteString(word)
		at += n
	}
	p.buf.WriteByte('\n')
}

// A column of a table that is made of texts.
type column struct {
	title string
	left  bool // aligned; numbers stand right
	// block: columns of one block stay together when a table is too wide.
	// Block 0 names the row and is repeated in each part.
	block int
	cells []string
}

func (c *column) width() int {
	w := tablewriter.DisplayWidth(c.title)
	for _, s := range c.cells {
		w = max(w, tablewriter.DisplayWidth(s))
	}
	return w
}

// table writes columns of equal length.
func (p *page) table(columns []column) {
	if p.markdown() {
		p.markdownTable(columns)
		return
	}
	for i, part := range breakUp(columns, p.Width) {
		if i > 0 {
			p.blank()
		}
		p.textTable(part)
	}
}

// breakUp packs the blocks of columns into as few parts of at most width as
// their order allows.
func breakUp(columns []column, width int) [][]column {
	if width <= 0 || tableWidth(columns) <= width {
		return [][]column{columns}
	}
	var names []column
	for _, c := range columns {
		if c.block == 0 {
			names = append(names, c)
		}
	}
	var parts [][]column
	part := names
	for i := len(names); i < len(columns); {
		end := i
		for end < len(columns) && columns[end].block == columns[i].block {
			end++
		}
		next := append(append([]column{}, part...), columns[i:end]...)
		if len(part) > len(names) && tableWidth(next) > width {
			parts = append(parts, part)
			next = append(append([]column{}, names...), columns[i:end]...)
		}
		part = next
		i = end
	}
	return append(parts, part)
}

func tableWidth(columns []column) int {
	w := columnGap * (len(columns) + 1)
	for i := range columns {
		w += columns[i].width()
	}
	return w
}

func (p *page) textTable(columns []column) {
	var b bytes.Buffer
	t := tablewriter.NewWriter(&b)
	t.SetAutoFormatHeaders(false)
	t.SetAutoWrapText(false)
	t.SetBorder(false)
	t.SetColumnSeparator("")
	t.SetCenterSeparator("")
	t.SetHeaderAlignment(tablewriter.ALIGN_RIGHT)
	titles := make([]string, len(columns))
	aligned := make([]int, len(columns))
	for i := range columns {
		c := &columns[i]
		titles[i], aligned[i] = c.title, tablewriter.ALIGN_RIGHT
		if c.left {
			// Headers have one alignment for all: fill up on the right.
			titles[i] = tablewriter.PadRight(c.title, " ", c.width())
			aligned[i] = tablewriter.ALIGN_LEFT
		}
	}
	t.SetHeader(titles)
	t.SetColumnAlignment(aligned)
	for _, row := range transposed(columns) {
		t.Append(row)
	}
	t.Render()
	for line := range strings.Lines(b.String()) {
		p.buf.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
}

func (p *page) markdownTable(columns []column) {
	p.blank()
	escape := strings.NewReplacer("|", `\|`, "\n", " ")
	row := func(cells []string) {
		for _, s := range cells {
			p.buf.WriteString("| " + escape.Replace(s) + " ")
		}
		p.buf.WriteString("|\n")
	}
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	row(titles)
	for _, c := range columns {
		if c.left {
			p.buf.WriteString("|:---")
		} else {
			p.buf.WriteString("|---:")
		}
	}
	p.buf.WriteString("|\n")
	for _, cells := range transposed(columns) {
		row(cells)
	}
	p.blank()
}

func transposed(columns []column) [][]string {
	if len(columns) == 0 {
		return nil
	}
	rows := make([][]string, len(columns[0].cells))
	for i := range rows {
		for _, c := range columns {
			rows[i] = append(rows[i], c.cells[i])
		}
	}
	return rows
}

// footnotes numbers texts; equal texts have one number.
type footnotes struct{ texts []string }

// mark returns the mark of a footnote, such as [1].
func (f *footnotes) mark(text string) string {
	for i, t := range f.texts {
		if t == text {
			return fmt.Sprintf("[%d]", i+1)
		}
	}
	f.texts = append(f.texts, text)
	return fmt.Sprintf("[%d]", len(f.texts))
}

func (f *footnotes) write(p *page) {
	for i, t := range f.texts {
		p.item(fmt.Sprintf("[%d]", i+1), t)
	}
}
