package report

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/results"
)

// Curves are read at quantiles that are even on the axis of 1/(1-p): this many
// for each factor of ten.
const pointsADecade = 6

// maxCurves bounds how many are drawn.
const maxCurves = 600

// responseSuffix and lagOp are how histograms of open loops are named.
const (
	responseSuffix = ":response"
	lagOp          = "pacer:lag"
)

// curves reads the histograms of the repetitions in the figures.
func (b *builder) curves() error {
	for _, s := range b.src {
		if s.run.Dir == "" {
			continue
		}
		for _, g := range s.groups {
			for _, l := range g.lots() {
				if err := b.curvesOf(s, g, l); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *builder) curvesOf(s *source, g *group, l *lot) error {
	if len(b.m.Curves) >= maxCurves {
		b.leave("latency curves past the first %d are left out: those of the last tables", maxCurves)
		return nil
	}
	sum := map[string][]results.Bucket{}
	for _, c := range l.used {
		ops, err := s.run.Hist(c.ID)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && len(ops) == 0 {
			err = errors.New("the file is cut off")
		}
		if err != nil {
			return fmt.Errorf("cell %s: %w; take the file from a copy, or remove it to go without its curve", c.ID, err)
		}
		for op, buckets := range ops {
			sum[op] = append(sum[op], buckets...)
		}
	}
	names := make([]string, 0, len(sum))
	for name := range sum {
		if name != lagOp && len(sum[name]) > 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, results.CompareOps)
	for _, name := range names {
		op, response := strings.CutSuffix(name, responseSuffix)
		clock := "service"
		if response {
			clock = "response"
		}
		points, n := percentiles(sum[name])
		b.m.Curves = append(b.m.Curves, Curve{
			Table: g.ID, Entry: l.ID, Color: l.Color, Op: op, Clock: clock, Count: n, Points: points,
		})
	}
	return nil
}

// percentiles reads counted values at rising quantiles, from the lowest value
// to the highest. Buckets of equal value are added up.
func percentiles(buckets []results.Bucket) (points [][2]float64, total uint64) {
	slices.SortFunc(buckets, func(a, b results.Bucket) int {
		if a.Value < b.Value {
			return -1
		}
		if a.Value > b.Value {
			return 1
		}
		return 0
	})
	for _, k := range buckets {
		total += k.Count
	}
	if total == 0 {
		return nil, 0
	}
	var below uint64 // operations in buckets before i
	i := 0
	at := func(rank uint64) float64 {
		for i < len(buckets)-1 && below+buckets[i].Count < rank {
			below += buckets[i].Count
			i++
		}
		return float64(buckets[i].Value)
	}
	n := float64(total)
	for step := 0; ; step++ {
		x := math.Pow(10, float64(step)/pointsADecade)
		if x >= n {
			break
		}
		// The least value that a share of 1-1/x of the operations is within.
		rank := max(uint64(math.Ceil(n*(1-1/x))), 1)
		points = append(points, [2]float64{round4(x), round4(at(rank))})
	}
	last := float64(buckets[len(buckets)-1].Value)
	points = append(points, [2]float64{round4(n), round4(last)})
	return thin(points), total
}

// thin leaves out points between two of the same height.
func thin(points [][2]float64) [][2]float64 {
	out := points[:0:0]
	for i, p := range points {
		inside := i > 0 && i < len(points)-1 && points[i-1][1] == p[1] && points[i+1][1] == p[1]
		if !inside {
			out = append(out, p)
		}
	}
	return out
}
