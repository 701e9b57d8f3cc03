package results

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine"
)

// runOf is a run in memory.
func runOf(cells ...Cell) *Run { return &Run{Manifest: fullManifest(), Cells: cells} }

func rates(name string, xs ...float64) []Cell {
	var cells []Cell
	for i, x := range xs {
		cells = append(cells, sampleCell(RegimeAsync, "A", name, i+1, x))
	}
	return cells
}

func TestMedianIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want float64
	}{
		{[]float64{7}, 7},
		{[]float64{3, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, math.MaxFloat64},
	} {
		before := slices.Clone(c.xs)
		if got := median(c.xs); got == nil || *got != c.want {
			t.Errorf("median of %v is %v, want %v", c.xs, got, c.want)
		}
		if !slices.Equal(before, c.xs) {
			t.Errorf("median changed %v to %v", before, c.xs)
		}
	}
	if got := median(nil); got != nil {
		t.Errorf("median of nothing is %v, want unknown", *got)
	}
}

func TestMedianHasAsManyBelowAsAbove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		xs := rapid.SliceOfN(rapid.Float64Range(-1e9, 1e9), 1, 20).Draw(t, "xs")
		m := *median(xs)
		below, above := 0, 0
		for _, x := range xs {
			if x < m {
				below++
			}
			if x > m {
				above++
			}
		}
		if below > len(xs)/2 || above > len(xs)/2 {
			t.Fatalf("%v has %d below and %d above of %v", m, below, above, xs)
		}
	})
}

func TestARowIsTheMedianOfItsRepetitions(t *testing.T) {
	cells := rates("pebble", 100, 400, 200, 300)
	cells[0].Amp.Write, cells[1].Amp.Write, cells[2].Amp.Write, cells[3].Amp.Write = Num(1), nil, Num(3), Num(2)
	for i := range cells {
		cells[i].Ops["read"].Service.P99 = uint64(10 * (i + 1))
	}
	rows := Rows(runOf(cells...))
	if len(rows) != 1 {
		t.Fatalf("%d rows, want 1", len(rows))
	}
	r := rows[0]
	if *r.OpsPerS != 250 || *r.OpsPerSMin != 100 || *r.OpsPerSMax != 400 || r.N != 4 || r.Reps != 4 {
		t.Errorf("rate %v [%v, %v], n %d of %d", *r.OpsPerS, *r.OpsPerSMin, *r.OpsPerSMax, r.N, r.Reps)
	}
	if *r.WriteAmp != 2 {
		t.Errorf("write amplification %v, want 2: the median of what is known", *r.WriteAmp)
	}
	if *r.Ops["read"].P99 != 25 {
		t.Errorf("p99 %v, want 25", *r.Ops["read"].P99)
	}
	if r.ReadAmp != nil || r.CPUPerOp != nil || r.RowsPerS != nil {
		t.Error("something unknown is known")
	}
	if !reflect.DeepEqual(r.Seeds, []uint64{1, 2, 3, 4}) {
		t.Errorf("seeds %v", r.Seeds)
	}
}

func TestEnginesAreRankedByMedian(t *testing.T) {
	cells := slices.Concat(rates("bbolt", 50, 60, 10), rates("pebble", 100, 90, 1), rates("mem", 1e6), rates("pogreb", 40))
	var got []string
	for _, r := range Rows(runOf(cells...)) {
		text := r.Engine
		if r.Rank != nil {
			text += fmt.Sprintf(" %d %.3f", *r.Rank, *r.VsFirst)
		}
		got = append(got, text)
	}
	if want := []string{"pebble 1 1.000", "bbolt 2 0.556", "pogreb 3 0.444", "mem"}; !slices.Equal(got, want) {
		t.Errorf("ranked %q, want %q", got, want)
	}
}

func TestWhoFailedInOneRepetitionIsNotRanked(t *testing.T) {
	cells := slices.Concat(rates("pebble", 500, 500, 500), rates("bbolt", 50, 60))
	cells[1].Status, cells[1].OpsPerS, cells[1].Error = StatusFailed, nil, "wrong value"
	rows := Rows(runOf(cells...))
	if rows[0].Engine != "bbolt" || *rows[0].Rank != 1 || *rows[0].VsFirst != 1 {
		t.Errorf("first is %+v", rows[0])
	}
	r := rows[1]
	if r.Rank != nil || r.VsFirst != nil || r.N != 2 || r.Reps != 3 || r.Status != StatusOK || r.Reason != "wrong value" {
		t.Errorf("second is %+v", r)
	}
}

