package bench

import (
	"math"
)

// rateSearch looks for the highest rate that meets an objective. It is a pure
// machine: next says which rate to try, add what came of it.
//
// It doubles from the first rate, or halves, until it has a rate that is met
// and one above that is not; then it halves the interval between them, by
// their ratio, until that is within precision. As a single run may be lucky or
// unlucky, both ends are tried again in the end: two tries of three decide. Of
// rates that are met above one that is not, none counts.
type rateSearch struct {
	first float64
	tries map[float64]*tries
	n     int // tries of all rates
}

type tries struct{ met, not int }

const (
	findPrecision = 1.05 // ratio of the ends
	findMost      = 24   // tries in all
	findLeast     = 0.01 // of the first rate: lower ones are not tried

	// UsualProbes is how many rates a search tries as a rule.
	UsualProbes = 8
)

func newRateSearch(first float64) *rateSearch {
	return &rateSearch{first: round3(first), tries: make(map[float64]*tries)}
}

// add tells what a rate came to.
func (s *rateSearch) add(rate float64, met bool) {
	t := s.tries[rate]
	if t == nil {
		t = new(tries)
		s.tries[rate] = t
	}
	if met {
		t.met++
	} else {
		t.not++
	}
	s.n++
}

// bracket returns the lowest rate that is not met and the highest below it
// that is; 0 where there is none yet.
func (s *rateSearch) bracket() (low, high float64) {
	for rate, t := range s.tries {
		if t.not > t.met && (high == 0 || rate < high) {
			high = rate
		}
	}
	for rate, t := range s.tries {
		if t.met > t.not && rate > low && (high == 0 || rate < high) {
			low = rate
		}
	}
	return low, high
}

// next returns the rate to try; ok is false when the search has ended.
func (s *rateSearch) next() (rate float64, ok bool) {
	if s.n == 0 {
		return s.first, true
	}
	if s.n >= findMost {
		return 0, false
	}
	tied := math.Inf(1)
	for rate, t := range s.tries {
		if t.met == t.not {
			tied = min(tied, rate)
		}
	}
	if !math.IsInf(tied, 1) {
		return tied, true
	}
	low, high := s.bracket()
	switch {
	case high == 0:
		rate = round3(2 * low)
		return rate, rate <= MaxRate
	case low == 0:
		rate = round3(high / 2)
		return rate, rate >= max(findLeast*s.first, 1)
	case high/low > findPrecision:
		if rate = round3(math.Sqrt(low * high)); rate > low && rate < high {
			return rate, true
		}
	}
	for _, end := range []float64{low, high} {
		if t := s.tries[end]; t.met+t.not < 2 {
			return end, true
		}
	}
	return 0, false
}

// round3 keeps three digits.
func round3(x float64) float64 {
	if x <= 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-2)
	if unit < 1 { // 0.1 is not exact
		return math.Round(x/unit) / math.Round(1/unit)
	}
	return math.Round(x/unit) * unit
}

// times is how often a rate was tried.
func (s *rateSearch) times(rate float64) int {
	if t := s.tries[rate]; t != nil {
		return t.met + t.not
	}
	return 0
}
