package index

import (
	"errors"
	"math/bits"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/kvbench/kvbench/engine/epoch"
	"github.com/kvbench/kvbench/engine/offheap"
)

// scramble is a bijection that makes hashes out of numbers.
func scramble(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// newIndex returns an index whose end checks that all memory came back.
func newIndex(t testing.TB, o Options) *Index {
	t.Helper()
	if o.Domain == nil {
		o.Domain = epoch.NewDomain()
	}
	if o.Budget == nil {
		o.Budget = offheap.NewBudget(0)
	}
	x, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
		o.Domain.Close()
		if used := o.Budget.Used(); used != 0 {
			t.Errorf("%d bytes are still reserved after Close", used)
		}
	})
	return x
}

func insert(t testing.TB, x *Index, hash, place uint64) {
	t.Helper()
	if err := x.Insert(hash, place); err != nil {
		t.Fatal(err)
	}
}

// has reports whether the place is a candidate for the hash.
func has(x *Index, hash, place uint64) bool {
	c := x.Find(hash)
	for p, ok := c.Next(); ok; p, ok = c.Next() {
		if p == place {
			return true
		}
	}
	return false
}

func places(x *Index, hash uint64) map[uint64]int {
	m := map[uint64]int{}
	c := x.Find(hash)
	for p, ok := c.Next(); ok; p, ok = c.Next() {
		m[p]++
	}
	return m
}

func TestAnIndexBehavesAsAMultiset(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := epoch.NewDomain()
		x, err := New(Options{Domain: d})
		if err != nil {
			r.Fatal(err)
		}
		defer d.Close()
		defer x.Close()
		// Few buckets make chains; many entries of them make splits.
		shift := rapid.IntRange(0, 40).Draw(r, "shift")
		buckets := rapid.Uint64Range(1, 64).Draw(r, "buckets")
		hashOf := func(n uint64) uint64 {
			return n%buckets | scramble(n)>>48<<48 | (n / 2 << shift &^ (firstLines - 1))
		}
		model := map[code]map[uint64]int{}
		keys := 0
		change := func(h, p uint64, by int) {
			m := model[codeOf(h)]
			if m == nil {
				m = map[uint64]int{}
				model[codeOf(h)] = m
			}
			if m[p] += by; m[p] == 0 {
				delete(m, p)
			}
			keys += by
		}
		n := rapid.IntRange(1, 400).Draw(r, "n")
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0))
		for range n * 10 {
			h, p := hashOf(rnd.Uint64N(uint64(n))), 1+rnd.Uint64N(4)
			there := model[codeOf(h)][p] > 0
			switch rnd.IntN(8) {
			case 0, 1:
				if x.Delete(h, p) != there {
					r.Fatalf("delete %#x %d: there is %v", h, p, there)
				}
				if there {
					change(h, p, -1)
				}
			case 2:
				q := 1 + rnd.Uint64N(4)
				if x.Replace(h, p, q) != there {
					r.Fatalf("replace %#x %d: there is %v", h, p, there)
				}
				if there {
					change(h, p, -1)
					change(h, q, 1)
				}
			case 3:
				x.growing.Lock()
				x.split()
				x.growing.Unlock()
			default:
				if err := x.Insert(h, p); err != nil {
					r.Fatal(err)
				}
				change(h, p, 1)
			}
		}
		sameAsModel(r, x, model, keys)
	})
}

func sameAsModel(r *rapid.T, x *Index, model map[code]map[uint64]int, keys int) {
	if x.Len() != keys {
		r.Fatalf("%d entries, want %d", x.Len(), keys)
	}
	walked := map[Entry]int{}
	x.Walk(func(e Entry) bool { walked[e]++; return true })
	for c, m := range model {
		got := places(x, c.hash())
		if len(got) != len(m) {
			r.Fatalf("%#x is at %v, want %v", c, got, m)
		}
		for p, n := range m {
			if got[p] != n || walked[Entry{c.hash(), p}] != n {
				r.Fatalf("%#x is at %v, want %v; Walk: %d", c, got, m, walked[Entry{c.hash(), p}])
			}
			keys -= n
		}
	}
	if keys != 0 {
		r.Fatalf("%d entries are not in the model", -keys)
	}
	checkDense(r, x)
}