func TestAPartialCellCountsOnlyWhenThereIsNoOther(t *testing.T) {
	cells := rates("pebble", 100, 900)
	cells[1].Status = StatusPartial
	if r := Rows(runOf(cells...))[0]; *r.OpsPerS != 100 || r.N != 1 || r.Status != StatusOK {
		t.Errorf("with an ok cell: %+v", r)
	}
	if r := Rows(runOf(cells[1]))[0]; *r.OpsPerS != 900 || r.N != 1 || r.Status != StatusPartial {
		t.Errorf("alone: %+v", r)
	}
}

func TestWhatWasNotMeasuredHasNoFigure(t *testing.T) {
	for _, status := range []Status{StatusFailed, StatusUnsupported, StatusSkipped, StatusPartial, "invented"} {
		c := sampleCell(RegimeAsync, "A", "pebble", 1, 0)
		c.Status = status
		r := Rows(runOf(c))[0]
		if r.OpsPerS != nil || r.OpsPerSMin != nil || r.Rank != nil || r.N != 0 || len(r.Ops) != 0 || r.Status != status {
			t.Errorf("%s: %+v", status, r)
		}
	}
}

func TestCellsOfDifferentSetupsNeverShareATable(t *testing.T) {
	base := sampleCell(RegimeAsync, "A", "pebble", 1, 1000)
	for name, change := range map[string]func(*Cell){
		"regime":       func(c *Cell) { c.Regime = RegimeSync },
		"cache regime": func(c *Cell) { c.CacheRegime = "cached" },
		"workload":     func(c *Cell) { c.Workload.Name = "B" },
		"compat":       func(c *Cell) { c.Workload.Compat = "go-ycsb" },
		"records":      func(c *Cell) { c.Workload.Records++ },
		"value size":   func(c *Cell) { c.Workload.ValueBytes = 100 },
		"key format":   func(c *Cell) { c.Workload.KeyFormat = "u64" },
		"mix":          func(c *Cell) { c.Workload.Mix = map[string]float64{"read": 1} },
		"distribution": func(c *Cell) { c.Workload.Dist = "uniform" },
		"update mode":  func(c *Cell) { c.Workload.UpdateMode = "blind" },
		"loop":         func(c *Cell) { c.Load.Mode = "open" },
		"threads":      func(c *Cell) { c.Load.Threads = 8 },
		"rate":         func(c *Cell) { c.Load.Rate = Num(100) },
		"duration":     func(c *Cell) { c.Load.DurationS = 30 },
		"operations":   func(c *Cell) { c.Load.Operations = 30 },
		"driver":       func(c *Cell) { c.Load.Driver = "go-ycsb" },
	} {
		other := base
		other.Engine.Name = "bbolt"
		change(&other)
		if n := len(groupCells(runOf(base, other), false)); n != 2 {
			t.Errorf("another %s: %d tables, want 2", name, n)
		}
	}
	same := base
	same.Engine.Name, same.Durability, same.Rep, same.Seed, same.SpecSHA = "bbolt", engine.OS, 2, 99, "else"
	if n := len(groupCells(runOf(base, same), false)); n != 1 {
		t.Errorf("another engine: %d tables, want 1", n)
	}
}

