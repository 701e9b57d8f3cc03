package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// Kinds of arrival.
const (
	ArriveConstant = "constant" // equal gaps
	ArrivePoisson  = "poisson"  // exponential gaps: independent clients
	ArriveSine     = "sine"     // equal gaps of a rate that swings about its mean
	ArriveFile     = "file"     // equal gaps of a rate that a file gives over time
)

// Arrival says how the intended starts of an open loop are spread over time.
// Its zero value is constant.
type Arrival struct {
	Kind string `json:"kind"`
	// Period and Amplitude are of a sine: the rate is
	// mean x (1 + amplitude x sin(2 pi t / period)).
	Period    time.Duration `json:"period,omitempty"`
	Amplitude float64       `json:"amplitude,omitempty"` // 0 to 1
	// Path and Steps are of a file. The last step holds for ever.
	Path  string     `json:"path,omitempty"`
	Steps []RateStep `json:"steps,omitempty"`
}

// RateStep is a rate from a moment on.
type RateStep struct {
	At   float64 `json:"at"`   // seconds since the phase began
	Rate float64 `json:"rate"` // operations a second
}

// MaxRate is the highest rate that can be asked for, in operations a second.
const MaxRate = 1e9

// ParseArrival reads constant, poisson, sine:PERIOD:AMPLITUDE or file:PATH,
// and the file. Period and amplitude may also be parted by a comma.
func ParseArrival(s string) (Arrival, error) {
	kind, rest, more := strings.Cut(s, ":")
	kind = strings.ToLower(strings.TrimSpace(kind))
	switch kind {
	case "", ArriveConstant, ArrivePoisson:
		if more {
			return Arrival{}, fmt.Errorf("%w: arrival %q: %s takes nothing after it", engine.ErrInvalid, s, kind)
		}
		if kind == "" {
			kind = ArriveConstant
		}
		return Arrival{Kind: kind}, nil
	case ArriveSine:
		return parseSine(s, rest)
	case ArriveFile:
		if rest == "" {
			return Arrival{}, fmt.Errorf("%w: arrival %q: want file:PATH", engine.ErrInvalid, s)
		}
		data, err := os.ReadFile(rest)
		if err != nil {
			return Arrival{}, fmt.Errorf("arrival %q: %w", s, err)
		}
		steps, err := parseSteps(rest, data)
		return Arrival{Kind: kind, Path: rest, Steps: steps}, err
	}
	return Arrival{}, fmt.Errorf("%w: arrival %q: want constant, poisson, sine:PERIOD:AMPLITUDE or file:PATH%s",
		engine.ErrInvalid, s, engine.Suggest(kind, []string{ArriveConstant, ArrivePoisson, ArriveSine, ArriveFile}))
}

func parseSine(s, rest string) (Arrival, error) {
	period, amplitude, ok := strings.Cut(strings.ReplaceAll(rest, ",", ":"), ":")
	if !ok {
		return Arrival{}, fmt.Errorf("%w: arrival %q: want sine:PERIOD:AMPLITUDE, such as sine:10s:0.5", engine.ErrInvalid, s)
	}
	a := Arrival{Kind: ArriveSine}
	var err error
	if a.Period, err = time.ParseDuration(strings.TrimSpace(period)); err != nil || a.Period < time.Millisecond {
		return Arrival{}, fmt.Errorf("%w: arrival %q: period %q: want a duration of at least 1ms, such as 10s", engine.ErrInvalid, s, period)
	}
	text, percent := strings.CutSuffix(strings.TrimSpace(amplitude), "%")
	a.Amplitude, err = strconv.ParseFloat(strings.TrimSpace(text), 64)
	if percent {
		a.Amplitude /= 100
	}
	if err != nil || !(a.Amplitude >= 0 && a.Amplitude <= 1) {
		return Arrival{}, fmt.Errorf("%w: arrival %q: amplitude %q: want a share of the rate from 0 to 1", engine.ErrInvalid, s, amplitude)
	}
	return a, nil
}

