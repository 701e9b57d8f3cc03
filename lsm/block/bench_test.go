package block

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kvbench/kvbench/lsm/ikey"
)

// benchLayouts are the layouts that are compared. All values have one length;
// for uneven, one of each block is shorter.
var benchLayouts = []benchLayout{
	{"heads", Options{}, false},
	{"heads-uneven", Options{}, true},
	{"restarts-16", Options{Layout: Restarts, RestartInterval: 16}, false},
}

type benchLayout struct {
	name   string
	o      Options
	uneven bool
}

// block is a block of these items.
func (l *benchLayout) block(items []item) []byte {
	if l.uneven {
		items[0].value = items[0].value[1:]
	}
	return encode(l.o, items)
}

// blocks are count blocks of about size bytes, as the last level of a tree has
// them, and their keys in random order: each with the number of its block.
func blocks(l *benchLayout, count, size int) (data [][]byte, keys [][]byte, of []int) {
	n := (size + 124) / 125
	for i := range count {
		items := ycsbFrom(i*n, n, 100)
		data = append(data, l.block(items))
		for _, it := range items {
			keys, of = append(keys, []byte(it.key)), append(of, i)
		}
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(keys), func(i, j int) {
		keys[i], keys[j] = keys[j], keys[i]
		of[i], of[j] = of[j], of[i]
	})
	return data, keys, of
}

// BenchmarkFind finds keys that are there, in blocks that are in the
// processor's cache.
func BenchmarkFind(b *testing.B) {
	for _, l := range benchLayouts {
		for _, kib := range []int{4, 8, 16} {
			b.Run(fmt.Sprintf("layout=%s/block=%dKiB", l.name, kib), func(b *testing.B) {
				data, keys, of := blocks(&l, 32, kib<<10)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if _, _, found, _, err := Find(data[of[i]], keys[i], ikey.MaxSeq); !found {
						b.Fatal(err)
					}
					if i++; i == len(keys) {
						i = 0
					}
				}
			})
		}
	}
}

// BenchmarkFindCold is BenchmarkFind in blocks that are in no cache: 256 MiB.
func BenchmarkFindCold(b *testing.B) {
	for _, l := range benchLayouts {
		for _, kib := range []int{4, 16} {
			b.Run(fmt.Sprintf("layout=%s/block=%dKiB", l.name, kib), func(b *testing.B) {
				one, keys, _ := blocks(&l, 1, kib<<10)
				all := make([]byte, 0, 256<<20)
				for cap(all)-len(all) >= len(one[0]) {
					all = append(all, one[0]...)
				}
				n, size := uint64(len(all)/len(one[0])), len(one[0])
				x, i := uint64(1), 0
				for b.Loop() {
					x = x*6364136223846793005 + 1442695040888963407
					at := int(x>>33%n) * size
					if _, _, found, _, err := Find(all[at:at+size], keys[i], ikey.MaxSeq); !found {
						b.Fatal(err)
					}
					if i++; i == len(keys) {
						i = 0
					}
				}
			})
		}
	}
}

// BenchmarkFindAbsent looks for keys that are not there.
func BenchmarkFindAbsent(b *testing.B) {
	for _, l := range benchLayouts {
		b.Run("layout="+l.name+"/block=4KiB", func(b *testing.B) {
			data, keys, of := blocks(&l, 32, 4<<10)
			for _, k := range keys {
				k[22] ^= 1
			}
			i := 0
			for b.Loop() {
				if _, _, found, _, err := Find(data[of[i]], keys[i], ikey.MaxSeq); found || err != nil {
					b.Fatal(err)
				}
				if i++; i == len(keys) {
					i = 0
				}
			}
		})
	}
}

func benchWalk(b *testing.B, start, step func(c *Cursor) bool) {
	for _, l := range benchLayouts {
		for _, newest := range []uint64{0, 1 << 40} {
			b.Run(fmt.Sprintf("layout=%s/seqs=%t", l.name, newest > 0), func(b *testing.B) {
				items := ycsb(64, 100)
				for i := range items {
					items[i].trailer = ikey.Make(ikey.Seq(newest*uint64(1+i%7)/7), ikey.Put)
				}
				data := l.block(items)
				var c Cursor
				if err := c.Init(data); err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if !step(&c) {
						start(&c)
					}
				}
			})
		}
	}
}

// BenchmarkCursorNext costs a row of a scan.
func BenchmarkCursorNext(b *testing.B) { benchWalk(b, (*Cursor).First, (*Cursor).Next) }

// BenchmarkCursorPrev costs a row of a scan backward.
func BenchmarkCursorPrev(b *testing.B) { benchWalk(b, (*Cursor).Last, (*Cursor).Prev) }

// BenchmarkCursorSeekGE costs a seek in a block that the cursor is in.
func BenchmarkCursorSeekGE(b *testing.B) {
	for _, l := range benchLayouts {
		b.Run("layout="+l.name+"/block=4KiB", func(b *testing.B) {
			data, keys, of := blocks(&l, 1, 4<<10)
			var c Cursor
			if err := c.Init(data[of[0]]); err != nil {
				b.Fatal(err)
			}
			i := 0
			for b.Loop() {
				if !c.SeekGE(keys[i]) {
					b.Fatal(c.Err())
				}
				if i++; i == len(keys) {
					i = 0
				}
			}
		})
	}
}

// BenchmarkBuild costs an entry of a block, Finish and the table's question
// for the size after each included.
func BenchmarkBuild(b *testing.B) {
	for _, l := range benchLayouts {
		if l.uneven {
			continue
		}
		for _, value := range []int{0, 100} {
			b.Run(fmt.Sprintf("layout=%s/value=%d", l.name, value), func(b *testing.B) {
				items := ycsb(64, value)
				keys := make([][]byte, len(items))
				for i := range items {
					keys[i] = []byte(items[i].key)
				}
				v := make([]byte, value)
				w := NewBuilder(l.o)
				var dst []byte
				i, size := 0, 0
				b.ReportAllocs()
				for b.Loop() {
					w.Add(keys[i], ikey.Make(ikey.Seq(i&1), ikey.Put), v)
					size += w.Size()
					if i++; i == len(keys) {
						i, dst = 0, w.Finish(dst[:0])
					}
				}
			})
		}
	}
}
