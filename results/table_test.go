package results

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func render(t *testing.T, run *Run, o TableOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, Table(&b, run, o))
	return b.Bytes()
}

func TestTablesLookAsAgreed(t *testing.T) {
	for name, o := range map[string]TableOptions{
		"table.txt":      {},
		"table-80.txt":   {Width: 80},
		"table.md":       {Format: FormatMarkdown},
		"table.csv":      {Format: FormatCSV},
		"table.json":     {Format: FormatJSON},
		"matrix.txt":     {Matrix: true},
		"matrix.md":      {Matrix: true, Format: FormatMarkdown},
		"table-ansi.txt": {Color: true, NoLegend: true, Width: 120},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, render(t, sampleRun(), o)) })
	}
}

func TestColorsChangeNothingElse(t *testing.T) {
	ansi := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, matrix := range []bool{false, true} {
		bare := render(t, sampleRun(), TableOptions{Matrix: matrix})
		colored := render(t, sampleRun(), TableOptions{Matrix: matrix, Color: true})
		if bytes.Contains(bare, []byte{0x1b}) {
			t.Error("colors that nobody asked for")
		}
		if !bytes.Contains(colored, []byte(ansiRed)) {
			t.Error("no colors though asked for")
		}
		if got := ansi.ReplaceAll(colored, nil); !bytes.Equal(got, bare) {
			t.Errorf("without the colors it is\n%s\nwant\n%s", got, bare)
		}
		if b := render(t, sampleRun(), TableOptions{Matrix: matrix, Color: true, Format: FormatMarkdown}); bytes.Contains(b, []byte{0x1b}) {
			t.Error("colors in Markdown")
		}
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	for _, width := range []int{90, 100, 120, 160, 400} {
		for line := range strings.Lines(string(render(t, sampleRun(), TableOptions{Width: width}))) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
				t.Errorf("width %d: a line of %d: %s", width, n, line)
			}
		}
	}
}

func TestBrokenTablesLoseNoColumn(t *testing.T) {
	columns := []column{{title: "name", cells: []string{"x"}}}
	for block := 1; block < 6; block++ {
		for i := range block {
			columns = append(columns, column{title: fmt.Sprint(block, "-", i), block: block, cells: []string{"value"}})
		}
	}
	for width := range 150 {
		var got []string
		for _, part := range breakUp(columns, width) {
			if part[0].title != "name" {
				t.Fatalf("width %d: a part without the names", width)
			}
			if len(part) == 1 {
				t.Fatalf("width %d: a part of names only", width)
			}
			if tableWidth(part) > width && width > 0 && part[1].block != part[len(part)-1].block {
				t.Fatalf("width %d: two blocks in a part of %d", width, tableWidth(part))
			}
			for _, c := range part[1:] {
				got = append(got, c.title)
			}
		}
		if len(got) != len(columns)-1 {
			t.Fatalf("width %d: %d columns of %d", width, len(got), len(columns)-1)
		}
	}
}

func TestWhatAnEngineCannotDoIsNotAvailableAndNeverZero(t *testing.T) {
	for _, o := range []TableOptions{{}, {Matrix: true}, {Format: FormatMarkdown}, {Matrix: true, Format: FormatMarkdown}} {
		text := string(render(t, runOf(
			sampleCell(RegimeAsync, "E", "bbolt", 1, 1000), unsupportedCell(),
		), o))
		if !strings.Contains(text, "n/a [1]") || !strings.Contains(text, "pogreb has no ordered scan") {
			t.Errorf("no n/a with its reason in\n%s", text)
		}
		for line := range strings.Lines(text) {
			if strings.Contains(line, "n/a [1]") && regexp.MustCompile(`(^|[ |])0([ |\n.]|$)`).MatchString(line) {
				t.Errorf("a zero in %q", line)
			}
		}
	}
}

func TestARailIsNeverBetweenEngines(t *testing.T) {
	for _, o := range []TableOptions{{}, {Format: FormatMarkdown}} {
		text := string(render(t, sampleRun(), o))
		tables := regexp.MustCompile(`\n[ |#]*engine [^\n]*\n`).Split(text, -1)[1:]
		if len(tables) < 5 {
			t.Fatalf("%d tables in\n%s", len(tables), text)
		}
		for _, table := range tables {
			var rails, engines int
			for line := range strings.Lines(table) {
				if strings.HasPrefix(strings.TrimPrefix(line, "- "), "[") || line == "\n" {
					break // footnotes, or the end
				}
				if regexp.MustCompile(`\b(noop|mem)\b`).MatchString(line) {
					rails++
				}
				if regexp.MustCompile(`\b(pebble|bbolt|pogreb|badger)\b`).MatchString(line) {
					engines++
				}
			}
			if rails > 0 == (engines > 0) {
				t.Errorf("%d rails and %d engines in\n%s", rails, engines, table)
			}
		}
	}
	run := runOf(sampleCell(RegimeAsync, "A", "noop", 1, 1e6))
	text := string(render(t, run, TableOptions{NoLegend: true}))
	if !strings.Contains(text, railText) || strings.Contains(text, "vs 1st") {
		t.Errorf("a run of rails alone is\n%s", text)
	}
}

