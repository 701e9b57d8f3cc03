package report

import (
	"math"
	"slices"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
	"github.com/kvbench/kvbench/results/stat"
)

// alpha is one less the confidence of the intervals of medians.
const alpha = compare.DefaultAlpha

// A measure is a figure of a cell, null when it is unknown.
type measure func(*results.Cell) *float64

// summarize puts together what the cells know of a measure; those that do not
// know it are null in Values.
func summarize(cells []*results.Cell, of measure) Figure {
	f := Figure{Values: make([]*float64, len(cells))}
	var known []float64
	for i, c := range cells {
		x := of(c)
		if x == nil || math.IsNaN(*x) || math.IsInf(*x, 0) {
			continue
		}
		f.Values[i] = results.Num(*x)
		known = append(known, *x)
	}
	f.N = len(known)
	if f.N == 0 {
		f.Values = nil
		return f
	}
	f.Median = median(known)
	f.Min, f.Max = results.Num(slices.Min(known)), results.Num(slices.Max(known))
	f.Low, f.High, f.Level = medianInterval(known)
	return f
}

// brief is a figure without the single values, for those that are many.
func brief(cells []*results.Cell, of measure) Figure {
	f := summarize(cells, of)
	f.Values = nil
	return f
}

// metric is a measure by its name in the one table of them.
func metric(name string) measure {
	m, err := compare.FindMetric(name)
	if err != nil {
		return func(*results.Cell) *float64 { return nil }
	}
	return m.Value
}

// round4 keeps four significant digits, which is more than a chart shows.
func round4(x float64) float64 {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(x))))
	if scale == 0 || math.IsInf(scale, 0) {
		return x
	}
	return math.Round(x*scale) / scale
}

// round4Of is round4 of what may be unknown.
func round4Of(x *float64) *float64 {
	if x == nil {
		return nil
	}
	return results.Num(round4(*x))
}

// median of known values; null when there are none.
func median(xs []float64) *float64 {
	if len(xs) == 0 {
		return nil
	}
	return results.Num(stat.Median(xs))
}

// medianInterval is that of order statistics; null with too few values.
func medianInterval(xs []float64) (low, high, attained *float64) {
	i := stat.MedianCI(xs, alpha)
	if !i.Finite() {
		return nil, nil, nil
	}
	return results.Num(i.Low), results.Num(i.High), results.Num(i.Attained)
}
