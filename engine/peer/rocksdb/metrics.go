//go:build rocksdb

package rocksdb

import (
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
)

func (e *store) Metrics(m *engine.Metrics) {
	call := e.gate.Enter()
	if call == nil {
		return
	}
	defer call.Leave()
	memtables := e.property("rocksdb.size-all-mem-tables")
	readers := e.property("rocksdb.estimate-table-readers-mem")
	m.Memory.Memtable = memtables
	m.Cache.Bytes = engine.Known(e.opts.cache.GetUsage())
	m.Memory.Off = memtables.Plus(readers).Plus(m.Cache.Bytes)
	m.Space.PinnedBytes = e.property("rocksdb.total-sst-files-size").
		Since(e.property("rocksdb.live-sst-files-size"))
	m.Work.DebtBytes = e.property("rocksdb.estimate-pending-compaction-bytes")
	m.Work.Running = e.property("rocksdb.num-running-compactions").
		Plus(e.property("rocksdb.num-running-flushes"))
	if e.settings.Statistics {
		tickers(e.opts.db.GetStatisticsString()).fill(m)
	}
}

func (e *store) property(name string) engine.Count {
	n, ok := e.db.GetIntProperty(name)
	if !ok {
		return engine.Count{}
	}
	return engine.Known(n)
}

// tickers is RocksDB's dump of its statistics: a line for each counter, its
// name and "COUNT : " and the number; and lines for histograms.
type tickers string

func (t tickers) fill(m *engine.Metrics) {
	all := t.parse()
	count := func(name string) engine.Count {
		n, ok := all["rocksdb."+name]
		if !ok {
			return engine.Count{}
		}
		return engine.Known(n)
	}
	m.User.Gets = count("number.keys.read")
	m.User.BytesOut = count("bytes.read")
	m.Log.BytesWritten = count("wal.bytes")
	m.Log.Syncs = count("wal.synced")
	m.Log.Groups = count("write.self")
	m.Work.FlushBytes = count("flush.write.bytes")
	m.Work.CompactReadBytes = count("compact.read.bytes")
	m.Work.CompactWriteBytes = count("compact.write.bytes")
	m.Cache.Hits = count("block.cache.hit")
	m.Cache.Misses = count("block.cache.miss")
	m.Cache.Inserts = count("block.cache.add")
	positives := count("bloom.filter.full.positive")
	m.Read.FilterNegatives = count("bloom.filter.useful")
	m.Read.FilterChecks = m.Read.FilterNegatives.Plus(positives)
	m.Read.FilterFalsePositives = positives.Since(count("bloom.filter.full.true.positive"))
	if micros, known := count("stall.micros").Value(); known {
		m.Stall.Time = engine.Known(micros * 1000)
	}
}

func (t tickers) parse() map[string]uint64 {
	all := make(map[string]uint64)
	for line := range strings.Lines(string(t)) {
		name, number, ok := strings.Cut(strings.TrimSpace(line), " COUNT : ")
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(number, 10, 64); err == nil {
			all[name] = n
		}
	}
	return all
}
