package btree

import (
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// FileCounts implements engine.FileCounter.
func (t *tree) FileCounts(class vfs.Class) vfs.Counts { return t.counting.Counts(class) }

// Metrics implements engine.Engine.
//
// A page that was visited and had not to be loaded for that is a hit; a read
// that is begun anew visits pages again.
func (t *tree) Metrics(m *engine.Metrics) {
	t.readMetrics(m)
	t.logMetrics(m)
	t.brake.metrics(m)
	m.Health = engine.HealthMetrics{
		SyncErrors:      engine.Known(t.syncErrors.Load()),
		CorruptionFound: engine.Known(t.corruptions.Load()),
		RecoveryTime:    engine.Known(uint64(t.recovery)),
		RecoveryBytes:   engine.Known(uint64(t.recovered)),
	}
	g := t.domain.Pin()
	defer g.Unpin()
	if t.closed.Load() { // and what follows is free, or will be
		t.workMetrics(m, 0)
		return
	}
	t.poolMetrics(m)
	t.spaceMetrics(m)
}

// readMetrics are what callers asked for, and what that took.
func (t *tree) readMetrics(m *engine.Metrics) {
	var gets, puts, deletes, scans, batches, in, out uint64
	var leaves, inners, overflows, restarts, leafMisses, innerMisses uint64
	for i := range t.counts.stripes {
		c := &t.counts.stripes[i]
		leafMisses += c.leafMisses.Load()
		innerMisses += c.innerMisses.Load()
		lookups := c.lookups.Load()
		gets += lookups + c.gets.Load()
		puts += c.puts.Load()
		deletes += c.deletes.Load()
		scans += c.scans.Load()
		batches += c.batches.Load()
		in += c.bytesIn.Load()
		out += c.bytesOut.Load()
		leaves += lookups + c.leaves.Load()
		inners += c.inners.Load()
		overflows += c.overflows.Load()
		restarts += c.restarts.Load()
	}
	m.User = engine.UserMetrics{
		Gets: engine.Known(gets), Puts: engine.Known(puts), Deletes: engine.Known(deletes),
		Scans: engine.Known(scans), Batches: engine.Known(batches),
		BytesIn: engine.Known(in), BytesOut: engine.Known(out),
	}
	m.Cache = engine.CacheMetrics{}
	m.Read = engine.ReadMetrics{
		RunsProbed: engine.Known(leaves), BlocksTouched: engine.Known(leaves + inners + overflows),
		Restarts: engine.Known(restarts),
	}
	m.Cache.Misses = engine.Known(leafMisses + innerMisses)
	m.Cache.Inserts = m.Cache.Misses
	m.Cache.LeafMisses, m.Cache.InnerMisses = engine.Known(leafMisses), engine.Known(innerMisses)
	if t.mapped { // what is read in place is neither, and page faults hide
		return
	}
	reads := t.counting.Counts(vfs.Data)
	m.Read.IOs = engine.Known(reads.Reads)
	m.Read.IOBytes = engine.Known(reads.ReadBytes)
	leaves += overflows + t.counts.walkLeaves.Load()
	inners += t.counts.walkInners.Load()
	leafHits := highWater(&t.counts.leafHits, leaves-min(leaves, leafMisses))
	innerHits := highWater(&t.counts.innerHits, inners-min(inners, innerMisses))
	m.Cache.LeafHits, m.Cache.InnerHits = engine.Known(leafHits), engine.Known(innerHits)
	m.Cache.Hits = engine.Known(leafHits + innerHits)
}

func (t *tree) logMetrics(m *engine.Metrics) {
	if t.log == nil {
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

// poolMetrics are those of memory, and the work that waits there. A reader is
// pinned.
func (t *tree) poolMetrics(m *engine.Metrics) {
	c, bytes := t.pool.Counts(), uint64(t.settings.PageBytes)
	pool := t.pool.Stats()
	t.workMetrics(m, c.Dirty)
	m.Cache.Evictions = engine.Known(uint64(pool.Evictions))
	m.Cache.Bytes = engine.Known(uint64(c.Frames-c.Free) * bytes)
	index := uint64(t.pages.Bytes())
	m.Memory.Index = engine.Known(index)
	m.Memory.Off = engine.Known(index + uint64(pool.MappedBytes))
}

// workMetrics are what writes caused later.
func (t *tree) workMetrics(m *engine.Metrics, dirty int) {
	pages := t.counting.Counts(vfs.Page)
	owed := uint64(dirty) + t.counts.toMove.Load()
	m.Work = engine.WorkMetrics{
		PageWriteBytes:  engine.Known(pages.WriteBytes),
		PageWrites:      engine.Known(pages.WriteBytes / uint64(t.settings.PageBytes)),
		MetaBytes:       engine.Known(t.counting.Counts(vfs.Meta).WriteBytes),
		Splits:          engine.Known(t.counts.splits.Load()),
		Merges:          engine.Known(t.counts.merges.Load()),
		Running:         engine.Known(uint64(max(t.counts.running.Load(), 0))),
		DebtBytes:       engine.Known(owed * uint64(t.settings.PageBytes)),
		CheckpointBytes: engine.Known(t.counts.checkpointed.Load()),
	}
}

// spaceMetrics are what is on disk, as the writer saw it last. A reader is
// pinned.
func (t *tree) spaceMetrics(m *engine.Metrics) {
	m.Space.LiveKeys = engine.Known(uint64(max(t.keys.Load(), 0)))
	if !t.counts.known.Load() {
		return
	}
	bytes := uint64(t.settings.PageBytes)
	disk, files := t.file.Slots()*bytes, uint64(1)
	if t.log != nil {
		log := t.log.Stats()
		disk += uint64(log.BytesLive)
		files += uint64(log.Segments)
	}
	m.Space.DiskBytes = engine.Known(disk)
	behind := t.file.Slots() - min(t.file.Slots(), t.counts.slots.Load())
	m.Space.GarbageBytes = engine.Known((t.counts.freeSlots.Load() + behind) * bytes)
	m.Space.PinnedBytes = engine.Known(uint64(t.old.Len()) * bytes)
	m.Space.Files = engine.Known(files)
}
