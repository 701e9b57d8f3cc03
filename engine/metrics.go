package engine

import (
	"reflect"
	"strconv"
)

// A Count is a counter or gauge that may be unknown. The zero Count is
// unknown, so that what an engine does not fill in is never taken for zero.
type Count struct {
	n     uint64
	known bool
}

// Known returns the Count of n.
func Known(n uint64) Count { return Count{n: n, known: true} }

// Value returns the number, and whether it is known.
func (c Count) Value() (n uint64, known bool) { return c.n, c.known }

// Or returns the number, or def when it is unknown.
func (c Count) Or(def uint64) uint64 {
	if c.known {
		return c.n
	}
	return def
}

// Plus adds; the sum is unknown when either side is.
func (c Count) Plus(d Count) Count {
	if !c.known || !d.known {
		return Count{}
	}
	return Known(c.n + d.n)
}

// Since returns how far a counter has moved from an earlier reading. It is
// unknown when either is, and zero for a counter that went backwards.
func (c Count) Since(earlier Count) Count {
	if !c.known || !earlier.known {
		return Count{}
	}
	return Known(c.n - min(c.n, earlier.n))
}

// String is the decimal number, or "n/a".
func (c Count) String() string {
	if !c.known {
		return "n/a"
	}
	return strconv.FormatUint(c.n, 10)
}

// MarshalJSON writes the number, or null when it is unknown.
func (c Count) MarshalJSON() ([]byte, error) {
	if !c.known {
		return []byte("null"), nil
	}
	return strconv.AppendUint(nil, c.n, 10), nil
}

// UnmarshalJSON reads a number or null.
func (c *Count) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*c = Count{}
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return err
	}
	*c = Known(n)
	return nil
}

// Metrics are an engine's own counts. Unless marked as a gauge, a field counts
// from Open and never goes down. Sizes are bytes, times nanoseconds.
//
// Gauges have the tag kind:"gauge".
//
// The zero Metrics knows nothing. An engine fills what it knows and must not
// estimate; the harness sees bytes and syncs of the process besides.
type Metrics struct {
	User   UserMetrics   `json:"user"`
	Log    LogMetrics    `json:"log"`
	Work   WorkMetrics   `json:"work"`
	Space  SpaceMetrics  `json:"space"`
	Read   ReadMetrics   `json:"read"`
	Cache  CacheMetrics  `json:"cache"`
	Memory MemoryMetrics `json:"memory"`
	Stall  StallMetrics  `json:"stall"`
	Health HealthMetrics `json:"health"`
}

// UserMetrics count what callers asked for.
type UserMetrics struct {
	Gets     Count `json:"gets"`
	Puts     Count `json:"puts"` // ops inside batches count here too
	Deletes  Count `json:"deletes"`
	Scans    Count `json:"scans"`
	Batches  Count `json:"batches"`
	BytesIn  Count `json:"bytes_in"`  // keys and values of puts, keys of deletes
	BytesOut Count `json:"bytes_out"` // values returned
}

// LogMetrics count the write-ahead log.
type LogMetrics struct {
	BytesIn      Count `json:"bytes_in"`                // payload
	BytesWritten Count `json:"bytes_written"`           // with framing and padding, without zero-fill
	BytesZeroed  Count `json:"bytes_zeroed"`            // zero-fill ahead of the log
	Syncs        Count `json:"syncs"`                   // syncs of the log
	Groups       Count `json:"groups"`                  // commits that shared one write
	SyncTime     Count `json:"sync_ns"`                 // time spent in syncs
	BytesLive    Count `json:"bytes_live" kind:"gauge"` // gauge: log not yet covered by data files
	SyncsAvoided Count `json:"syncs_avoided"`           // Sync-level commits that another's sync covered
}

// WorkMetrics count what writes cause later.
type WorkMetrics struct {
	FlushBytes        Count `json:"flush_bytes"`
	Flushes           Count `json:"flushes"`
	CompactReadBytes  Count `json:"compact_read_bytes"`
	CompactWriteBytes Count `json:"compact_write_bytes"`
	Compactions       Count `json:"compactions"`
	PageWriteBytes    Count `json:"page_write_bytes"`
	PageWrites        Count `json:"page_writes"`
	CheckpointBytes   Count `json:"checkpoint_bytes"`
	MetaBytes         Count `json:"meta_bytes"` // manifests, maps, superblocks
	GCReadBytes       Count `json:"gc_read_bytes"`
	GCWriteBytes      Count `json:"gc_write_bytes"`
	Splits            Count `json:"splits"`
	Merges            Count `json:"merges"`
	DebtBytes         Count `json:"debt_bytes" kind:"gauge"` // gauge: bytes still to be rewritten to be settled
	Running           Count `json:"running" kind:"gauge"`    // gauge: background jobs now
}

