//go:build !race

package wal

import (
	"testing"

	"github.com/kvbench/kvbench/engine/vfs"
)

// The race detector has pools forget now and then.
func TestReadAtDoesNotAllocateWhereThereIsRoom(t *testing.T) {
	l, err := Open(vfs.OS{}, t.TempDir(), Options{FirstBytes: minSegmentBytes}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := mustAppend(t, l, 1, payload(1, 100))
	for _, written := range []bool{false, true} {
		dst := make([]byte, 0, len(r.payload))
		n := testing.AllocsPerRun(100, func() {
			if _, p, err := l.ReadAt(dst, r.lsn); err != nil || string(p) != r.payload {
				t.Fatal(err)
			}
		})
		if n > 0 {
			t.Errorf("%v allocations, written %v", n, written)
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, l)
}
