package gate

import (
	"slices"

	"github.com/kvbench/kvbench/results"
)

// A side is the repetitions of one engine under one setup.
type side struct {
	title, name string // of the engine: label, and what it is
	setup       results.Setup
	cells       []*results.Cell
}

// sidesOf lists the sides of a run in the order of its tables.
func sidesOf(run *results.Run) []side {
	var all []side
	for _, r := range results.Rows(run) {
		s := side{name: r.Engine, setup: r.Setup, cells: r.Cells()}
		s.title = s.cells[0].Engine.Title()
		all = append(all, s)
	}
	return all
}

// median sorts x, which is not empty.
func median(x []float64) float64 {
	slices.Sort(x)
	mid := len(x) / 2
	if len(x)%2 == 1 {
		return x[mid]
	}
	return (x[mid-1] + x[mid]) / 2
}
