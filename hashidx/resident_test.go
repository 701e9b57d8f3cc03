package hashidx

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// residentStore has so many keys in sealed segments and one that goes on, and
// was opened anew, so that nothing is in the tail.
func residentStore(t *testing.T, fsys vfs.FS, n int, given map[string]string) *store {
	t.Helper()
	e := openIn(t, fsys, given)
	for i := range n {
		if err := e.Put(fmt.Appendf(nil, "key%d", i), []byte(valueOf(i)), engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openIn(t, fsys, given)
	if err := e.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestSegmentsThatFitAreReadFromMemory(t *testing.T) {
	const n = 300
	e := residentStore(t, vfs.NewMem(), n, map[string]string{"segment_bytes": "8k", "cache_bytes": "1m"})
	if e.residents.bytes.Load() == 0 {
		t.Fatal("nothing is resident")
	}
	before := e.counting.Counts(vfs.Data).Reads
	for i := range n {
		wantValue(t, e, fmt.Sprintf("key%d", i), valueOf(i))
	}
	if reads := e.counting.Counts(vfs.Data).Reads - before; reads != 0 {
		t.Errorf("%d reads of files", reads)
	}
}

func TestSegmentsThatOutgrowTheMemoryLeaveIt(t *testing.T) {
	const n = 100
	given := map[string]string{"segment_bytes": "8k", "cache_bytes": "512k", "tail_bytes": "16k", "gc": "off"}
	e := residentStore(t, vfs.NewMem(), n, given)
	if e.residents.bytes.Load() == 0 {
		t.Fatal("nothing is resident")
	}
	value := make([]byte, 4096)
	for i := range 200 {
		if err := e.Put(fmt.Appendf(nil, "long%d", i), value, engine.Default); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Settle(context.Background()); err != nil {
		t.Fatal(err)
	}
	e.domain.Reclaim()
	if bytes := e.residents.bytes.Load(); bytes != 0 {
		t.Errorf("%d bytes are resident, though the segments have outgrown the limit", bytes)
	}
	for i := range n {
		wantValue(t, e, fmt.Sprintf("key%d", i), valueOf(i))
	}
}

func TestSettingsCanKeepSegmentsInFiles(t *testing.T) {
	for name, value := range map[string]string{"resident": "false", "record_cache": cacheOff, "io": ioMmap} {
		e := residentStore(t, vfs.NewMem(), 50, map[string]string{"segment_bytes": "8k", name: value})
		if bytes := e.residents.bytes.Load(); bytes != 0 {
			t.Errorf("%s=%s: %d bytes are resident", name, value, bytes)
		}
	}
}

// Readers beside everything that makes segments resident, and ends that.
func TestResidentSegmentsComeAndGoUnderReaders(t *testing.T) {
	const n = 100
	given := map[string]string{
		"segment_bytes": "8k", "cache_bytes": "512k", "tail_bytes": "16k", "gc_garbage": "5", "gc_duty": "100",
		"durability": "buffered",
	}
	e := residentStore(t, vfs.NewMem(), n, given)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				got, err := e.Get(nil, fmt.Appendf(nil, "key%d", i%n))
				if err != nil || string(got) != valueOf(i%n) {
					t.Errorf("key%d is %.20q, %v", i%n, got, err)
					return
				}
			}
		})
	}
	long := make([]byte, 2048)
	for round := range 6 {
		for i := range 200 { // beyond the limit, and back by GC
			if err := e.Put(fmt.Appendf(nil, "long%d", i%(10+190*(round%2))), long, engine.Default); err != nil {
				t.Fatal(err)
			}
		}
		for i := 10; i < 200; i++ {
			if err := e.Delete(fmt.Appendf(nil, "long%d", i), engine.Default); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Compact(context.Background(), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
}
