package dist

import "math"

// zetaHead is how many terms [Zeta] adds one by one.
const zetaHead = 1024

// Zeta returns the sum of 1/i^theta for i in 1..n, for any theta >= 0. The
// first terms are added one by one and the rest is the Euler-Maclaurin formula
// to the third derivative, whose error is far below one unit in the last place
// of the sum; so that 10^10 items cost microseconds instead of minutes.
func Zeta(n uint64, theta float64) float64 {
	return zetaMore(0, n, theta, 0)
}

// zetaMore extends the sum over 1..from to the sum over 1..to.
func zetaMore(from, to uint64, theta, sum float64) float64 {
	head := min(to, max(from, zetaHead))
	// A short extension is cheaper term by term.
	if to-head <= 64 {
		head = to
	}
	for i := from + 1; i <= head; i++ {
		sum += math.Pow(float64(i), -theta)
	}
	if head == to {
		return sum
	}
	// The tail: i in head+1..to.
	a, b := float64(head), float64(to)
	pa, pb := math.Pow(a, -theta), math.Pow(b, -theta)
	sum += integral(a, b, theta) + (pb-pa)/2
	sum += theta / 12 * (pa/a - pb/b)
	sum -= theta * (theta + 1) * (theta + 2) / 720 * (pa/(a*a*a) - pb/(b*b*b))
	return sum
}

// integral returns the integral of x^-theta over [a, b], stable at theta = 1.
func integral(a, b, theta float64) float64 {
	l := math.Log(b / a)
	return math.Pow(a, 1-theta) * l * expm1Ratio((1-theta)*l)
}

// expm1Ratio returns (e^x - 1)/x, and its limit 1 at 0.
func expm1Ratio(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return math.Expm1(x) / x
	}
	return 1 + x/2*(1+x/3)
}

// log1pRatio returns ln(1+x)/x, and its limit 1 at 0.
func log1pRatio(x float64) float64 {
	if math.Abs(x) > 1e-8 {
		return math.Log1p(x) / x
	}
	return 1 - x*(0.5-x/3)
}
