package cache

import (
	"math"
	"sort"
	"testing"

	"pgregory.net/rapid"
)

// stackDistances is the exact curve: for each reference the bytes that an LRU
// cache needs to hit it, or -1 if it is the first. A quadratic stack.
func stackDistances(refs []reference) []int64 {
	var stack []reference // the latest is last
	out := make([]int64, len(refs))
	for i, r := range refs {
		out[i] = -1
		sum := int64(0)
		for j := len(stack) - 1; j >= 0; j-- {
			sum += int64(stack[j].size)
			if stack[j].key == r.key {
				out[i] = sum
				stack = append(stack[:j], stack[j+1:]...)
				break
			}
		}
		stack = append(stack, r)
	}
	return out
}

func missRatioAt(distances []int64, bytes int64) float64 {
	misses := 0
	for _, d := range distances {
		if d < 0 || d > bytes {
			misses++
		}
	}
	return float64(misses) / float64(len(distances))
}

// at reads a curve.
func (c Curve) at(bytes int64) float64 {
	i := sort.Search(len(c.Points), func(i int) bool { return c.Points[i].Bytes > bytes })
	if i == 0 {
		return 1
	}
	return c.Points[i-1].MissRatio
}

func replayForCurve(t *testing.T, refs []reference, rate float64, keys int) Curve {
	c := newReal(t, Options{Bytes: 4 << 20, SampleRate: rate, SampleKeys: keys})
	for _, r := range refs {
		c.access(r, 0)
	}
	return c.c.MissRatioCurve()
}

func TestTheCurveOfAFullSampleIsExact(t *testing.T) {
	refs := sizedTrace(9)[:6000]
	distances := stackDistances(refs)
	curve := replayForCurve(t, refs, 1, traceKeys)
	if curve.Rate != 1 || curve.Sampled != uint64(len(refs)) || curve.References != uint64(len(refs)) {
		t.Errorf("rate %v, sampled %d of %d references", curve.Rate, curve.Sampled, curve.References)
	}
	for _, p := range curve.Points {
		// The end of a bucket is exact.
		if want := missRatioAt(distances, p.Bytes); math.Abs(p.MissRatio-want) > 1e-9 {
			t.Errorf("%d bytes: miss ratio %v instead of %v", p.Bytes, p.MissRatio, want)
		}
	}
	if len(curve.Points) < 50 {
		t.Errorf("only %d points", len(curve.Points))
	}
}

func TestTheCurveOfASampleIsNearTheExactOne(t *testing.T) {
	for _, tr := range []trace{
		{"zipf0.80", zipfTrace(1, 40000, 8000, 0.8)},
		{"zipf1.10", zipfTrace(3, 40000, 8000, 1.1)},
		{"loop", loopTrace()[:30000]},
	} {
		distances := stackDistances(tr.refs)
		for _, o := range []struct {
			rate float64
			keys int
			most float64 // mean error
		}{{1, 1000, 0.02}, {1, 250, 0.04}, {0.1, 0, 0.03}} {
			curve := replayForCurve(t, tr.refs, o.rate, o.keys)
			sum, n, worst := 0.0, 0, 0.0
			for bytes := int64(256 << 10); bytes <= 32<<20; bytes += 256 << 10 {
				d := math.Abs(curve.at(bytes) - missRatioAt(distances, bytes))
				sum += d
				worst = max(worst, d)
				n++
			}
			t.Logf("%-9s rate %.3f, %4d keys: mean error %.4f, worst %.4f", tr.name, curve.Rate, curve.Keys, sum/float64(n), worst)
			if sum/float64(n) > o.most {
				t.Errorf("%s, rate %v, %d keys: mean error %.4f", tr.name, o.rate, o.keys, sum/float64(n))
			}
			if o.keys > 0 && curve.Keys > o.keys {
				t.Errorf("%d keys in a sample of %d", curve.Keys, o.keys)
			}
		}
	}
}

func TestWithoutSamplingThereIsNoCurve(t *testing.T) {
	if c := replayForCurve(t, loopTrace()[:10], 0, 0); len(c.Points) != 0 || c.References != 0 {
		t.Errorf("%+v", c)
	}
}

func TestDistanceBucketsCoverEachDistanceOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1<<55).Draw(t, "distance")
		b := distanceBucket(n)
		if n > distanceBytes(b) || (b > 0 && n <= distanceBytes(b-1)) {
			t.Fatalf("%d is in bucket %d, which ends at %d", n, b, distanceBytes(b))
		}
		if float64(distanceBytes(b)-n) > float64(n)/distanceFine {
			t.Fatalf("%d is in bucket %d, which ends at %d: too far", n, b, distanceBytes(b))
		}
	})
}
