package bench

import (
	"math/rand/v2"
	"slices"
	"testing"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
	"pgregory.net/rapid"
)

func TestABucketsMiddleIsWithinItsErrorBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bit := rapid.IntRange(0, topBit-1).Draw(t, "bit")
		v := uint64(1)<<bit | rapid.Uint64Range(0, 1<<bit-1).Draw(t, "rest")
		low, width := bucketBounds(bucketOf(v))
		if v < low || v >= low+width {
			t.Fatalf("%d is in bucket [%d, %d)", v, low, low+width)
		}
		middle := low + width/2
		if diff := max(middle, v) - min(middle, v); diff*256 > v && diff > 0 {
			t.Fatalf("%d is reported as %d, %.2f %% off", v, middle, 100*float64(diff)/float64(v))
		}
	})
}

func TestBucketsFollowEachOtherWithoutGapOrOverlap(t *testing.T) {
	next := uint64(0)
	for i := range histogramBuckets {
		low, width := bucketBounds(i)
		if low != next || bucketOf(low) != i || bucketOf(low+width-1) != i {
			t.Fatalf("bucket %d is [%d, %d), want it to begin at %d", i, low, low+width, next)
		}
		next = low + width
	}
	if next != 1<<topBit {
		t.Fatalf("buckets end at %d", next)
	}
}

func TestQuantilesAgreeWithASortedListAndWithHdr(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 10, 999, 20_000} {
		var h Histogram
		other := hdr.New(1, 1<<topBit, 3)
		values := make([]uint64, n)
		for i := range values {
			values[i] = uint64(1) << rng.IntN(36)
			values[i] += rng.Uint64N(values[i])
			h.Record(int64(values[i]))
			if err := other.RecordValue(int64(values[i])); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(values)
		for _, q := range []float64{0.01, .5, .9, .99, .999, 1} {
			rank := min(max(int(q*float64(n)+.9999999), 1), n)
			want := values[rank-1]
			if got := h.Quantile(q); !near(got, want) {
				t.Errorf("n=%d: quantile %g is %d, sorted list says %d", n, q, got, want)
			}
			// hdr rounds the rank to the nearest, ours up.
			theirs := uint64(other.ValueAtQuantile(q * 100))
			if !near(theirs, want) && !near(theirs, values[max(rank-2, 0)]) {
				t.Errorf("n=%d: hdr says quantile %g is %d, sorted list says %d", n, q, theirs, want)
			}
		}
		if h.Quantile(1) != values[n-1] || h.min != values[0] {
			t.Errorf("n=%d: extremes %d..%d, want %d..%d", n, h.min, h.Quantile(1), values[0], values[n-1])
		}
	}
}

func near(got, want uint64) bool { return max(got, want)-min(got, want) <= want/100+1 }

func TestMergingIsTheSameAsRecordingEverythingInOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOf(rapid.Int64Range(0, 1<<40)).Draw(t, "a")
		b := rapid.SliceOf(rapid.Int64Range(0, 1<<40)).Draw(t, "b")
		var one, left, right Histogram
		for _, v := range a {
			one.Record(v)
			left.Record(v)
		}
		for _, v := range b {
			one.Record(v)
			right.Record(v)
		}
		merged, reversed := left, right
		merged.Merge(&right)
		reversed.Merge(&left)
		if merged != one || reversed != one {
			t.Fatalf("merged %v and %v: differ from one histogram of all", a, b)
		}
	})
}

func TestAnEmptyHistogramHasNoLatency(t *testing.T) {
	var h Histogram
	if h.Latency() != nil || h.Quantile(.5) != 0 || h.Mean() != 0 {
		t.Fatal("an empty histogram claims to know something")
	}
	h.Record(-5)
	if h.Quantile(.5) != 0 || h.N() != 1 {
		t.Fatal("a clock that went backwards must count as zero")
	}
}
