package bench

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestArrivalsAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]Arrival{
		"":              {Kind: ArriveConstant},
		"constant":      {Kind: ArriveConstant},
		"Poisson":       {Kind: ArrivePoisson},
		"sine:10s:0.5":  {Kind: ArriveSine, Period: 10 * time.Second, Amplitude: .5},
		"sine:10s,50%":  {Kind: ArriveSine, Period: 10 * time.Second, Amplitude: .5},
		"sine:500ms:1":  {Kind: ArriveSine, Period: 500 * time.Millisecond, Amplitude: 1},
		"sine:1m0s:0.2": {Kind: ArriveSine, Period: time.Minute, Amplitude: .2},
	} {
		got, err := ParseArrival(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
			continue
		}
		again, err := ParseArrival(got.String())
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%q is written %q, which is read as %+v, %v", text, got, again, err)
		}
	}
}

func TestAnArrivalThatMakesNoSenseIsRefusedWithWhatToDo(t *testing.T) {
	for text, says := range map[string]string{
		"poison":        "did you mean poisson?",
		"poisson:5":     "takes nothing after it",
		"sine":          "sine:PERIOD:AMPLITUDE",
		"sine:10s":      "sine:PERIOD:AMPLITUDE",
		"sine:10:0.5":   `period "10"`,
		"sine:10us:0.5": "at least 1ms",
		"sine:10s:1.5":  "from 0 to 1",
		"sine:10s:NaN":  "from 0 to 1",
		"file:":         "file:PATH",
		"file:absent":   "no such file",
	} {
		if a, err := ParseArrival(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %+v, %v; want an error with %q", text, a, err, says)
		}
	}
}

func TestAFileOfRatesIsReadStrictlyAndErrorsNameTheLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rates")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# a morning\n0 1k\n\n1.5 0 # rest\n2 2.5k\n")
	a, err := ParseArrival("file:" + path)
	want := []RateStep{{0, 1000}, {1.5, 0}, {2, 2500}}
	if err != nil || !slices.Equal(a.Steps, want) {
		t.Errorf("%+v, %v", a.Steps, err)
	}
	if got := a.MeanRate(4 * time.Second); got != (1500+5000)/4. {
		t.Errorf("mean rate %g", got)
	}
	if got := a.MeanRate(0); got != 750 {
		t.Errorf("mean rate of the lines alone %g", got)
	}
	for text, says := range map[string]string{
		"":                "no line has a rate",
		"0 0\n1 0\n":      "no line has a rate",
		"1 50\n":          "rates:1: the first line must be for second 0",
		"0 50\n0 60\n":    "rates:2: second 0 does not come after 0",
		"0 50\n\n1\n":     "rates:3: 1 words",
		"0 50\nsoon 60\n": `rates:2: "soon"`,
		"0 50\n1 -3\n":    "rates:2:",
		"0 50\n1 fast\n":  `rates:2: rate "fast"`,
	} {
		write(text)
		if _, err := ParseArrival("file:" + path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v; want an error with %q", text, err, says)
		}
	}
}

func TestARateIsReadAndWritten(t *testing.T) {
	for text, want := range map[string]float64{"50k": 50e3, "1.5M": 1.5e6, "100": 100, " 2e3 ": 2000, "0.5": .5} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%q: %g, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "fast", "NaN", "Inf", "2g", "1kk"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q is read as %g", text, got)
		}
	}
	for rate, want := range map[float64]string{800: "800", 50e3: "50k", 1.5e6: "1.5m", 1234: "1.234k"} {
		if got := rateText(rate); got != want {
			t.Errorf("%g is written %s, want %s", rate, got, want)
		}
	}
}

