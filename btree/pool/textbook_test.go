package pool

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The policies again, as a textbook has them: slices, searched from end to
// end, written without a look at the real ones.

type bookPage struct {
	id     uint32
	inner  bool
	hits   int
	credit bool
}

// A book answers whether a page is in it, and takes it in otherwise; evicted is
// the page that it let go of for that, or 0.
type book interface {
	access(id uint32, inner bool) (hit bool, evicted uint32)
}

func find(q []*bookPage, id uint32) *bookPage {
	for _, b := range q {
		if b.id == id {
			return b
		}
	}
	return nil
}

// spare: a page that was hit goes round again; an inner one that was hit before
// the last round, too.
func (b *bookPage) spare() bool {
	if b.hits > 0 {
		b.hits--
		b.credit = b.inner
		return true
	}
	was := b.credit
	b.credit = false
	return was
}

// evictRing lets go of the first that is not spared.
func evictRing(ring []*bookPage) (rest []*bookPage, gone uint32) {
	for {
		b := ring[0]
		ring = ring[1:]
		if !b.spare() {
			return ring, b.id
		}
		ring = append(ring, b)
	}
}

type bookClock struct {
	room int
	ring []*bookPage
}

func (c *bookClock) access(id uint32, inner bool) (hit bool, evicted uint32) {
	if b := find(c.ring, id); b != nil {
		b.hits = 1
		return true, 0
	}
	if len(c.ring) == c.room {
		c.ring, evicted = evictRing(c.ring)
	}
	c.ring = append(c.ring, &bookPage{id: id, inner: inner})
	return false, evicted
}

type bookS3 struct {
	room        int
	small, main []*bookPage
	ghost       []uint32 // 0 where a page came back
}

func (s *bookS3) access(id uint32, inner bool) (hit bool, evicted uint32) {
	for _, q := range [][]*bookPage{s.small, s.main} {
		if b := find(q, id); b != nil {
			b.hits = min(b.hits+1, 3)
			return true, 0
		}
	}
	if len(s.small)+len(s.main) == s.room {
		evicted = s.evict()
	}
	b := &bookPage{id: id, inner: inner}
	if i := slices.Index(s.ghost, id); i >= 0 {
		s.ghost[i] = 0
		s.main = append(s.main, b)
	} else {
		s.small = append(s.small, b)
	}
	return false, evicted
}

func (s *bookS3) evict() uint32 {
	for {
		tenth := len(s.small)*10 >= len(s.small)+len(s.main)
		if len(s.small) > 0 && (len(s.main) == 0 || tenth) {
			b := s.small[0]
			s.small = s.small[1:]
			if b.hits > 1 || b.inner && b.hits > 0 {
				b.hits = 0
				s.main = append(s.main, b)
				continue
			}
			s.ghost = append(s.ghost, b.id)
			if most := s.room - s.room/10; len(s.ghost) > most {
				s.ghost = s.ghost[len(s.ghost)-most:]
			}
			return b.id
		}
		b := s.main[0]
		s.main = s.main[1:]
		if !b.spare() {
			return b.id
		}
		s.main = append(s.main, b)
	}
}

// bookLRU is what the others are compared with.
type bookLRU struct {
	room  int
	pages []uint32
}

func (l *bookLRU) access(id uint32, _ bool) (hit bool, evicted uint32) {
	if i := slices.Index(l.pages, id); i >= 0 {
		l.pages = append(slices.Delete(l.pages, i, i+1), id)
		return true, 0
	}
	if len(l.pages) == l.room {
		evicted, l.pages = l.pages[0], l.pages[1:]
	}
	l.pages = append(l.pages, id)
	return false, evicted
}

func newBook(policy string, room int) book {
	if policy == Clock {
		return &bookClock{room: room}
	}
	return &bookS3{room: room}
}

// poolBook drives a pool in the same way.
type poolBook struct {
	t  testing.TB
	p  *Pool
	at map[uint32]uint32
}

