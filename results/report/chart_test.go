package report

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// The curve is read from counted values; here from each value by itself.
func TestPercentilesAreThoseOfTheSortedValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Uint64Range(1, 50), 1, 400).Draw(t, "values")
		var buckets []results.Bucket
		for _, v := range values {
			buckets = append(buckets, results.Bucket{Value: v, Count: 1}) // of equal values, several
		}
		points, n := percentiles(buckets)
		if n != uint64(len(values)) {
			t.Fatalf("%d of %d values", n, len(values))
		}
		slices.Sort(values)
		if last := points[len(points)-1]; last[1] != float64(values[len(values)-1]) || last[0] != float64(len(values)) {
			t.Fatalf("the last point is %v, the greatest of %d values %d", last, len(values), values[len(values)-1])
		}
		for i, p := range points {
			if i > 0 && (p[0] < points[i-1][0] || p[1] < points[i-1][1]) {
				t.Fatalf("points fall: %v", points)
			}
			// So many values are at most p[1], which no smaller value can say;
			// the axis is rounded to four digits.
			within, below := 0, 0
			for _, v := range values {
				if float64(v) <= p[1] {
					within++
				}
				if float64(v) < p[1] {
					below++
				}
			}
			want := float64(len(values)) * (1 - 1/p[0])
			if float64(within) < want-0.2 || float64(below) > want+0.2 && i < len(points)-1 {
				t.Fatalf("at 1/(1-p) = %g the value is %g: %d values within, %d below, want %g", p[0], p[1], within, below, want)
			}
		}
	})
}

func TestEventsThatAreManyAreMergedAndNoneIsLost(t *testing.T) {
	var s Series
	var rows []results.EventRow
	for i := range 5000 {
		rows = append(rows, results.EventRow{
			Kind: "clean", T: 10 + float64(i)*0.002, Duration: time.Millisecond, BytesIn: 1, BytesOut: 2,
		})
	}
	rows = append(rows,
		results.EventRow{Kind: "flush", T: 12, Duration: time.Second, Detail: "one"},
		results.EventRow{Kind: "flush", T: 100, Duration: time.Second}, // after the end
		results.EventRow{Kind: "dropped", T: 12, Detail: "more were not kept"},
	)
	s.events(rows, 10, 0, 20)
	counts, bytes := map[string]int{}, 0.0
	for _, e := range s.Events {
		counts[e.Kind] += e.Count
		bytes += e.BytesOut
	}
	if counts["clean"] != 5000 || bytes != 10_000 || counts["flush"] != 1 || counts["dropped"] != 0 {
		t.Errorf("events after merging: %v, %g bytes", counts, bytes)
	}
	if len(s.Events) > 2*maxEvents {
		t.Errorf("%d events are left, want at most %d of a kind", len(s.Events), maxEvents)
	}
	if s.Totals[0] != (EventTotal{Kind: "clean", Count: 5000, Seconds: 5, BytesIn: 5000, BytesOut: 10_000}) {
		t.Errorf("totals: %+v", s.Totals)
	}
}

func TestALongSeriesIsShortenedAndKeepsItsOperations(t *testing.T) {
	c := newSampleCell("async", "A", "hash", 1, 1000)
	c.Phases = []results.Phase{{Name: "warmup", StartS: 7}, {Name: "measure", StartS: 507}}
	var rows []results.SeriesRow
	for i := range 2000 {
		phase, at := "warmup", float64(i+1)
		if i >= 500 {
			phase, at = "measure", float64(i-499)
		}
		rows = append(rows, results.SeriesRow{
			Cell: c.ID, Phase: phase, T: at, Seconds: 1, Ops: uint64(i), Latency: &results.Latency{P99: uint64(i)}, Debt: engine.Known(uint64(i)),
		})
	}
	x := seriesOf(&c.Cell, rows, nil)
	if len(x.T) > maxRows+2 || len(x.T) != len(x.OpsPerS) || len(x.T) != len(x.P99) || x.joined < 2 {
		t.Fatalf("%d points, %d rates, %d rows joined", len(x.T), len(x.OpsPerS), x.joined)
	}
	if len(x.CacheHit) != 0 || len(x.RSS) != 0 {
		t.Error("columns that nobody knows are there")
	}
	if *x.P99[len(x.P99)-1] != 1999 || *x.Debt[len(x.Debt)-1] != 1999 {
		t.Error("the greatest of the last rows is lost")
	}
	var ops float64
	for i, at := range x.T {
		from := x.Phases[0].From
		if i > 0 {
			from = x.T[i-1]
		}
		ops += *x.OpsPerS[i] * (at - from)
	}
	if want := 1999.0 * 2000 / 2; math.Abs(ops-want) > 0.01*want {
		t.Errorf("the rates add up to %g operations, want %g", ops, want)
	}
	if len(x.Phases) != 2 || x.Phases[0].Measured || !x.Phases[1].Measured || x.Phases[1].From != 0 {
		t.Errorf("phases %+v", x.Phases)
	}
}