func TestRatesAreComparedByValue(t *testing.T) {
	a, b := sampleCell(RegimeAsync, "A", "pebble", 1, 1000), sampleCell(RegimeAsync, "A", "pebble", 2, 1000)
	a.Load.Rate, b.Load.Rate = Num(100), Num(100)
	if rows := Rows(runOf(a, b)); len(rows) != 1 || rows[0].N != 2 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestSettingsOfOneEngineAreRowsOfTheirOwn(t *testing.T) {
	small, big := rates("pebble", 10), rates("pebble", 20)
	small[0].Engine.Settings = map[string]string{"cache_bytes": "1", "bits": "10"}
	big[0].Engine.Settings = map[string]string{"cache_bytes": "2", "bits": "10"}
	rows := Rows(runOf(slices.Concat(small, big, rates("bbolt", 5))...))
	if got, want := engineLabels(rows), []string{"pebble cache_bytes=2", "pebble cache_bytes=1", "bbolt"}; !slices.Equal(got, want) {
		t.Errorf("labels %q, want %q", got, want)
	}
	// No settings and an empty map are the same.
	bare := rates("bbolt", 5)
	bare[0].Engine.Settings = nil
	if n := len(Rows(runOf(append(bare, rates("bbolt", 6)...)...))); n != 1 {
		t.Errorf("%d rows of one engine, want 1", n)
	}
}

func TestADeadRepetitionBelongsToItsEngine(t *testing.T) {
	died := sampleCell(RegimeAsync, "A", "pebble", 2, 0)
	died.Status, died.Durability, died.Error = StatusFailed, engine.Default, "died"
	rows := Rows(runOf(died, rates("pebble", 10)[0], rates("bbolt", 5)[0]))
	if len(rows) != 2 || rows[1].Engine != "pebble" || rows[1].Reps != 2 || rows[1].Outcomes[StatusFailed] != 1 {
		t.Errorf("rows %+v", rows)
	}
	// With two rows to choose from it stands alone.
	a, b := rates("pebble", 10)[0], rates("pebble", 20)[0]
	a.Engine.Settings = map[string]string{"x": "1"}
	if n := len(Rows(runOf(died, a, b))); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

func TestAnOpenLoopShowsResponseTimes(t *testing.T) {
	c := sampleCell(RegimeAsync, "A", "pebble", 1, 1000)
	c.Ops["read"].Response = &Latency{P50: 77}
	if r := Rows(runOf(c))[0]; *r.Ops["read"].P50 != 77 {
		t.Errorf("p50 %v, want the response time", *r.Ops["read"].P50)
	}
}

func TestAFlagIsListedOnceAtItsWorst(t *testing.T) {
	cells := rates("pebble", 1, 2, 3)
	for i := range cells {
		cells[i].Quality.Flags = []Flag{{"short", "yellow", "always"}}
	}
	cells[1].Quality.Flags = append(cells[1].Quality.Flags, Flag{"debt", "red", "1 GiB\nmore"}, Flag{"debt", "yellow", "less"})
	cells[2].Quality.Flags = append(cells[2].Quality.Flags, Flag{"debt", "yellow", "less"})
	want := []Flag{{"debt", "red", "1 GiB (2 of 3 repetitions)"}, {"short", "yellow", "always"}, {"left_out", "yellow", "1 of 3 repetitions are in no figure, because the lamp is red"}}
	if got := Rows(runOf(cells...))[0].Flags; !reflect.DeepEqual(got, want) {
		t.Errorf("flags %+v, want %+v", got, want)
	}
}

func TestTheOrderOfTablesIsThatOfThePlan(t *testing.T) {
	run := sampleRun()
	run.Manifest.Plan.Workloads = []string{"E", "A"}
	slices.Reverse(run.Cells)
	var got []string
	for _, g := range groupCells(run, false) {
		got = append(got, g.Regime+" "+g.Workload)
	}
	if want := []string{"sync A", "async load", "async E", "async A"}; !slices.Equal(got, want) {
		t.Errorf("tables %q, want %q", got, want)
	}
}

func TestReasonsAreOnePrintableLine(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "\n\n one \n two": "one", "a\x1b[31mb\tc": "a [31mb c", "ü": "ü",
	} {
		if got := firstLine(in); got != want {
			t.Errorf("first line of %q is %q, want %q", in, got, want)
		}
	}
}

func TestNumbersForPeopleHaveThreeDigits(t *testing.T) {
	for _, c := range []struct {
		got, want string
	}{
		{humanCount(0), "0"},
		{humanCount(7), "7"},
		{humanCount(0.5), "0.500"},
		{humanCount(12.34), "12.3"},
		{humanCount(999), "999"},
		{humanCount(999.4), "999"},
		{humanCount(999.6), "1.00 k"},
		{humanCount(1000), "1.00 k"},
		{humanCount(9996), "10.0 k"},
		{humanCount(999_499), "999 k"},
		{humanCount(999_600), "1.00 M"},
		{humanCount(1_234_567), "1.23 M"},
		{humanCount(9.9e12), "9900 G"},
		{humanNs(0), "0 ns"},
		{humanNs(950), "950 ns"},
		{humanNs(4_123), "4.12 µs"},
		{humanNs(12_345_678), "12.3 ms"},
		{humanNs(3.6e12), "3600 s"},
		{humanBytes(1000), "1000 B"},
		{humanBytes(1023), "1023 B"},
		{humanBytes(1024), "1.00 KiB"},
		{humanBytes(128974848), "123 MiB"},
		{significant(2.345), "2.35"},
		{significant(0.0123), "0.012"},
		{significant(9.996), "10.0"},
		{significant(123456), "123456"},
		{significant(math.Inf(1)), "+Inf"},
		{percent(0), "0.0 %"},
		{percent(0.0001), "<0.1 %"},
		{percent(0.0412), "4.1 %"},
		{factor(1), "1.00x"},
		{factor(0.4731), "0.47x"},
		{factor(0.0451), "0.045x"},
		{factor(0), "0.00x"},
		{factor(12.345), "12.35x"},
		{plain(0.5), "0.5"},
		{plain(1000), "1000"},
		{plural(1, "thread"), "1 thread"},
		{plural(2, "thread"), "2 threads"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestNumbersForPeopleAreNotFarFromTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(0.01, 9e11).Draw(t, "x")
		text := humanCount(x)
		number, unit, _ := strings.Cut(text, " ")
		var y float64
		if _, err := fmt.Sscanf(number, "%g", &y); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		y *= map[string]float64{"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[unit]
		if math.Abs(y/x-1) > 0.0051 && math.Abs(y-x) > 0.000501 {
			t.Fatalf("%v is shown as %q", x, text)
		}
	})
}

func TestRedCellsAreInNoFigureUnlessAskedFor(t *testing.T) {
	red := Flag{Name: "harness_bound", Level: LampRed, Reason: "of an operation"}
	flagged := func(name string, rate float64, flags ...[]Flag) []Cell {
		var cells []Cell
		for i, f := range flags {
			c := sampleCell(RegimeAsync, "A", name, i+1, rate)
			c.Quality.Flags, c.Seed = f, uint64(i+1)
			cells = append(cells, c)
		}
		return cells
	}
	cells := slices.Concat(
		flagged("fast", 4000, []Flag{red}, []Flag{red}),
		flagged("wrong", 3000, nil, nil, []Flag{{FlagErrors, LampRed, "1"}}),
		flagged("fair", 2000, []Flag{red}, nil, nil),
		flagged("plain", 1000, nil, nil, nil),
		flagged("old", 900, []Flag{{"steal", LampYellow, "3 %"}}),
	)
	cells[2].OpsPerS, cells[4].OpsPerS = Num(2000), Num(9999) // of wrong, good and red
	want := func(got []Row, text string) {
		t.Helper()
		var parts []string
		for _, r := range got {
			place := "-"
			if r.Rank != nil {
				place = strconv.Itoa(*r.Rank)
			}
			parts = append(parts, fmt.Sprintf("%s %s %s %d-%d %.0f", place, r.Engine, r.Lamp, r.N, r.LeftOut, *r.OpsPerS))
		}
		if got := strings.Join(parts, ", "); got != text {
			t.Errorf("rows: %s\nwant: %s", got, text)
		}
	}
	want(Rows(runOf(cells...)), "1 wrong yellow 2-1 2500, 2 fair yellow 2-1 2000, 3 plain green 3-0 1000, 4 old yellow 1-0 900, - fast red 2-0 4000")
	want(AllRows(runOf(cells...)), "1 fast red 2-0 4000, 2 wrong red 3-0 3000, 3 fair red 3-0 2000, 4 plain green 3-0 1000, 5 old yellow 1-0 900")
	run := runOf(cells...)
	left, all := string(render(t, run, TableOptions{})), string(render(t, run, TableOptions{IncludeRed: true}))
	if !regexp.MustCompile(`(?m)^ +fast .*!! harness_bound \[\d\]`).MatchString(left) || !regexp.MustCompile(`(?m)^ +1 +fast .*!! harness_bound \[\d\]`).MatchString(all) {
		t.Errorf("left out:\n%s\nincluded:\n%s", left, all)
	}
	if !regexp.MustCompile(`(?m)^ +3 +plain .* ok( |$)`).MatchString(left) || !regexp.MustCompile(`(?m)^ +2 +fair .* ! harness_bound \[\d\]`).MatchString(left) {
		t.Errorf("the lamps of others:\n%s", left)
	}
}

func TestALampIsThatOfTheFlagsAndTheStatus(t *testing.T) {
	yellow, red := []Flag{{"a", LampYellow, ""}}, []Flag{{"a", LampYellow, ""}, {"b", LampRed, ""}}
	for _, c := range []struct {
		status Status
		flags  []Flag
		lamp   string // as recorded
		want   string
	}{
		{StatusOK, nil, "", LampGreen},
		{StatusOK, yellow, "", LampYellow},
		{StatusOK, red, "", LampRed},
		{StatusOK, yellow, LampGreen, LampYellow},
		{StatusOK, nil, LampRed, LampRed},
		{StatusPartial, nil, LampGreen, LampYellow},
		{StatusPartial, red, "", LampRed},
		{StatusFailed, nil, "", LampRed},
		{StatusUnsupported, red, LampRed, ""},
		{StatusSkipped, nil, "", ""},
	} {
		cell := Cell{Status: c.status, Quality: Quality{Flags: c.flags, Lamp: c.lamp}}
		if got := cell.LampOf(); got != c.want {
			t.Errorf("%s with %v, recorded as %q: %q, want %q", c.status, c.flags, c.lamp, got, c.want)
		}
	}
}
