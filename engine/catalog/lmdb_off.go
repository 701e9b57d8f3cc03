//go:build !lmdb

package catalog

import "github.com/kvbench/kvbench/engine"

func lmdbDrivers() []engine.Driver { return nil }
