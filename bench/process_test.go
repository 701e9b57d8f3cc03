package bench

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

func TestReadingsOfTheProcessGoToTheRowsTheyWereTakenIn(t *testing.T) {
	at := func(written uint64, cpu float64) processStat {
		return processStat{
			anonRSS: engine.Known(written), readBytes: engine.Known(0), writeBytes: engine.Known(written),
			user: results.Num(cpu), system: results.Num(0),
		}
	}
	own := func(n uint64) targetStat {
		return targetStat{debt: engine.Known(n), hits: engine.Known(10 * n), misses: engine.Known(2 * n)}
	}
	s := &processSeries{interval: time.Second}
	s.add(-1, at(100, 1), own(1))
	s.add(s.row(1003*time.Millisecond), at(150, 1.5), own(2))
	s.add(s.row(1999*time.Millisecond), at(170, 2), own(5))
	s.add(s.row(4001*time.Millisecond), at(400, 4), own(5)) // the tick at 3 s was missed
	s.add(s.row(5*time.Second), at(401, 4), own(6))
	s.add(s.row(6*time.Second), at(999, 9), own(7)) // after the last row
	rows := make([]results.SeriesRow, 5)
	s.into(rows)
	for i, want := range []struct{ rss, written, cpu, debt, hits, misses float64 }{
		{150, 50, .5, 2, 10, 2}, {170, 20, .5, 5, 30, 6}, {-1, -1, -1, -1, -1, -1}, {400, -1, -1, 5, -1, -1}, {401, 1, 0, 6, 10, 2},
	} {
		row := rows[i]
		if !is(row.Debt, want.debt) || !is(row.CacheHits, want.hits) || !is(row.CacheMiss, want.misses) {
			t.Errorf("row %d: debt %v, hits %v, misses %v; want %+v", i, row.Debt, row.CacheHits, row.CacheMiss, want)
		}
		if !is(row.RSS, want.rss) || !is(row.WriteBytes, want.written) || (row.CPUS == nil) != (want.cpu < 0) || (row.CPUS != nil && *row.CPUS != want.cpu) {
			t.Errorf("row %d: rss %v, written %v, cpu %v; want %+v", i, row.RSS, row.WriteBytes, row.CPUS, want)
		}
	}
}

// is compares a count with a number, of which negative means unknown.
func is(c engine.Count, want float64) bool {
	n, ok := c.Value()
	return ok == (want >= 0) && (!ok || float64(n) == want)
}

func TestThisProcessCanBeRead(t *testing.T) {
	before := readProcess("")
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	io, cpu, mem := readProcess("").since(before, 1)
	if n, ok := io.WriteChars.Value(); !ok || n < 1<<20 {
		t.Errorf("%d bytes written, known %v", n, ok)
	}
	if cpu.UserS == nil || cpu.SystemS == nil || cpu.GCS == nil || mem.BytesPerOp == nil || *mem.BytesPerOp < 1<<20 {
		t.Errorf("cpu %+v, memory %+v", cpu, mem)
	}
	if n, ok := mem.AnonRSS.Value(); !ok || n < 1<<20 {
		t.Errorf("resident memory %d, known %v", n, ok)
	}
	if _, ok := io.DeviceRead.Value(); ok {
		t.Error("a device that has no name was read")
	}
}

func TestDiskUsageCountsBlocksAndEachFileOnce(t *testing.T) {
	dir := t.TempDir()
	empty, _ := diskUsage(dir).Value()
	path := filepath.Join(dir, "sparse")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<30); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(path, filepath.Join(dir, "twin")); err != nil {
		t.Fatal(err)
	}
	used, ok := diskUsage(dir).Value()
	if used -= empty; !ok || used < 1<<20 || used > 3<<19 {
		t.Errorf("%d bytes used by 1 MiB, a hole and a link; known %v", used, ok)
	}
}
