package lsm

import (
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/lsm/compaction"
	"github.com/kvbench/kvbench/lsm/filter"
	"github.com/kvbench/kvbench/lsm/pace"
	"github.com/kvbench/kvbench/lsm/table"
)

// counters count what callers ask for, in stripes that goroutines which run at
// the same time mostly do not share, so that processors do not wait for each
// other's cache lines.
type counters struct {
	stripes []counted

	index, filter atomic.Int64  // bytes that readers of tables have in memory
	moved         atomic.Uint64 // bytes of values that were read from garbage
}

const countedStripes = 64

type counted struct {
	gets, bytesOut, runs, blocks, negatives, falses atomic.Uint64
	_                                               [80]byte

	puts, deletes, batches, scans, bytesIn, skipped atomic.Uint64
	_                                               [80]byte
}

func newCounters() counters { return counters{stripes: make([]counted, countedStripes)} }

// stripe returns that of the caller's goroutine, which its stack tells apart.
func (c *counters) stripe() *counted {
	var here byte
	return &c.stripes[stackHash(uintptr(unsafe.Pointer(&here)))%countedStripes]
}

// stackHash mixes the bits by which stacks differ: they are 2 KiB at least.
func stackHash(p uintptr) uintptr { return p>>11 ^ p>>17 }

// wrote counts the ops of a write.
func (c *counted) wrote(puts, deletes, bytes int) {
	if puts > 0 {
		c.puts.Add(uint64(puts))
	}
	if deletes > 0 {
		c.deletes.Add(uint64(deletes))
	}
	c.bytesIn.Add(uint64(bytes))
}

// got counts a lookup.
func (c *counted) got(q *lookup) {
	c.gets.Add(1)
	if q.runs == 0 {
		return
	}
	c.runs.Add(uint64(q.runs))
	c.negatives.Add(uint64(q.negatives))
	c.blocks.Add(uint64(q.blocks))
	if q.falses > 0 {
		c.falses.Add(uint64(q.falses))
	}
}

// accepted is how many bytes were written.
func (c *counters) accepted() (n uint64) {
	for i := range c.stripes {
		n += c.stripes[i].bytesIn.Load()
	}
	return n
}

// opened counts the memory of a reader, until closes.
func (c *counters) opened(r *table.Reader) { c.hold(r, 1) }

// closes ends opened. The reader is open still.
func (c *counters) closes(r *table.Reader) { c.hold(r, -1) }

func (c *counters) hold(r *table.Reader, sign int64) {
	bits := r.Properties().FilterBytes
	c.filter.Add(sign * bits)
	c.index.Add(sign * (r.MemoryBytes() - bits))
}

// countFailure counts what should not happen.
func (t *tree) countFailure(err error) {
	var call *fs.PathError
	if errors.As(err, &call) && strings.Contains(call.Op, "sync") {
		t.syncErrors.Add(1)
	}
}

// FileCounts implements engine.FileCounter.
func (t *tree) FileCounts(class vfs.Class) vfs.Counts { return t.counting.Counts(class) }

// Metrics implements engine.Engine. What the tables hide of each other is not
// known, and hence neither live keys nor all of the garbage.
func (t *tree) Metrics(m *engine.Metrics) {
	t.userMetrics(m)
	t.logMetrics(m)
	t.workMetrics(m)
	t.brake.metrics(m)
	if t.settings.IO != ioMmap { // there most are page faults, that nobody sees
		reads := t.counting.Counts(vfs.Data)
		m.Read.IOs = engine.Known(reads.Reads)
		m.Read.IOBytes = engine.Known(reads.ReadBytes)
	}
	m.Health.SyncErrors = engine.Known(t.syncErrors.Load())
	m.Health.CorruptionFound = engine.Known(t.corruptions.Load())
	m.Health.RecoveryTime = engine.Known(uint64(t.recovery))
	m.Health.RecoveryBytes = engine.Known(uint64(t.recovered))
	g := t.domain.Pin()
	defer g.Unpin()
	if v := t.view.Load(); v != nil && !t.closed.Load() {
		t.spaceMetrics(m, v)
		t.memoryMetrics(m)
	}
}

// userMetrics are what callers asked for, and what gets met.
func (t *tree) userMetrics(m *engine.Metrics) {
	var gets, puts, deletes, scans, batches, in, out, runs, blocks, negatives, falses, skipped uint64
	for i := range t.counts.stripes {
		c := &t.counts.stripes[i]
		gets += c.gets.Load()
		puts += c.puts.Load()
		deletes += c.deletes.Load()
		scans += c.scans.Load()
		batches += c.batches.Load()
		in += c.bytesIn.Load()
		out += c.bytesOut.Load()
		runs += c.runs.Load()
		blocks += c.blocks.Load()
		negatives += c.negatives.Load()
		falses += c.falses.Load()
		skipped += c.skipped.Load()
	}
	m.User = engine.UserMetrics{
		Gets: engine.Known(gets), Puts: engine.Known(puts), Deletes: engine.Known(deletes),
		Scans: engine.Known(scans), Batches: engine.Known(batches),
		BytesIn: engine.Known(in), BytesOut: engine.Known(out),
	}
	m.Read = engine.ReadMetrics{
		RunsProbed: engine.Known(runs), BlocksTouched: engine.Known(blocks),
		TombstonesSkipped: engine.Known(skipped),
	}
	if t.choices.filter.Kind != filter.None {
		m.Read.FilterChecks = engine.Known(runs)
		m.Read.FilterNegatives = engine.Known(negatives)
		m.Read.FilterFalsePositives = engine.Known(falses)
	}
}