// SpaceMetrics are gauges of what is on disk.
type SpaceMetrics struct {
	DiskBytes    Count `json:"disk_bytes" kind:"gauge"`
	GarbageBytes Count `json:"garbage_bytes" kind:"gauge"`
	PinnedBytes  Count `json:"pinned_bytes" kind:"gauge"` // obsolete, held by snapshots and iterators
	Files        Count `json:"files" kind:"gauge"`
	LiveKeys     Count `json:"live_keys" kind:"gauge"`
}

// ReadMetrics count the work of reads.
type ReadMetrics struct {
	RunsProbed           Count `json:"runs_probed"`    // sorted runs, pages or buckets visited by gets
	BlocksTouched        Count `json:"blocks_touched"` // blocks or pages, cached or not
	IOs                  Count `json:"ios"`            // reads from files
	IOBytes              Count `json:"io_bytes"`
	FilterChecks         Count `json:"filter_checks"`
	FilterNegatives      Count `json:"filter_negatives"`
	FilterFalsePositives Count `json:"filter_false_positives"`
	TombstonesSkipped    Count `json:"tombstones_skipped"`
	Restarts             Count `json:"restarts"` // optimistic reads begun anew
}

// CacheMetrics count the engine's own block or page cache.
type CacheMetrics struct {
	Hits      Count `json:"hits"`
	Misses    Count `json:"misses"`
	Inserts   Count `json:"inserts"`
	Evictions Count `json:"evictions"`
	Bytes     Count `json:"bytes" kind:"gauge"` // gauge

	// Hits and Misses of an engine whose cache holds a tree, by kind of page.
	LeafHits    Count `json:"leaf_hits"` // leaves, and what hangs from them
	LeafMisses  Count `json:"leaf_misses"`
	InnerHits   Count `json:"inner_hits"`
	InnerMisses Count `json:"inner_misses"`
}

// MemoryMetrics are gauges by kind; Off is what lies outside the Go heap.
type MemoryMetrics struct {
	Memtable Count `json:"memtable" kind:"gauge"`
	Index    Count `json:"index" kind:"gauge"`
	Filter   Count `json:"filter" kind:"gauge"`
	Off      Count `json:"off_heap" kind:"gauge"`
}

// StallMetrics count writes that were made to wait, by reason.
type StallMetrics struct {
	Stalls     Count `json:"stalls"`
	Time       Count `json:"ns"`
	Memtable   Count `json:"memtable_ns"`
	L0         Count `json:"l0_ns"`
	Debt       Count `json:"debt_ns"`
	DirtyCache Count `json:"dirty_cache_ns"`
	LogSpace   Count `json:"log_space_ns"`
	Longest    Count `json:"longest_ns" kind:"gauge"` // gauge: longest wait of one write since Open
}

// HealthMetrics count what should not happen.
type HealthMetrics struct {
	SyncErrors      Count `json:"sync_errors"`
	CorruptionFound Count `json:"corruption_found"`
	RecoveryTime    Count `json:"recovery_ns" kind:"gauge"` // of the last Open
	RecoveryBytes   Count `json:"recovery_bytes" kind:"gauge"`
}

// Since returns what moved since an earlier reading: counters as Count.Since,
// gauges as they are now.
func (m *Metrics) Since(earlier *Metrics) Metrics {
	moved := *m
	groups, old := reflect.ValueOf(&moved).Elem(), reflect.ValueOf(earlier).Elem()
	for i := range groups.NumField() {
		group, oldGroup := groups.Field(i), old.Field(i)
		for j := range group.NumField() {
			if group.Type().Field(j).Tag.Get("kind") == "gauge" {
				continue
			}
			c := group.Field(j).Addr().Interface().(*Count)
			*c = c.Since(oldGroup.Field(j).Interface().(Count))
		}
	}
	return moved
}
