package report

import (
	"fmt"
	"math"
	"time"

	"github.com/kvbench/kvbench/results"
)

func figureOf(values ...float64) Figure {
	f := Figure{N: len(values)}
	lo, hi := math.Inf(1), math.Inf(-1)
	sum := 0.0
	for _, x := range values {
		f.Values = append(f.Values, results.Num(x))
		lo, hi, sum = min(lo, x), max(hi, x), sum+x
	}
	f.Median, f.Low, f.High = results.Num(sum/float64(len(values))), results.Num(lo), results.Num(hi)
	f.Min, f.Max, f.Level = f.Low, f.High, results.Num(0.95)
	return f
}

// richModel has something for every section of the page. Its figures mean
// nothing.
func richModel() *Model {
	yes, no := true, false
	rank := func(n int) *int { return &n }
	m := &Model{
		Schema: ModelSchema, Title: "hash, lsm and btree on A, C",
		Verdict: Verdict{
			Headline:  "hash is fastest on A and C: 2.1 times lsm on A, 3.4 times btree on C.",
			Sentences: []string{"sync: hash first on A.", "async: no difference on C."},
			Caveats:   []string{"Two of 18 cells are red and were left out."},
		},
		Engines: []Engine{{Label: "hash", Name: "hash"}, {Label: "lsm", Name: "lsm"}, {Label: "btree", Name: "btree"}, {Label: "mem", Name: "mem", Rail: true}},
	}
	for i, name := range []string{"before", "after"} {
		m.Runs = append(m.Runs, Run{
			ID: fmt.Sprintf("r%d", i+1), Name: name, Dir: "results/" + name, Status: "ok", Started: time.Date(2026, 11, 21+i, 10, 0, 0, 0, time.UTC),
			Version: "v0 (abc)", Command: "kvbench run hash lsm btree -w A,C --reps 6", Cells: 18,
			Outcomes: []Tally{{"ok", 17}, {"failed", 1}}, Lamps: []Tally{{"green", 16}, {"yellow", 1}, {"red", 1}}, Notes: []string{"a note on the run"},
		})
		m.Environments = append(m.Environments, Environment{Run: fmt.Sprintf("r%d", i+1), Groups: []FactGroup{
			{"machine", []Fact{{"processor", "Xeon", false}, {"kernel", fmt.Sprintf("6.%d", i), true}}},
		}})
	}
	for i, w := range []string{"A", "C"} {
		id := fmt.Sprintf("t%d", i+1)
		t := Table{
			ID: id, Run: "r1", Key: w, Title: "workload " + w + ", sync, 2 threads", About: []string{"1 M records of 100 B", "closed loop"},
			Setup: results.Setup{Workload: w, Regime: "sync", Threads: 2, Records: 1_000_000, ValueBytes: 100}, Ops: []string{"read", "update"},
			Verdict: "hash is 2.1 times as fast as lsm [1.9 - 2.2].", Notes: []string{"btree used less memory"},
		}
		for k, e := range m.Engines {
			base := 1e6 / float64(k+1)
			entry := Entry{
				ID: fmt.Sprintf("%se%d", id, k), Engine: e.Label, Color: k, Status: "ok", Text: "1.00 M", Lamp: "green", N: 6, Reps: 6,
				Rate: figureOf(base, base*1.02, base*0.97, base*1.01, base*0.99, base*1.05),
				Ops: map[string]OpTimes{
					"read": {N: 100, Service: Quantiles{Mean: figureOf(400), P50: figureOf(310), P99: figureOf(900), P999: figureOf(41000), Max: figureOf(4.1e6)}},
				},
			}
			if e.Rail {
				t.Rails = append(t.Rails, entry)
				continue
			}
			entry.Rank, entry.Best = rank(k+1), k == 0
			if k > 0 {
				entry.VsBest = &Match{Name: e.Label, Baseline: "hash", Ratio: results.Num(0.5), Low: results.Num(0.4), High: results.Num(0.6), Told: true, Verdict: "lower", Text: "slower"}
				entry.Lamp, entry.Flags = "yellow", []results.Flag{{Name: "harness", Level: "yellow", Reason: "the harness took 7 %"}}
			}
			t.Entries = append(t.Entries, entry)
			curve := Curve{Table: id, Entry: entry.ID, Color: k, Op: "read", Clock: "service", Count: 1_000_000}
			for q := 1.0; q < 1e6; q *= 1.6 {
				curve.Points = append(curve.Points, [2]float64{q, float64(200*(k+1)) * math.Pow(q, 0.5)})
			}
			m.Curves = append(m.Curves, curve)
			m.Series = append(m.Series, richSeries(id, &entry))
			m.Amplification = append(m.Amplification, Amplification{
				Table: id, Entry: entry.ID, Engine: e.Label, Color: k, Parts: []AmpPart{{"user", 1}, {"log", 1.1}, {"flush", 1.2}, {"compaction", float64(k) * 2}},
				Burst: results.Num(4.2), Settled: results.Num(5.5), Read: results.Num(1.2), Space: results.Num(1.3), Source: "vfs",
			})
			m.Fidelity = append(m.Fidelity, Fidelity{Table: id, Engine: e.Label, OK: k > 0, Cells: 6, Checks: []FidelityCheck{{"mix.read", 0.5, 0.501, 0.004, k > 0, 1}}})
		}
		t.Entries = append(t.Entries, Entry{ID: id + "x", Engine: "bbolt", Color: 4, Status: "failed", Text: "FAILED", Why: "disk full", Reps: 6})
		m.Tables = append(m.Tables, t)
		m.Comparisons = append(m.Comparisons, richComparison(id, t.Title))
	}
	m.Needs = []Need{
		{Name: "point reads", Question: "?", Picks: []Pick{{Engine: "hash", Color: 0, Text: "1.00 M op/s"}}, Others: []Pick{{Engine: "lsm", Color: 1, Text: "500 k"}}, Text: "hash, by 2 times."},
		{Name: "scans", Text: "No workload scans."},
	}
	m.Triangles = []Triangle{{Run: "r1", Title: "Overheads", About: "of workloads A and C", Points: []TrianglePoint{
		{Engine: "hash", Color: 0, Read: 1, Update: 1.1, Memory: 3, Weights: [3]float64{.5, .4, .1}, Text: "..."},
		{Engine: "lsm", Color: 1, Read: 3, Update: 1, Memory: 1.1, Weights: [3]float64{.1, .5, .4}, Text: "..."},
		{Engine: "btree", Color: 2, Read: 1.2, Update: 4, Memory: 1, Weights: [3]float64{.4, .1, .5}, Text: "..."},
	}}}
	richRest(m, &yes, &no)
	return m
}

