package workloads

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseCount reads a count or size with an optional suffix: k, m, g are powers
// of 1000, ki, mi, gi powers of 1024; a final b is allowed after a suffix.
func parseCount(text string) (uint64, error) {
	t := strings.ToLower(strings.TrimSpace(text))
	digits := strings.TrimRight(t, "kmgib")
	unit, ok := map[string]uint64{
		"": 1, "b": 1, "k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9,
		"ki": 1 << 10, "kib": 1 << 10, "mi": 1 << 20, "mib": 1 << 20, "gi": 1 << 30, "gib": 1 << 30,
	}[t[len(digits):]]
	if strings.HasPrefix(digits, "-") {
		return 0, fmt.Errorf("%q is negative", text)
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err == nil && ok && n <= math.MaxInt64/unit {
		return n * unit, nil
	}
	// 1.5m is a count too, 1.5 is not.
	f, ferr := strconv.ParseFloat(digits, 64)
	f *= float64(unit)
	if ferr == nil && ok && unit > 1 && f >= 0 && f < math.MaxInt64 && f == math.Trunc(f) {
		return uint64(f), nil
	}
	return 0, fmt.Errorf("%q is not a whole number (suffixes: k m g, ki mi gi)", text)
}

// parseFloat reads a finite number.
func parseFloat(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return f, nil
}

// The methods of resolver below record an error when a property is ill-typed
// and then return the least value that is allowed.

func (r *resolver) fail(name, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: %s: %s", r.where(name), name, fmt.Sprintf(format, args...)))
}

// count reads a whole number of at least least and at most most.
func (r *resolver) count(name string, least, most uint64) uint64 {
	n, err := parseCount(r.value(name))
	switch {
	case err != nil:
		r.fail(name, "%v", err)
	case n < least:
		r.fail(name, "%d is less than %d", n, least)
	case n > most:
		r.fail(name, "%d is more than %d", n, most)
	default:
		return n
	}
	return least
}

// float reads a number of at least least and at most most.
func (r *resolver) float(name string, least, most float64) float64 {
	f, err := parseFloat(r.value(name))
	switch {
	case err != nil:
		r.fail(name, "%v", err)
	case f < least && least == 0:
		r.fail(name, "%g is negative", f)
	case f < least || f > most:
		r.fail(name, "%g is not in %g..%g", f, least, most)
	default:
		return f
	}
	return least
}

func (r *resolver) bool(name string) bool {
	switch strings.ToLower(r.value(name)) {
	case "true":
		return true
	case "false":
	default:
		r.fail(name, "%q is neither true nor false", r.value(name))
	}
	return false
}

// choice reads one of several words; the first stands in for a wrong one.
func (r *resolver) choice(name string, words ...string) string {
	v := strings.ToLower(r.value(name))
	for _, w := range words {
		if v == w {
			return w
		}
	}
	r.fail(name, "%q is none of %s; nearest is %q", r.value(name), strings.Join(words, ", "), nearest(v, words))
	return words[0]
}
