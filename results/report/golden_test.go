package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/kvbench/kvbench/results"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func written(t testing.TB, write func(io.Writer, *Model) error, m *Model) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, write(&b, m))
	return b.Bytes()
}

func TestTheFormsAreAsTheyWere(t *testing.T) {
	m := sampleModel(t)
	for name, write := range map[string]func(io.Writer, *Model) error{"report.md": Markdown, "report.csv": CSV} {
		t.Run(name, func(t *testing.T) {
			got, path := written(t, write, m), filepath.Join("testdata", name)
			if *update {
				must(t, os.MkdirAll("testdata", 0o755))
				must(t, os.WriteFile(path, got, 0o644))
			}
			want, err := os.ReadFile(path)
			must(t, err)
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs; if that is meant, run go test ./results/report -update\n%s", path, firstDifference(got, want))
			}
		})
	}
}

func firstDifference(got, want []byte) string {
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range g {
		if i >= len(w) || !bytes.Equal(g[i], w[i]) {
			other := []byte("(end)")
			if i < len(w) {
				other = w[i]
			}
			return "got  " + string(g[i]) + "\nwant " + string(other)
		}
	}
	return "got ends early"
}

// What a form shows must be in the model: a model that went through JSON, as
// the page's does, gives the same text.
func TestTheModelHoldsAllThatIsShown(t *testing.T) {
	m := sampleModel(t)
	text, err := json.Marshal(m)
	must(t, err)
	var back Model
	must(t, json.Unmarshal(text, &back))
	for name, write := range map[string]func(io.Writer, *Model) error{"Markdown": Markdown, "CSV": CSV, "HTML": HTML} {
		if a, b := written(t, write, m), written(t, write, &back); !bytes.Equal(a, b) {
			t.Errorf("%s differs after a trip through JSON\n%s", name, firstDifference(b, a))
		}
	}
}

func forms() []func(io.Writer, *Model) error {
	return []func(io.Writer, *Model) error{Markdown, CSV, HTML}
}

// damage makes a histogram unreadable.
func damage(t testing.TB, run *results.Run, name string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(run.Dir, results.HistDir, name), []byte("#[Histogram log format version 1.2]\nTag=read,0,0,0,!!!!\n"), 0o644))
}
