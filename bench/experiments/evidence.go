package experiments

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/results"
)

// Evidence is what a study has measured, and what its Judge makes of it.
type Evidence struct {
	Scale Scale
	// Cells are the run's; those of a side go by its label.
	Cells []results.Cell
	// Points are measurements that are no cells, as given to Lab.Point.
	Points []results.Point

	Figure results.Figure
	Claims []results.Claim
}

// A Value is one side of a comparison: a number, and where it is from.
type Value struct {
	What  string
	Unit  string
	X     float64
	Known bool
}

// String is the number behind its source.
func (v Value) String() string {
	if !v.Known {
		return v.What + " unknown"
	}
	text := v.What + " " + number(v.X)
	if v.Unit != "" {
		text += " " + v.Unit
	}
	return text
}

// number writes x with three digits that count, or as a whole number.
func number(x float64) string {
	if a := max(x, -x); a >= 1000 || x == float64(int64(x)) {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

// At returns the median over the repetitions of a side in a workload. It is
// unknown when no cell of them is ok and has the figure.
func (e *Evidence) At(side, workload string, m Metric) Value {
	v := Value{What: side, Unit: m.Unit}
	var list []float64
	for i := range e.Cells {
		c := &e.Cells[i]
		if c.Status != results.StatusOK || sideOf(c) != side || c.Workload.Name != workload {
			continue
		}
		if x, ok := m.Of(c); ok {
			list = append(list, x)
		}
	}
	v.X, v.Known = median(list)
	return v
}

// sideOf is the name of what a cell measured.
func sideOf(c *results.Cell) string {
	if c.Engine.Label != "" {
		return c.Engine.Label
	}
	return c.Engine.Name
}

// PointAt returns a point by its series and X.
func (e *Evidence) PointAt(series, x string) Value {
	v := Value{What: strings.TrimSpace(series + " " + x)}
	var list []float64
	for _, p := range e.Points {
		if p.Series == series && p.X == x && p.Y != nil {
			list = append(list, *p.Y)
		}
	}
	v.X, v.Known = median(list)
	return v
}

func median(list []float64) (x float64, ok bool) {
	if len(list) == 0 {
		return 0, false
	}
	slices.Sort(list)
	middle := len(list) / 2
	if len(list)%2 == 1 {
		return list[middle], true
	}
	return (list[middle-1] + list[middle]) / 2, true
}

// Plot adds a value to the figure; an unknown one is a gap.
func (e *Evidence) Plot(series, x string, v Value) {
	p := results.Point{Series: series, X: x}
	if v.Known {
		p.Y = results.Num(v.X)
	}
	e.Figure.Points = append(e.Figure.Points, p)
}

// Ascending claims that each value is at least margin times the one before.
// With a margin below 1 it claims that none is much less than the one before.
func (e *Evidence) Ascending(text string, margin float64, values ...Value) {
	held := true
	for i := 1; i < len(values); i++ {
		held = held && values[i].X >= margin*values[i-1].X
	}
	want := fmt.Sprintf("each at least %s times the one before", number(margin))
	if len(values) == 2 {
		want = fmt.Sprintf("wanted: %s times", number(margin))
		if values[0].Known && values[0].X > 0 {
			want = fmt.Sprintf("%s times, %s", number(values[1].X/values[0].X), want)
		}
	}
	e.claim(text, held, want, values)
}

// Close claims that the largest of the values is at most factor times the
// smallest.
func (e *Evidence) Close(text string, factor float64, values ...Value) {
	low, high := values[0].X, values[0].X
	for _, v := range values {
		low, high = min(low, v.X), max(high, v.X)
	}
	e.claim(text, high <= factor*low, fmt.Sprintf("within a factor of %s", number(factor)), values)
}

// AtMost claims a bound on every value.
func (e *Evidence) AtMost(text string, bound float64, values ...Value) {
	held := true
	for _, v := range values {
		held = held && v.X <= bound
	}
	e.claim(text, held, "at most "+number(bound), values)
}

// AtLeast claims a bound on every value.
func (e *Evidence) AtLeast(text string, bound float64, values ...Value) {
	held := true
	for _, v := range values {
		held = held && v.X >= bound
	}
	e.claim(text, held, "at least "+number(bound), values)
}

// Faster is Ascending for times and rates. Chance has a part in those, so the
// claim is advice, and at the tiny scale it is not made at all.
func (e *Evidence) Faster(text string, margin float64, values ...Value) {
	if e.Scale == Tiny {
		return
	}
	e.Ascending(text, margin, values...)
	e.Claims[len(e.Claims)-1].Advisory = true
}

func (e *Evidence) claim(text string, held bool, want string, values []Value) {
	c := results.Claim{Text: text, Held: &held}
	var list []string
	for _, v := range values {
		if !v.Known {
			c.Held = nil
		}
		list = append(list, v.String())
	}
	c.Detail = strings.Join(list, ", ") + " (" + want + ")"
	e.Claims = append(e.Claims, c)
}

// Broken returns the claims that did not hold, and those that could not be
// judged; advice is not among them.
func Broken(claims []results.Claim) (broken []results.Claim) {
	for _, c := range claims {
		if !c.Advisory && (c.Held == nil || !*c.Held) {
			broken = append(broken, c)
		}
	}
	return broken
}
