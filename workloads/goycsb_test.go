package workloads

import (
	"math"
	"math/rand"
	"slices"
	"testing"

	"github.com/pingcap/go-ycsb/pkg/generator"
	"github.com/pingcap/go-ycsb/pkg/util"

	"github.com/kvbench/kvbench/workloads/dist"
)

// sampleSize is how many numbers are drawn of each side of a comparison.
const sampleSize = 100000

// distanceOf returns the two-sample Kolmogorov-Smirnov distance.
func distanceOf(a, b []int64) float64 {
	slices.Sort(a)
	slices.Sort(b)
	worst, i, j := 0.0, 0, 0
	for i < len(a) && j < len(b) {
		x := min(a[i], b[j])
		for i < len(a) && a[i] == x {
			i++
		}
		for j < len(b) && b[j] == x {
			j++
		}
		worst = max(worst, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return worst
}

// resolved draws numbers of a workload by itself.
func resolved(t *testing.T, overrides ...string) []int64 {
	t.Helper()
	s := mustParse(t, "C", append([]string{"ycsbcompat=go-ycsb", "recordcount=1000"}, overrides...)...)
	g := mustGenerator(t, s, 23, 0, 1, s.NewSequence())
	tape, all := make([]Op, sampleSize), make([]int64, sampleSize)
	g.Fill(tape)
	for i, o := range tape {
		all[i] = int64(g.Resolve(o))
	}
	return all
}

func TestRequestsAreDistributedAsGoYCSBDrawsThem(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	acked := generator.NewAcknowledgedCounter(1000)
	exp := generator.NewExponential(95, 1000*0.8571428571)
	zip := generator.NewScrambledZipfian(0, 1000, generator.ZipfianConstant)
	late := generator.NewSkewedLatest(acked)
	hot := generator.NewHotspot(0, 999, 0.2, 0.8)
	uni := generator.NewUniform(0, 999)
	seq := generator.NewSequential(0, 999)
	for name, next := range map[string]func() int64{
		"zipfian": func() int64 { return zip.Next(r) }, "latest": func() int64 { return late.Next(r) },
		"hotspot": func() int64 { return hot.Next(r) }, "uniform": func() int64 { return uni.Next(r) },
		"sequential": func() int64 { return seq.Next(r) },
		"exponential": func() int64 {
			for {
				if n := acked.Last() - exp.Next(r); n >= 0 {
					return n
				}
			}
		},
	} {
		theirs := make([]int64, sampleSize)
		for i := range theirs {
			theirs[i] = next()
		}
		ours := resolved(t, "requestdistribution="+name)
		if name == "sequential" && !slices.Equal(ours, theirs) {
			t.Errorf("sequential: %v, go-ycsb %v", ours[:5], theirs[:5])
		}
		if d := distanceOf(ours, theirs); d > 2/math.Sqrt(sampleSize/2) {
			t.Errorf("%s: distance %.4f", name, d)
		}
	}
}

func TestTheHotNumbersOfGoYCSBAreThoseOfItsHash(t *testing.T) {
	s := dist.NewScrambled(0, 1000, dist.YCSBTheta, true)
	for rank := range uint64(2000) {
		if got, want := s.OfRank(rank), uint64(util.Hash64(int64(rank))%1001); got != want {
			t.Fatalf("rank %d: %d, want %d", rank, got, want)
		}
	}
}

func TestLengthsAreDistributedAsYCSBDrawsThem(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	zip := generator.NewZipfianWithRange(1, 100, generator.ZipfianConstant)
	hist := generator.NewHistogram([]int64{2, 0, 3, 5}, 10)
	for name, c := range map[string]struct {
		length Length
		next   func() int64
	}{
		"zipfian": {Length{Name: "zipfian", Min: 1, Max: 100}, func() int64 { return zip.Next(r) }},
		"histogram": {
			Length{Name: "histogram", Min: 10, Max: 30, Block: 10, Weights: []uint64{2, 0, 3, 5}},
			func() int64 { return hist.Next(r) },
		},
	} {
		q, own := c.length.Quantile(), dist.NewRand(3)
		ours, theirs := make([]int64, sampleSize), make([]int64, sampleSize)
		for i := range ours {
			ours[i], theirs[i] = int64(q.At(own.Float64())), c.next()
		}
		if d := distanceOf(ours, theirs); d > 2/math.Sqrt(sampleSize/2) {
			t.Errorf("%s: distance %.4f", name, d)
		}
	}
}
