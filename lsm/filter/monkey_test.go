package filter

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

const ln2ln2 = math.Ln2 * math.Ln2

// ideal is the rate of a Bloom filter that may have any number of probes.
func ideal(bits float64) float64 { return math.Exp(-bits * ln2ln2) }

func idealSum(bits []float64) float64 {
	sum := 0.
	for _, b := range bits {
		sum += ideal(b)
	}
	return sum
}

// geometric is a tree whose levels grow by ratio, the largest last.
func geometric(levels int, ratio, first uint64) []uint64 {
	out := make([]uint64, levels)
	for i := range out {
		out[i] = first
		first *= ratio
	}
	return out
}

func given(bits []float64, runs []uint64) (spent, entries float64) {
	for i, n := range runs {
		spent += bits[i] * float64(n)
		entries += float64(n)
	}
	return spent, entries
}

// Section 4.1: "the optimal false positive rate at level i is T times higher
// than at level i-1".
func TestFalsePositivesRiseByTheSizeRatio(t *testing.T) {
	for _, ratio := range []uint64{2, 4, 10} {
		runs := geometric(7, ratio, 1000)
		bits := Monkey(10, runs)
		for i := 1; i < len(bits); i++ {
			if got := ideal(bits[i]) / ideal(bits[i-1]); math.Abs(got-float64(ratio)) > 1e-9 {
				t.Errorf("ratio %d, level %d: rises by %v", ratio, i, got)
			}
		}
	}
}

// Equation 8, of a tree with very many levels: with M bits for N entries, a
// Get of an absent key meets T^(T/(T-1)) / (T-1) / e^(M/N ln²2) false positives.
func TestFalsePositivesAreThoseOfThePaper(t *testing.T) {
	for _, ratio := range []uint64{2, 3, 4, 10} {
		for _, mean := range []float64{3, 5, 10, 16} {
			levels := int(40 / math.Log2(float64(ratio)))
			T := float64(ratio)
			want := math.Pow(T, T/(T-1)) / (T - 1) * math.Exp(-mean*ln2ln2)
			got := idealSum(Monkey(mean, geometric(levels, ratio, 1)))
			if math.Abs(got-want) > 1e-6*want {
				t.Errorf("ratio %d, %v bits: %v false positives, the paper's %v", ratio, mean, got, want)
			}
		}
	}
}

// Equation 8 too: below ln(T)/(T-1) / ln²2 bits per entry the largest level has
// no filter.
func TestTheLargestLevelLosesItsFilterFirst(t *testing.T) {
	for _, ratio := range []uint64{2, 4, 10} {
		runs := geometric(int(40/math.Log2(float64(ratio))), ratio, 1)
		last := len(runs) - 1
		threshold := math.Log(float64(ratio)) / float64(ratio-1) / ln2ln2
		if bits := Monkey(threshold*0.999, runs); bits[last] != 0 || bits[last-1] <= 0 {
			t.Errorf("ratio %d, little memory: %v", ratio, bits)
		}
		if bits := Monkey(threshold*1.001, runs); bits[last] <= 0 {
			t.Errorf("ratio %d, enough memory: %v", ratio, bits)
		}
	}
}

func drawRuns(t *rapid.T) []uint64 {
	return rapid.SliceOfN(rapid.OneOf(rapid.Uint64Range(0, 10), rapid.Uint64Range(0, 1<<30)), 1, 12).Draw(t, "runs")
}

func TestBitsAreSpentInFull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs := drawRuns(t)
		mean := rapid.Float64Range(0, 30).Draw(t, "bits")
		for name, bits := range map[string][]float64{"monkey": Monkey(mean, runs), "uniform": Uniform(mean, runs)} {
			spent, entries := given(bits, runs)
			if math.Abs(spent-mean*entries) > 1e-9*(1+mean)*entries {
				t.Fatalf("%s spends %v of %v", name, spent, mean*entries)
			}
			for i, b := range bits {
				if b < 0 || runs[i] == 0 && b != 0 || math.IsNaN(b) {
					t.Fatalf("%s: %v for %v", name, bits, runs)
				}
			}
		}
	})
}

// The sum of rates is convex: what no small move betters is best.
func TestNoBitsAreBetterElsewhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs := drawRuns(t)
		bits := Monkey(rapid.Float64Range(0, 15).Draw(t, "bits"), runs)
		for from := range runs {
			for to := range runs {
				if from == to || runs[to] == 0 || bits[from] == 0 {
					continue
				}
				move := min(1e-3*float64(runs[to]), bits[from]*float64(runs[from]))
				less, more := move/float64(runs[from]), move/float64(runs[to])
				before := ideal(bits[from]) + ideal(bits[to])
				after := ideal(bits[from]-less) + ideal(bits[to]+more)
				if after < before*(1-1e-12) {
					t.Fatalf("%v: %g bits moved from %d to %d better %g to %g", bits, move, from, to, before, after)
				}
			}
		}
	})
}

func TestMonkeyBeatsUniform(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ratio := rapid.Uint64Range(2, 12).Draw(t, "ratio")
		levels := rapid.IntRange(2, 6).Draw(t, "levels")
		mean := rapid.Float64Range(2, 16).Draw(t, "bits")
		runs := geometric(levels, ratio, 10_000)
		ours, theirs := idealSum(Monkey(mean, runs)), idealSum(Uniform(mean, runs))
		// With two levels the ratio of rates is the ratio of sizes: it counts.
		if ours > theirs*(1-1e-3) {
			t.Fatalf("%v false positives, uniform %v", ours, theirs)
		}
		if levels >= 3 && ratio >= 3 {
			for _, kind := range []Kind{Bloom, Blocked} {
				ours, theirs := Expected(kind, Monkey(mean, runs)), Expected(kind, Uniform(mean, runs))
				if ours > theirs {
					t.Fatalf("%v: %v false positives, uniform %v", kind, ours, theirs)
				}
			}
		}
	})
}

func TestWithoutBitsOrEntriesThereIsNoFilter(t *testing.T) {
	for _, bits := range [][]float64{
		Monkey(0, []uint64{1, 2}), Monkey(-1, []uint64{1, 2}), Monkey(math.NaN(), []uint64{1, 2}),
		Monkey(10, []uint64{0, 0}), Monkey(10, nil),
	} {
		for _, b := range bits {
			if b != 0 {
				t.Error(bits)
			}
		}
	}
	if bits := Monkey(10, []uint64{0, 5}); bits[0] != 0 || math.Abs(bits[1]-10) > 1e-9 {
		t.Errorf("one run gets %v of 10 bits", bits)
	}
}
