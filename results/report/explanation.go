package report

import (
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/explain"
)

// explanations says of each table why the second is slower than the best,
// where they are told apart and the run knows what things cost.
func (b *builder) explanations() error {
	for _, s := range b.src {
		costs := s.run.Manifest.Calibration.UnitCosts
		if costs == nil {
			b.leave("run %s: differences are not explained, for it did not measure unit costs", s.id)
			continue
		}
		for _, g := range s.groups {
			o := outcomeOf(g)
			if o.kind != won {
				continue
			}
			best, next := g.ranked[0], g.ranked[1]
			x, err := explain.Explain(best.used, next.used, *costs)
			if err != nil {
				b.leave("%s against %s in %s is not explained: %v", best.Engine, next.Engine, g.Title, err)
				continue
			}
			b.m.Explanations = append(b.m.Explanations, explanationOf(g.ID, best.Engine, next.Engine, x))
		}
	}
	return nil
}

func explanationOf(table, a, b string, x *explain.Explanation) Explanation {
	e := Explanation{
		Table: table, A: a, B: b, Workload: x.Workload, NsA: results.Num(x.NsA), NsB: results.Num(x.NsB),
		UnexplainedNs: results.Num(x.UnexplainedNs), UnexplainedShare: x.UnexplainedShare,
		Text: x.Sentence, Notes: x.Notes,
	}
	for _, t := range x.Terms {
		e.Terms = append(e.Terms, ExplanationTerm{
			Counter: t.Counter, Unit: t.Unit, PerOpA: results.Num(t.PerOpA), PerOpB: results.Num(t.PerOpB),
			UnitNs: results.Num(t.UnitNs), Ns: results.Num(t.Ns), Share: t.Share, Source: t.Source,
		})
	}
	for _, u := range x.Unknown {
		e.Unknown = append(e.Unknown, u.Counter+": "+u.Reason)
	}
	return e
}
