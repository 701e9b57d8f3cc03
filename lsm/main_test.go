package lsm

import (
	"runtime/debug"
	"testing"

	"github.com/kvbench/kvbench/engine/offheap"
)

// TestMain bounds the Go heap where memtables and caches are on it: each tree
// takes 64 MiB and more, and the collector would let hundreds of them pile up.
func TestMain(m *testing.M) {
	if offheap.OnHeap {
		debug.SetMemoryLimit(4 << 30)
	}
	m.Run()
}
