package hashidx

import (
	"sync/atomic"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/record"
)

// counters count what callers ask for, in parts that different keys mostly do
// not share, so that processors do not wait for each other's cache lines.
type counters struct{ parts []counted }

const countedParts = 64

type counted struct {
	gets, puts, deletes, scans, batches, bytesIn, bytesOut atomic.Uint64

	absents    atomic.Uint64 // of gets, those without a candidate
	collisions atomic.Uint64 // candidates whose key was another
	_          [56]byte      // two cache lines each
}

// absent counts a get of a key that no candidate had.
func (c *counted) absent() {
	c.gets.Add(1)
	c.absents.Add(1)
}

func newCounters() counters { return counters{make([]counted, countedParts)} }

// of returns the part for a hash.
func (c *counters) of(hash uint64) *counted { return &c.parts[hash>>32%countedParts] }

// wrote counts an op, of so many bytes of key and value.
func (c *counted) wrote(kind record.Kind, bytes int) {
	if kind == record.Delete {
		c.deletes.Add(1)
	} else {
		c.puts.Add(1)
	}
	c.bytesIn.Add(uint64(bytes))
}

// writes is how many ops were written.
func (c *counters) writes() uint64 {
	var n uint64
	for i := range c.parts {
		n += c.parts[i].puts.Load() + c.parts[i].deletes.Load()
	}
	return n
}

// FileCounts implements engine.FileCounter.
func (e *store) FileCounts(class vfs.Class) vfs.Counts { return e.counting.Counts(class) }

// Metrics implements engine.Engine.
func (e *store) Metrics(m *engine.Metrics) {
	var gets, puts, deletes, scans, batches, bytesIn, bytesOut, absents, collisions uint64
	for i := range e.counts.parts {
		c := &e.counts.parts[i]
		gets += c.gets.Load()
		puts += c.puts.Load()
		deletes += c.deletes.Load()
		scans += c.scans.Load()
		batches += c.batches.Load()
		bytesIn += c.bytesIn.Load()
		bytesOut += c.bytesOut.Load()
		absents += c.absents.Load()
		collisions += c.collisions.Load()
	}
	m.User = engine.UserMetrics{
		Gets: engine.Known(gets), Puts: engine.Known(puts), Deletes: engine.Known(deletes),
		Scans: engine.Known(scans), Batches: engine.Known(batches),
		BytesIn: engine.Known(bytesIn), BytesOut: engine.Known(bytesOut),
	}
	e.logMetrics(m)
	reads := e.counting.Counts(vfs.Data)
	m.Read.IOs = engine.Known(reads.Reads)
	m.Read.IOBytes = engine.Known(reads.ReadBytes)
	m.Read.RunsProbed = engine.Known(gets - absents + collisions)
	m.Read.FilterChecks = engine.Known(gets)
	m.Read.FilterNegatives = engine.Known(absents)
	m.Read.FilterFalsePositives = engine.Known(collisions)
	m.Health.CorruptionFound = engine.Known(e.corruptions.Load())
	m.Health.RecoveryTime = engine.Known(uint64(e.recovery))
	m.Health.RecoveryBytes = engine.Known(uint64(e.recovered))
	e.memoryMetrics(m)
	e.gcMetrics(m)
}

// logMetrics are those of hot/: what users wrote.
func (e *store) logMetrics(m *engine.Metrics) {
	if e.hot == nil { // read only, and empty
		return
	}
	log := e.hot.Stats()
	m.Log = engine.LogMetrics{
		BytesIn: engine.Known(log.BytesIn), BytesWritten: engine.Known(log.BytesWritten),
		BytesZeroed: engine.Known(log.BytesZeroed), Syncs: engine.Known(log.Syncs),
		Groups: engine.Known(log.Writes), SyncTime: engine.Known(uint64(log.SyncTime)),
		SyncsAvoided: engine.Known(log.SyncsShared), BytesLive: engine.Known(uint64(log.BytesLive)),
	}
}

// memoryMetrics are those of what Close frees.
func (e *store) memoryMetrics(m *engine.Metrics) {
	g := e.domain.Pin()
	defer g.Unpin()
	if e.closed.Load() {
		return
	}
	bytes := uint64(e.index.Bytes())
	m.Memory.Index = engine.Known(bytes)
	m.Memory.Memtable = engine.Known(uint64(e.tail.bytes.Load()))
	m.Memory.Off = engine.Known(bytes + uint64(e.tail.bytes.Load()+e.views.bytes()+e.residents.bytes.Load()) + e.records.metrics(&m.Cache))
	// Some may be absent by now, or of segments that are gone.
	if !e.expiring.Load() && e.index.mem != nil {
		m.Space.LiveKeys = engine.Known(uint64(e.index.Len()))
	}
}

// gcMetrics are those of garbage. It does not allocate.
func (e *store) gcMetrics(m *engine.Metrics) {
	if e.readOnly {
		return
	}
	g := &e.gc
	m.Work.GCReadBytes = engine.Known(g.read.Load())
	m.Work.GCWriteBytes = engine.Known(g.written.Load())
	m.Work.Merges = engine.Known(g.dropped.Load())
	now := e.now().UnixNano()
	all, sealed, files := garbage{}, garbage{}, uint64(0)
	e.segments.mu.Lock()
	for _, s := range e.segments.owners {
		c := e.candidate(s, now)
		all.frames += c.frames
		all.dead += c.gain()
		files++
		if s.end.Load() > 0 {
			sealed.frames += c.frames
			sealed.dead += c.gain()
		}
	}
	e.segments.mu.Unlock()
	pinned := uint64(e.pins.pinned())
	m.Space.GarbageBytes = engine.Known(uint64(all.dead))
	m.Space.PinnedBytes = engine.Known(pinned)
	m.Space.Files = engine.Known(files)
	m.Work.DebtBytes = engine.Known(uint64(sealed.debt(e.settings.gcGoal())))
	m.Stall.Stalls = engine.Known(g.brake.stalls.Load())
	m.Stall.Time = engine.Known(g.brake.stalled.Load())
	m.Stall.Debt = m.Stall.Time
}
