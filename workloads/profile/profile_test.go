package profile

import (
	"fmt"
	"math"
	"testing"

	"github.com/kvbench/kvbench/workloads"
	"github.com/kvbench/kvbench/workloads/dist"
)

// source draws numbers of a distribution.
type source interface{ Next(r *dist.Rand) uint64 }

func drawn(t *testing.T, records uint64, from source, n int, seed uint64) Profile {
	t.Helper()
	a, r := New(Options{Records: records, Numbered: true}), dist.NewRand(seed)
	for range n {
		a.Add(workloads.Read, from.Next(&r), 0)
	}
	return a.Profile()
}

// laws are distributions with their definitions.
func laws() map[string]struct {
	records uint64
	from    source
	law     Law
} {
	type c = struct {
		records uint64
		from    source
		law     Law
	}
	all := map[string]c{}
	for name, n := range map[string]uint64{"thousand": 1000, "million": 1_000_000} {
		z, y, h := dist.NewScrambled(0, n-1, dist.YCSBTheta, false), dist.NewZipf(n, 0.99), dist.NewHotspot(0, n, 0.2, 0.8)
		all["uniform "+name] = c{n, &dist.Uniform{Span: n}, Uniform(n)}
		all["zipfian "+name] = c{n, &z, Scrambled(n, dist.YCSBTheta, z.OfRank)}
		all["zipf:0.99 "+name] = c{n, &y, Zipf(n, 0.99)}
		all["hotspot "+name] = c{n, &h, Hotspot(n, 0.2, 0.8)}
		for theta, text := range map[float64]string{0.5: "0.5", 1: "1", 1.2: "1.2"} {
			z := dist.NewZipf(n, theta)
			all["zipf:"+text+" "+name] = c{n, &z, Zipf(n, theta)}
		}
	}
	return all
}

func TestWhatIsDrawnIsWhatTheLawPromises(t *testing.T) {
	const n = 1 << 18
	for name, c := range laws() {
		sum := 0.0
		for _, l := range c.law.Levels {
			sum += l.Keys * l.P
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Errorf("%s: probabilities sum to %.12f", name, sum)
		}
		p, e := drawn(t, c.records, c.from, n, 7), c.law.Expect(n)
		if d := e.Distance(p.Spectrum); d > 0.005 {
			t.Errorf("%s: distance %.4f from its own law", name, d)
		}
		if want := e.Distinct(); math.Abs(float64(p.Distinct)-want) > 4*math.Sqrt(want) || want > float64(c.records)+1e-6 {
			t.Errorf("%s: %d distinct keys, promised %.0f", name, p.Distinct, want)
		}
		if want := c.law.Distinct(n); math.Abs(e.Distinct()-want) > want*1e-9 {
			t.Errorf("%s: %.3f and %.3f distinct keys promised", name, e.Distinct(), want)
		}
		if want := e.Top(float64(c.records) / 100); math.Abs(*p.Top1Share-want) > 0.004 {
			t.Errorf("%s: the top 1 %% have %.4f, promised %.4f", name, *p.Top1Share, want)
		}
		if want := c.law.Hot(); want > 0.01 && math.Abs(*p.HotShare-want) > 4*math.Sqrt(want/n) {
			t.Errorf("%s: the hottest has %.4f, promised %.4f", name, *p.HotShare, want)
		}
	}
}

func TestNoLawFitsTheDrawsOfAnother(t *testing.T) {
	const n = 1 << 17
	all := laws()
	for name, c := range all {
		p := drawn(t, c.records, c.from, n, 8)
		for other, o := range all {
			if other == name || o.records != c.records {
				continue
			}
			// Between them lies more than chance, except for 0.99 and 1.
			if d := o.law.Expect(n).Distance(p.Spectrum); d < 0.005 {
				t.Errorf("draws of %s are within %.4f of %s", name, d, other)
			}
		}
	}
}

func TestAZipfLawIsFoundWhereThereIsOneAndNowhereElse(t *testing.T) {
	for name, c := range laws() {
		p := drawn(t, c.records, c.from, 1<<18, 9)
		var theta float64
		zipf, _ := fmt.Sscanf(name, "zipf:%g", &theta)
		switch {
		case zipf == 0 && p.Zipf != nil && p.Zipf.Fits:
			t.Errorf("%s: taken for a Zipf law: %+v", name, *p.Zipf)
		case zipf == 1 && p.Zipf == nil:
			// Nothing is hot enough to be ranked.
			if theta > 0.5 || c.records == 1000 {
				t.Errorf("%s: no exponent", name)
			}
		case zipf == 1 && (!p.Zipf.Fits || math.Abs(p.Zipf.Theta-theta) > 0.01+4*p.Zipf.StdErr):
			t.Errorf("%s: %+v", name, *p.Zipf)
		}
	}
}

