package hashidx

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// An engine with too many segments must say so before its log has what no
// Open could give a number, and must come back from that.
func TestAnEngineThatIsFullOfSegmentsOpensAndCompacts(t *testing.T) {
	fsys := vfs.NewMem()
	const most, keys = 64, 20
	given := smallest()
	given["gc"] = "off"
	e := openIn(t, fsys, given)
	e.segments.most = most
	var err error
	last := [keys]int{}
	for i := 0; err == nil; i++ {
		if i == 1e5 {
			t.Fatal("there is always room")
		}
		if err = e.Put([]byte(modelKey(i%keys)), fmt.Appendf(nil, "%01000d", i), engine.Default); err == nil {
			last[i%keys] = i
		}
	}
	check := func() {
		for k, n := range last {
			wantValue(t, e, modelKey(k), fmt.Sprintf("%01000d", n))
		}
	}
	if !errors.Is(err, engine.ErrTooLarge) {
		t.Fatal(err)
	}
	if err := e.Delete([]byte("x"), engine.Default); !errors.Is(err, engine.ErrTooLarge) {
		t.Errorf("delete: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openIn(t, fsys, given)
	check()
	if n := len(e.segments.list()); n > most {
		t.Errorf("%d segments, want at most %d", n, most)
	}
	e.segments.most = most
	if err := e.Compact(context.Background(), nil, nil); err != nil {
		t.Fatal(err)
	}
	check()
	put(t, e, "x", "v")
}

func TestNumbersThatAnImageHoldsBackComeBackWhenTheyAreScarce(t *testing.T) {
	fsys := vfs.NewMem()
	given := smallest()
	given["gc"] = "off"
	e := openIn(t, fsys, given)
	e.segments.most = 64
	full := func() {
		var err error
		for i := 0; err == nil; i++ {
			if err = e.Put([]byte(modelKey(i%10)), fmt.Appendf(nil, "%01000d", i), engine.Default); err == nil && i%5 == 0 {
				err = e.Settle(context.Background()) // the keeper may be slower
			}
		}
		if !errors.Is(err, engine.ErrTooLarge) || errors.Is(err, engine.ErrReadOnly) {
			t.Fatal(err)
		}
	}
	for range 3 {
		full()
		e.maintenance.Lock()
		err := e.writeImage(context.Background()) // names them all
		e.maintenance.Unlock()
		if err == nil {
			err = e.Compact(context.Background(), nil, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		put(t, e, "x", "v")
	}
}
