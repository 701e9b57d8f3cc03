package compaction

import "github.com/kvbench/kvbench/lsm/version"

// Targets are sizes that levels should have at most.
type Targets struct {
	// Base is the first level with a size of its own: where level 0, or the
	// tiered level above, is merged to.
	Base int
	// Last is the deepest level: of a tree that grows downwards the deepest
	// that holds data, at least 1.
	Last int
	// Bytes is 0 where a level should be empty. The last level of a tree that
	// does not grow has the size it has.
	Bytes [version.Levels]int64
}

// Targets returns the targets of a version's levels.
//
// Where sizes follow from the last level's, each is a T-th of the next, so that
// all levels above the last one hold at most 1/(T-1) of its bytes: at T=10 a
// space amplification of 1.11.
func (p *Picker) Targets(v *version.Version) Targets {
	var sum int64
	deepest, first := 0, version.Levels
	for i := 1; i < version.Levels; i++ {
		n := levelBytes(&v.Levels[i])
		sum += n
		if n > 0 {
			deepest = i
		}
		if n > 0 && i >= p.layout.Top() {
			first = min(first, i)
		}
	}
	ratio := int64(p.s.SizeRatio)
	top := p.layout.Top()
	if top == 0 {
		g := Targets{Base: 1, Last: max(deepest, 1)}
		size := p.s.BaseBytes
		for i := 1; i < version.Levels; i++ {
			size = times(size, ratio)
			g.Bytes[i] = size
		}
		return g
	}
	g := Targets{Base: version.Levels - 1, Last: version.Levels - 1}
	size := max(sum-sum/ratio, p.s.BaseBytes)
	g.Bytes[g.Base] = size
	for g.Base > top {
		// A level that is there already goes only when half would do: a size
		// about the limit shall not bring it up and down.
		limit := times(p.s.BaseBytes, ratio)
		if first < g.Base {
			limit /= 2
		}
		if size <= limit {
			break
		}
		size /= ratio
		g.Base--
		g.Bytes[g.Base] = size
	}
	return g
}

// times multiplies sizes; what does not fit is as good as no limit.
func times(a, b int64) int64 {
	const most = 1 << 60
	if a > most/b {
		return most
	}
	return a * b
}

// Debt estimates how many bytes must be written until nothing is due: what is
// over comes down level by level and takes its share of the next level along.
// It knows sizes and runs only, not overlaps; no ages.
func (p *Picker) Debt(v *version.Version) int64 {
	t := p.tree(State{Version: v})
	if t.layout.Flat() {
		return 0
	}
	var debt int64
	runs := make([]int, version.Levels)
	size := t.bytes
	for i := range runs {
		runs[i] = len(t.runs(i))
	}
	for i := range runs {
		over := t.over(i, runs[i], size[i])
		if over == 0 {
			continue
		}
		j := t.next(i)
		debt += over
		size[i] -= over
		switch {
		case j == i:
			size[i] += over
		case t.cap(j) == 1 && t.targeted(i):
			debt += int64(float64(size[j]) * float64(over) / float64(over+size[i]))
			size[j] += over
			runs[j] = 1
		case t.cap(j) == 1:
			debt += size[j]
			size[j] += over
			runs[j] = 1
		default:
			size[j] += over
			runs[j]++
		}
	}
	return debt
}

// targeted reports whether a level is held to a size, table by table.
func (t *tree) targeted(level int) bool {
	return level > 0 && t.layout.Top() > 0 && level >= t.layout.Top() && level < t.targets.Last
}

// over is how many bytes of a level of so many runs and bytes have to go.
func (t *tree) over(level, runs int, size int64) int64 {
	switch {
	case level == 0:
		if runs >= t.s.L0Runs || size >= t.s.L0Bytes {
			return size
		}
	case runs > t.cap(level):
		return size
	case t.targeted(level):
		return max(0, size-t.targets.Bytes[level])
	}
	return 0
}
