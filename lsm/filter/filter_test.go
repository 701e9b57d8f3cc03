package filter

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/FastFilter/xorfilter"
	"pgregory.net/rapid"
)

func build(t testing.TB, p Policy, hashes []uint64) (Filter, []byte) {
	t.Helper()
	b := NewBuilder(p)
	for _, h := range hashes {
		b.Add(h)
	}
	data := b.Finish(nil)
	f, err := Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return f, data
}

func randoms(n int, seed uint64) []uint64 {
	r := rand.New(rand.NewPCG(seed, 0))
	out := make([]uint64, n)
	for i := range out {
		out[i] = r.Uint64()
	}
	return out
}

// policies are some of each kind.
func policies() []Policy {
	out := []Policy{{Kind: Fuse8}, {Kind: Fuse16}}
	for _, bits := range []float64{0.5, 1, 2, 5, 8, 10, 14.4, 20, 40} {
		out = append(out, Policy{Bloom, bits}, Policy{Blocked, bits})
	}
	return out
}

func TestWhatWasAddedIsFound(t *testing.T) {
	for _, p := range policies() {
		for n := range 100 {
			hashes := randoms(n, uint64(n))
			f, _ := build(t, p, hashes)
			for _, h := range hashes {
				if !f.MayContain(h) {
					t.Fatalf("%+v: %x of %d is absent", p, h, n)
				}
			}
		}
		hashes := randoms(20_000, 1)
		f, _ := build(t, p, hashes)
		for _, h := range hashes {
			if !f.MayContain(h) {
				t.Fatalf("%+v: %x is absent", p, h)
			}
		}
	}
}

func TestAnyHashesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(policies()).Draw(t, "policy")
		hash := rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 3), rapid.Map(rapid.Uint64Range(0, 999), func(x uint64) uint64 { return x << 50 }))
		hashes := rapid.SliceOfN(hash, 0, 500).Draw(t, "hashes")
		f, err := Open(func() []byte {
			b := NewBuilder(p)
			for _, h := range hashes {
				b.Add(h)
			}
			return b.Finish(nil)
		}())
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hashes {
			if !f.MayContain(h) {
				t.Fatalf("%x is absent", h)
			}
		}
	})
}

// rate is how many of some absent hashes may be there.
func rate(f *Filter, probes int) float64 {
	r := rand.New(rand.NewPCG(7, 7))
	n := 0
	for range probes {
		if f.MayContain(r.Uint64()) {
			n++
		}
	}
	return float64(n) / float64(probes)
}

func TestFalsePositivesAreAsManyAsTheorySays(t *testing.T) {
	const probes = 200_000
	for _, p := range policies() {
		hashes := randoms(50_000, 3)
		f, _ := build(t, p, hashes)
		got, want := rate(&f, probes), p.FalsePositives()
		noise := 4 * math.Sqrt(want*(1-want)/probes)
		if math.Abs(got-want) > 0.03*want+noise {
			t.Errorf("%+v: %.6f false positives, theory %.6f", p, got, want)
		}
	}
}

// As they do in an engine that holds some slots of a hash ring.
func TestHashesThatShareBitsAreFilteredAsWell(t *testing.T) {
	const probes = 200_000
	for _, p := range []Policy{{Bloom, 10}, {Blocked, 10}, {Kind: Fuse8}} {
		for name, share := range map[string]func(uint64) uint64{
			"upper": func(h uint64) uint64 { return h>>14 | 0x155<<50 },
			"lower": func(h uint64) uint64 { return h<<14 | 0x155 },
		} {
			hashes := randoms(50_000, 5)
			for i := range hashes {
				hashes[i] = share(hashes[i])
			}
			f, _ := build(t, p, hashes)
			r := rand.New(rand.NewPCG(8, 8))
			n := 0.
			for range probes {
				if f.MayContain(share(r.Uint64())) {
					n++
				}
			}
			if got, want := n/probes, p.FalsePositives(); math.Abs(got-want) > 0.15*want {
				t.Errorf("%+v, %s bits shared: %.5f false positives, theory %.5f", p, name, got, want)
			}
		}
	}
}

