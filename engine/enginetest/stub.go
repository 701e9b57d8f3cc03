package enginetest

import (
	"testing"

	"github.com/kvbench/kvbench/engine"
)

func modelClauses() []clause { return nil }

func isKillChild(string) bool                               { return false }
func writeUntilKilled(*testing.T, engine.Driver)            {}
func RunKill(t *testing.T, d engine.Driver, opts ...Option) {}
