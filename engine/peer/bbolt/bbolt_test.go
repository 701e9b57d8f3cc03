package bbolt

import (
	"testing"

	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestBboltKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.AllowGetAllocs(getAsterisk),
		enginetest.Excuse("Metrics does not allocate", metricsAsterisk))
}