func (t *tree) logMetrics(m *engine.Metrics) {
	if t.log == nil { // read only, and there is none
		return
	}
	log := t.log.Stats()
	m.Log = engine.LogMetrics{
		BytesIn: engine.Known(log.BytesIn), BytesWritten: engine.Known(log.BytesWritten),
		BytesZeroed: engine.Known(log.BytesZeroed), Syncs: engine.Known(log.Syncs),
		Groups: engine.Known(log.Writes), SyncTime: engine.Known(uint64(log.SyncTime)),
		SyncsAvoided: engine.Known(log.SyncsShared), BytesLive: engine.Known(uint64(log.BytesLive)),
	}
}

// workMetrics are what flushes and compactions did. Moves and drops, which
// write nothing, are no compactions.
func (t *tree) workMetrics(m *engine.Metrics) {
	w := &t.work
	flush, compacted := t.counting.Counts(vfs.Flush), t.counting.Counts(vfs.Compaction)
	var n uint64
	for reason := range compaction.Reasons {
		n += w.compactions[reason].Load()
	}
	m.Work = engine.WorkMetrics{
		FlushBytes: engine.Known(flush.WriteBytes), Flushes: engine.Known(w.flushes.Load()),
		CompactReadBytes:  engine.Known(compacted.ReadBytes),
		CompactWriteBytes: engine.Known(compacted.WriteBytes),
		Compactions:       engine.Known(n - min(n, w.moves.Load())),
		MetaBytes:         engine.Known(t.counting.Counts(vfs.Meta).WriteBytes),
		GCReadBytes:       engine.Known(t.counts.moved.Load()),
		GCWriteBytes:      engine.Known(t.counting.Counts(vfs.GC).WriteBytes),
		Running:           engine.Known(uint64(w.running.Load())),
	}
	if t.brake.known.Load() {
		m.Work.DebtBytes = engine.Known(uint64(t.brake.debt.Load()))
	}
}

// spaceMetrics are what is on disk. A reader is pinned, and v is the view.
func (t *tree) spaceMetrics(m *engine.Metrics, v *view) {
	x := v.levels.version
	tables := x.Totals()
	disk, garbage := uint64(tables.Bytes), uint64(0)
	for i, b := range x.Blobs {
		disk += uint64(b.Bytes)
		garbage += x.Garbage(i)
	}
	t.files.mu.Lock()
	pinned, files := uint64(t.files.bytes), uint64(len(t.files.byID)+len(t.files.dead))
	t.files.mu.Unlock()
	t.blobs.mu.Lock()
	pinned += uint64(t.blobs.bytes)
	files += uint64(len(t.blobs.refs) + len(t.blobs.dead))
	t.blobs.mu.Unlock()
	disk += pinned
	if t.log != nil {
		log := t.log.Stats()
		disk += uint64(log.BytesLive)
		files += uint64(log.Segments)
	}
	m.Space = engine.SpaceMetrics{
		DiskBytes: engine.Known(disk), PinnedBytes: engine.Known(pinned), Files: engine.Known(files),
	}
	if len(x.Blobs) > 0 {
		m.Space.GarbageBytes = engine.Known(garbage)
	}
}

// memoryMetrics are those of what Close frees. A reader is pinned.
func (t *tree) memoryMetrics(m *engine.Metrics) {
	c := t.blocks.Stats()
	var hits, inserts, evictions uint64
	for i := range c.Hits {
		hits += c.Hits[i]
		inserts += c.Inserts[i]
		evictions += c.Evictions[i]
	}
	m.Cache = engine.CacheMetrics{
		Hits: engine.Known(hits), Misses: engine.Known(c.Misses), Inserts: engine.Known(inserts),
		Evictions: engine.Known(evictions), Bytes: engine.Known(uint64(c.UsedBytes)),
	}
	memtables, index, bits := t.memory.bytes.Load(), t.counts.index.Load(), t.counts.filter.Load()
	m.Memory = engine.MemoryMetrics{
		Memtable: engine.Known(uint64(memtables)), Index: engine.Known(uint64(index)),
		Filter: engine.Known(uint64(bits)),
		Off:    engine.Known(uint64(memtables + index + bits + c.UsedBytes)),
	}
}

// metrics says how long writes have waited.
func (b *brake) metrics(m *engine.Metrics) {
	memory := b.delayed[pace.Memtable].Load() + b.stalled.Load()
	l0, debt := b.delayed[pace.L0].Load(), b.delayed[pace.Debt].Load()
	m.Stall.Stalls = engine.Known(b.delays.Load() + b.stalls.Load())
	m.Stall.Time = engine.Known(memory + l0 + debt)
	m.Stall.Memtable = engine.Known(memory)
	m.Stall.L0 = engine.Known(l0)
	m.Stall.Debt = engine.Known(debt)
	m.Stall.Longest = engine.Known(uint64(b.longest.Load()))
}