func TestTheNumberOfKeysOfALawIsFoundFromItsDraws(t *testing.T) {
	const n = 200_000
	z, a, r := dist.NewZipf(n, 1), New(Options{}), dist.NewRand(3)
	for range 1 << 18 {
		a.Add(workloads.Read, dist.Mix64(z.Next(&r)), 0)
	}
	p := a.Profile()
	if p.Zipf == nil || !p.Zipf.Fits || math.Abs(p.Zipf.Theta-1) > 0.02 || math.Abs(float64(p.Zipf.Keys)/n-1) > 0.1 {
		t.Errorf("%+v, want theta 1 over %d keys", p.Zipf, n)
	}
	if p.Locality != nil || p.Sequential != nil {
		t.Error("keys without numbers have a locality")
	}
}

func TestTheExponentOfKnownRanksIsTheirs(t *testing.T) {
	const n, draws = 100_000, 1 << 16
	for _, theta := range []float64{0.5, 0.99, 1, 1.2} {
		z, r, logs := dist.NewZipf(n, theta), dist.NewRand(4), 0.0
		for range draws {
			logs += math.Log(float64(z.Next(&r) + 1))
		}
		got, stderr := ThetaOfRanks(logs/draws, n, draws)
		if math.Abs(got-theta) > 4*stderr || stderr > 0.01 {
			t.Errorf("theta %g: %.4f +- %.4f", theta, got, stderr)
		}
	}
}

func TestCountsAreExactUntilTheLimitAndUnbiasedBeyond(t *testing.T) {
	const n, draws = 300_000, 1 << 20
	z, r := dist.NewZipf(n, 0.8), dist.NewRand(5)
	exact, sampled := New(Options{Records: n}), New(Options{Records: n, Keys: 1 << 13})
	seen := map[uint64]bool{}
	for range draws {
		k := z.Next(&r)
		seen[k] = true
		exact.Add(workloads.Read, k, 0)
		sampled.Add(workloads.Read, k, 0)
	}
	a, b := exact.Profile(), sampled.Profile()
	if a.Distinct != uint64(len(seen)) {
		t.Errorf("%d distinct keys, want %d", a.Distinct, len(seen))
	}
	if len(sampled.keys.counts) > 4<<13 || sampled.keys.level == 0 {
		t.Errorf("%d slots at level %d", len(sampled.keys.counts), sampled.keys.level)
	}
	if d := math.Abs(float64(b.Distinct)/float64(a.Distinct) - 1); d > 0.1 {
		t.Errorf("%d distinct keys of a sample, want about %d", b.Distinct, a.Distinct)
	}
	if *a.HotShare != *b.HotShare || math.Abs(*a.Top1Share-*b.Top1Share) > 0.05 {
		t.Errorf("hot %v %v, top %v %v", *a.HotShare, *b.HotShare, *a.Top1Share, *b.Top1Share)
	}
}

func TestMixScansAndAnswersAreCounted(t *testing.T) {
	a := New(Options{Records: 1000, Numbered: true})
	a.Add(workloads.Insert, 5000, 0)
	for i := range uint64(10) {
		a.Add(workloads.Scan, 100+i, 10+i)
	}
	for i := range uint64(8) {
		a.Add(workloads.Read, 500+2*i, 0)
		a.Answer(i%4 != 0)
	}
	a.Add(workloads.ReadAbsent, 7, 0)
	p := a.Profile()
	if p.Operations != 20 || p.Requests != 18 || p.Mix[workloads.Read] != 0.4 || p.Mix[workloads.Insert] != 0.05 {
		t.Errorf("%+v", p)
	}
	if p.Scans != 10 || *p.ScanMean != 14.5 || p.ScanMin != 10 || p.ScanMax != 19 || *p.Absent != 0.25 || p.Answered != 8 {
		t.Errorf("%+v", p)
	}
	// 9 of 17 steps go to the next number, and are the only ones within 1.
	if *p.Sequential != 9.0/17 || *p.Locality != 9.0/17 {
		t.Errorf("sequential %v, locality %v", *p.Sequential, *p.Locality)
	}
	last := p.WorkingSet[len(p.WorkingSet)-1]
	if last != (WorkingSet{18, 18}) || p.WorkingSet[0] != (WorkingSet{1, 1}) {
		t.Errorf("%v", p.WorkingSet)
	}
}

func TestOfNothingNothingIsKnown(t *testing.T) {
	p := New(Options{}).Profile()
	if p.HotShare != nil || p.Top1Share != nil || p.Zipf != nil || p.Locality != nil || p.ScanMean != nil || p.Absent != nil {
		t.Errorf("%+v", p)
	}
}

func TestThePoissonTailIsThatOfTheSum(t *testing.T) {
	for _, mean := range []float64{0.001, 1, 7, 63} {
		term, below := math.Exp(-mean), 0.0
		for c := 0.0; c < 30; c++ {
			if got := poissonTail(mean, c); math.Abs(got-(1-below)) > 1e-12 {
				t.Errorf("P(X >= %g) at mean %g: %g, want %g", c, mean, got, 1-below)
			}
			below += term
			term *= mean / (c + 1)
		}
	}
	if got := poissonTail(100, 110); math.Abs(got-0.1710) > 0.004 {
		t.Errorf("P(X >= 110) at mean 100: %.4f", got)
	}
}
