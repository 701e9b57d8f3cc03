package dist

import "math"

// Zipf draws ranks 0..n-1 with P(rank) proportional to 1/(rank+1)^theta,
// exactly, for any theta > 0 (1 and above included), by rejection-inversion
// (Hörmann and Derflinger, "Rejection-inversion to generate variates from
// monotone discrete distributions", ACM TOMACS 6(3), 1996). No table, no
// set-up that depends on n.
type Zipf struct {
	n, theta float64
	hFirst   float64 // H(1.5) - h(1)
	hLast    float64 // H(n + 0.5)
	accept   float64 // every x that rounds up by at most this is accepted
}

// NewZipf returns the law over n > 0 ranks.
func NewZipf(n uint64, theta float64) Zipf {
	z := Zipf{n: float64(n), theta: theta}
	z.hFirst = z.area(1.5) - 1
	z.hLast = z.area(z.n + 0.5)
	z.accept = 2 - z.areaInverse(z.area(2.5)-math.Pow(2, -theta))
	return z
}

// area is the integral of x^-theta from 1.
func (z *Zipf) area(x float64) float64 {
	l := math.Log(x)
	return expm1Ratio((1-z.theta)*l) * l
}

// areaInverse is the inverse of area.
func (z *Zipf) areaInverse(a float64) float64 {
	t := max(a*(1-z.theta), -1)
	return math.Exp(log1pRatio(t) * a)
}

// Next draws a rank in [0, n).
func (z *Zipf) Next(r *Rand) uint64 {
	for {
		a := z.hLast + r.Float64()*(z.hFirst-z.hLast)
		x := z.areaInverse(a)
		k := min(max(math.Floor(x+0.5), 1), z.n)
		if k-x <= z.accept || a >= z.area(k+0.5)-math.Exp(-z.theta*math.Log(k)) {
			return uint64(k) - 1
		}
	}
}