func TestAnArrivalCrossesTheProcessBoundary(t *testing.T) {
	a := Arrival{Kind: ArriveFile, Path: "x", Steps: []RateStep{{0, 5}, {1, 6}}}
	data, err := json.Marshal(CellSpec{Rate: 5, Arrival: a})
	var got CellSpec
	if err == nil {
		err = json.Unmarshal(data, &got)
	}
	if err != nil || got.Rate != 5 || !reflect.DeepEqual(got.Arrival, a) {
		t.Errorf("%+v, %v", got.Arrival, err)
	}
}

func TestConstantStartsAreExactHoweverMany(t *testing.T) {
	for _, rate := range []float64{1e3, 50e3, 200e3, 333_333} {
		s := newStarts(rate, Arrival{}, 1)
		for i := range 1_000_000 {
			if got, want := float64(s.next()), float64(i)*1e9/rate; math.Abs(got-want) > 1 {
				t.Fatalf("rate %g: start %d at %.0f ns, want %.1f", rate, i, got, want)
			}
		}
	}
}

func TestPoissonGapsAreExponentialAndFollowTheSeed(t *testing.T) {
	const rate, n = 1e3, 100_000
	draw := func(seed uint64) []float64 {
		s := newStarts(rate, Arrival{Kind: ArrivePoisson}, seed)
		gaps := make([]float64, n)
		last := int64(0)
		for i := range gaps {
			at := s.next()
			gaps[i] = float64(at-last) / 1e9 * rate // mean 1
			last = at
		}
		return gaps
	}
	gaps := draw(3)
	if !slices.Equal(gaps, draw(3)) {
		t.Error("the same seed draws other gaps")
	}
	if slices.Equal(gaps, draw(4)) {
		t.Error("another seed draws the same gaps")
	}
	var sum float64
	for _, g := range gaps {
		sum += g
	}
	if mean := sum / n; math.Abs(mean-1) > 4/math.Sqrt(n) {
		t.Errorf("the mean gap is %.4f of what it should be", mean)
	}
	slices.Sort(gaps)
	var most float64
	for i, g := range gaps {
		f := 1 - math.Exp(-g)
		most = max(most, math.Abs(f-float64(i)/n), math.Abs(f-float64(i+1)/n))
	}
	if most > 1.95/math.Sqrt(n) { // one in a thousand seeds
		t.Errorf("Kolmogorov's distance to the exponential distribution is %.5f", most)
	}
}

func TestASineAddsUpToItsIntegral(t *testing.T) {
	const rate = 10e3
	for _, amplitude := range []float64{0, .5, 1} {
		period := 2 * time.Second
		s := newStarts(rate, Arrival{Kind: ArriveSine, Period: period, Amplitude: amplitude}, 1)
		w := 2 * math.Pi / period.Seconds()
		for i := range 50_000 {
			at := float64(s.next()) / 1e9
			want := rate * (at + amplitude*(1-math.Cos(w*at))/w)
			if math.Abs(want-float64(i)) > 1 {
				t.Fatalf("amplitude %g: start %d is at %.6f s, when %.2f should have been", amplitude, i, at, want)
			}
		}
	}
}

func TestAFileOfRatesIsFollowed(t *testing.T) {
	a := Arrival{Kind: ArriveFile, Steps: []RateStep{{0, 0}, {1, 1000}, {2, 0}, {3, 500}, {5, 0}}}
	s := newStarts(a.MeanRate(0), a, 1)
	var counts [6]int
	last := int64(0)
	for at := s.next(); at != math.MaxInt64; at = s.next() {
		if at < last {
			t.Fatalf("%d after %d", at, last)
		}
		last = at
		counts[at/1e9]++
	}
	// A start falls on either side of a border.
	for i, want := range [6]int{0, 1000, 0, 500, 500, 0} {
		if d := counts[i] - want; d < -1 || d > 1 || want == 0 && d > 1 {
			t.Errorf("second %d has %d starts, want %d (all: %v)", i, counts[i], want, counts)
		}
	}
	if s.next() != math.MaxInt64 {
		t.Error("there is a start after the end")
	}
}
