package results

import (
	"math"
	"strconv"
)

// unknownText stands for what is not known, or does not apply.
const unknownText = "-"

// significant writes x with three significant digits, and whole when it is
// larger: 0.123 1.23 12.3 123 1234.
func significant(x float64) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return strconv.FormatFloat(x, 'g', 3, 64)
	}
	rounded := roundTo3(x) // 9.996 is 10.0 and not 10.00
	if math.Abs(rounded) >= 1000 {
		return strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	}
	decimals := 2 - int(math.Floor(math.Log10(math.Abs(rounded))))
	return strconv.FormatFloat(x, 'f', min(max(decimals, 0), 3), 64)
}

// scaled writes x with the largest unit that leaves at least 1 of it. The
// first unit is x's own; each is step times the one before.
func scaled(x float64, step float64, units ...string) string {
	last := len(units) - 1
	for i, unit := range units {
		// 999.6 would round to 1000 of this unit: it is 1.00 of the next.
		if i == last || math.Abs(x) < step && math.Abs(roundTo3(x)) < step {
			text := significant(x)
			if i == 0 && x == math.Trunc(x) {
				text = strconv.FormatFloat(x, 'f', 0, 64)
			}
			if unit == "" {
				return text
			}
			return text + " " + unit
		}
		x /= step
	}
	return significant(x)
}

func roundTo3(x float64) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	if err != nil {
		return x
	}
	return rounded
}

func humanCount(x float64) string { return scaled(x, 1000, "", "k", "M", "G") }

func humanBytes(x float64) string { return scaled(x, 1024, "B", "KiB", "MiB", "GiB", "TiB") }

func humanNs(x float64) string { return scaled(x, 1000, "ns", "µs", "ms", "s") }

// orUnknown formats x, or says that it is unknown.
func orUnknown(x *float64, format func(float64) string) string {
	if x == nil {
		return unknownText
	}
	return format(*x)
}

// percent writes a share; a tenth of a percent is as fine as it is measured.
func percent(x float64) string {
	if x > 0 && x < 0.0005 {
		return "<0.1 %"
	}
	return strconv.FormatFloat(100*x, 'f', 1, 64) + " %"
}

// factor writes a ratio: two decimals, more below a tenth.
func factor(x float64) string {
	if x >= 0.095 || x == 0 {
		return strconv.FormatFloat(x, 'f', 2, 64) + "x"
	}
	return strconv.FormatFloat(x, 'g', 2, 64) + "x"
}

// plain writes a number that somebody chose: 0.5 2 1000.
func plain(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
