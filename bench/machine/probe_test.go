package machine

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

func isPositive(x float64) bool { return x > 0 && !math.IsInf(x, 0) }

func TestTheClockHasAPriceAndAStep(t *testing.T) {
	read, step := ProbeClock()
	if read < 0 || math.IsInf(read, 0) || math.IsNaN(read) || !isPositive(step) {
		t.Errorf("read %v ns, step %v ns", read, step)
	}
}

func TestAClockThatStandsHasNoStep(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the clock ten million times")
	}
	synctest.Test(t, func(t *testing.T) {
		if read, step := ProbeClock(); read != 0 || step != 0 {
			t.Errorf("read %v ns, step %v ns", read, step)
		}
	})
}

func TestASleepIsTheMedianOfWhatItTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if ms := ProbeSleep(t.Context()); ms != 0.1 {
			t.Errorf("%v ms on a perfect clock", ms)
		}
		if took := time.Since(start); took != 20*100*time.Microsecond {
			t.Errorf("20 sleeps took %v", took)
		}
	})
}

func TestASleepIsTriedOnceEvenWhenTimeIsUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ms := ProbeSleep(ctx); !isPositive(ms) {
		t.Errorf("%v ms", ms)
	}
}

func TestADiskIsProbedAndLeftAsItWas(t *testing.T) {
	dir := t.TempDir()
	p, err := ProbeDisk(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]*float64{
		"fdatasync": p.FdatasyncUs, "write": p.Write4KUs, "read": p.Read4KUs, "sequential": p.SequentialMBS,
	} {
		if x == nil || !isPositive(*x) {
			t.Errorf("%s is %v", name, x)
		}
	}
	wantEmpty(t, dir)
}

func TestADiskProbeThatIsCancelledCleansUp(t *testing.T) {
	dir := t.TempDir()
	for _, checks := range []int{0, 1, 2, 100, 500, 1500} {
		ctx := &countdown{Context: t.Context(), left: checks}
		p, err := ProbeDisk(ctx, dir)
		if !errors.Is(err, context.Canceled) {
			if err == nil && checks > 2 && p.SequentialMBS != nil {
				return // a slow disk: its budget ended before
			}
			t.Fatalf("cancelled at check %d: %v", checks, err)
		}
		if p.SequentialMBS != nil {
			t.Errorf("cancelled at check %d: a rate of what was not written", checks)
		}
		wantEmpty(t, dir)
	}
}

// A countdown is a context that ends after a number of looks at it.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left == 0 {
		return context.Canceled
	}
	c.left--
	return nil
}

func TestADirectoryThatCannotBeProbedIsAnError(t *testing.T) {
	dir := t.TempDir()
	p, err := ProbeDisk(t.Context(), filepath.Join(dir, "no"))
	if !errors.Is(err, fs.ErrNotExist) || p != (DiskProbe{}) {
		t.Errorf("absent: %+v, %v", p, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ProbeDisk(t.Context(), file); err == nil {
		t.Error("a file was probed as a directory")
	}
}

func TestASeriesEndsWithItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		sleep := func(int) error {
			calls++
			time.Sleep(30 * time.Millisecond)
			return nil
		}
		x, err := medianUs(t.Context(), 100, 100*time.Millisecond, sleep)
		if err != nil || calls != 4 || *x != 30_000 {
			t.Errorf("%d calls, %v us, %v", calls, *x, err)
		}
		calls = 0
		if _, err := medianUs(t.Context(), 100, time.Millisecond, sleep); err != nil || calls != 1 {
			t.Errorf("over budget at once: %d calls, %v", calls, err)
		}
		full := errors.New("full")
		x, err = medianUs(t.Context(), 3, time.Second, func(int) error { return full })
		if x != nil || err != full {
			t.Errorf("an error: %v, %v", x, err)
		}
	})
}

func TestTheMedianOfAnEvenNumberIsTheMiddle(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want float64
	}{{[]float64{5}, 5}, {[]float64{9, 1, 2}, 2}, {[]float64{9, 1, 2, 4}, 3}} {
		if got := median(c.x); got != c.want {
			t.Errorf("%v: %v, want %v", c.x, got, c.want)
		}
	}
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("left behind: %s", entry.Name())
	}
}
