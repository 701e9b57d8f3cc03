package results

import "slices"

// Names of flags that other code asks for. A flag's name says what is wrong,
// its reason how badly.
const (
	FlagErrors    = "errors"     // operations failed or answered wrongly
	FlagNotSteady = "not_steady" // the measured phase was not, or cannot be shown to have been
	FlagShort     = "short"      // the measured phase is too short for its figures
	FlagRegime    = "regime"     // the counters contradict the cache regime that was claimed
	FlagAudit     = "audit"      // two ways of counting the same bytes disagree
	FlagLeftOut   = "left_out"   // repetitions of a row are in none of its figures
	FlagNoise     = "noise"      // repetitions of a row differ more than chance should make them
)

// LampOf returns the cell's lamp. A cell of before there were lamps, or one
// that others flagged later, has that of its flags; one that failed is red
// without any, and one that was interrupted is at least yellow. What was not
// run, or cannot be, has none.
func (c *Cell) LampOf() string {
	switch c.Status {
	case StatusUnsupported, StatusSkipped:
		return ""
	case StatusFailed:
		return LampRed
	}
	lamp := lampOf(c.Quality.Flags)
	if c.Quality.Lamp != "" {
		lamp = worseLamp(lamp, c.Quality.Lamp)
	}
	if c.Status == StatusPartial {
		lamp = worseLamp(lamp, LampYellow)
	}
	return lamp
}

// lampOf is the verdict of flags alone.
func lampOf(flags []Flag) string {
	lamp := LampGreen
	for _, f := range flags {
		lamp = worseLamp(lamp, f.Level)
	}
	return lamp
}

// worseLamp returns the worse of two lamps, or of a lamp and a flag's level;
// the empty lamp is better than all.
func worseLamp(a, b string) string {
	order := []string{"", LampGreen, LampYellow, LampRed}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}
