package report

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/results"
)

// A built is a run with its report.
type built struct {
	*results.Run
	model *Model
}

// committed are the results that the repository keeps, with their reports.
var committed = sync.OnceValues(func() ([]built, error) {
	dirs, err := filepath.Glob(filepath.Join("..", "2*", results.ManifestFile))
	if err != nil {
		return nil, err
	}
	var runs []built
	for _, path := range dirs {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), results.CellsFile)); err != nil {
			continue
		}
		run, err := results.Open(filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		m, err := Build([]*results.Run{run}, Options{})
		if err != nil {
			return nil, err
		}
		runs = append(runs, built{run, m})
	}
	if len(runs) == 0 {
		return nil, errors.New("no committed results were found")
	}
	return runs, nil
})

// maxModel is what a page carries; a browser on a phone still reads it.
const maxModel = 3 << 20

func TestEveryCommittedResultBecomesAReport(t *testing.T) {
	runs, err := committed()
	must(t, err)
	for _, run := range runs {
		text, err := json.Marshal(run.model)
		must(t, err)
		if len(text) > maxModel {
			t.Errorf("%s: the model has %d bytes, more than %d", run.Dir, len(text), maxModel)
		}
		if run.model.Verdict.Headline == "" {
			t.Errorf("%s: the report has no verdict", run.Dir)
		}
		for _, write := range forms() {
			written(t, write, run.model)
		}
	}
}
