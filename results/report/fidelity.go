package report

import (
	"math"

	"github.com/kvbench/kvbench/results"
)

// fidelity collects the checks of each entry: of each property the repetition
// that is furthest off, counted in what chance may do.
func (b *builder) fidelity() error {
	for _, g := range b.groups {
		for _, l := range g.lots() {
			f := Fidelity{Table: g.ID, Engine: l.Engine, OK: true}
			for _, c := range l.all {
				if c.Fidelity != nil {
					f.add(c.Fidelity)
				}
			}
			if f.Cells > 0 {
				b.m.Fidelity = append(b.m.Fidelity, f)
			}
		}
	}
	return nil
}

func (f *Fidelity) add(of *results.Fidelity) {
	f.Cells++
	f.OK = f.OK && of.OK
	for _, c := range of.Checks {
		seen := false
		for i := range f.Checks {
			k := &f.Checks[i]
			if k.Name != c.Name {
				continue
			}
			seen = true
			if !c.OK {
				k.Failed++
			}
			if off(c.Want, c.Got, c.Within) > off(k.Want, k.Got, k.Within) {
				k.Want, k.Got, k.Within = c.Want, c.Got, c.Within
			}
			k.OK = k.OK && c.OK
		}
		if !seen {
			k := FidelityCheck{Name: c.Name, Want: c.Want, Got: c.Got, Within: c.Within, OK: c.OK}
			if !c.OK {
				k.Failed = 1
			}
			f.Checks = append(f.Checks, k)
		}
	}
}

// off is how far got is from want, in what chance may do.
func off(want, got, within float64) float64 {
	d := math.Abs(got - want)
	if within > 0 {
		return d / within
	}
	if d > 0 {
		return math.Inf(1)
	}
	return 0
}
