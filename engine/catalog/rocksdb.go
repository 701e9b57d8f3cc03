//go:build rocksdb

package catalog

import (
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/rocksdb"
)

func rocksdbDrivers() []engine.Driver { return []engine.Driver{rocksdb.Driver()} }
