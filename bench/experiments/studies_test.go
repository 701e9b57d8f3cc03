package experiments

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/catalog"
	"github.com/kvbench/kvbench/results"
)

// perform runs a study at the tiny scale in this process.
func perform(t *testing.T, s Study, lookup Lookup) (*results.Study, *results.Run) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r")
	w, err := results.Create(dir, results.Manifest{Experiment: "r"})
	if err != nil {
		t.Fatal(err)
	}
	deps := bench.CellDeps{Lookup: lookup, Noop: func() (engine.Engine, error) { return catalog.Open("noop", "", nil, engine.Env{}) }}
	out, err := Run(t.Context(), s, Options{
		Scale: Tiny, Seed: 1, Dir: filepath.Join(dir, "data"), Name: "r", Lookup: lookup,
		Starter: bench.InProcess{Deps: deps}, Results: w,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	run, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return out, run
}

// slow is the studies that take seconds even at the tiny scale. They are tested
// when KVBENCH_SOAK is set; the rest are always.
func slow() []string {
	return []string{"dostoevsky", "long-reader", "monkey", "rum", "wisckey", "write-amp-triangle"}
}

func TestEveryStudyHasItsShapeAtTheTinyScale(t *testing.T) {
	for _, s := range All() {
		t.Run(s.Name, func(t *testing.T) {
			if slices.Contains(slow(), s.Name) && os.Getenv("KVBENCH_SOAK") == "" {
				t.Skip("it takes seconds; set KVBENCH_SOAK to test it")
			}
			var points []results.Point
			judge := s.Judge
			s.Judge = func(e *Evidence) {
				points = e.Points
				judge(e)
			}
			out, run := perform(t, s, catalog.Lookup)
			for _, c := range run.Cells {
				if c.Status != results.StatusOK {
					t.Errorf("%s is %s: %s", c.ID, c.Status, c.Error)
				}
			}
			for _, c := range Broken(out.Claims) {
				t.Errorf("%s: not so: %s", c.Text, c.Detail)
			}
			for _, c := range out.Claims {
				t.Logf("%s: %s", c.Text, c.Detail)
			}
			t.Logf("\n%s", Text(out.Figure, 80))
			if len(out.Claims) == 0 || len(out.Figure.Points) == 0 {
				t.Errorf("%d claims and %d points", len(out.Claims), len(out.Figure.Points))
			}
			// The control: evidence that is exchanged must break a claim.
			cells, points := turned(run.Cells, points)
			if _, claims := s.judged(Tiny, cells, points); len(Broken(claims)) == 0 {
				t.Errorf("every claim holds, too, when the sides have each other's figures")
			}
		})
	}
}
