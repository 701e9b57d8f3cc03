package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// page writes a model as a page. The file is kept where KVBENCH_PAGE says,
// for people.
func page(t testing.TB, m *Model) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, m); err != nil {
		t.Fatal(err)
	}
	if name := os.Getenv("KVBENCH_PAGE"); name != "" {
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestEqualModelsGiveEqualPages(t *testing.T) {
	once, again := page(t, richModel()), page(t, richModel())
	if once != again {
		t.Fatal("the same model gave two pages")
	}
}

func TestVendoredFilesAreTheOnesThatWereVendored(t *testing.T) {
	text, err := os.ReadFile("assets/CHECKSUMS")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(text)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Fatalf("CHECKSUMS: %q", line)
		}
		listed[name] = sum
	}
	files, err := filepath.Glob("assets/echarts.*")
	if err != nil || len(files) == 0 {
		t.Fatal("nothing is vendored", err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		if got := hex.EncodeToString(sum[:]); listed[filepath.Base(name)] != got {
			t.Errorf("%s has the checksum %s; CHECKSUMS says %q", name, got, listed[filepath.Base(name)])
		}
	}
	if len(listed) != len(files) {
		t.Errorf("%d files are listed, %d are there", len(listed), len(files))
	}
}

func TestASectionWithoutDataIsAbsent(t *testing.T) {
	ids := func(m *Model) []string {
		var out []string
		for _, e := range named(elements(t, page(t, m)), "section") {
			out = append(out, e.attrs["id"])
		}
		return out
	}
	if got := ids(&Model{}); !slices.Equal(got, []string{"verdict"}) {
		t.Errorf("an empty model has the sections %v", got)
	}
	all := ids(richModel())
	if len(all) != 19 {
		t.Errorf("the rich model has the sections %v", all)
	}
	m := richModel()
	m.Sweeps, m.Fidelity = nil, nil
	if got := ids(m); slices.Contains(got, "sweeps") || slices.Contains(got, "fidelity") || len(got) != len(all)-2 {
		t.Errorf("without sweeps and fidelity there are the sections %v", got)
	}
}

func TestATableWithoutRatesIsNoRanking(t *testing.T) {
	m := richModel()
	m.Tables = m.Tables[:1]
	m.Tables[0].Rails = nil
	m.Tables[0].Entries = m.Tables[0].Entries[:2]
	if text := page(t, m); strings.Count(text, `id="t1"`) != 1 {
		t.Fatal("a table with rates is not shown once")
	}
	for i := range m.Tables[0].Entries {
		m.Tables[0].Entries[i].Rate = Figure{}
	}
	if text := page(t, m); strings.Contains(text, `id="t1"`) {
		t.Error("a table without rates is shown")
	}
	m.Tables[0].Entries[0].Why = "disk full"
	if text := page(t, m); !strings.Contains(text, `id="t1"`) || !strings.Contains(text, "disk full") {
		t.Error("a table that says why it has no rate is not shown")
	}
}

func TestHeadingsDescendOneLevelAtATimeAndTablesSayWhatTheyAre(t *testing.T) {
	all := elements(t, page(t, richModel()))
	level, tables, captions := 0, 0, 0
	for _, e := range all {
		switch {
		case len(e.name) == 2 && e.name[0] == 'h' && e.name[1] >= '1' && e.name[1] <= '6':
			next := int(e.name[1] - '0')
			if next > level+1 {
				t.Errorf("a heading of level %d follows one of level %d", next, level)
			}
			level = next
		case e.name == "table":
			tables++
		case e.name == "caption":
			captions++
		case e.name == "th" && e.attrs["scope"] == "":
			t.Error("a head of a row or column does not say of which")
		case e.attrs["role"] == "img" && e.attrs["aria-label"] == "":
			t.Error("a drawing has no name")
		}
	}
	if tables == 0 || tables != captions {
		t.Errorf("%d tables have %d captions", tables, captions)
	}
}

func TestEveryFigureHasItsDataInTheBlockAndInATable(t *testing.T) {
	all := elements(t, page(t, richModel()))
	var charts []map[string]any
	for _, s := range named(all, "script") {
		if s.attrs["id"] == "charts" {
			if err := json.Unmarshal([]byte(s.text), &charts); err != nil {
				t.Fatal(err)
			}
		}
	}
	var drawn []string
	details := 0
	for _, e := range all {
		if n, ok := e.attrs["data-chart"]; ok {
			drawn = append(drawn, n)
		}
		if e.name == "table" && slices.Contains(e.parents, "figure") && slices.Contains(e.parents, "details") {
			details++
		}
	}
	slices.Sort(drawn)
	if len(slices.Compact(drawn)) != len(charts) || details != len(charts) || len(charts) < 15 {
		t.Errorf("%d figures, %d tables below them, %d charts", len(drawn), details, len(charts))
	}
	kinds := map[any]bool{}
	for _, c := range charts {
		kinds[c["kind"]] = true
	}
	for _, kind := range []string{"dots", "curves", "bars", "heat", "stack", "time"} {
		if !kinds[kind] {
			t.Errorf("the rich model has no chart of kind %s", kind)
		}
	}
}

func TestWritingAPageReportsTheErrorOfTheWriter(t *testing.T) {
	full := errors.New("disk full")
	if err := HTML(failingWriter{full}, richModel()); !errors.Is(err, full) {
		t.Errorf("the error is %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestColoursCanBeReadInBothThemes(t *testing.T) {
	css, err := os.ReadFile("assets/style.css")
	if err != nil {
		t.Fatal(err)
	}
	colours := map[string][2]float64{} // luminance, light and dark
	for _, m := range regexp.MustCompile(`--(\w+): light-dark\((#\w{6}), (#\w{6})\)`).FindAllStringSubmatch(string(css), -1) {
		colours[m[1]] = [2]float64{luminance(t, m[2]), luminance(t, m[3])}
	}
	atLeast := map[string]float64{"fg": 7, "dim": 4.5, "link": 4.5, "good": 4.5, "bad": 4.5}
	for i := range palette {
		atLeast["e"+strconv.Itoa(i)] = 3 // marks and lines, which are no text
	}
	for name, least := range atLeast {
		for theme := range 2 {
			for _, ground := range []string{"bg", "soft"} {
				if got := contrast(colours[name][theme], colours[ground][theme]); !(got >= least) {
					t.Errorf("%s on %s in theme %d: contrast %.1f, not %.1f", name, ground, theme, got, least)
				}
			}
		}
	}
}

// luminance and contrast are those of WCAG 2.1.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		x := float64(n) / 255
		if x <= 0.04045 {
			x /= 12.92
		} else {
			x = math.Pow((x+0.055)/1.055, 2.4)
		}
		sum += weight * x
	}
	return sum
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }
