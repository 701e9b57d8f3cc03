package steady

import (
	"fmt"
	"math"

	"github.com/kvbench/kvbench/results"
)

// Bounds of what passes for steady.
const (
	// MinWindows are needed to test at all: of five values in order by chance
	// one arrangement in sixty is monotonic, of four one in twelve, so that no
	// trend of four could be told from chance.
	MinWindows = 5

	// Alpha is the probability of a trend by chance below which one is taken
	// for real.
	Alpha = 0.05

	// MaxTrend is the change of the rate over all windows, as a share of it,
	// that does not matter: differences below it are not what is looked for
	// between engines. A long phase shows smaller trends with certainty.
	MaxTrend = 0.05

	// MaxCV is the variation of windows of one second.
	MaxCV = 0.05

	// CapCV bounds what MaxCV grows to for short windows.
	CapCV = 0.25

	// MaxDebtGrowth is how far the most debt of the last third may exceed that
	// of the third before: debt that rises and falls with a cycle passes, debt
	// that only rises does not.
	MaxDebtGrowth = 1.2

	// MaxHitDrift is the change of a cache's hit rate from the middle third to
	// the last.
	MaxHitDrift = 0.01
)

// Options are what is known of the windows besides their rates. Slices are
// empty, or as long as the windows; a value that is not known is NaN.
type Options struct {
	WindowS float64 // length of a window in seconds; 0: one

	// Poisson says that operations came at random, independent of each other,
	// so that their number varies by itself.
	Poisson bool

	Debt []float64 // bytes outstanding at the end of each window
	// DebtFloor is a debt that does not matter, in bytes.
	DebtFloor float64

	Hits, Misses []float64 // of the engine's cache in each window
}

// Test says whether a phase with windows of these rates was steady, and why
// not. Too few windows are not steady: it cannot be shown.
func Test(windows []float64, o Options) results.Steady {
	if o.WindowS <= 0 {
		o.WindowS = 1
	}
	s := results.Steady{Windows: len(windows), WindowS: o.WindowS, Reasons: []string{}}
	object := func(format string, args ...any) { s.Reasons = append(s.Reasons, fmt.Sprintf(format, args...)) }
	if cv := CV(windows); !math.IsNaN(cv) {
		s.CV = results.Num(cv)
	}
	if len(windows) < MinWindows {
		object("%d windows of %s are too few to tell; at least %d", len(windows), seconds(o.WindowS), MinWindows)
		return s
	}
	if s.CV == nil {
		object("nothing was done")
		return s
	}
	limit := CVLimit(o.WindowS)
	if o.Poisson {
		limit = math.Hypot(limit, poissonCV(mean(windows)*o.WindowS, len(windows)))
	}
	if *s.CV > limit {
		object("the rate of windows of %s varies by %.0f %%; at most %.0f %%", seconds(o.WindowS), 100**s.CV, 100*limit)
	}
	_, p := MannKendall(windows)
	trend := TheilSen(windows) * float64(len(windows)-1) / mean(windows)
	s.TrendP, s.Trend = results.Num(p), results.Num(trend)
	if p < Alpha && math.Abs(trend) > MaxTrend {
		verb := "rises"
		if trend < 0 {
			verb = "falls"
		}
		object("the rate %s by %.0f %% of its mean over %d windows of %s (p = %.2g)", verb, 100*math.Abs(trend), len(windows), seconds(o.WindowS), p)
	}
	if middle, last, ok := debts(o.Debt); ok && last > o.DebtFloor && last > MaxDebtGrowth*middle {
		object("background work piles up: at most %s in the middle third, %s in the last", mebibytes(middle), mebibytes(last))
	}
	if middle, last, ok := hitRates(o.Hits, o.Misses); ok && math.Abs(last-middle) > MaxHitDrift {
		object("the cache's hit rate goes from %.1f %% to %.1f %%", 100*middle, 100*last)
	}
	s.OK = len(s.Reasons) == 0
	return s
}

// CVLimit is the most variation of windows of so many seconds: as much as
// leaves MaxCV to one second made of them, if they are independent, and at
// most CapCV. Longer windows are held to MaxCV, since what swings slowly is
// not averaged away.
func CVLimit(windowS float64) float64 {
	return min(CapCV, MaxCV/math.Sqrt(min(windowS, 1)))
}

// poissonCV is the variation that is exceeded in about one of twenty phases of
// n windows with Poisson counts of this mean: 1/sqrt(mean), and what the
// variation of so few windows is off by.
func poissonCV(mean float64, n int) float64 {
	return (1 + 1.645/math.Sqrt(2*float64(n-1))) / math.Sqrt(mean)
}

// thirds returns the bounds of the middle and the last third of n.
func thirds(n int) (from, to int) { return n / 3, n - n/3 }

// debts returns the most debt of the middle third and of the last; ok is false
// when either has none that is known.
func debts(debt []float64) (middle, last float64, ok bool) {
	from, to := thirds(len(debt))
	middle, last = most(debt[from:to]), most(debt[to:])
	return middle, last, !math.IsNaN(middle) && !math.IsNaN(last)
}

// most is the largest value that is known, NaN for none.
func most(xs []float64) float64 {
	m := math.NaN()
	for _, x := range xs {
		if math.IsNaN(m) || x > m {
			m = x
		}
	}
	return m
}

// hitRates returns those of the middle third and of the last; ok is false when
// either had no access that is known.
func hitRates(hits, misses []float64) (middle, last float64, ok bool) {
	from, to := thirds(min(len(hits), len(misses)))
	rate := func(from, to int) float64 {
		var hit, all float64
		for i := from; i < to; i++ {
			if !math.IsNaN(hits[i]) && !math.IsNaN(misses[i]) {
				hit += hits[i]
				all += hits[i] + misses[i]
			}
		}
		return hit / all
	}
	middle, last = rate(from, to), rate(to, min(len(hits), len(misses)))
	return middle, last, !math.IsNaN(middle) && !math.IsNaN(last)
}

func mean(xs []float64) float64 {
	var sum float64
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}

func seconds(s float64) string { return fmt.Sprintf("%.3g s", s) }

func mebibytes(b float64) string { return fmt.Sprintf("%.3g MiB", b/(1<<20)) }
