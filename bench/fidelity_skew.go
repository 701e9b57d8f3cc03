package bench

import (
	"math"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
	"github.com/kvbench/kvbench/workloads/dist"
	"github.com/kvbench/kvbench/workloads/profile"
)

// seedFidelity makes the stream that a measured one is compared with.
const seedFidelity = 0x66696465

// skipMost is how many operations of a stream may be drawn for nothing, to
// come to the place where the measured phase began.
const skipMost = 1 << 18

// leastRequests is how many requests say something about skew.
const leastRequests = 1000

// skew checks the keys that were asked for. before operations were done by all
// workers before, and first is the number of the first insert since.
func (a *audit) skew(got profile.Profile, tapes [][]workloads.Op, before, first uint64) error {
	s := a.spec
	if got.Requests < leastRequests || (s.Request.Name == "sequential" && len(tapes) > 1) {
		return nil // workers are at places of their own
	}
	n := float64(got.Requests)
	law, exact := lawOf(s, first)
	if exact {
		e := law.Expect(n)
		hot, top := e.Top(1), e.Top(max(float64(s.InsertCount)/100, 1))
		a.check("hot_share", hot, *got.HotShare, within(hot, n)+lawSlack*hot)
		a.check("top1_share", top, *got.Top1Share, within(top, n)+lawSlack*top)
		a.check("distinct", e.Distinct()/n, float64(got.Distinct)/n, chance*math.Sqrt(e.Distinct())/n+lawSlack/8*e.Distinct()/n)
	}
	a.theta(tapes)
	if s.Request.Name == "latest" {
		a.newest(tapes, first)
	}
	if s.Has(workloads.Insert) && before > skipMost && s.Request.Name == "latest" {
		return nil // the reference would have to be drawn to there
	}
	want, err := a.reference(tapes, before, first)
	if err != nil {
		return err
	}
	if !exact {
		a.check("hot_share", *want.HotShare, *got.HotShare, 1.5*within(*want.HotShare, n)+lawSlack**want.HotShare)
		a.check("top1_share", *want.Top1Share, *got.Top1Share, 1.5*within(*want.Top1Share, n)+lawSlack**want.Top1Share)
		distinct := float64(want.Distinct)
		a.check("distinct", distinct/n, float64(got.Distinct)/n, chance*math.Sqrt(2*distinct)/n+lawSlack/8*distinct/n)
	}
	if want.Locality != nil && got.Locality != nil {
		// Two samples, and neighbouring pairs share a request.
		a.check("locality", *want.Locality, *got.Locality, 2*within(*want.Locality, n))
	}
	return nil
}

// lawOf returns the law of requests where the definition gives one over a
// fixed set of keys.
func lawOf(s *workloads.Spec, first uint64) (profile.Law, bool) {
	d := s.Request
	if d.Span == 0 || s.Has(workloads.Insert) || first != s.FirstInsert {
		return profile.Law{}, false
	}
	switch d.Name {
	case "uniform":
		return profile.Uniform(d.Span), true
	case "zipf":
		return profile.Zipf(d.Span, d.Theta), true
	case "hotspot":
		return profile.Hotspot(d.Span, d.HotData, d.HotOps), true
	case "zipfian":
		z := dist.NewScrambled(0, d.Span-1, d.Theta, s.Compat == workloads.GoYCSB)
		return profile.Scrambled(d.Span, d.Theta, z.OfRank), true
	}
	return profile.Law{}, false
}

// theta checks the exponent of a true Zipf law, by the ranks that the numbers
// really have.
func (a *audit) theta(tapes [][]workloads.Op) {
	rank := a.spec.RankOf()
	if rank == nil || a.spec.Has(workloads.Insert) {
		return
	}
	logs, n := 0.0, 0.0
	for _, tape := range tapes {
		for _, op := range tape {
			if op.Kind() != workloads.Insert && op.Kind() != workloads.ReadAbsent {
				logs += math.Log(float64(rank(op.Number()) + 1))
				n++
			}
		}
	}
	if n < leastRequests {
		return
	}
	theta, stderr := profile.ThetaOfRanks(logs/n, a.spec.Request.Span, n)
	a.f.Theta = results.Num(theta)
	a.check("theta", a.spec.Request.Theta, theta, chance*stderr)
}

// newest checks the share of requests for the newest record.
func (a *audit) newest(tapes [][]workloads.Op, first uint64) {
	var newest, n, inserts float64
	for _, tape := range tapes {
		for _, op := range tape {
			switch {
			case op.Kind() == workloads.Insert:
				inserts++
			case op.Kind() != workloads.ReadAbsent:
				n++
				if op.Number() == 0 {
					newest++
				}
			}
		}
	}
	if n < leastRequests || first < leastRequests {
		return
	}
	// The records grow meanwhile; the law changes slowly with them.
	low := profile.Latest(first+uint64(inserts), a.spec.Request.Theta).Hot()
	high := profile.Latest(first, a.spec.Request.Theta).Hot()
	want := (low + high) / 2
	a.check("newest_share", want, newest/n, within(want, n)+(high-low)/2)
}

// reference describes a stream of the same workload and another seed, of the
// same length at the same place.
func (a *audit) reference(tapes [][]workloads.Op, before, first uint64) (profile.Profile, error) {
	seed := derive(a.seed, seedFidelity)
	seq := workloads.NewSequence(max(first, a.spec.FirstInsert))
	other := make([][]workloads.Op, len(tapes))
	skip := make([]workloads.Op, min(before, skipMost)/uint64(len(tapes)))
	for i, tape := range tapes {
		g, err := a.spec.NewGenerator(seed, i, len(tapes), seq)
		if err != nil {
			return profile.Profile{}, err
		}
		if a.spec.Has(workloads.Insert) {
			g.Fill(skip)
		}
		other[i] = make([]workloads.Op, len(tape))
		g.Fill(other[i])
	}
	return a.profile(other, seed, first)
}
