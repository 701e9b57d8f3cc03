//go:build lmdb

package lmdb

import (
	"testing"

	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestTheContract(t *testing.T) {
	enginetest.Run(t, Driver())
}
