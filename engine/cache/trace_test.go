package cache

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"sort"
)

// A reference asks for a block.
type reference struct {
	key  uint64
	size int
}

// A trace is a named sequence of references, from a fixed seed.
type trace struct {
	name string
	refs []reference
}

const (
	traceBlock  = 4096
	traceKeys   = 20000
	traceLength = 120000
)

// traces are what the simulator replays.
func traces() []trace {
	return []trace{
		{"zipf0.80", zipfTrace(1, traceLength, traceKeys, 0.8)},
		{"zipf0.99", zipfTrace(2, traceLength, traceKeys, 0.99)},
		{"zipf1.10", zipfTrace(3, traceLength, traceKeys, 1.1)},
		{"scan-mixed", scanMixedTrace(4)},
		{"loop", loopTrace()},
		{"shifting", shiftingTrace(5)},
	}
}

// zipf draws ranks with probability proportional to 1/(rank+1)^theta.
type zipf struct{ sums []float64 }

func newZipf(n int, theta float64) zipf {
	z := zipf{make([]float64, n)}
	sum := 0.0
	for i := range z.sums {
		sum += math.Pow(float64(i+1), -theta)
		z.sums[i] = sum
	}
	return z
}

func (z zipf) draw(r *rand.Rand) uint64 {
	x := r.Float64() * z.sums[len(z.sums)-1]
	return uint64(sort.SearchFloat64s(z.sums, x))
}

func zipfTrace(seed uint64, length, keys int, theta float64) []reference {
	r := rand.New(rand.NewPCG(seed, 0))
	z := newZipf(keys, theta)
	refs := make([]reference, length)
	for i := range refs {
		refs[i] = reference{z.draw(r), traceBlock}
	}
	return refs
}

// scanMixedTrace is zipfian, with a scan of blocks that are never touched
// again after every thousand references.
func scanMixedTrace(seed uint64) []reference {
	r := rand.New(rand.NewPCG(seed, 0))
	z := newZipf(traceKeys, 0.99)
	fresh := uint64(1 << 32)
	var refs []reference
	for len(refs) < traceLength {
		for range 1000 {
			refs = append(refs, reference{z.draw(r), traceBlock})
		}
		for range 1000 {
			refs = append(refs, reference{fresh, traceBlock})
			fresh++
		}
	}
	return refs
}

// loopTrace reads more than a cache holds, over and over.
func loopTrace() []reference {
	refs := make([]reference, traceLength)
	for i := range refs {
		refs[i] = reference{uint64(i % 1500), traceBlock}
	}
	return refs
}

// shiftingTrace is zipfian, and what is hot changes altogether six times.
func shiftingTrace(seed uint64) []reference {
	r := rand.New(rand.NewPCG(seed, 0))
	z := newZipf(traceKeys, 0.99)
	refs := make([]reference, traceLength)
	for i := range refs {
		shift := uint64(i / (traceLength / 6) * 3331)
		refs[i] = reference{(z.draw(r) + shift) % traceKeys, traceBlock}
	}
	return refs
}

// sizedTrace is zipfian over blocks of many sizes.
func sizedTrace(seed uint64) []reference {
	refs := zipfTrace(seed, traceLength/2, traceKeys, 0.9)
	for i, r := range refs {
		refs[i].size = 64 + int(Key{r.key, 1}.hash()%16384)
	}
	return refs
}

// optimum is the number of hits that no policy exceeds on blocks of one size
// (Belady's MIN, which may also not keep a block at all).
func optimum(refs []reference, blocks int) int {
	next := make([]int, len(refs))
	last := map[uint64]int{}
	for i := len(refs) - 1; i >= 0; i-- {
		next[i] = len(refs)
		if j, ok := last[refs[i].key]; ok {
			next[i] = j
		}
		last[refs[i].key] = i
	}
	hits := 0
	in := map[uint64]int{} // next use of what is cached
	var order farthest
	for i, r := range refs {
		if _, ok := in[r.key]; ok {
			hits++
		}
		in[r.key] = next[i]
		heap.Push(&order, use{r.key, next[i]})
		for len(in) > blocks {
			u := heap.Pop(&order).(use)
			if in[u.key] == u.at { // else it was used since
				delete(in, u.key)
			}
		}
	}
	return hits
}

type use struct {
	key uint64
	at  int
}

type farthest []use

func (f farthest) Len() int           { return len(f) }
func (f farthest) Less(i, j int) bool { return f[i].at > f[j].at }
func (f farthest) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *farthest) Push(x any)        { *f = append(*f, x.(use)) }
func (f *farthest) Pop() any {
	u := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return u
}