func TestCSVHasOneLineAnEngineAndSetupWithEveryDigit(t *testing.T) {
	run := sampleRun()
	lines, err := csv.NewReader(bytes.NewReader(render(t, run, TableOptions{Format: FormatCSV}))).ReadAll()
	must(t, err)
	rows := Rows(run)
	if len(lines) != len(rows)+1 {
		t.Fatalf("%d lines, want a header and %d rows", len(lines), len(rows))
	}
	at := map[string]int{}
	for i, name := range lines[0] {
		if _, twice := at[name]; twice {
			t.Errorf("column %s appears twice", name)
		}
		at[name] = i
	}
	for i, r := range rows {
		get := func(name string) string { return lines[i+1][at[name]] }
		if get("engine") != r.Engine || get("workload") != r.Workload || get("status") != string(r.Status) {
			t.Errorf("line %d is of another row: %q", i+1, lines[i+1])
		}
		want := ""
		if r.OpsPerS != nil {
			want = strconv.FormatFloat(*r.OpsPerS, 'f', -1, 64)
		}
		if get("ops_per_s") != want {
			t.Errorf("line %d: ops_per_s %q, want %q", i+1, get("ops_per_s"), want)
		}
		if get("read_amp") != "" || r.Workload == "A" && get("scan_p99_ns") != "" {
			t.Errorf("line %d has a value for what is unknown", i+1)
		}
	}
}

func TestJSONTablesAreRows(t *testing.T) {
	run := sampleRun()
	var got []Row
	must(t, json.Unmarshal(render(t, run, TableOptions{Format: FormatJSON}), &got))
	want := Rows(run)
	for i := range want {
		want[i].cells, want[i].used = nil, nil
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("rows\n got %+v\nwant %+v", got, want)
	}
	if text := string(render(t, runOf(), TableOptions{Format: FormatJSON})); text != "[]\n" {
		t.Errorf("no cells are %q, want an empty array", text)
	}
}

func TestMarkdownTablesSurviveOddNames(t *testing.T) {
	c := sampleCell(RegimeAsync, "A", "a|b", 1, 1000)
	text := string(render(t, runOf(c), TableOptions{Format: FormatMarkdown, NoLegend: true}))
	columns := -1
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if columns >= 0 && n != columns {
			t.Errorf("%d bars, want %d: %s", n, columns, line)
		}
		columns = n
	}
	if columns < 5 || !strings.Contains(text, `a\|b`) {
		t.Errorf("no table in\n%s", text)
	}
}

func TestTheMatrixKeepsThreadCountsApart(t *testing.T) {
	var cells []Cell
	for i, threads := range []int{8, 1, 64} {
		c := sampleCell(RegimeSync, "put", "pebble", 1, float64(1000*(i+1)))
		c.Load.Threads = threads
		cells = append(cells, c)
	}
	text := string(render(t, runOf(cells...), TableOptions{Matrix: true, NoLegend: true}))
	if !regexp.MustCompile(`put t=1 +put t=8 +put t=64\n-+\n +pebble +sync +survives +2\.00 k +1\.00 k +3\.00 k\n`).MatchString(text) {
		t.Errorf("the matrix is\n%s", text)
	}
}

func TestALoadPhaseIsNotDescribedByTheMixAfterIt(t *testing.T) {
	c := sampleCell(RegimeAsync, LoadWorkload, "pebble", 1, 1000)
	for name, want := range map[string]string{"load": "load phase, async", "load-ycsb-b": "load phase of ycsb-b, async"} {
		c.Workload.Name = name
		text := string(render(t, runOf(c), TableOptions{NoLegend: true}))
		if !strings.HasPrefix(text, want) {
			t.Errorf("%s begins with %.40q", name, text)
		}
		for _, wrong := range []string{"read 50 %", "zipfian", "update", "warm-up"} {
			if strings.Contains(text, wrong) {
				t.Errorf("%s speaks of %s:\n%s", name, wrong, text)
			}
		}
	}
}

func TestARunWithoutCellsSaysSo(t *testing.T) {
	for _, matrix := range []bool{false, true} {
		if text := string(render(t, &Run{}, TableOptions{Matrix: matrix})); text != "no cells\n" {
			t.Errorf("%q", text)
		}
	}
}

func TestFormatsHaveNames(t *testing.T) {
	for _, f := range []Format{FormatText, FormatMarkdown, FormatCSV, FormatJSON} {
		if got, err := ParseFormat(strings.ToUpper(string(f))); got != f || err != nil {
			t.Errorf("%s is %q, %v", f, got, err)
		}
	}
	if _, err := ParseFormat("xml"); err == nil || !strings.Contains(err.Error(), "markdown") {
		t.Errorf("error %v, want one that lists the formats", err)
	}
	if err := Table(io.Discard, runOf(), TableOptions{Format: "xml"}); err == nil {
		t.Error("a table in no format")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestATableThatCannotBeWrittenIsAnError(t *testing.T) {
	if err := Table(brokenPipe{}, sampleRun(), TableOptions{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}
