//go:build rocksdb

package rocksdb

import "github.com/linxGnu/grocksdb"

// options owns the C objects that live as long as an open database.
type options struct {
	db    *grocksdb.Options
	table *grocksdb.BlockBasedTableOptions
	cache *grocksdb.Cache

	read   *grocksdb.ReadOptions
	logged *grocksdb.WriteOptions // log written, not synced
	synced *grocksdb.WriteOptions // log written and synced
	bare   *grocksdb.WriteOptions // no log
	flush  *grocksdb.FlushOptions
}

const (
	tableFormat   = 5 // full filters of format 5 are RocksDB's faster Bloom
	bytesPerSync  = 1 << 20
	keptLogFiles  = 2 // RocksDB's text log, not the write-ahead log
	unlimitedOpen = -1
)

func newOptions(s *settings) *options {
	o := &options{
		db:     grocksdb.NewDefaultOptions(),
		table:  grocksdb.NewDefaultBlockBasedTableOptions(),
		cache:  grocksdb.NewLRUCache(uint64(s.CacheBytes)),
		read:   grocksdb.NewDefaultReadOptions(),
		logged: grocksdb.NewDefaultWriteOptions(),
		synced: grocksdb.NewDefaultWriteOptions(),
		bare:   grocksdb.NewDefaultWriteOptions(),
		flush:  grocksdb.NewDefaultFlushOptions(),
	}
	o.synced.SetSync(true)
	o.bare.DisableWAL(true)
	o.flush.SetWait(true)
	o.setTable(s)
	o.setDB(s)
	return o
}

func (o *options) setTable(s *settings) {
	o.table.SetBlockCache(o.cache)
	o.table.SetBlockSize(s.BlockBytes)
	o.table.SetFormatVersion(tableFormat)
	o.table.SetCacheIndexAndFilterBlocks(s.IndexInCache)
	o.table.SetPinL0FilterAndIndexBlocksInCache(s.IndexInCache)
	if s.BloomBits > 0 {
		// The table options take the policy over and free it.
		o.table.SetFilterPolicy(grocksdb.NewBloomFilterFull(float64(s.BloomBits)))
	}
}

func (o *options) setDB(s *settings) {
	o.db.SetBlockBasedTableFactory(o.table)
	o.db.SetCreateIfMissing(!s.ReadOnly)
	o.db.SetParanoidChecks(true)
	o.db.SetWriteBufferSize(uint64(s.WriteBuffer))
	o.db.SetMaxWriteBufferNumber(s.WriteBuffers)
	o.db.SetMaxBackgroundJobs(s.BackgroundJobs)
	o.db.SetMaxBytesForLevelBase(uint64(s.LevelBase))
	o.db.SetLevelCompactionDynamicLevelBytes(true)
	o.db.SetMaxOpenFiles(unlimitedOpen)
	o.db.SetBytesPerSync(bytesPerSync)
	o.db.SetKeepLogFileNum(keptLogFiles)
	o.db.SetInfoLogLevel(grocksdb.WarnInfoLogLevel)
	o.db.SetUseDirectReads(s.DirectIO)
	o.db.SetUseDirectIOForFlushAndCompaction(s.DirectIO)
	o.db.SetManualWALFlush(keepsLog(s))
	if s.Compaction == "universal" {
		o.db.SetCompactionStyle(grocksdb.UniversalCompactionStyle)
	}
	o.db.SetCompression(compressions()[s.Compression])
	if s.Statistics {
		o.db.EnableStatistics()
	}
}

func compressions() map[string]grocksdb.CompressionType {
	return map[string]grocksdb.CompressionType{
		"none":   grocksdb.NoCompression,
		"snappy": grocksdb.SnappyCompression,
		"lz4":    grocksdb.LZ4Compression,
		"zstd":   grocksdb.ZSTDCompression,
	}
}

// destroy frees everything. The database must be closed.
func (o *options) destroy() {
	o.read.Destroy()
	o.logged.Destroy()
	o.synced.Destroy()
	o.bare.Destroy()
	o.flush.Destroy()
	o.db.Destroy()
	o.table.Destroy()
	o.cache.Destroy()
}
