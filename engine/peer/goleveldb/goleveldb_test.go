package goleveldb

import (
	"testing"

	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestGoleveldbKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.AllowGetAllocs(getAsterisk))
}
