package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/results"
)

// Drawings that stand in the markup itself: numbers and colours are the only
// things that come from a model without being escaped.

// palette is how many colours and how many symbols there are. Engines past it
// take the same colour with another symbol.
const palette = 8

// mark is the symbol of an engine in its colour, as a chart draws it.
func mark(color int) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg class="mark c%d" viewBox="-6 -6 12 12" aria-hidden="true">%s</svg>`, color%palette, symbol(color, 4.6)))
}

// symbol draws what assets/kinds.js draws for the colour, about (0, 0).
func symbol(color int, r float64) string {
	i := (color + color/palette) % palette
	style := `fill="currentColor"`
	if i >= palette/2 {
		style = `fill="var(--bg)" stroke="currentColor" stroke-width="1.8"`
	}
	switch i % (palette / 2) {
	case 0:
		return fmt.Sprintf(`<circle r="%.1f" %s/>`, r, style)
	case 1:
		return fmt.Sprintf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" %s/>`, -0.9*r, -0.9*r, 1.8*r, 1.8*r, style)
	case 2:
		return fmt.Sprintf(`<path d="M0 %.1fL%.1f %.1fH%.1fZ" %s/>`, -1.15*r, 1.1*r, 0.8*r, -1.1*r, style)
	default:
		return fmt.Sprintf(`<path d="M0 %.1fL%.1f 0L0 %.1fL%.1f 0Z" %s/>`, -1.25*r, 1.25*r, 1.25*r, -1.25*r, style)
	}
}

// A rankPlot draws the rates of a table's entries on one scale, a row each.
type rankPlot struct {
	low, high float64
	Log       bool
}

// newRankPlot begins its scale at 0, unless the slowest would vanish beside
// the fastest. Rails, which may be far off, have no say in it. Null: there is
// nothing to draw.
func newRankPlot(t *Table) *rankPlot {
	var xs []float64
	of := t.Entries
	if !slices.ContainsFunc(of, func(e Entry) bool { return e.Rate.Median != nil }) {
		of = t.Rails
	}
	for _, e := range of {
		for _, x := range append([]*float64{e.Rate.Low, e.Rate.High, e.Rate.Median}, e.Rate.Values...) {
			if x != nil {
				xs = append(xs, *x)
			}
		}
	}
	if len(xs) == 0 || slices.Max(xs) <= 0 {
		return nil
	}
	p := &rankPlot{high: slices.Max(xs)}
	if lo := slices.Min(xs); lo > 0 && p.high/lo > 30 {
		p.Log, p.low = true, lo/1.5
	}
	return p
}

// Scale says what the width is.
func (p *rankPlot) Scale() string {
	if p.Log {
		return results.TextCount(&p.low) + " to " + results.TextCount(&p.high) + ", log"
	}
	return "0 to " + results.TextCount(&p.high)
}

func (p *rankPlot) at(x float64) float64 {
	share := x / p.high
	if p.Log {
		share = math.Log(x/p.low) / math.Log(p.high/p.low)
	}
	return 1 + 98*share // of the width, in percent; marks keep clear of the edges
}

