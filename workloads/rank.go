package workloads

import "github.com/kvbench/kvbench/workloads/dist"

// RankOf returns the function from a key number of the request range to the
// rank, 0 for the hottest, that it has under the workload's Zipf law; nil for
// any other request distribution, whose numbers have no ranks of their own.
func (s *Spec) RankOf() func(number uint64) uint64 {
	if s.Request.Name != "zipf" || s.Request.Span == 0 {
		return nil
	}
	p, first := dist.NewPermutation(s.Request.Span, place), s.InsertStart
	return func(number uint64) uint64 { return p.Inverse(number - first) }
}
