package badger

import (
	"testing"

	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestBadgerKeepsTheContract(t *testing.T) {
	enginetest.Run(t, Driver(), enginetest.AllowGetAllocs(getAsterisk))
}
