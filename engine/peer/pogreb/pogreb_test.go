package pogreb

import (
	"testing"

	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestPogrebKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.AllowGetAllocs(getAsterisk))
}
