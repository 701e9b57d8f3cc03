package lsm

import (
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// The manifest says where recovery begins, also in a log that gets no records:
// a crash must not take that place.
func TestATreeWithoutALogIsReadAfterACrash(t *testing.T) {
	x := newExhibit(t, map[string]string{"durability": "none"})
	defer x.close()
	x.must(x.e.Put([]byte("k"), []byte("v"), engine.Default))
	x.flush()
	for _, mem := range []*vfs.Mem{x.mem.Image(vfs.Written), x.mem.Crash(1)} {
		if found, err := x.read(mem); err != nil || found["k"] != "v" {
			t.Errorf("found %v, error %v", found, err)
		}
	}
}