func TestAFilterIsAsLongAsItsBitsSay(t *testing.T) {
	for _, p := range policies() {
		b := NewBuilder(p)
		for _, h := range randoms(100_000, 3) {
			b.Add(h)
		}
		said := b.Size()
		data := b.Finish(nil)
		bits := 8 * float64(len(data)) / 100_000
		if math.Abs(bits-p.Bits()) > 0.06*p.Bits() || math.Abs(float64(said-len(data))) > 0.02*float64(said) {
			t.Errorf("%+v: %v bits per key, want %v; Size says %d of %d bytes", p, bits, p.Bits(), said, len(data))
		}
		if f, err := Open(data); err != nil || f.Bytes() != len(data) || f.Kind() != p.Kind {
			t.Errorf("%v filter of %d bytes, %v", f.Kind(), f.Bytes(), err)
		}
	}
}

func TestNoFilterKnowsNothing(t *testing.T) {
	for _, p := range []Policy{{}, {Kind: Bloom}, {Blocked, -1}, {Blocked, math.NaN()}, {Kind: 9, BitsPerKey: 10}} {
		f, data := build(t, p, randoms(10, 0))
		if len(data) != 0 || f.Kind() != None || !f.MayContain(1) || p.Bits() != 0 || p.FalsePositives() != 1 {
			t.Errorf("%+v: %d bytes", p, len(data))
		}
	}
}

func TestAFilterOfNoKeysContainsNone(t *testing.T) {
	for _, p := range policies() {
		f, _ := build(t, p, nil)
		if got := rate(&f, 1000); got > 0.02 {
			t.Errorf("%+v: contains %v of all hashes", p, got)
		}
	}
}

func TestABuilderBuildsOneFilterAfterTheOther(t *testing.T) {
	for _, p := range policies() {
		b := NewBuilder(p)
		data := []byte("before")
		for i := range 3 {
			hashes := randoms(1000>>i, uint64(i))
			for _, h := range hashes {
				b.Add(h)
			}
			if b.Len() != len(hashes) {
				t.Fatalf("%d hashes of %d", b.Len(), len(hashes))
			}
			_, want := build(t, p, hashes)
			data = b.Finish(data[:6])
			if string(data[:6]) != "before" || !slices.Equal(data[6:], want) {
				t.Fatalf("%+v: filter %d is not that of a new builder", p, i)
			}
		}
	}
}

func TestKeysThatFollowOneAnotherCountOnce(t *testing.T) {
	b := NewBuilder(Policy{Blocked, 10})
	for _, h := range []uint64{0, 0, 1, 1, 1, 0, 2} {
		b.Add(h)
	}
	if b.Len() != 4 {
		t.Errorf("%d hashes", b.Len())
	}
	for _, p := range []uint64{0, 0, 5, 5} {
		b.Add(uint64(b.Len()) + 100)
		b.AddPrefix(p)
	}
	if b.Len() != 4+4+2 {
		t.Errorf("%d hashes", b.Len())
	}
	f, err := Open(b.Finish(nil))
	if err != nil || !f.MayContain(5) || !f.MayContain(104) {
		t.Error("a prefix, or a key between prefixes, is absent", err)
	}
	// What the filter before had as its last is new to this one.
	b.AddPrefix(5)
	b.Add(109)
	if b.Len() != 2 {
		t.Errorf("%d hashes", b.Len())
	}
}

