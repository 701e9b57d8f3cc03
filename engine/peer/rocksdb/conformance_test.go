//go:build rocksdb

package rocksdb

import (
	"testing"

	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.AllowGetAllocs(allocsAsterisk),
		enginetest.Excuse("Metrics does not allocate", allocsAsterisk))
}

func TestTheContractAtOtherSettings(t *testing.T) {
	for name, settings := range map[string]map[string]string{
		"without a log":       {"durability": "none"},
		"with a buffered log": {"durability": "buffered"},
		"universal, tiny memtables, statistics": {
			"compaction": "universal", "write_buffer_bytes": "64KiB", "statistics": "true",
			"cache_bytes": "1MiB", "index_in_cache": "true", "bloom_bits": "0", "compression": "zstd",
		},
	} {
		t.Run(name, func(t *testing.T) {
			enginetest.Run(t, Driver(), enginetest.Settings(settings), enginetest.AllowGetAllocs(allocsAsterisk),
				enginetest.Excuse("Metrics does not allocate", allocsAsterisk))
		})
	}
}
