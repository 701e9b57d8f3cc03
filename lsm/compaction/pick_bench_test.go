package compaction

import (
	"testing"

	"github.com/kvbench/kvbench/lsm/version"
)

// BenchmarkPick is a choice from a leveled tree of two thousand tables.
func BenchmarkPick(b *testing.B) {
	var placed []version.Placed
	add := func(level int, run uint64, n int) {
		for i := range n {
			id := uint64(len(placed) + 1)
			step := 2000 / n
			placed = append(placed, version.Placed{Level: level, Run: run, Table: &version.Table{
				ID: id, Bytes: 16 << 20, Smallest: keyOf(i * step), Largest: keyOf(i*step + step - 1),
				MinSeq: 1, MaxSeq: 9, Entries: 100, Tombstones: 1,
			}})
		}
	}
	add(6, 1, 2000)
	add(5, 2, 250)
	v, err := version.Build(placed, nil)
	if err != nil {
		b.Fatal(err)
	}
	p, err := New(Settings{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if c := p.Pick(State{Version: v, Now: 1}); c.Kind != Merge {
			b.Fatal(c.String())
		}
	}
}
