package compare

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchproc"

	"github.com/kvbench/kvbench/results"
)

func written(t *testing.T, c *Comparison, o results.TableOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Write(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEveryFormatHoldsTheVerdict(t *testing.T) {
	run := made(map[string]float64{"lsm": 2, "pebble": 1}, nil)
	run.Dir = "RUN"
	c := mustWithin(t, run, Options{Baseline: "pebble"})
	text := written(t, c, results.TableOptions{})
	for _, want := range []string{"RUN, by engine, against pebble", "lsm is 2.00x (", "better", "How to read this"} {
		if !strings.Contains(text, want) {
			t.Errorf("text lacks %q:\n%s", want, text)
		}
	}
	narrow := written(t, c, results.TableOptions{Width: 60, NoLegend: true})
	for line := range strings.Lines(narrow) {
		if strings.HasPrefix(line, "  ") && len([]rune(line)) > 61 { // a table's
			t.Errorf("%d columns: %s", len([]rune(line)), line)
		}
	}
	if strings.Contains(narrow, "How to read") {
		t.Error("there is a legend that nobody wanted")
	}
	if md := written(t, c, results.TableOptions{Format: results.FormatMarkdown}); !strings.Contains(md, "| lsm | 6 |") {
		t.Errorf("Markdown:\n%s", md)
	}
	var back Comparison
	if err := json.Unmarshal([]byte(written(t, c, results.TableOptions{Format: results.FormatJSON})), &back); err != nil {
		t.Fatal(err)
	}
	if p := back.Groups[0].Pairs[0]; p.Verdict != Higher || *p.Ratio != *c.Groups[0].Pairs[0].Ratio {
		t.Errorf("JSON: %+v", p)
	}
	rows, err := csv.NewReader(strings.NewReader(written(t, c, results.TableOptions{Format: results.FormatCSV}))).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("CSV: %d rows, %v", len(rows), err)
	}
	if at := slices.Index(rows[0], "verdict"); rows[1][at] != "higher" {
		t.Errorf("CSV: %v", rows[1])
	}
}

// groupsOf reads the Go benchmark format as benchstat does: how many results
// each value of a key has.
func groupsOf(t *testing.T, text, key string) map[string]int {
	t.Helper()
	var parser benchproc.ProjectionParser
	by, err := parser.Parse(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	r := benchfmt.NewReader(strings.NewReader(text), "test")
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.Result:
			count[by.Project(rec).Get(by.Fields()[0])]++
		case *benchfmt.SyntaxError:
			t.Fatal(rec)
		}
	}
	return count
}

func TestBenchstatFindsTheSides(t *testing.T) {
	run := made(map[string]float64{"lsm": 2, "pebble": 1}, nil)
	within := written(t, mustWithin(t, run, Options{}), results.TableOptions{Format: FormatBenchstat})
	if n := groupsOf(t, within, "/engine"); n["lsm"] != 12 || n["pebble"] != 12 || len(n) != 2 {
		t.Errorf("by engine: %v", n)
	}
	other := made(map[string]float64{"lsm": 2, "pebble": 1}, nil)
	run.Dir, other.Dir = "before", "after"
	c, err := Between(run, other, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if n := groupsOf(t, written(t, c, results.TableOptions{Format: FormatBenchstat}), "run"); n["before"] != 24 || n["after"] != 24 {
		t.Errorf("by run: %v", n)
	}
}

func TestAnUnknownFormatNamesTheNearest(t *testing.T) {
	_, err := ParseFormat("benchsat")
	wantError(t, err, "benchstat")
	for _, name := range []string{"text", "MD", "markdown", "json", "csv", "benchstat"} {
		if _, err := ParseFormat(name); err != nil {
			t.Error(err)
		}
	}
	if err := (&Comparison{}).Write(&bytes.Buffer{}, results.TableOptions{Format: "odd"}); err == nil {
		t.Error("an unknown format was written")
	}
}

func TestFiguresAreWrittenSoThatTheyDifferFromOneWhenTheyDo(t *testing.T) {
	for x, want := range map[float64]string{1: "1.00", 1.0049: "1.005", 0.995: "0.995", 1.26: "1.26", 12.3456: "12.35", 0.0712: "0.071", 420.4: "420"} {
		if got := factorText(x); got != want {
			t.Errorf("%g is written %s, want %s", x, got, want)
		}
	}
}
