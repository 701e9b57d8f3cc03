package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/results"
)

// Levels of objections besides red and yellow.
const levelNote = "note"

// quality logs everything that there is to object to: of each cell the flags
// and the status, of each entry the repetitions that stand apart.
func (b *builder) quality() error {
	for _, g := range b.groups {
		for _, l := range g.lots() {
			log := objections{run: g.Run, table: g.ID, engine: l.Engine}
			for _, c := range l.all {
				log.cell(c)
			}
			log.outliers(l.used)
			b.m.Quality = append(b.m.Quality, log.list...)
		}
	}
	slices.SortStableFunc(b.m.Quality, func(x, y Objection) int {
		return cmp.Compare(levelOrder(x.Level), levelOrder(y.Level))
	})
	return nil
}

// objections to one entry.
type objections struct {
	run, table, engine string
	list               []Objection
}

func (o *objections) cell(c *results.Cell) {
	switch c.Status {
	case results.StatusOK:
	case results.StatusUnsupported:
		o.add(c, levelNote, string(c.Status), cmp.Or(c.Error, "the engine cannot do what the workload needs"))
	case results.StatusSkipped:
		o.add(c, levelNote, string(c.Status), cmp.Or(c.Error, "not run"))
	default:
		reason := cmp.Or(c.Error, "no reason was recorded")
		if words := results.FirstLine(c.LastWords); words != "" {
			reason += "; its last words: " + words
		}
		o.add(c, results.LampRed, string(c.Status), reason)
	}
	for _, f := range c.Quality.Flags {
		o.add(c, f.Level, f.Name, f.Reason)
	}
}

// add logs an objection, or adds the cell to one that is there already.
func (o *objections) add(c *results.Cell, level, name, reason string) {
	reason = results.FirstLine(reason)
	for i := range o.list {
		k := &o.list[i]
		if k.Name != name || k.Level != level {
			continue
		}
		if !slices.Contains(k.Cells, c.ID) {
			k.Cells = append(k.Cells, c.ID)
		}
		if reason != k.Reason && !slices.Contains(k.More, reason) {
			k.More = append(k.More, reason)
		}
		return
	}
	o.list = append(o.list, Objection{
		Run: o.run, Table: o.table, Engine: o.engine, Cells: []string{c.ID}, Level: level, Name: name, Reason: reason,
	})
}

// outliers notes rates that lie far from the others: more than three times the
// interquartile range beyond the quartiles, and a tenth off the median at
// least. They stay in the figures.
func (o *objections) outliers(cells []*results.Cell) {
	const least = 5 // repetitions, for quartiles to mean anything
	if len(cells) < least {
		return
	}
	var rates []float64
	for _, c := range cells {
		rates = append(rates, *c.OpsPerS)
	}
	slices.Sort(rates)
	n := len(rates)
	low, high := rates[n/4], rates[n-1-n/4]
	reach, middle := 3*(high-low), *median(rates)
	for _, c := range cells {
		x := *c.OpsPerS
		if x >= low-reach && x <= high+reach || x > 0.9*middle && x < 1.1*middle {
			continue
		}
		o.add(c, levelNote, "outlier", fmt.Sprintf("repetition %d has %s ops/s where the median is %s; it is in the figures",
			c.Rep, results.TextCount(&x), results.TextCount(&middle)))
	}
}
