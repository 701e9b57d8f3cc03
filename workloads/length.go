package workloads

import (
	"fmt"
	"strconv"

	"github.com/kvbench/kvbench/workloads/dist"
)

// Length is a distribution of sizes in bytes or of scan lengths.
type Length struct {
	Name    string   `json:"name" desc:"distribution" enum:"constant,uniform,zipfian,pareto,histogram"`
	Min     uint64   `json:"min" desc:"least value"`
	Max     uint64   `json:"max" desc:"greatest value"`
	K       float64  `json:"k,omitempty" desc:"pareto: shape"`
	Sigma   float64  `json:"sigma,omitempty" desc:"pareto: scale"`
	Block   uint64   `json:"block,omitempty" desc:"histogram: bucket i stands for (i+1)*block"`
	Weights []uint64 `json:"weights,omitempty" desc:"histogram: weight of each bucket"`
}

// constantLength returns the distribution of one value.
func constantLength(n uint64) Length { return Length{Name: "constant", Min: n, Max: n} }

// String describes the distribution in the syntax of the property valuesize.
func (l Length) String() string {
	switch l.Name {
	case "constant":
		return strconv.FormatUint(l.Max, 10)
	case "pareto":
		return fmt.Sprintf("pareto:%g:%g:%d:%d", l.K, l.Sigma, l.Min, l.Max)
	}
	return fmt.Sprintf("%s:%d-%d", l.Name, l.Min, l.Max)
}

// IsConstant reports whether there is one value only.
func (l Length) IsConstant() bool { return l.Min == l.Max }

// Quantile returns the distribution as a function of a uniform number.
func (l Length) Quantile() dist.Quantile {
	switch {
	case l.IsConstant():
		return dist.Constant(l.Max)
	case l.Name == "zipfian":
		z := dist.NewZipfian(l.Min, l.Max, dist.YCSBTheta)
		return &z
	case l.Name == "pareto":
		return dist.Pareto{K: l.K, Sigma: l.Sigma, Min: l.Min, Max: l.Max}
	}
	return l.quantile()
}

// quantile is Quantile for what has no cheaper form.
func (l Length) quantile() dist.Quantile {
	if l.Name == "histogram" {
		return dist.NewHistogram(l.Block, l.Weights)
	}
	return dist.Range{Min: l.Min, Max: l.Max}
}

// meanSteps is how many quantiles Mean averages.
const meanSteps = 1 << 14

// Mean returns the expected value, for constant and uniform exactly.
func (l Length) Mean() float64 {
	if l.IsConstant() || l.Name == "uniform" {
		return float64(l.Min)/2 + float64(l.Max)/2
	}
	q, sum := l.Quantile(), 0.0
	for i := range meanSteps {
		sum += float64(q.At((float64(i) + 0.5) / meanSteps))
	}
	return sum / meanSteps
}
