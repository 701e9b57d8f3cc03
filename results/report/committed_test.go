package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/kvbench/kvbench/results"
)

// committed are the results that the repository keeps.
func committed(t *testing.T) []*results.Run {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join("..", "2*", results.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	var runs []*results.Run
	for _, path := range dirs {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), results.CellsFile)); err != nil {
			continue
		}
		run, err := results.Open(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	if len(runs) == 0 {
		t.Fatal("no committed results were found")
	}
	return runs
}

// maxModel is what a page carries; a browser on a phone still reads it.
const maxModel = 3 << 20

func TestEveryCommittedResultBecomesAReport(t *testing.T) {
	for _, run := range committed(t) {
		t.Run(nameOf(run), func(t *testing.T) {
			m, err := Build([]*results.Run{run}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if len(text) > maxModel {
				t.Errorf("the model has %d bytes, more than %d", len(text), maxModel)
			}
			if m.Verdict.Headline == "" {
				t.Error("the report has no verdict")
			}
			t.Logf("%d bytes: %s", len(text), m.Verdict.Headline)
		})
	}
}
