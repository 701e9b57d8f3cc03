package bench

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strconv"
	"syscall"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// waitStat is what the threads and goroutines of this process have waited for,
// at one moment. It takes a file for each thread to read: too much for a
// series.
type waitStat struct {
	runDelay                 map[string]uint64 // by thread, in nanoseconds; nil: unknown
	voluntary, involuntary   engine.Count
	minorFaults, majorFaults engine.Count
	mutex                    *float64 // seconds
	latencies                *metrics.Float64Histogram
}

// readWaits reads everything.
func readWaits() (s waitStat) {
	s.runDelay = runDelays("/proc/self/task")
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		s.voluntary, s.involuntary = engine.Known(uint64(u.Nvcsw)), engine.Known(uint64(u.Nivcsw))
		s.minorFaults, s.majorFaults = engine.Known(uint64(u.Minflt)), engine.Known(uint64(u.Majflt))
	}
	samples := []metrics.Sample{{Name: "/sync/mutex/wait/total:seconds"}, {Name: "/sched/latencies:seconds"}}
	metrics.Read(samples)
	if v := samples[0].Value; v.Kind() == metrics.KindFloat64 {
		s.mutex = results.Num(v.Float64())
	}
	if v := samples[1].Value; v.Kind() == metrics.KindFloat64Histogram {
		s.latencies = v.Float64Histogram()
	}
	return s
}

// runDelays reads how long each thread below dir has waited on a run queue, in
// nanoseconds. A kernel that does not account for it writes zeros, also for
// the times that a thread was given a processor: nil.
func runDelays(dir string) map[string]uint64 {
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	delays, ran := make(map[string]uint64), false
	for _, thread := range threads {
		data, err := os.ReadFile(filepath.Join(dir, thread.Name(), "schedstat"))
		if err != nil {
			continue // it has ended
		}
		words := bytes.Fields(data) // time run, time waited, times run
		if len(words) < 3 {
			continue
		}
		delay, err := strconv.ParseUint(string(words[1]), 10, 64)
		if err != nil {
			continue
		}
		delays[thread.Name()] = delay
		ran = ran || string(words[2]) != "0"
	}
	if !ran {
		return nil
	}
	return delays
}

// into adds what was waited for since before to cpu. What a thread waited that
// has ended meanwhile is lost; the runtime keeps its threads.
func (s waitStat) into(cpu *results.CPU, before waitStat) {
	if s.runDelay != nil && before.runDelay != nil {
		var sum uint64
		for thread, delay := range s.runDelay {
			sum += delay - min(before.runDelay[thread], delay)
		}
		cpu.RunDelayS = results.Num(float64(sum) / 1e9)
	}
	cpu.Voluntary = s.voluntary.Since(before.voluntary)
	cpu.Involuntary = s.involuntary.Since(before.involuntary)
	cpu.MinorFaults = s.minorFaults.Since(before.minorFaults)
	cpu.MajorFaults = s.majorFaults.Since(before.majorFaults)
	cpu.MutexWaitS = minus(s.mutex, before.mutex)
	cpu.SchedWaitS = latencySum(s.latencies, before.latencies)
}

// latencyPeriod is one in how many waits of a goroutine the runtime times. It
// scales the waits for mutexes up by itself, but not the histogram.
const latencyPeriod = 8

// latencySum is the time in a histogram beyond that of before, by the middle
// of every bucket.
func latencySum(h, before *metrics.Float64Histogram) *float64 {
	if h == nil || before == nil || len(h.Counts) != len(before.Counts) {
		return nil
	}
	sum := 0.
	for i, n := range h.Counts {
		low, high := max(h.Buckets[i], 0), h.Buckets[i+1]
		if math.IsInf(high, 1) {
			high = low
		}
		sum += float64(n-before.Counts[i]) * (low + max(high, 0)) / 2
	}
	return results.Num(latencyPeriod * sum)
}
