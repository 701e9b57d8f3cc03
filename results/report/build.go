package report

import (
	"errors"

	"github.com/kvbench/kvbench/results"
)

// Build makes the report of runs, at least one, in their order: the first is
// what the others are compared with.
func Build(runs []*results.Run, o Options) (*Model, error) {
	if len(runs) == 0 {
		return nil, errors.New("build report: no run is given")
	}
	return &Model{Schema: ModelSchema, Title: o.Title}, nil
}
