package bench

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func TestRunDelayIsThatOfThreadsThatAreThereAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	thread := func(name, stat string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "schedstat"), []byte(stat+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	thread("10", "5 1000000000 1")
	thread("11", "5 7000000000 1")
	before := runDelays(dir)
	if err := os.RemoveAll(filepath.Join(dir, "11")); err != nil {
		t.Fatal(err)
	}
	thread("10", "9 1500000000 3")
	thread("12", "9 250000000 3") // began meanwhile
	var cpu results.CPU
	waitStat{runDelay: runDelays(dir)}.into(&cpu, waitStat{runDelay: before})
	if cpu.RunDelayS == nil || *cpu.RunDelayS != 0.75 {
		t.Errorf("waited %v s, want .75", cpu.RunDelayS)
	}
	if cpu.MutexWaitS != nil || cpu.SchedWaitS != nil || cpu.Voluntary != (engine.Count{}) || cpu.MajorFaults != (engine.Count{}) {
		t.Errorf("what was not read is known: %+v", cpu)
	}
}

func TestAKernelThatDoesNotAccountForDelaysLeavesThemUnknown(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "10"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "10", "schedstat"), []byte("0 0 0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dir, t.TempDir(), filepath.Join(dir, "none")} {
		if delays := runDelays(dir); delays != nil {
			t.Errorf("%s: %v", dir, delays)
		}
	}
	var cpu results.CPU
	waitStat{runDelay: map[string]uint64{"10": 5}}.into(&cpu, waitStat{})
	if cpu.RunDelayS != nil {
		t.Errorf("%v s waited since an unknown time", *cpu.RunDelayS)
	}
}

func TestLatenciesAddUpByTheMiddlesOfTheirBuckets(t *testing.T) {
	edges := []float64{math.Inf(-1), 0, 2, 4, math.Inf(1)}
	before := &metrics.Float64Histogram{Buckets: edges, Counts: []uint64{1, 1, 1, 1}}
	after := &metrics.Float64Histogram{Buckets: edges, Counts: []uint64{1, 3, 2, 2}}
	// Two of 1 s, one of 3 s, one of 4 s or more, which counts half of that.
	if sum := latencySum(after, before); sum == nil || *sum != latencyPeriod*(2*1+3+4) {
		t.Errorf("%v", sum)
	}
	if sum := latencySum(after, nil); sum != nil {
		t.Errorf("%v since an unknown time", *sum)
	}
}

// Of goroutines that take turns on one processor all but one wait at any time:
// that is so however loaded the machine is. The runtime times a sample, and a
// processor that is lost for long may be in it or not: several attempts.
func TestGoroutinesThatTakeTurnsWaitForOneAnother(t *testing.T) {
	const goroutines, attempts = 5, 6
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var tried []string
	for range attempts {
		before, begin := readWaits(), time.Now()
		var all sync.WaitGroup
		for range goroutines {
			all.Go(func() {
				for time.Since(begin) < 100*time.Millisecond {
					runtime.Gosched()
				}
			})
		}
		all.Wait()
		wall := time.Since(begin).Seconds()
		var cpu results.CPU
		readWaits().into(&cpu, before)
		if cpu.SchedWaitS == nil {
			t.Fatal("unknown")
		}
		got, want := *cpu.SchedWaitS, (goroutines-1)*wall
		if got > want/2 && got < 2*want {
			return
		}
		tried = append(tried, fmt.Sprintf("%.3f s, want about %.3f s", got, want))
	}
	t.Errorf("waited %s", strings.Join(tried, "; "))
}

func TestAGoroutineThatAMutexBlocksIsCounted(t *testing.T) {
	before := readWaits()
	var m sync.Mutex
	var entered int // guarded by m
	for range 200 { // one wait in eight is timed
		m.Lock()
		done := make(chan struct{})
		go func() {
			m.Lock()
			entered++
			m.Unlock()
			close(done)
		}()
		for range 100 {
			runtime.Gosched()
		}
		m.Unlock()
		<-done
	}
	var cpu results.CPU
	readWaits().into(&cpu, before)
	if cpu.MutexWaitS == nil || *cpu.MutexWaitS <= 0 {
		t.Errorf("waited %v", cpu.MutexWaitS)
	}
	if n, known := cpu.MinorFaults.Value(); !known {
		t.Errorf("%d faults, unknown", n)
	}
	if _, known := cpu.Voluntary.Value(); !known {
		t.Error("switches are unknown")
	}
}

func TestALampSaysHowLongThreadsWaitedForAProcessor(t *testing.T) {
	n := results.Num
	for _, cpu := range []results.CPU{
		{UserS: n(2), SystemS: n(1), OtherS: n(3), RunDelayS: n(1)},
		{UserS: n(2), SystemS: n(1), StealS: n(3), RunDelayS: n(1)},
		{UserS: n(2), SystemS: n(1), OtherS: n(3)},
	} {
		c := results.Cell{CPU: cpu}
		judge(&c, &CellSpec{})
		if len(c.Quality.Flags) != 1 {
			t.Fatalf("flags: %+v", c.Quality.Flags)
		}
		if got := strings.Contains(c.Quality.Flags[0].Reason, "waited for a processor 25 % of"); got != (cpu.RunDelayS != nil) {
			t.Errorf("%+v", c.Quality.Flags[0])
		}
	}
}