// The library counts to 63 in a cell.
func TestFuseFiltersTakeAHashThatComesOften(t *testing.T) {
	for _, kind := range []Kind{Fuse8, Fuse16} {
		for _, distinct := range []int{2, 3, 1000} {
			set := randoms(distinct, 2)
			var hashes []uint64
			for i := range 5000 {
				hashes = append(hashes, set[i%distinct], set[0])
			}
			f, data := build(t, Policy{Kind: kind}, hashes)
			slices.Sort(set)
			_, want := build(t, Policy{Kind: kind}, set)
			if f.Kind() != kind || !slices.Equal(data, want) {
				t.Errorf("%v of %d hashes is a %v of %d bytes, not %d", kind, distinct, f.Kind(), len(data), len(want))
			}
		}
	}
}

func TestABlockedFilterStandsInForAFuseFilterThatCannotBeBuilt(t *testing.T) {
	b := NewBuilder(Policy{Kind: Fuse8})
	b.fuse.most = 999
	hashes := randoms(1000, 1)
	for _, h := range hashes {
		b.Add(h)
	}
	f, err := Open(b.Finish(nil))
	if err != nil || f.Kind() != Blocked || b.Len() != 0 {
		t.Fatal(f.Kind(), err)
	}
	for _, h := range hashes {
		if !f.MayContain(h) {
			t.Fatalf("%x is absent", h)
		}
	}
	if got := rate(&f, 100_000); got > 0.03 {
		t.Errorf("%v false positives", got)
	}
}

func TestFuseFiltersAnswerAsTheLibraryDoes(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 1000, 20_000} {
		hashes := randoms(n, 9)
		f8, _ := build(t, Policy{Kind: Fuse8}, hashes)
		f16, _ := build(t, Policy{Kind: Fuse16}, hashes)
		l8, err8 := xorfilter.NewBinaryFuse[uint8](slices.Clone(hashes))
		l16, err16 := xorfilter.NewBinaryFuse[uint16](slices.Clone(hashes))
		if err8 != nil || err16 != nil {
			t.Fatal(err8, err16)
		}
		for _, h := range append(randoms(50_000, 10), hashes...) {
			if f8.MayContain(h) != l8.Contains(h) || f16.MayContain(h) != l16.Contains(h) {
				t.Fatalf("%x among %d: %t and %t", h, n, f8.MayContain(h), f16.MayContain(h))
			}
		}
	}
}

// One more would better the false positives by less than a hundredth.
func TestABlockedFilterHasAsManyProbesAsPay(t *testing.T) {
	for bits, want := range map[float64]int{0.5: 1, 4: 3, 8: 5, 10: 6, 12: 7, 16: 9, 40: maxBlockedProbes} {
		got := Policy{Blocked, bits}.probes()
		if got != want {
			t.Errorf("%v bits: %d probes, want %d", bits, got, want)
		}
		for k := 1; k <= maxBlockedProbes; k++ {
			if blockedRate(bits, k) < 0.97*blockedRate(bits, got) {
				t.Errorf("%v bits: %d probes are much better than %d", bits, k, got)
			}
		}
	}
}

func TestAskingAllocatesNothing(t *testing.T) {
	for _, p := range policies() {
		f, _ := build(t, p, randoms(1000, 0))
		if n := testing.AllocsPerRun(100, func() { f.MayContain(12345) }); n != 0 {
			t.Errorf("%+v: %v allocations", p, n)
		}
	}
}

func TestPoliciesThatCannotBeAreNamed(t *testing.T) {
	for _, p := range append(policies(), Policy{}, Policy{Kind: Bloom}) {
		if err := p.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, p := range []Policy{{Kind: 5}, {Bloom, -1}, {Blocked, 41}, {Bloom, math.NaN()}, {Blocked, math.Inf(1)}} {
		if p.Check() == nil {
			t.Errorf("%+v passes", p)
		}
	}
	for _, k := range Kinds() {
		if got, err := ParseKind(fmt.Sprint(k)); got != k || err != nil {
			t.Errorf("%v is parsed as %v, %v", k, got, err)
		}
	}
	if _, err := ParseKind("cuckoo"); err == nil {
		t.Error("a cuckoo")
	}
}
