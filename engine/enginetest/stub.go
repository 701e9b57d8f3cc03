package enginetest

import (
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func durabilityClauses() []clause { return nil }
func closeClauses() []clause      { return nil }
func directoryClauses() []clause  { return nil }
func settingClauses() []clause    { return nil }
func iteratorClauses() []clause   { return nil }
func viewClauses() []clause       { return nil }
func roleClauses() []clause       { return nil }
func metricsClauses() []clause    { return nil }
func concurrentClauses() []clause { return nil }
func modelClauses() []clause      { return nil }

const getAllocs = "Get does not allocate when dst has room"

func isKillChild(string) bool                               { return false }
func writeUntilKilled(*testing.T, engine.Driver)            {}
func RunKill(t *testing.T, d engine.Driver, opts ...Option) {}
