package mapping

import (
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/engine/offheap"
)

func benchTable(b *testing.B, pages uint32, o offheap.Options) *Table {
	b.Helper()
	table := New(o)
	b.Cleanup(func() {
		if err := table.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := table.Restore(pages); err != nil {
		b.Fatal(err)
	}
	for id := uint32(1); id <= pages; id++ {
		table.Store(id, OnDisk(uint64(id), id))
		table.SetDurable(id, OnDisk(uint64(id), id))
	}
	return table
}

// Loads whose ids are known ahead (many may be under way at once) and loads
// that each need the one before, as going down a tree does.
func BenchmarkLoad(b *testing.B) {
	for _, size := range []struct {
		name  string
		pages uint32
		huge  bool
	}{{"4Ki", 4 << 10, false}, {"1Mi", 1 << 20, false}, {"1Mi-huge", 1 << 20, true}} {
		table := benchTable(b, size.pages, offheap.Options{HugePages: size.huge})
		ids := make([]uint32, 1<<16)
		for i := range ids {
			ids[i] = 1 + rand.Uint32N(size.pages)
		}
		b.Run(size.name+"/independent", func(b *testing.B) {
			var sum Entry
			for i := 0; b.Loop(); i++ {
				sum += table.Load(ids[i&(1<<16-1)])
			}
			if sum == 0 {
				b.Fatal("no entries")
			}
		})
		b.Run(size.name+"/dependent", func(b *testing.B) {
			id := uint32(1)
			for b.Loop() {
				e := table.Load(id)
				id = 1 + (e.Check()*2_654_435_761)&(size.pages-1)
			}
		})
	}
}

func BenchmarkCompareAndSwap(b *testing.B) {
	table := benchTable(b, 1<<16, offheap.Options{})
	for i := uint32(0); b.Loop(); i++ {
		id := 1 + i*31&(1<<16-1)
		table.CompareAndSwap(id, table.Load(id), Resident(i))
	}
}

func BenchmarkTakeAndGive(b *testing.B) {
	table := benchTable(b, 1<<20, offheap.Options{})
	// The lowest and one far off in turn: the worst for a hint.
	table.Store(1, 0)
	table.Store(1<<20-1, 0)
	table.FreeZero()
	for b.Loop() {
		low, far := take(b, table), take(b, table)
		table.Give(low)
		table.Give(far)
	}
}

// What a tree of one page pays.
func BenchmarkNewAndClose(b *testing.B) {
	for b.Loop() {
		table := New(offheap.Options{})
		take(b, table)
		if err := table.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
