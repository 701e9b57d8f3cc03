package pebble

import (
	"time"

	"github.com/kvbench/kvbench/engine"
)

// Metrics fills in what Pebble counts. It allocates: Pebble makes a new struct.
func (e *store) Metrics(m *engine.Metrics) {
	call := e.gate.Enter()
	if call == nil {
		return
	}
	defer call.Leave()
	p := e.db.Metrics()
	total := p.Total()

	m.Log.BytesIn = known(p.WAL.BytesIn)
	m.Log.BytesWritten = known(p.WAL.BytesWritten)
	m.Log.BytesLive = known(p.WAL.Size)
	m.Log.Syncs = known(e.watch.syncs.Load())
	m.Log.SyncTime = known(e.watch.syncTime.Load())

	m.Work.FlushBytes = known(total.TableBytesFlushed + total.BlobBytesFlushed)
	m.Work.Flushes = known(p.Flush.Count)
	m.Work.CompactReadBytes = known(total.TableBytesRead + total.BlobBytesReadEstimate)
	m.Work.CompactWriteBytes = known(total.TableBytesCompacted + total.BlobBytesCompacted)
	m.Work.Compactions = known(p.Compact.Count)
	m.Work.DebtBytes = known(p.Compact.EstimatedDebt)
	m.Work.Running = known(p.Compact.NumInProgress + p.Flush.NumInProgress)

	m.Space.DiskBytes = known(p.DiskSpaceUsage())
	m.Space.Files = known(total.TablesCount + p.WAL.Files)
	m.Space.PinnedBytes = known(p.Table.ZombieSize + p.BlobFiles.ZombieSize)

	m.Read.FilterChecks = known(p.Filter.Hits + p.Filter.Misses)
	m.Read.FilterNegatives = known(p.Filter.Hits)

	m.Cache.Hits = known(p.BlockCache.Hits)
	m.Cache.Misses = known(p.BlockCache.Misses)
	m.Cache.Bytes = known(p.BlockCache.Size)
	m.Memory.Memtable = known(p.MemTable.Size + p.MemTable.ZombieSize)

	m.Health.SyncErrors = known(e.watch.syncErrors.Load())
	m.Health.CorruptionFound = known(e.watch.corruption.Load())
	e.watch.stalls(&m.Stall)
}

func known[N int64 | uint64 | time.Duration](n N) engine.Count {
	return engine.Known(uint64(max(n, 0)))
}

// stalls reports the stalls that have ended.
func (w *watch) stalls(m *engine.StallMetrics) {
	w.stall.Lock()
	defer w.stall.Unlock()
	m.Stalls = known(w.stall.count)
	m.Time = known(w.stall.memtable + w.stall.l0 + w.stall.rest)
	m.Memtable = known(w.stall.memtable)
	m.L0 = known(w.stall.l0)
}
