package experiments

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kvbench/kvbench/bench"
	"github.com/kvbench/kvbench/results"
)

// Options say where and how large a study is run, and hand it what it may not
// import.
type Options struct {
	Scale Scale
	Reps  int    // of the cells that are timed; 0: as the scale says
	Seed  uint64 // behind everything random

	Dir     string // for data; made, and removed at the end
	Name    string // of the run, as its results record it
	Command string // as recorded

	Lookup  Lookup
	Starter bench.Starter
	Watcher bench.Watcher                    // nil: nobody
	Say     func(format string, args ...any) // progress beside cells; nil: nobody
	Results *results.Writer                  // receives cells, and the study at its end
}

// A Lab is where a study gathers evidence: cells in processes of their own
// (Matrix), engines in this process under its own hands (Open), and points
// that it makes itself (Point). It is for one goroutine.
type Lab struct {
	Scale Scale
	Seed  uint64
	// Dir is for data.
	Dir string

	o      Options
	points []results.Point
	places int    // directories made below Dir
	open   []*Rig // to be closed if the study fails
}

// Point records a measurement that is no cell.
func (l *Lab) Point(series, x string, y float64) {
	l.points = append(l.points, results.Point{Series: series, X: x, Y: results.Num(y)})
}

// Say reports progress.
func (l *Lab) Say(format string, args ...any) {
	if l.o.Say != nil {
		l.o.Say(format, args...)
	}
}

// Has reports whether a feature is there.
func (l *Lab) Has(n Need) bool { return n.unmet(l.o.Lookup) == nil }

// place makes a directory of the study's own.
func (l *Lab) place(name string) (string, error) {
	l.places++
	dir := filepath.Join(l.Dir, fmt.Sprintf("%02d-%s", l.places, name))
	return dir, os.MkdirAll(dir, 0o755)
}

// Run performs a study and records what came of it in the manifest of the
// results. A study that misses a feature is recorded with its name and not
// run. The error is that it could not be carried through; claims that do not
// hold are no error.
func Run(ctx context.Context, s Study, o Options) (out *results.Study, err error) {
	out = &results.Study{
		Name: s.Name, Title: s.Title, Scale: string(o.Scale), Question: s.Question, Paper: s.Paper, Look: s.Look,
		Claims: []results.Claim{}, Missing: s.Missing(o.Lookup),
	}
	if out.Missing == "" {
		if err := gather(ctx, s, o, out); err != nil {
			return nil, fmt.Errorf("experiment %s: %w", s.Name, err)
		}
	}
	return out, o.Results.UpdateManifest(func(m *results.Manifest) { m.Study = out })
}

func gather(ctx context.Context, s Study, o Options, out *results.Study) (err error) {
	lab := &Lab{Scale: o.Scale, Seed: o.Seed, Dir: o.Dir, o: o}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	defer func() {
		for _, b := range lab.open {
			err = errors.Join(err, b.Close())
		}
		err = errors.Join(err, os.RemoveAll(o.Dir))
	}()
	if err := s.Run(ctx, lab); err != nil {
		return err
	}
	run, err := results.Open(o.Results.Dir())
	if err != nil {
		return err
	}
	out.Figure, out.Claims = s.judged(o.Scale, run.Cells, lab.points)
	return nil
}

// judged is what the study makes of evidence.
func (s Study) judged(scale Scale, cells []results.Cell, points []results.Point) (results.Figure, []results.Claim) {
	e := &Evidence{Scale: scale, Cells: cells, Points: points, Claims: []results.Claim{}}
	s.Judge(e)
	return e.Figure, e.Claims
}

// reps is how often timed cells are repeated.
func (l *Lab) reps() int {
	if l.o.Reps > 0 {
		return l.o.Reps
	}
	return pick(l.Scale, 1, 3, 6)
}

// settleTime bounds one wait for background work.
func (l *Lab) settleTime() time.Duration {
	return pick(l.Scale, 20*time.Second, time.Minute, 5*time.Minute)
}
