package explain

import (
	"fmt"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/stat"
)

// Paired is how many times as long B takes, by repetition: what kvbench
// compare states the inverse of.
type Paired struct {
	N     int      `json:"n"`
	Ratio float64  `json:"ratio"` // the median over pairs
	Low   *float64 `json:"low"`   // of its 95 % interval; null: too few pairs for one
	High  *float64 `json:"high"`
}

// pair takes the times of the repetitions that both sides have; nil with fewer
// than two, whose ratio is that of the medians.
func pair(a, b *side) *Paired {
	const alpha = 0.05
	var below, above []float64
	seen := map[int]bool{}
	for _, c := range a.cells {
		for _, d := range b.cells {
			if c.Rep == d.Rep && !seen[c.Rep] {
				seen[c.Rep] = true
				below, above = append(below, busyNs(c)), append(above, busyNs(d))
			}
		}
	}
	if len(below) < 2 {
		return nil
	}
	r, err := stat.Ratio(below, above, alpha)
	if err != nil {
		return nil
	}
	p := &Paired{N: len(below), Ratio: r.Estimate}
	if r.Finite() {
		p.Low, p.High = results.Num(r.Low), results.Num(r.High)
	}
	return p
}

// notePaired says why compare states another factor, when it does.
func (x *Explanation) notePaired() {
	if x.Paired == nil || x.small() {
		return
	}
	own, ratio, low, high := x.NsB/x.NsA, x.Paired.Ratio, x.Paired.Low, x.Paired.High
	if own < 1 {
		own, ratio = 1/own, 1/ratio
		if low != nil {
			low, high = results.Num(1 / *high), results.Num(1 / *low)
		}
	}
	here, there := factor(own), factor(ratio)
	if here == there {
		return
	}
	interval := ""
	if low != nil {
		interval = fmt.Sprintf(" (%s to %s)", factor(*low), factor(*high))
	}
	x.note("repetition by repetition, as kvbench compare has it, the factor is %s%s: the median over %d pairs; %s is that of the median of each side",
		there, interval, x.Paired.N, here)
}

func factor(ratio float64) string { return fmt.Sprintf("%.*fx", decimals(ratio), ratio) }
