package compare

import "github.com/kvbench/kvbench/results"

// Within compares cells of one run with each other.
func Within(run *results.Run, o Options) (*Comparison, error) {
	return nil, errNotYet
}