// parseSteps reads lines of "seconds rate", both numbers, the seconds rising
// from 0. Empty lines and what follows a # are skipped.
func parseSteps(name string, data []byte) ([]RateStep, error) {
	var steps []RateStep
	scan := bufio.NewScanner(bytes.NewReader(data))
	line := 0
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s:%d: %s", engine.ErrInvalid, name, line, fmt.Sprintf(format, args...))
	}
	for scan.Scan() {
		line++
		text, _, _ := strings.Cut(scan.Text(), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return nil, bad("%d words; want two numbers: seconds since the start, and operations a second", len(fields))
		}
		at, err := strconv.ParseFloat(fields[0], 64)
		if err != nil || !(at >= 0 && at <= 1e8) {
			return nil, bad("%q: want seconds since the start, as a number", fields[0])
		}
		rate, err := ParseRate(fields[1])
		if err != nil && fields[1] != "0" {
			return nil, bad("rate %q: want operations a second, such as 800 or 50k, at most %g", fields[1], MaxRate)
		}
		switch n := len(steps); {
		case n == 0 && at != 0:
			return nil, bad("the first line must be for second 0, not %s", fields[0])
		case n > 0 && at <= steps[n-1].At:
			return nil, bad("second %s does not come after %g", fields[0], steps[n-1].At)
		}
		steps = append(steps, RateStep{At: at, Rate: rate})
	}
	if err := scan.Err(); err != nil {
		line++
		return nil, bad("%v", err)
	}
	for _, s := range steps {
		if s.Rate > 0 {
			return steps, nil
		}
	}
	return nil, fmt.Errorf("%w: %s: no line has a rate above 0", engine.ErrInvalid, name)
}

// ParseRate reads operations a second: 50000, 50k, 1.5m.
func ParseRate(s string) (float64, error) {
	text, factor := strings.TrimSpace(s), 1.0
	for suffix, f := range map[string]float64{"k": 1e3, "m": 1e6, "g": 1e9} {
		if t, ok := strings.CutSuffix(strings.ToLower(text), suffix); ok {
			text, factor = t, f
		}
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: rate %q: want operations a second, such as 50000 or 50k", engine.ErrInvalid, s)
	}
	rate *= factor
	return rate, checkRate(rate)
}

func checkRate(rate float64) error {
	if !(rate > 0 && rate <= MaxRate) {
		return fmt.Errorf("%w: a rate of %g operations a second: want more than 0 and at most %g", engine.ErrInvalid, rate, MaxRate)
	}
	return nil
}

// String writes what ParseArrival reads.
func (a Arrival) String() string {
	switch a.Kind {
	case ArriveSine:
		return fmt.Sprintf("sine:%s:%g", a.Period, a.Amplitude)
	case ArriveFile:
		return "file:" + a.Path
	case "":
		return ArriveConstant
	}
	return a.Kind
}

// MeanRate returns the mean rate of a file over the first d, or over the time
// that its lines span when d is 0; 0 for other kinds, which have none of their
// own.
func (a Arrival) MeanRate(d time.Duration) float64 {
	n := len(a.Steps)
	if n == 0 {
		return 0
	}
	end := d.Seconds()
	if end <= 0 {
		end = a.Steps[n-1].At
	}
	if end <= 0 {
		return a.Steps[n-1].Rate
	}
	var ops float64
	for i, s := range a.Steps {
		until := end
		if i+1 < n {
			until = min(end, a.Steps[i+1].At)
		}
		ops += s.Rate * max(until-s.At, 0)
	}
	return ops / end
}

// rateText writes a rate as people give it: 50k, 1.5m, 800. It is fit for a
// file name and exact to 6 digits.
func rateText(rate float64) string {
	unit := ""
	for _, u := range []string{"k", "m"} {
		if math.Abs(rate) < 1000 {
			break
		}
		rate, unit = rate/1000, u
	}
	return strconv.FormatFloat(rate, 'g', 6, 64) + unit
}
