package pebble

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/kvbench/kvbench/engine"
)

// newOptions follows cmd/pebble/db.go of Pebble, but for the knobs.
func newOptions(s *settings, w *watch) *pebble.Options {
	o := &pebble.Options{
		CacheSize:                   s.CacheBytes,
		DisableWAL:                  s.Durability == engine.None,
		ErrorIfNotExists:            s.ReadOnly,
		FormatMajorVersion:          pebble.FormatNewest,
		FS:                          w.fs(s.ReadOnly),
		L0CompactionThreshold:       s.L0Threshold,
		L0StopWritesThreshold:       1000,
		LBaseMaxBytes:               s.LBaseBytes,
		MaxOpenFiles:                16384,
		MemTableSize:                uint64(s.MemtableBytes),
		MemTableStopWritesThreshold: s.Memtables,
		ReadOnly:                    s.ReadOnly,
		Logger:                      w,
		EventListener:               w.listener(),
	}
	o.CompactionConcurrencyRange = func() (int, int) { return 1, s.MaxCompactions }
	if s.SeparateBytes > 0 {
		o.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
			return pebble.ValueSeparationPolicy{
				Enabled:               true,
				MinimumSize:           s.SeparateBytes,
				MaxBlobReferenceDepth: 10,
				RewriteMinimumAge:     5 * time.Minute,
				TargetGarbageRatio:    1.0,
			}
		}
	}
	for i := range o.Levels {
		l := &o.Levels[i]
		l.BlockSize = s.BlockBytes
		l.Compression = func() *sstable.CompressionProfile { return profile(s.Compression) }
		if s.BloomBits > 0 {
			l.FilterPolicy = bloom.FilterPolicy(s.BloomBits)
			l.FilterType = pebble.TableFilter
		} else {
			l.FilterPolicy = pebble.NoFilterPolicy
		}
	}
	o.EnsureDefaults()
	return o
}

func profile(compression string) *sstable.CompressionProfile {
	switch compression {
	case "snappy":
		return sstable.SnappyCompression
	case "zstd":
		return sstable.ZstdCompression
	}
	return sstable.NoCompression
}
