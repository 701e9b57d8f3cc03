package gate

import (
	"fmt"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results/compare"
)

// A Counter is a metric that a seeded run of one worker repeats.
type Counter struct {
	Name string
	// Slack is how much more than its limit a count may be, in all operations
	// of a cell together: what the runtime and the harness add by themselves.
	// Of a ratio it is a ratio.
	Slack float64
	// Timed: the count depends on when background work runs, too. It is gated
	// only where repetitions, of two at least, agree.
	Timed bool
	About string
}

// Counters lists what Check gates on by default. The ones that are not Timed
// were equal to the last digit when runs of 20,000 and 50,000 operations of
// workloads A and C on noop, mem, hash, lsm and btree were repeated with their
// seed, but for written logs, whose framing differs by some 100 bytes.
// The Timed ones were as equal for noop, mem, lsm and btree where neither
// flush nor checkpoint fell into the measured phase, except allocations (up to
// 40 objects and 60 KiB a cell) and what the kernel counts on disk (lsm: by
// tenths, since logs that are used again keep their size). The hash engine
// clears its log ahead of the writes and collects garbage beside them: its
// calls, syncs (4 to 9 a cell), allocations (some 300 objects, 2 MiB) and bytes
// on disk moved by a third and more, also with gc=off. Ten checks among four
// equal runs (50,000 operations, three repetitions, a limit of 5 %) found no
// regression in any of 50 counters.
func Counters() []Counter {
	const ratio = 0.01
	return []Counter{
		{"io.user_write", 0, false, "bytes handed to the engine"},
		{"metrics.log.bytes_in", 0, false, "payload of the log"},
		{"metrics.log.bytes_written", 4 << 10, false, "the log, with its framing"},
		{"fsyncs_per_op", 10, true, "syncs"},
		{"io.wchar", 64 << 10, true, "bytes through write calls"},
		{"io.syscw", 20, true, "write calls"},
		{"write_amp", ratio, true, "bytes sent to the disk a user byte"},
		{"write_amp_settled", ratio, true, "with the work that followed"},
		{"space_amp", ratio, true, "bytes on disk a live byte"},
		{"metrics.work.flush_bytes", 0, true, "flushed"},
		{"metrics.work.compactions", 0, true, "compactions"},
		{"metrics.work.compact_write_bytes", 0, true, "written by compactions"},
		{"metrics.work.page_write_bytes", 0, true, "pages written"},
		{"metrics.work.gc_write_bytes", 0, true, "rewritten by the collection of garbage in files"},
		{"metrics.read.ios", 20, true, "reads from files"},
		{"metrics.read.io_bytes", 64 << 10, true, "bytes read from files"},
		{"metrics.read.runs_probed", 20, true, "runs, pages or buckets that gets visited"},
		{"metrics.read.blocks_touched", 20, true, "blocks or pages, cached or not"},
		{"metrics.read.filter_checks", 20, true, "questions to filters"},
		{"metrics.read.filter_false_positives", 20, true, "wrong answers of filters"},
		{"metrics.cache.misses", 20, true, "blocks that the cache did not hold"},
		{"allocs_per_op", 1000, true, "objects allocated"},
		{"alloc_bytes_per_op", 4 << 20, true, "bytes allocated"},
	}
}

// gated is a counter with its metric.
type gated struct {
	Counter
	metric compare.Metric
}

// resolve finds the metrics of the default counters, or of those named.
func resolve(names []string) ([]gated, error) {
	known := Counters()
	if len(names) == 0 {
		for _, c := range known {
			names = append(names, c.Name)
		}
	}
	var list []gated
	for _, name := range names {
		m, err := compare.FindMetric(name)
		if err != nil {
			return nil, err
		}
		if !m.Counted {
			return nil, fmt.Errorf("%w: %s is a time, or depends on it: it cannot gate; use --threshold for a bound on it", engine.ErrInvalid, name)
		}
		g := gated{Counter{Name: name, Timed: true, About: m.About}, m}
		for _, c := range known {
			if c.Name == name {
				g.Counter = c
			}
		}
		list = append(list, g)
	}
	return list, nil
}
