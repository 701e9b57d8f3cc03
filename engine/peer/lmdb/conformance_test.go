//go:build lmdb

package lmdb

import (
	"testing"

	"github.com/kvbench/kvbench/engine/enginetest"
)

func TestTheContract(t *testing.T) {
	for _, level := range []string{"sync", "os"} {
		t.Run(level, func(t *testing.T) {
			enginetest.Run(t, Driver(), enginetest.Settings(map[string]string{"durability": level}),
				enginetest.AllowGetAllocs(allocsAsterisk),
				enginetest.Excuse("Metrics does not allocate", allocsAsterisk))
		})
	}
}