// Row draws one entry.
func (p *rankPlot) Row(e *Entry) template.HTML {
	f := &e.Rate
	if f.Median == nil {
		return ""
	}
	if *f.Median > p.high || *f.Median < p.low {
		return `<span class="dim small">off the scale</span>`
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="c%d" role="img" aria-label="%s">`, e.Color%palette, template.HTMLEscapeString(e.Engine+": "+quantity(f.Median, "ops/s")+", "+interval(f.Low, f.High, "ops/s")))
	b.WriteString(`<line x1="0" x2="100%" y1="50%" y2="50%" stroke="var(--line)"/>`)
	for _, x := range f.Values {
		if x != nil && *x >= p.low && *x <= p.high {
			fmt.Fprintf(&b, `<circle cx="%.2f%%" cy="50%%" r="3" fill="currentColor" opacity=".28"/>`, p.at(*x))
		}
	}
	if f.Low != nil && f.High != nil {
		lo, hi := p.at(max(*f.Low, p.low)), p.at(min(*f.High, p.high))
		fmt.Fprintf(&b, `<g stroke="currentColor" stroke-width="1.5"><line x1="%.2f%%" x2="%.2f%%" y1="50%%" y2="50%%"/>`, lo, hi)
		for _, x := range []float64{lo, hi} {
			fmt.Fprintf(&b, `<line x1="%[1]f%%" x2="%[1]f%%" y1="28%%" y2="72%%"/>`, x)
		}
		b.WriteString(`</g>`)
	}
	fmt.Fprintf(&b, `<svg x="%.2f%%" y="50%%" overflow="visible">%s</svg></svg>`, p.at(*f.Median), symbol(e.Color, 4.4))
	return template.HTML(b.String())
}

// shareBar is a bar as long as the share, for the column beside its figure.
func shareBar(share *float64, class string) template.HTML {
	if share == nil {
		return ""
	}
	width := min(math.Abs(*share), 1.5) * 6 // em
	if *share < 0 {
		class += " against"
	}
	return template.HTML(fmt.Sprintf(`<span class="bar %s" style="width:%.2fem"></span>`, template.HTMLEscapeString(class), width))
}

// The triangle: its corners, and the room for labels beside it.
const (
	triangleSide   = 300.0
	triangleHeight = 259.8 // side * sqrt(3)/2
	triangleLeft   = 90.0
	triangleTop    = 34.0
)

// triangleSVG draws overheads: read on top, update to the left, memory to the
// right; an engine stands nearest to what it is cheapest in.
func triangleSVG(t *Triangle) template.HTML {
	var b strings.Builder
	b.WriteString(`<svg viewBox="0 0 520 340" role="img" aria-label="` + template.HTMLEscapeString(t.Title) + `: the figures are in the table below">`)
	place := func(w [3]float64) (x, y float64) {
		return triangleLeft + triangleSide*(w[0]/2+w[2]), triangleTop + triangleHeight*(1-w[0])
	}
	for i := 1; i <= 3; i++ { // a quarter each
		s := float64(i) / 4
		for _, ends := range [][2][3]float64{
			{{s, 1 - s, 0}, {s, 0, 1 - s}},
			{{1 - s, s, 0}, {0, s, 1 - s}},
			{{1 - s, 0, s}, {0, 1 - s, s}},
		} {
			x1, y1 := place(ends[0])
			x2, y2 := place(ends[1])
			fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="var(--line)"/>`, x1, y1, x2, y2)
		}
	}
	fmt.Fprintf(&b, `<path d="M%.1f %.1fl%.1f %.1fh%.1fz" fill="none" stroke="var(--rule)"/>`, triangleLeft+triangleSide/2, triangleTop, triangleSide/2, triangleHeight, -triangleSide)
	bottom := triangleTop + triangleHeight + 20
	for _, corner := range []struct {
		x, y         float64
		anchor, text string
	}{
		{triangleLeft + triangleSide/2, triangleTop - 12, "middle", "cheap reads"},
		{triangleLeft, bottom, "middle", "cheap updates"},
		{triangleLeft + triangleSide, bottom, "middle", "little memory"},
	} {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="13" fill="var(--dim)">%s</text>`, corner.x, corner.y, corner.anchor, corner.text)
	}
	type label struct {
		x, y, at float64
		point    *TrianglePoint
	}
	var labels []label
	for i := range t.Points {
		x, y := place(t.Points[i].Weights)
		labels = append(labels, label{x, y, y, &t.Points[i]})
	}
	slices.SortStableFunc(labels, func(a, b label) int { return int(math.Copysign(1, a.y-b.y)) })
	for i := range labels {
		l := &labels[i]
		for _, above := range labels[:i] { // labels that would touch make room
			if math.Abs(above.x-l.x) < 110 {
				l.at = max(l.at, above.at+16)
			}
		}
		name := template.HTMLEscapeString(l.point.Engine)
		fmt.Fprintf(&b, `<g class="c%d"><title>%s</title>`, l.point.Color%palette, template.HTMLEscapeString(l.point.Engine+": "+l.point.Text))
		if l.at-l.y > 4 {
			fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="currentColor" stroke-width=".7"/>`, l.x, l.y, l.x+9, l.at)
		}
		fmt.Fprintf(&b, `<text class="halo" x="%.1f" y="%.1f" font-size="13" fill="var(--fg)">%s</text></g>`, l.x+11, l.at+4.5, name)
	}
	for _, l := range labels { // above all labels
		fmt.Fprintf(&b, `<g class="c%d" transform="translate(%.1f %.1f)">%s</g>`, l.point.Color%palette, l.x, l.y, symbol(l.point.Color, 5.5))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}
