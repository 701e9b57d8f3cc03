package explain

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/results"
)

// A Decomposition says where one side's time goes.
type Decomposition struct {
	Label    string        `json:"label"`
	Workload string        `json:"workload"`
	Setup    results.Setup `json:"setup"`
	Reps     int           `json:"reps"`

	Ns    float64 `json:"ns"`    // busy time of an operation
	Parts []Slice `json:"parts"` // divide it: they add up
	// Counted are what counters account for, at most first. They may overlap,
	// and lie within the parts.
	Counted []Counted `json:"counted"`
	Unknown []Unknown `json:"unknown"`
	// UnexplainedNs is the time less what is counted; below zero when that is
	// more than there is.
	UnexplainedNs    float64  `json:"unexplained_ns"`
	UnexplainedShare float64  `json:"unexplained_share"`
	Notes            []string `json:"notes"`
	Sentence         string   `json:"sentence"`
}

// A Slice is one part of the busy time; null: not measured.
type Slice struct {
	Name  string   `json:"name"`
	About string   `json:"about"`
	Ns    *float64 `json:"ns"`
	Share *float64 `json:"share"`
}

// Counted is a count at the price of one.
type Counted struct {
	Counter string  `json:"counter"`
	Unit    string  `json:"unit"`
	Part    string  `json:"part"`
	PerOp   float64 `json:"per_op"`
	UnitNs  float64 `json:"unit_ns"`
	Ns      float64 `json:"ns"`
	Share   float64 `json:"share"` // of the busy time
	Source  string  `json:"source"`
}

// Decompose says where the time of one engine under one setup goes. Cells that
// failed are left out; that none is left is an error.
func Decompose(cells []*results.Cell, costs results.UnitCosts) (*Decomposition, error) {
	s, err := newSide(cells)
	if err != nil {
		return nil, err
	}
	time, _, _ := s.busy()
	setup := results.SetupOf(s.cells[0])
	d := &Decomposition{
		Label: s.label, Workload: setup.Workload, Setup: setup, Reps: len(s.cells), Ns: time,
		Parts: []Slice{}, Counted: []Counted{}, Unknown: []Unknown{}, Notes: []string{},
		UnexplainedNs: time,
	}
	parts := s.parts(time)
	for _, name := range partNames() {
		p := Slice{Name: name, About: aboutPart(name), Ns: parts[name]}
		if p.Ns != nil {
			p.Share = results.Num(*p.Ns / time)
		}
		d.Parts = append(d.Parts, p)
	}
	for _, k := range causes() {
		t, unknown := k.between(s, s, &costs)
		switch {
		case t != nil:
			c := Counted{Counter: t.Counter, Unit: t.Unit, Part: t.Part, PerOp: t.PerOpB, UnitNs: t.UnitNs, Source: t.Source}
			c.Ns = c.PerOp * c.UnitNs
			c.Share = c.Ns / time
			d.Counted = append(d.Counted, c)
			d.UnexplainedNs -= c.Ns
		case unknown != nil:
			d.Unknown = append(d.Unknown, *unknown)
		}
	}
	slices.SortStableFunc(d.Counted, func(a, b Counted) int { return cmp.Compare(b.Ns, a.Ns) })
	d.UnexplainedShare = d.UnexplainedNs / time
	if w := parts[partWait]; w != nil && *w < 0 {
		d.Notes = append(d.Notes, "waiting below zero: background work ran on processors beside the operations")
	}
	d.Notes = append(d.Notes, s.noteDelays("")...)
	d.Sentence = d.sentence()
	return d, nil
}

func (d *Decomposition) sentence() string {
	text := fmt.Sprintf("an operation of %s takes %s in %s", d.Label, ns(d.Ns), d.Workload)
	for i, c := range d.Counted {
		if i == mostNamed || c.Share < leastShare {
			break
		}
		if c.Source == Measured {
			text += fmt.Sprintf("; %s is %s of it", c.Counter, percent(c.Share))
		} else {
			text += fmt.Sprintf("; %s %s at %s are %s of it", count(c.PerOp), c.Counter, ns(c.UnitNs), percent(c.Share))
		}
	}
	if d.UnexplainedShare < 0 {
		return text + fmt.Sprintf("; together the counts come to %s more than it", percent(d.UnexplainedShare))
	}
	return text + fmt.Sprintf("; %s is unexplained", percent(d.UnexplainedShare))
}
