package dist

import "math"

// Uniform draws every number of [Min, Min+Span) equally often.
type Uniform struct{ Min, Span uint64 }

// Next draws a number.
func (u *Uniform) Next(r *Rand) uint64 { return u.Min + r.Uintn(u.Span) }

// Hotspot draws from the first part of a range for a share of the draws and
// from the rest for the others, uniformly within each.
type Hotspot struct {
	min, hot, cold uint64
	share          float64
}

// NewHotspot returns the distribution over [min, min+span) whose first
// data*span numbers get the share ops of the draws. A part without numbers
// leaves all draws to the other.
func NewHotspot(min, span uint64, data, ops float64) Hotspot {
	hot := uint64(float64(span) * data)
	h := Hotspot{min: min, hot: hot, cold: span - hot, share: ops}
	if h.hot == 0 {
		h.share = 0
	}
	if h.cold == 0 {
		h.share = 1
	}
	return h
}

// Next draws a number.
func (h *Hotspot) Next(r *Rand) uint64 {
	if r.Float64() < h.share {
		return h.min + r.Uintn(h.hot)
	}
	return h.min + h.hot + r.Uintn(h.cold)
}

// Exponential draws distances behind the newest record, exponentially rarer.
type Exponential struct{ mean float64 }

// NewExponential returns the distribution that puts percentile per cent of the
// draws within span.
func NewExponential(percentile, span float64) Exponential {
	return Exponential{mean: -span / math.Log(1-percentile/100)}
}

// Next draws a distance.
func (e *Exponential) Next(r *Rand) uint64 {
	return uint64(-math.Log(r.Positive()) * e.mean)
}

// Sequential runs through [min, min+span) in steps, from the first number up
// or, with a negative step, from the last number down, and begins anew at the
// end. Of several workers each takes every workers-th step.
type Sequential struct {
	min, span, step uint64
	next, stride    uint64
	down            bool
}

// NewSequential returns the part of one of several workers. step is not 0.
func NewSequential(min, span uint64, step int64, worker, workers int) Sequential {
	s := Sequential{min: min, span: span, next: uint64(worker), stride: uint64(workers)}
	if step < 0 {
		s.down, s.step = true, uint64(-step)
	} else {
		s.step = uint64(step)
	}
	return s
}

// Skip moves forward by n steps of all workers together.
func (s *Sequential) Skip(n uint64) { s.next += n }

// Next returns the next number; it draws nothing from r.
func (s *Sequential) Next(*Rand) uint64 {
	at := s.next * s.step % s.span
	s.next += s.stride
	if s.down {
		return s.min + s.span - 1 - at
	}
	return s.min + at
}