type failer interface{ Fatalf(string, ...any) }

// checkDense checks that each entry is in the bucket of its code, and that
// only first overflow lines have holes.
func checkDense(t failer, x *Index) {
	n, lines := x.count.Load(), 0
	for b := range n {
		home := x.home.at(b)
		head := x.after(home)
		for l := home; l != nil; l = x.after(l) {
			if l != home {
				lines++
			}
			if l.free() >= 0 && l != head && head != nil {
				t.Fatalf("a line of bucket %d has a hole", b)
			}
			if l == head && l.used() < 0 {
				t.Fatalf("bucket %d has an empty overflow line", b)
			}
			for i := range l.slots {
				if l.slots[i].Load() != 0 && bucketOf(l.code(b, i), n) != b {
					t.Fatalf("code %#x is in bucket %d of %d", l.code(b, i), b, n)
				}
			}
		}
	}
	if got := int(x.over.used.Load()); got != lines {
		t.Fatalf("%d overflow lines in chains, %d counted", lines, got)
	}
}

func TestEveryMomentOfGrowthTakesAtMost17BytesPerKey(t *testing.T) {
	keys := uint64(10_000_000)
	if offheap.OnHeap || testing.Short() {
		keys = 300_000
	}
	x := newIndex(t, Options{})
	worst, sum, n := 0.0, 0.0, 0
	for i := range keys {
		insert(t, x, scramble(i), i+1)
		if i >= keys/8 && i%(1<<12) == 0 {
			per := float64(x.Bytes()) / float64(i+1)
			worst, sum, n = max(worst, per), sum+per, n+1
			// The limit is for millions; below, pages count for more.
			if limit := 17 + 600e3/float64(i+1) - 0.06; per > limit {
				t.Fatalf("%.2f bytes per key at %d", per, i+1)
			}
		}
	}
	per := float64(x.Bytes()) / float64(keys)
	if keys == 10_000_000 && per > 17 {
		t.Errorf("%.2f bytes per key at the end", per)
	}
	s, shape := x.Stats(), x.Shape()
	t.Logf("%d keys: %.2f bytes per key, from an eighth on average %.2f, worst %.2f", keys, per, sum/float64(n), worst)
	t.Logf("%+v", s)
	t.Logf("%+v", shape)
	if shape.HitLines > 1.2 {
		t.Errorf("a hit touches %.2f lines", shape.HitLines)
	}
	for i := range keys {
		if i%101 == 0 && !has(x, scramble(i), i+1) {
			t.Fatalf("key %d is lost", i)
		}
	}
}

func TestManyEqualHashesAreAllFound(t *testing.T) {
	x := newIndex(t, Options{})
	const n, h = 3_000, 0x1234_5678_9abc_def0
	for p := uint64(1); p <= n; p++ {
		insert(t, x, h, p)
	}
	if got := places(x, h); len(got) != n {
		t.Fatalf("%d places, want %d", len(got), n)
	}
	for p := uint64(1); p <= n; p += 2 {
		if !x.Replace(h, p, p+n) || x.Replace(h, p, p+n) {
			t.Fatalf("place %d is not replaced exactly once", p)
		}
	}
	for p := uint64(2); p <= n; p += 2 {
		if !x.Delete(h, p) || x.Delete(h, p) {
			t.Fatalf("place %d is not deleted exactly once", p)
		}
	}
	got := places(x, h)
	if len(got) != n/2 || got[1+n] != 1 || got[n-1+n] != 1 {
		t.Fatalf("%d places, want %d", len(got), n/2)
	}
	checkDense(t, x)
}

