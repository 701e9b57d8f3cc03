package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/kvbench/kvbench/results"
)

const triangleAbout = "The RUM conjecture (Athanassoulis et al., EDBT 2016): an access method that does well in two of " +
	"Read, Update and Memory overhead pays in the third. Read overhead is the processor time of an operation in %s; " +
	"update overhead is bytes written a user byte in %s, with the background work that followed where it is known; " +
	"memory overhead is bytes on disk a live byte, in the same table. " +
	"Each is divided by the least of the engines shown, so that 1 is the best of them. " +
	"A point is nearer to a corner the closer its overhead there is to 1."

// scope is what the tables of one triangle, or one sentence, have in common.
func scope(s *results.Setup) string {
	t := results.Setup{
		Regime: s.Regime, CacheRegime: s.CacheRegime, Records: s.Records, ValueBytes: s.ValueBytes,
		KeyFormat: s.KeyFormat, Compat: s.Compat, Mode: s.Mode, Threads: s.Threads, Rate: s.Rate, Driver: s.Driver,
	}
	return keyOf(&t)
}

// scopes groups the tables of a run, in their order.
func (s *source) scopes() [][]*group {
	index := map[string]int{}
	var list [][]*group
	for _, g := range s.groups {
		key := scope(&g.Setup)
		i, ok := index[key]
		if !ok {
			i = len(list)
			index[key] = i
			list = append(list, nil)
		}
		list[i] = append(list[i], g)
	}
	return list
}

// triangles makes one for each scope that has a table of reads and one of
// updates, with the three overheads of at least two engines.
func (b *builder) triangles() error {
	for _, s := range b.src {
		for _, groups := range s.scopes() {
			reads := pick(groups, func(g *group) float64 { return share(g, "read") })
			updates := pick(groups, func(g *group) float64 {
				if g.Load {
					return 0.25 // a load overwrites nothing
				}
				return share(g, "update", "read-modify-write", "put", "insert", "delete")
			})
			if reads == nil || updates == nil {
				continue
			}
			t := Triangle{
				Run: s.id, Title: reads.Setup.Data() + ", " + reads.Setup.Regime,
				About: fmt.Sprintf(triangleAbout, reads.name(), updates.name()),
			}
			t.Points = trianglePoints(reads, updates)
			if len(t.Points) >= 2 {
				b.m.Triangles = append(b.m.Triangles, t)
			}
		}
	}
	return nil
}

// name is the workload, as sentences call the table.
func (g *group) name() string {
	if g.Load {
		return "the load"
	}
	return g.Setup.Workload
}

// share is the part of the operations that are of the kinds.
func share(g *group, kinds ...string) float64 {
	if g.Load {
		return 0
	}
	var x float64
	for _, k := range kinds {
		x += g.Setup.Mix[k]
	}
	return x
}

// pick is the first of the groups with the highest score above zero.
func pick(groups []*group, score func(*group) float64) *group {
	var best *group
	var most float64
	for _, g := range groups {
		if x := score(g); x > most {
			best, most = g, x
		}
	}
	return best
}

func trianglePoints(reads, updates *group) []TrianglePoint {
	var points []TrianglePoint
	for _, r := range reads.ranked {
		i := slices.IndexFunc(updates.ranked, func(u *lot) bool { return u.Engine == r.Engine })
		if i < 0 || r.Rank == nil || r.CPUPerOp.Median == nil {
			continue
		}
		u := updates.ranked[i]
		write := cmp.Or(u.WriteAmpSettled.Median, u.WriteAmp.Median)
		if u.Rank == nil || write == nil || u.SpaceAmp.Median == nil {
			continue
		}
		p := TrianglePoint{
			Engine: r.Engine, Color: r.Color,
			Read: *r.CPUPerOp.Median, Update: *write, Memory: *u.SpaceAmp.Median,
			Text: fmt.Sprintf("%s of processor time an operation, %s written, %s on disk",
				results.TextNs(r.CPUPerOp.Median), results.TextFactor(write), results.TextFactor(u.SpaceAmp.Median)),
		}
		if p.Read > 0 && p.Update > 0 && p.Memory > 0 {
			points = append(points, p)
		}
	}
	normalize(points)
	return points
}

// normalize divides by the least and places the points: the weight of a
// corner is the reciprocal of the overhead there.
func normalize(points []TrianglePoint) {
	least := [3]float64{math.Inf(1), math.Inf(1), math.Inf(1)}
	for i := range points {
		for j, x := range points[i].overheads() {
			least[j] = min(least[j], *x)
		}
	}
	for i := range points {
		p := &points[i]
		var sum float64
		for j, x := range p.overheads() {
			*x = round4(*x / least[j])
			p.Weights[j] = 1 / *x
			sum += p.Weights[j]
		}
		for j := range p.Weights {
			p.Weights[j] = round4(p.Weights[j] / sum)
		}
	}
}

func (p *TrianglePoint) overheads() [3]*float64 { return [3]*float64{&p.Read, &p.Update, &p.Memory} }
