package compare

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// FloorPairs is how many paired repetitions it takes to judge a floor.
const FloorPairs = 6

// A Floor is a promise that one side reaches a multiple of another.
type Floor struct {
	Side, Base string
	Times      float64
}

// A FloorResult is what became of a floor in one group.
type FloorResult struct {
	Floor  Floor
	Where  string // setup and metric
	Pair   Pair
	Held   bool
	Reason string // why it could not be judged, then it is not held
}

// String is one line: what, where, and the ratio.
func (r FloorResult) String() string {
	text := fmt.Sprintf("floor %s >= %gx %s: %s: ", r.Floor.Side, r.Floor.Times, r.Floor.Base, r.Where)
	switch {
	case r.Reason != "":
		return text + "cannot be judged: " + r.Reason
	case r.Held:
		return text + "held: " + ratioText(&r.Pair)
	}
	return text + "MISSED: " + ratioText(&r.Pair)
}

// ParseFloor reads "btree>=2*bbolt"; without a multiple it is 1.
func ParseFloor(text string) (Floor, error) {
	m := regexp.MustCompile(`^\s*(\S+?)\s*>=\s*(?:([0-9.eE+-]+)\s*[*x]\s*)?(\S+)\s*$`).FindStringSubmatch(text)
	f := Floor{Times: 1}
	ok := m != nil
	if ok {
		f.Side, f.Base = m[1], m[3]
		if m[2] != "" {
			var err error
			f.Times, err = strconv.ParseFloat(m[2], 64)
			ok = err == nil && f.Times > 0
		}
	}
	if !ok || strings.ContainsAny(f.Side+f.Base, "<>*") {
		return Floor{}, fmt.Errorf("%w: floor %q: want SIDE>=TIMES*SIDE, such as btree>=2*bbolt", engine.ErrInvalid, text)
	}
	return f, nil
}

// Check judges the floor in every group of Within with these options, whose
// baseline it replaces.
func (f Floor) Check(run *results.Run, o Options) ([]FloorResult, error) {
	o.Baseline = f.Base
	c, err := Within(run, o)
	if err != nil {
		return nil, err
	}
	var list []FloorResult
	var names []string
	for i := range c.Groups {
		g := &c.Groups[i]
		for _, p := range g.Pairs {
			names = append(names, p.Name)
			if p.Name == f.Side {
				r := FloorResult{Floor: f, Where: g.title(), Pair: p}
				r.Held, r.Reason = p.Reaches(f.Times)
				list = append(list, r)
			}
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: %q is not compared with %s here%s", engine.ErrInvalid, f.Side, f.Base, engine.Suggest(f.Side, names))
	}
	return list, nil
}

// Reaches reports whether the side is at least times the baseline, in figures
// of which more is better: the interval of the paired ratio is not wholly
// below. reason says why that cannot be judged.
func (p *Pair) Reaches(times float64) (reached bool, reason string) {
	switch {
	case p.Verdict == NoFigure:
		return false, p.Left
	case p.Paired < FloorPairs:
		return false, fmt.Sprintf("%s, needs %d", plural(p.Paired, "pair"), FloorPairs)
	case p.High == nil:
		return false, "the ratio has no interval"
	}
	return *p.High >= times, ""
}
