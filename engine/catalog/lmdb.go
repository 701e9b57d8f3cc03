//go:build lmdb

package catalog

import (
	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/peer/lmdb"
)

func lmdbDrivers() []engine.Driver { return []engine.Driver{lmdb.Driver()} }
