package hashidx

import (
	"context"
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

func TestSpaceComesBackAfterOverwritingThreeTimes(t *testing.T) {
	fsys := vfs.NewMem()
	given := map[string]string{"segment_bytes": "64k", "durability": "buffered"}
	e := openIn(t, fsys, given)
	const keys, size = 2000, 200
	for round := range 4 {
		for i := range keys {
			if err := e.Put(fmt.Appendf(nil, "key%d", i*7%keys), fmt.Appendf(nil, "%0*d", size, round*keys+i*7%keys), engine.Default); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := e.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	check := func() {
		for i := range keys {
			wantValue(t, e, fmt.Sprintf("key%d", i), fmt.Sprintf("%0*d", size, 3*keys+i))
		}
	}
	check()
	var m engine.Metrics
	e.Metrics(&m)
	t.Logf("%+v %+v", m.Space, m.Work)
	on := diskBytes(t, fsys, "/db/hot") + diskBytes(t, fsys, "/db/cold")
	if live := int64(keys * (size + 10)); on > live*16/10+2*64<<10 {
		t.Errorf("%d bytes on disk for %d", on, live)
	}
	if m.Work.Merges.Or(0) == 0 {
		t.Error("nothing was dropped")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openIn(t, fsys, given)
	check()
}

func diskBytes(t *testing.T, fsys vfs.FS, dir string) (sum int64) {
	t.Helper()
	names, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		info, err := fsys.Stat(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	return sum
}