func (b *poolBook) access(id uint32, inner bool) (hit bool, evicted uint32) {
	if f, ok := b.at[id]; ok {
		b.p.Touch(f)
		return true, 0
	}
	f, ok := b.p.Take()
	if !ok {
		n := b.p.Evict(1, func(f, page uint32) bool {
			if b.at[page] != f {
				b.t.Fatalf("page %d is said to leave frame %d, which is not its own", page, f)
			}
			evicted = page
			delete(b.at, page)
			return true
		})
		if n != 1 {
			b.t.Fatalf("%d frames evicted of 1", n)
		}
		if f, ok = b.p.Take(); !ok {
			b.t.Fatal("a frame was evicted, but none is free")
		}
	}
	b.p.Frame(f).Page.Store(id)
	b.p.Admit(f, Clean, inner)
	b.at[id] = f
	return false, evicted
}

// A trace is a function from a source of chance to page ids. Those that divide
// by 16 are inner pages.
type trace struct {
	name string
	next func(rng *rand.Rand, i int) uint32
}

func traces(pages uint32) []trace {
	skewed := func(rng *rand.Rand) uint32 {
		x := rng.Float64()
		return 1 + uint32(x*x*x*x*float64(pages))
	}
	return []trace{
		{"uniform", func(rng *rand.Rand, _ int) uint32 { return 1 + rng.Uint32N(pages) }},
		{"skewed", func(rng *rand.Rand, _ int) uint32 { return skewed(rng) }},
		{"loop", func(_ *rand.Rand, i int) uint32 { return 1 + uint32(i)%(pages/3) }},
		{"scans", func(rng *rand.Rand, i int) uint32 {
			if i/500%2 == 1 {
				return pages + uint32(i)
			}
			return skewed(rng)
		}},
	}
}

func TestEachPolicyLetsGoOfThePagesThatItsTextbookDoes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	n := 10_000
	if !Optimistic { // slow, and nothing for a build that looks for races
		n = 1_000
	}
	eachPolicy(t, func(t *testing.T, policy string) {
		for _, room := range []int{1, 2, 9, 100} {
			for _, tr := range traces(400) {
				t.Run(fmt.Sprintf("room=%d/trace=%s", room, tr.name), func(t *testing.T) {
					rng := rand.New(rand.NewPCG(seed, 0))
					real := &poolBook{t, newPool(t, Options{Frames: room, Policy: policy}), map[uint32]uint32{}}
					text := newBook(policy, room)
					for i := range n {
						id := tr.next(rng, i)
						hit, gone := real.access(id, id%16 == 0)
						wantHit, wantGone := text.access(id, id%16 == 0)
						if hit != wantHit || gone != wantGone {
							t.Fatalf("reference %d of page %d: hit %v, page %d leaves; the textbook: %v, %d",
								i, id, hit, gone, wantHit, wantGone)
						}
					}
				})
			}
		}
	})
}

func TestPoliciesHitMoreOftenThanLRUWhereTheyShould(t *testing.T) {
	if !Optimistic {
		t.Skip("one goroutine, long traces: nothing for a build that looks for races")
	}
	const room, seed = 100, 7
	ratio := func(b book, tr trace, inner bool) float64 {
		rng, hits, n := rand.New(rand.NewPCG(seed, 0)), 0, 0
		for i := range 30_000 {
			id := tr.next(rng, i)
			hit, _ := b.access(id, id%16 == 0)
			if inner && id%16 != 0 {
				continue
			}
			n++
			if hit {
				hits++
			}
		}
		return float64(hits) / float64(n)
	}
	real := func(policy string) book {
		return &poolBook{t, newPool(t, Options{Frames: room, Policy: policy}), map[uint32]uint32{}}
	}
	for _, tr := range traces(400) {
		lru, clock, s3 := ratio(&bookLRU{room: room}, tr, false), ratio(real(Clock), tr, false), ratio(real(S3FIFO), tr, false)
		t.Logf("%-8s lru %.4f clock %.4f s3fifo %.4f", tr.name, lru, clock, s3)
		if clock < lru-0.02 {
			t.Errorf("%s: clock has %.4f, LRU %.4f", tr.name, clock, lru)
		}
		if want := map[string]float64{"scans": lru + 0.02, "loop": lru + 0.05}[tr.name]; s3 < want {
			t.Errorf("%s: s3fifo has %.4f, less than %.4f", tr.name, s3, want)
		}
		if all, inner := clock, ratio(real(Clock), tr, true); tr.name == "uniform" && inner < all+0.02 {
			t.Errorf("inner pages hit with %.4f, all with %.4f", inner, all)
		}
	}
}