func richSeries(table string, e *Entry) Series {
	s := Series{
		Table: table, Entry: e.ID, Engine: e.Engine, Color: e.Color, Cell: "c", Rep: 3, Why: "the median",
		Phases: []Span{{"warmup", -5, 0, false}, {"measure", 0, 20, true}, {"settle", 20, 24, false}},
		Events: []Event{{Kind: "flush", From: 1, To: 1.3, Count: 1, BytesIn: 1e6, BytesOut: 9e5}, {Kind: "compaction", From: 3, To: 9, Count: 4}, {Kind: "stall", From: 10, To: 10.4, Count: 1, Detail: "level 0 <full>"}},
		Totals: []EventTotal{{Kind: "flush", Count: 1, Seconds: 0.3}},
	}
	for t := -4.0; t <= 24; t++ {
		s.T = append(s.T, t)
		s.OpsPerS = append(s.OpsPerS, results.Num(1e5*(3+math.Sin(t))))
		s.P99 = append(s.P99, results.Num(1e4*(2+math.Cos(t))))
		s.Debt = append(s.Debt, results.Num(1e6*math.Abs(t)))
	}
	s.P99[7] = nil
	return s
}

func richComparison(table, title string) Comparison {
	c := Comparison{Table: table, Title: title, Metric: "ops_per_s", Unit: "ops/s", Better: "higher", Alpha: 0.05, Names: []string{"hash", "lsm", "btree"}, Notes: []string{"six pairs"}}
	for i, a := range c.Names {
		for k, b := range c.Names {
			if i != k {
				r := math.Pow(2, float64(k-i))
				c.Pairs = append(c.Pairs, Match{Name: a, Baseline: b, Ratio: &r, Low: results.Num(r * .9), High: results.Num(r * 1.1), PHolm: results.Num(0.004), MDE: results.Num(1.05), Told: i+k != 3, Better: r > 1, Text: a + " against " + b + "."})
			}
		}
	}
	return c
}

