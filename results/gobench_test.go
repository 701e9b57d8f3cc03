package results

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchproc"
)

// writeSample writes the sample run and returns its directory.
func writeSample(t *testing.T) string {
	t.Helper()
	run := sampleRun()
	w, err := Create(filepath.Join(t.TempDir(), "run"), run.Manifest)
	must(t, err)
	for _, c := range run.Cells {
		must(t, w.AddCell(c))
	}
	must(t, w.Close())
	return w.Dir()
}

// parseBench reads bench.txt as benchstat does.
func parseBench(t *testing.T, text []byte) ([]*benchfmt.Result, benchfmt.UnitMetadataMap) {
	t.Helper()
	r := benchfmt.NewReader(bytes.NewReader(text), BenchFile)
	var results []*benchfmt.Result
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.Result:
			results = append(results, rec.Clone())
		case *benchfmt.SyntaxError:
			t.Errorf("%v", rec)
		}
	}
	must(t, r.Err())
	return results, r.Units()
}

func TestBenchTextIsAsAgreed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(writeSample(t), BenchFile))
	must(t, err)
	golden(t, "bench.txt", text)
}

func TestBenchstatReadsEveryOKCell(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(writeSample(t), BenchFile))
	must(t, err)
	parsed, units := parseBench(t, text)
	var ok []Cell
	for _, c := range sampleRun().Cells {
		if c.Status == StatusOK {
			ok = append(ok, c)
		}
	}
	if len(parsed) != len(ok) {
		t.Fatalf("%d benchmark lines, want one for each of the %d ok cells", len(parsed), len(ok))
	}
	for i, r := range parsed {
		rate, found := r.Value("ops/s")
		if !found || math.Abs(rate / *ok[i].OpsPerS - 1) > 1e-9 {
			t.Errorf("line %d: ops/s %v, want %v", i, rate, *ok[i].OpsPerS)
		}
		if sec, _ := r.Value("sec/op"); math.Abs(sec*rate-1) > 1e-9 {
			t.Errorf("line %d: %v sec/op does not go with %v ops/s", i, sec, rate)
		}
		if got, want := r.GetConfig("cpu"), "Sample CPU @ 2.00GHz"; got != want {
			t.Errorf("line %d: cpu %q, want %q", i, got, want)
		}
		for _, v := range r.Values {
			unit := v.Unit
			want := -1
			if unit == "ops/s" || unit == "rows/s" {
				want = 1
			}
			if units.GetBetter(unit) != want {
				t.Errorf("unit %s: better %d, want %d", unit, units.GetBetter(unit), want)
			}
		}
	}
}

func TestBenchstatFindsEnginesSideBySide(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(writeSample(t), BenchFile))
	must(t, err)
	parsed, _ := parseBench(t, text)
	var parser benchproc.ProjectionParser
	columns, err := parser.Parse("/engine", nil)
	must(t, err)
	tables, err := parser.Parse(".config", nil)
	must(t, err)
	rows, err := parser.Parse(".fullname", nil)
	must(t, err)
	type place struct{ table, row, column benchproc.Key }
	n := map[place]int{}
	tableKeys, rowKeys, columnKeys := map[benchproc.Key]bool{}, map[benchproc.Key]bool{}, map[benchproc.Key]bool{}
	for _, r := range parsed {
		p := place{tables.Project(r), rows.Project(r), columns.Project(r)}
		n[p]++
		tableKeys[p.table], rowKeys[p.row], columnKeys[p.column] = true, true, true
	}
	// load, A and E in async; A in sync. badger has E, pogreb lacks it.
	if len(tableKeys) != 1 || len(rowKeys) != 4 || len(columnKeys) != 6 {
		t.Errorf("%d tables, %d rows, %d columns; want 1, 4, 6", len(tableKeys), len(rowKeys), len(columnKeys))
	}
	for p, got := range n {
		want := 4
		if p.column.String() == "/engine:badger" {
			want = 3
		}
		if got != want {
			t.Errorf("%v %v has %d repetitions, want %d", p.row, p.column, got, want)
		}
	}
}

func TestUnknownMetricsAreLeftOutOfBenchText(t *testing.T) {
	c := sampleCell(RegimeAsync, "A", "pebble", 1, 1000)
	c.Amp, c.Mem, c.Quality.HarnessShare = Amp{}, Mem{}, nil
	m := fullManifest()
	text, err := newGoBench().lines(&m, &c)
	must(t, err)
	for _, unit := range []string{"-amp", "rss", "allocs", "harness", "rows"} {
		if bytes.Contains(text, []byte(unit)) {
			t.Errorf("unknown %s is in %s", unit, text)
		}
	}
}

func TestOddNamesDoNotBreakBenchLines(t *testing.T) {
	c := sampleCell(RegimeAsync, "my load/x=1\t", "an engine", 1, 1000)
	c.Ops["odd op"] = &OpStats{N: 1, Service: &Latency{P50: 1}}
	m := fullManifest()
	text, err := newGoBench().lines(&m, &c)
	must(t, err)
	parsed, _ := parseBench(t, text)
	if len(parsed) != 1 {
		t.Fatalf("%d results in %s", len(parsed), text)
	}
	if name := string(parsed[0].Name); !strings.HasPrefix(name, "YCSB/wl=my_load_x_1_/engine=an_engine/") {
		t.Errorf("name %s", name)
	}
}

func TestABenchmarkThatDidNotArriveIsDeclaredAgain(t *testing.T) {
	w := create(t)
	must(t, w.bench.close()) // stands for a disk that refuses
	err := w.AddCell(sampleCell(RegimeAsync, "A", "pebble", 1, 1000))
	if err == nil || !strings.Contains(err.Error(), BenchFile) {
		t.Errorf("error %v, want one that names %s", err, BenchFile)
	}
	w.bench, err = newAppender(filepath.Join(w.Dir(), "again.txt"))
	must(t, err)
	must(t, w.AddCell(sampleCell(RegimeAsync, "A", "pebble", 2, 1000)))
	text := readFileT(t, w, "again.txt")
	for _, want := range []string{"goos: linux\n", "Unit ops/s better=higher\n", "BenchmarkYCSB/"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}