func TestPlacesAndTagsAtTheirLimitsAreKept(t *testing.T) {
	x := newIndex(t, Options{})
	hashes := []uint64{0, 1, 1<<64 - 1, 0xffff << 48, 1 << 48, 1<<26 - 1, 1 << 25, 1 << 10, 1023}
	limits := []uint64{1, MaxPlace, 0xffff << 32, 0xffff_ffff, 1 << 32}
	for _, h := range hashes {
		for _, p := range limits {
			insert(t, x, h, p)
		}
	}
	for _, h := range hashes {
		for _, p := range limits {
			if !has(x, h, p) {
				t.Errorf("place %#x of hash %#x is lost", p, h)
			}
		}
	}
	for _, p := range []uint64{0, MaxPlace + 1} {
		if err := x.Insert(7, p); !errors.Is(err, ErrPlace) {
			t.Errorf("place %#x: %v", p, err)
		}
		if x.Delete(0, p) || x.Replace(0, p, 1) || x.Replace(0, 1, p) {
			t.Errorf("place %#x was taken", p)
		}
	}
}

func TestWhatWalkYieldsBuildsTheSameIndex(t *testing.T) {
	x := newIndex(t, Options{})
	for i := range uint64(50_000) {
		insert(t, x, scramble(i), i+1)
	}
	var all []Entry
	x.Walk(func(e Entry) bool { all = append(all, e); return true })
	y := newIndex(t, Options{Keys: len(all)})
	if err := y.Load(all); err != nil {
		t.Fatal(err)
	}
	if y.Len() != 50_000 {
		t.Fatalf("%d entries", y.Len())
	}
	for i := range uint64(50_000) {
		if !has(y, scramble(i), i+1) {
			t.Fatalf("key %d is lost", i)
		}
	}
	checkDense(t, y)
}

func TestABudgetThatRefusesStopsGrowthAndThenInserts(t *testing.T) {
	b := offheap.NewBudget(int64(pageBytes) * 2)
	x := newIndex(t, Options{Budget: b})
	n := uint64(0)
	for ; ; n++ {
		if err := x.Insert(scramble(n), n+1); err != nil {
			if !errors.Is(err, offheap.ErrBudget) {
				t.Fatal(err)
			}
			break
		}
	}
	if x.Len() != int(n) || x.Stats().Refused == 0 {
		t.Errorf("%d entries of %d, %d splits refused", x.Len(), n, x.Stats().Refused)
	}
	for i := range n {
		if !has(x, scramble(i), i+1) {
			t.Fatalf("key %d is lost", i)
		}
	}
	checkDense(t, x)
}

func TestLookingUpAndChangingAllocateNothing(t *testing.T) {
	x := newIndex(t, Options{})
	for i := range uint64(5000) {
		insert(t, x, scramble(i), i+1)
	}
	i := uint64(0)
	if n := testing.AllocsPerRun(1000, func() {
		h := scramble(i)
		_ = has(x, h, i+1)
		l := x.Lock(h)
		c := l.Find()
		c.Next()
		l.Replace(i+1, i+1)
		l.Unlock()
		i++
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTheBucketOfACodeOnlyChangesToWhatItsBucketWasSplitInto(t *testing.T) {
	for i := range uint64(200) {
		c := codeOf(scramble(i))
		if codeOf(c.hash()) != c {
			t.Fatalf("code %#x is not its hash's", c)
		}
		for n := uint64(firstLines); n < 3*firstLines; n++ {
			a, b := bucketOf(c, n), bucketOf(c, n+1)
			parent := n - 1<<(bits.Len64(n)-1)
			if a != b && (b != n || a != parent) {
				t.Fatalf("code %#x goes from bucket %d of %d to %d", c, a, n, b)
			}
		}
	}
}

func TestACursorFindsWhatMovesBehindIt(t *testing.T) {
	x := newIndex(t, Options{})
	const h = 5
	for p := uint64(1); p <= lineSlots+1; p++ {
		insert(t, x, h, p) // the last one in an overflow line
	}
	c := x.Find(h)
	for range lineSlots {
		c.Next()
	}
	x.Delete(h, 1) // the last one takes its slot, which the cursor has passed
	for {
		p, ok := c.Next()
		if !ok {
			t.Fatal("an entry that was always there was not found")
		}
		if p == lineSlots+1 {
			break
		}
	}
}
