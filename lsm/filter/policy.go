package filter

import (
	"fmt"
	"math"
)

// A Kind is a way to filter. The numbers are on disk.
type Kind uint8

const (
	None    Kind = 0 // no filter: takes nothing, knows nothing
	Bloom   Kind = 1
	Blocked Kind = 2
	Fuse8   Kind = 3
	Fuse16  Kind = 4
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{None, Bloom, Blocked, Fuse8, Fuse16} }

// String returns the kind's name, which ParseKind knows.
func (k Kind) String() string {
	switch k {
	case None:
		return "none"
	case Bloom:
		return "bloom"
	case Blocked:
		return "blocked"
	case Fuse8:
		return "fuse8"
	case Fuse16:
		return "fuse16"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// ParseKind is the kind of a name.
func ParseKind(name string) (Kind, error) {
	for _, k := range Kinds() {
		if k.String() == name {
			return k, nil
		}
	}
	return None, fmt.Errorf("filter kind %q is none of %v", name, Kinds())
}

// A Policy says how to filter.
type Policy struct {
	Kind Kind

	// BitsPerKey is how large a Bloom or Blocked filter is. With 0 there is
	// none, and more than MaxBitsPerKey are not taken. Fuse filters have
	// some 9.04 and 18.08 bits if keys are many, some 9.5 and 19 if they are
	// 100 000, whatever it says.
	BitsPerKey float64
}

// MaxBitsPerKey is the most that a filter makes use of.
const MaxBitsPerKey = 40

// Check says what is wrong with p, for a user.
func (p Policy) Check() error {
	switch {
	case p.Kind > Fuse16:
		return fmt.Errorf("filter has %v, want one of %v", p.Kind, Kinds())
	case p.Kind == Bloom || p.Kind == Blocked:
		if !(p.BitsPerKey >= 0 && p.BitsPerKey <= MaxBitsPerKey) {
			return fmt.Errorf("filter has %v bits per key, want 0 to %v", p.BitsPerKey, MaxBitsPerKey)
		}
	}
	return nil
}

// effective is the policy that is acted upon.
func (p Policy) effective() Policy {
	switch p.Kind {
	case Bloom, Blocked:
		if !(p.BitsPerKey > 0) {
			return Policy{}
		}
		p.BitsPerKey = min(p.BitsPerKey, MaxBitsPerKey)
	case Fuse8, Fuse16:
		p.BitsPerKey = 9.04 * float64(p.Kind-Fuse8+1)
	default:
		return Policy{}
	}
	return p
}

// Bits is how many bits a key takes, of a million keys or more.
func (p Policy) Bits() float64 { return p.effective().BitsPerKey }

// FalsePositives is the share of absent keys that theory says a filter of many
// keys may contain.
func (p Policy) FalsePositives() float64 {
	p = p.effective()
	switch p.Kind {
	case Bloom:
		return bloomRate(p.BitsPerKey, p.probes())
	case Blocked:
		return blockedRate(p.BitsPerKey, p.probes())
	case Fuse8:
		return 1. / (1 << 8)
	case Fuse16:
		return 1. / (1 << 16)
	}
	return 1
}

const (
	maxProbes        = 28 // Bloom: ln 2 of MaxBitsPerKey
	maxBlockedProbes = 14 // of 9 bits each, from two words
)

// probes is how many bits of the filter a key sets. p is effective.
func (p Policy) probes() int {
	switch p.Kind {
	case Bloom:
		return min(max(int(math.Round(p.BitsPerKey*math.Ln2)), 1), maxProbes)
	case Blocked:
		// More of them take more time: each must better the rate by a hundredth.
		k, rate := 1, blockedRate(p.BitsPerKey, 1)
		for ; k < maxBlockedProbes; k++ {
			next := blockedRate(p.BitsPerKey, k+1)
			if next > 0.99*rate {
				break
			}
			rate = next
		}
		return k
	}
	return 0
}

// bloomRate is (1-e^(-kn/m))^k.
func bloomRate(bits float64, k int) float64 {
	return math.Pow(1-math.Exp(-float64(k)/bits), float64(k))
}

// blockedRate is the mean of Bloom filters of one block over how many keys
// chance puts into it (Putze, Sanders, Singler 2007, equation 3).
func blockedRate(bits float64, k int) float64 {
	const size = 8 * blockBytes
	mean := size / bits
	spread := 8 * math.Sqrt(mean)
	keys := max(math.Floor(mean-spread), 0)
	// Of so many keys: the chance (Poisson's), and that they leave a bit alone.
	lg, _ := math.Lgamma(keys + 1)
	chance := math.Exp(keys*math.Log(mean) - mean - lg)
	alone := math.Exp(keys * float64(k) * math.Log1p(-1./size))
	rate, each := 0., math.Pow(1-1./size, float64(k))
	for ; keys <= mean+spread+12; keys++ {
		rate += chance * math.Pow(1-alone, float64(k))
		chance *= mean / (keys + 1)
		alone *= each
	}
	return rate
}
