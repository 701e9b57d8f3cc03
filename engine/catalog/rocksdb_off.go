//go:build !rocksdb

package catalog

import "github.com/kvbench/kvbench/engine"

func rocksdbDrivers() []engine.Driver { return nil }
