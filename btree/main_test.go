package btree

import (
	"runtime/debug"
	"testing"

	"github.com/kvbench/kvbench/engine/offheap"
)

// TestMain bounds the Go heap where pages are on it: the collector would let
// those of hundreds of trees pile up.
func TestMain(m *testing.M) {
	if offheap.OnHeap {
		debug.SetMemoryLimit(4 << 30)
	}
	m.Run()
}
