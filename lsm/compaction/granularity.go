package compaction

import "github.com/kvbench/kvbench/lsm/version"

// A Granularity says how much goes at once, given the table that goes first.
type Granularity interface {
	Name() string
	// extend returns tables of run from..to around first; all must be free.
	extend(t *tree, run []*version.Table, first int, below []*version.Table) (from, to int)
}

var granularities = []Granularity{oneFile{}, someFiles{}, wholeLevel{}}

// oneFile: the table alone.
type oneFile struct{}

func (oneFile) Name() string { return "file" }

func (oneFile) extend(_ *tree, _ []*version.Table, first int, _ []*version.Table) (from, to int) {
	return first, first + 1
}

// someFiles: neighbours too, up to JobBytes, as long as a byte that goes does
// not take more bytes along than before.
type someFiles struct{}

func (someFiles) Name() string { return "files" }

func (someFiles) extend(t *tree, run []*version.Table, first int, below []*version.Table) (from, to int) {
	from, to = first, first+1
	size := func(from, to int) (up, down int64) {
		in := []Input{{Tables: run[from:to]}}
		return bytesOf(run[from:to]), bytesOf(within(below, hull(in)))
	}
	up, down := size(from, to)
	better := func(from, to, added int) bool {
		if t.busy[run[added].ID] {
			return false
		}
		u, d := size(from, to)
		if u+d > t.s.JobBytes || float64(d)*float64(up) > float64(down)*float64(u) {
			return false
		}
		up, down = u, d
		return true
	}
	for to < len(run) && better(from, to+1, to) {
		to++
	}
	for from > 0 && better(from-1, to, from-1) {
		from--
	}
	return from, to
}

// wholeLevel: all of the run.
type wholeLevel struct{}

func (wholeLevel) Name() string { return "level" }

func (wholeLevel) extend(_ *tree, run []*version.Table, _ int, _ []*version.Table) (from, to int) {
	return 0, len(run)
}
