package catalog

import "github.com/kvbench/kvbench/engine"

// tagged collects the drivers whose build tags are set. Each tag has a pair of
// files here: one that returns the driver, one that returns nothing.
func tagged() []engine.Driver {
	return append(rocksdbDrivers(), lmdbDrivers()...)
}
