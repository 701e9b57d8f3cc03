package diskindex

import (
	"fmt"
	"testing"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
	"github.com/kvbench/kvbench/engine/vfs"
	"github.com/kvbench/kvbench/hashidx/index"
)

// count is how many candidates a hash has.
func count(x *Index, hash uint64) (n int, err error) {
	g := x.domain.Pin()
	defer g.Unpin()
	c := x.Find(hash)
	for {
		_, ok, err := c.Next()
		if !ok || err != nil {
			return n, err
		}
		n++
	}
}

func TestFindingWhatIsInMemoryAllocatesNothing(t *testing.T) {
	if offheap.OnHeap {
		t.Skip("the race detector's build allocates")
	}
	x := newIndex(t, options(newDir(t)))
	for i := range uint64(2000) {
		load(t, x, []index.Entry{{Hash: scramble(i), Place: i + 1}})
	}
	merge(t, x, "1")
	const moved, there, absent = 5, 6, 5000
	if ok, err := x.Replace(scramble(moved), moved+1, 1<<40); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for _, key := range []uint64{moved, there, absent} {
		want := 1
		if key == absent {
			want = 0
		}
		allocs := testing.AllocsPerRun(1000, func() {
			n, err := count(x, scramble(key))
			l := x.Lock(scramble(key))
			c := l.Find()
			_, ok, _ := c.Next()
			l.Unlock()
			if n != want || err != nil || ok != (want == 1) {
				t.Fatal(n, err)
			}
		})
		if allocs != 0 {
			t.Errorf("key %d: %v allocations", key, allocs)
		}
	}
}

const benchKeys = 1_000_000

// benchIndex is an index of the machine's file system with a file.
func benchIndex(b *testing.B, o Options) *Index {
	b.Helper()
	o.Domain, o.FS, o.Dir = epoch.NewDomain(), vfs.OS{}, b.TempDir()
	x := newIndex(b, o)
	var some []index.Entry
	for i := range uint64(benchKeys) {
		some = append(some, index.Entry{Hash: scramble(i), Place: i + 1})
	}
	load(b, x, some)
	merge(b, x, "0")
	return x
}

func BenchmarkFind(b *testing.B) {
	for _, c := range []struct {
		name  string
		o     Options
		shift uint64
		want  int
	}{
		{"hit/from=cache", Options{CacheBytes: 64 << 20}, 0, 1},
		{"miss/from=cache", Options{CacheBytes: 64 << 20}, 1 << 40, 0},
		{"hit/from=file", Options{}, 0, 1},
		{"hit/from=file/cache=1MiB", Options{CacheBytes: 1 << 20}, 0, 1},
		{"hit/from=file/direct=true", Options{Direct: true}, 0, 1},
	} {
		b.Run(fmt.Sprintf("%s/keys=%d", c.name, benchKeys), func(b *testing.B) {
			x := benchIndex(b, c.o)
			if c.o.CacheBytes > 1<<20 {
				for i := range uint64(benchKeys) {
					if _, err := count(x, scramble(i)); err != nil {
						b.Fatal(err)
					}
				}
			}
			i := uint64(0)
			b.ReportAllocs()
			for b.Loop() {
				i++
				n, err := count(x, scramble(scramble(i)%benchKeys+c.shift))
				if err != nil || n < c.want {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// BenchmarkReplace moves entries of the file, whose pages are in the cache.
func BenchmarkReplace(b *testing.B) {
	x := benchIndex(b, Options{CacheBytes: 64 << 20})
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		key, round := i%benchKeys, i/benchKeys
		if ok, err := x.Replace(scramble(key), key+1+round<<32, key+1+(round+1)<<32); !ok || err != nil {
			b.Fatal(key, round, ok, err)
		}
		i++
	}
}

// BenchmarkMerge changes a tenth of the keys and merges.
func BenchmarkMerge(b *testing.B) {
	x := benchIndex(b, Options{CacheBytes: 64 << 20})
	round := uint64(0)
	var bytes int64
	for b.Loop() {
		b.StopTimer()
		for i := range uint64(benchKeys / 10) {
			if err := x.Insert(scramble(benchKeys+i), i+round<<32+1); err != nil {
				b.Fatal(err)
			}
			if round == 0 {
				continue
			}
			if ok, err := x.Delete(scramble(benchKeys+i), i+(round-1)<<32+1); !ok || err != nil {
				b.Fatal(ok, err)
			}
		}
		b.StartTimer()
		round++
		info := merge(b, x, fmt.Sprint(round))
		if err := x.Discard(info.Previous); err != nil {
			b.Fatal(err)
		}
		bytes = info.Bytes
	}
	perEntry := float64(b.N) * benchKeys * 11 / 10
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/perEntry, "ns/entry")
	b.ReportMetric(float64(bytes)*float64(b.N)/perEntry, "B/entry")
}

func BenchmarkWalk(b *testing.B) {
	x := benchIndex(b, Options{CacheBytes: 64 << 20})
	for b.Loop() {
		n := 0
		if err := x.Walk(func(index.Entry) bool { n++; return true }); err != nil || n != benchKeys {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/entry")
}