func richRest(m *Model, yes, no *bool) {
	axes := []results.Axis{{Name: "lsm.size_ratio", Values: []string{"2", "4", "8"}}, {Name: "threads", Values: []string{"1", "2"}}}
	line := func(name string, color int) Line {
		l := Line{Name: name, Color: color}
		for i, x := range axes[0].Values {
			l.Points = append(l.Points, LinePoint{X: x, Num: results.Num(float64(int(2) << i)), Y: results.Num(float64(100 * (i + 1 + color))), Low: results.Num(float64(90 * (i + 1 + color))), High: results.Num(float64(110 * (i + 1 + color))), N: 6, Lamp: "green"})
		}
		return l
	}
	m.Sweeps = []Sweep{{
		Run: "r1", Title: "lsm, workload A", Workload: "A", Metric: "ops_per_s", Unit: "ops/s", Better: "higher", Axes: axes, Numeric: true,
		Lines: []Line{line("threads=1", 0), line("threads=2", 1)},
		Heats: []Heat{{Name: "lsm", Color: 1, Cells: [][]*float64{{results.Num(1e5), results.Num(2e5), nil}, {results.Num(3e5), results.Num(2.2e5), results.Num(1e5)}}, Texts: [][]string{{"100 k", "200 k", "FAILED"}, {"300 k", "220 k", "100 k"}}}},
	}}
	points := []results.Point{
		{Series: "leveled", X: "2", Y: results.Num(8)},
		{Series: "leveled", X: "10", Y: results.Num(22), Low: results.Num(20), High: results.Num(24)},
		{Series: "tiered", X: "2", Y: results.Num(4)},
		{Series: "tiered", X: "10", Y: results.Num(3)},
	}
	for i := range points {
		points[i].Z = results.Num(float64(i + 1))
	}
	for _, kind := range []string{"lines", "bars", "heat", "scatter", "triangle"} {
		m.Studies = append(m.Studies, Study{Run: "r1", Text: "2 of 3 held.", Study: results.Study{
			Name: "compaction-space", Title: "Compaction (" + kind + ")", Scale: "tiny", Question: "What does a size ratio cost?", Paper: "Dostoevsky, SIGMOD 2018", Look: "the crossing",
			Figure: results.Figure{Kind: kind, Title: "Write amplification", X: "size ratio", Y: "bytes a byte", Points: points},
			Claims: []results.Claim{{Text: "leveled writes more", Held: yes, Detail: "22 > 3"}, {Text: "tiered reads more", Held: no, Detail: "3 < 4"}, {Text: "unknown", Detail: "not measured"}},
		}})
	}
	m.Searches = []Search{{Run: "r1", Color: 1, Text: "lsm holds p99<2ms up to 40 k.", Search: results.Search{Engine: "lsm", Workload: "A", Objective: "p99<2ms", Rate: results.Num(40000), Ceiling: results.Num(44000)}, Curve: []LinePoint{
		{X: "10000", Num: results.Num(10000), Y: results.Num(2e5), Lamp: "green"}, {X: "40000", Num: results.Num(40000), Y: results.Num(1.5e6), Lamp: "green"}, {X: "50000", Num: results.Num(50000), Y: results.Num(9e7), Lamp: "red", Note: "saturated"},
	}}}
	change := richComparison("", "after against before")
	change.Base, change.New, change.Subject = "r1", "r2", "hash"
	change.Names, change.Pairs = []string{"hash, A"}, change.Pairs[:1]
	m.Changes = []Comparison{change}
	m.Explanations = []Explanation{{Table: "t1", A: "hash", B: "lsm", Workload: "A", NsA: results.Num(400), NsB: results.Num(900), Text: "Block reads explain 60 %.", UnexplainedNs: results.Num(200), UnexplainedShare: results.Num(0.4), Terms: []ExplanationTerm{
		{Counter: "block reads", PerOpA: results.Num(1), PerOpB: results.Num(2), UnitNs: results.Num(310), Ns: results.Num(310), Share: results.Num(0.6), Source: "calibrated"},
	}}}
	m.Quality = []Objection{{Run: "r1", Table: "t1", Engine: "lsm", Cells: []string{"A-lsm-r1"}, Level: "red", Name: "errors", Reason: "3 errors", More: []string{"4 errors"}}}
	m.Settings = []SettingsOf{{Run: "r1", Labels: []string{"hash", "lsm"}, Colors: []int{0, 1}, Common: 1, Options: []Setting{{"cache", []string{"64 MiB", "128 MiB"}, true}, {"sync", []string{"true", "true"}, false}}}}
	m.Glossary = []Term{{"p99", "99 of 100 operations were at most this slow."}}
	m.Left = []string{"20 time series of other repetitions"}
}
