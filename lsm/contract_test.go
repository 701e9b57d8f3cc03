package lsm

import (
	"testing"

	"github.com/kvbench/kvbench/engine/enginetest"
)

// tiny makes the loops of enginetest flush and compact all the time.
func tiny(more map[string]string) enginetest.Option {
	given := map[string]string{
		"memtable_bytes": "64k", "memory_bytes": "256k", "table_bytes": "4k", "base_bytes": "16k",
		"block_bytes": "512", "l0_runs": "2", "size_ratio": "3", "cache_bytes": "64k",
	}
	for name, value := range more {
		given[name] = value
	}
	return enginetest.Tiny(given)
}

func TestTheLSMTreeKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), tiny(nil))
}
