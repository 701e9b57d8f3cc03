package pebble

import (
	"testing"

	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestPebbleKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.Excuse("Metrics does not allocate", metricsAsterisk))
}
