package results

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// killedDir names the directory that a child process writes until it dies.
const killedDir = "KVBENCH_TEST_RESULTS_DIR"

// TestMain lets the test binary be that child.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killedDir); dir != "" {
		if err := writeForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForever adds cells and says so after each.
func writeForever(dir string) error {
	w, err := Create(dir, Manifest{Experiment: "killed"})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		c := sampleCell(RegimeAsync, "A", "pebble", i, 1000)
		if err := w.AddSeries(sampleSeries(c.ID)); err != nil {
			return err
		}
		if err := w.AddEvents(sampleEvents(c.ID)); err != nil {
			return err
		}
		if err := w.AddHist(c.ID, sampleHist(), sampleTime(), sampleTime()); err != nil {
			return err
		}
		if err := w.AddCell(c); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

func TestAProcessThatIsKilledKeepsEveryCellItFinished(t *testing.T) {
	for round := range 3 {
		dir := filepath.Join(t.TempDir(), "run")
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), killedDir+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		lines := bufio.NewReader(out)
		for range 5 + round {
			_, err = lines.ReadString('\n')
			must(t, err)
		}
		must(t, child.Process.Kill())
		rest, err := io.ReadAll(lines)
		must(t, err)
		_ = child.Wait() // killed
		said := 5 + round
		for _, b := range rest {
			if b == '\n' {
				said++
			}
		}

		r := open(t, dir)
		if n := len(r.Cells); n < said || n > said+1 {
			t.Errorf("%d cells on disk, the process had finished %d", n, said)
		}
		if r.Manifest.Status != StatusPartial {
			t.Errorf("status %q, want partial", r.Manifest.Status)
		}
		series, err := r.Series()
		must(t, err)
		events, err := r.Events()
		must(t, err)
		if len(series) < 2*len(r.Cells) || len(events) < len(r.Cells) {
			t.Errorf("%d cells have %d series rows and %d events", len(r.Cells), len(series), len(events))
		}
		for _, c := range r.Cells {
			if _, err := r.Hist(c.ID); err != nil {
				t.Error(err)
			}
		}
	}
}