func TestTheNearestToTheMedianIsShown(t *testing.T) {
	l := &lot{}
	rows := map[string][]results.SeriesRow{}
	for rep, rate := range []float64{50, 10, 30, 40, 20} {
		c := newSampleCell("async", "A", "hash", rep+1, rate)
		l.used = append(l.used, &c.Cell)
		rows[c.ID] = []results.SeriesRow{{}}
	}
	if c := typical(l, rows); c == nil || *c.OpsPerS != 30 {
		t.Errorf("the repetition shown is %+v", c)
	}
	if c := typical(l, nil); c != nil {
		t.Errorf("a repetition without rows is shown: %s", c.ID)
	}
}

func TestTheTriangleHasItsBestAtOne(t *testing.T) {
	points := []TrianglePoint{{Engine: "a", Read: 100, Update: 8, Memory: 1.5}, {Engine: "b", Read: 300, Update: 2, Memory: 3}}
	normalize(points)
	want := []TrianglePoint{{Engine: "a", Read: 1, Update: 4, Memory: 1}, {Engine: "b", Read: 3, Update: 1, Memory: 2}}
	for i, p := range points {
		if p.Read != want[i].Read || p.Update != want[i].Update || p.Memory != want[i].Memory {
			t.Errorf("%s: %+v", p.Engine, p)
		}
		if sum := p.Weights[0] + p.Weights[1] + p.Weights[2]; math.Abs(sum-1) > 0.001 {
			t.Errorf("%s: the weights add up to %g", p.Engine, sum)
		}
	}
	if points[0].Weights[0] <= points[0].Weights[1] {
		t.Error("a, the best reader, is nearer to update than to read")
	}
}

// sweepRun varies two settings of one engine.
func sweepRun() *results.Run {
	m := sampleManifest()
	m.Study, m.Searches = nil, nil
	m.Axes = []results.Axis{{Name: "lsm.size_ratio", Values: []string{"2", "4", "10"}}, {Name: "lsm.layout", Values: []string{"leveled", "tiered"}}}
	var cells []sampleCell
	for i, ratio := range m.Axes[0].Values {
		for j, layout := range m.Axes[1].Values {
			if ratio == "10" && layout == "tiered" {
				continue // never run
			}
			c := newSampleCell("async", "A", "lsm", 1, float64(1000*(i+1)+100*j))
			c.ID += ratio + layout
			c.Engine.Label = "lsm@" + ratio + layout
			c.Engine.Settings = map[string]string{"size_ratio": ratio, "layout": layout}
			c.Axes = map[string]string{"lsm.size_ratio": ratio, "lsm.layout": layout}
			cells = append(cells, c)
		}
	}
	return memoryRun(m, cells)
}

func TestASweepOfTwoAxesIsLinesAndAMap(t *testing.T) {
	m, err := Build([]*results.Run{sweepRun()}, Options{})
	must(t, err)
	i := slices.IndexFunc(m.Sweeps, func(s Sweep) bool { return s.Metric == rateMetric })
	if i < 0 {
		t.Fatal("no sweep of rates")
	}
	s := m.Sweeps[i]
	if !s.Numeric || len(s.Lines) != 2 || len(s.Heats) != 1 {
		t.Fatalf("numeric %v, %d lines, %d maps", s.Numeric, len(s.Lines), len(s.Heats))
	}
	line := s.Lines[0]
	if line.Name != "lsm lsm.layout=leveled" || len(line.Points) != 3 || line.Points[2].X != "10" || *line.Points[2].Y != 3000 {
		t.Errorf("line %+v", line)
	}
	h := s.Heats[0]
	if len(h.Cells) != 2 || *h.Cells[1][0] != 1100 || h.Cells[1][2] != nil || h.Texts[1][2] != "-" || *h.Min != 1000 || *h.Max != 3000 {
		t.Errorf("map %+v", h)
	}
}
