package hashidx

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// pickCases are tables of candidates and what each policy takes. Columns:
// number, frames, live, expired, kept, age. A line that begins with ":" has a
// goal in percent and what cost-benefit, greedy and oldest take of the table
// above it.
const pickCases = `
# nothing is garbage
1 100 100 0 0 5
2 100 100 0 0 9
: 0 - - -
# below the goal, at it, above it
1 100 80 0 0 5
2 100 60 0 0 9
: 31 - - -
: 30 - - -
: 29 2 2 2
# of which nothing has to be copied goes always, the oldest first
1 100 0 0 0 5
2 100 100 100 0 9
3 100 100 0 0 20
: 90 2 2 2
# an empty segment is such
1 0 0 0 0 1
2 100 90 0 0 1
: 50 1 1 1
# tombstones that have to stay are no garbage
1 100 0 0 100 5
2 100 50 0 40 9
: 20 - - -
: 4 2 2 2
# age against share: what is old is worth more
1 100 40 0 0 1
2 100 50 0 0 10
3 100 45 0 0 3
: 10 2 1 2
# but not if there is little of it
1 100 30 0 0 1
2 100 97 0 0 1000
: 10 1 1 1
# what has expired counts
1 100 100 70 0 1
2 100 50 0 0 1
: 40 1 1 1
`

func TestPickTakesWhatThePolicySays(t *testing.T) {
	var table []candidate
	fresh := true
	in := bufio.NewScanner(strings.NewReader(pickCases))
	for line := 1; in.Scan(); line++ {
		text := in.Text()
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
			continue
		case strings.HasPrefix(text, ":"):
			fresh = true
			checkPick(t, line, table, text)
			continue
		}
		if fresh {
			table, fresh = nil, false
		}
		var c candidate
		if _, err := fmt.Sscan(text, &c.number, &c.frames, &c.live, &c.expired, &c.kept, &c.age); err != nil {
			t.Fatalf("line %d: %v", line, err)
		}
		table = append(table, c)
	}
}

func checkPick(t *testing.T, line int, table []candidate, text string) {
	t.Helper()
	var goal float64
	want := map[policy]*string{costBenefit: new(string), greedy: new(string), oldest: new(string)}
	if _, err := fmt.Sscan(text[1:], &goal, want[costBenefit], want[greedy], want[oldest]); err != nil {
		t.Fatalf("line %d: %v", line, err)
	}
	for by, want := range want {
		got := "-"
		if c, ok := pick(table, by, goal/100); ok {
			got = fmt.Sprint(c.number)
		}
		if got != *want {
			t.Errorf("line %d: %s takes %s, want %s", line, by, got, *want)
		}
	}
	if _, ok := pick(table, off, 0); ok {
		t.Errorf("line %d: off takes something", line)
	}
}

// A simulated store of pages of one size, by which policies are compared: hot
// segments of what is written, cold ones of what is copied.
type simulation struct {
	by       policy
	goal     float64
	segments []*simulated
	where    []*simulated // of each page
	open     [2]*simulated
	written  float64 // pages
	copied   int
	mixed    bool // copies go where writes go
	most     float64
}

type simulated struct {
	pages    []int32
	live     int
	youngest float64
	sealed   bool
}

const simulatedPages = 128

func (s *simulation) put(page int, cold int, born float64) {
	if s.mixed {
		cold = 0
	}
	if old := s.where[page]; old != nil {
		old.live--
	}
	seg := s.open[cold]
	if seg == nil {
		seg = &simulated{}
		s.open[cold] = seg
		s.segments = append(s.segments, seg)
	}
	seg.pages = append(seg.pages, int32(page))
	seg.live++
	seg.youngest = max(seg.youngest, born)
	s.where[page] = seg
	if len(seg.pages) == simulatedPages {
		seg.sealed = true
		s.open[cold] = nil
	}
}

func (s *simulation) collect() {
	for {
		var all []candidate
		for i, seg := range s.segments {
			if seg.sealed {
				all = append(all, candidate{
					number: uint16(i), frames: simulatedPages, live: int64(seg.live), age: s.written - seg.youngest,
				})
			}
		}
		s.most = max(s.most, float64(len(s.segments)*simulatedPages)/float64(len(s.where)))
		c, ok := pick(all, s.by, s.goal)
		if !ok {
			return
		}
		victim := s.segments[c.number]
		s.segments[c.number] = s.segments[len(s.segments)-1]
		s.segments = s.segments[:len(s.segments)-1]
		for _, page := range victim.pages {
			if s.where[page] == victim {
				s.put(int(page), 1, victim.youngest)
				s.copied++
			}
		}
	}
}

// run writes all pages, and then overwrites by chance; it returns how much is
// written for each page that is overwritten once that is steady.
func (s *simulation) run(pages, overwrites int, next func() int) (amplification float64) {
	s.where = make([]*simulated, pages)
	write := func(page int) {
		s.written++
		s.put(page, 0, s.written)
		if len(s.open[0].pagesOf())%simulatedPages == 0 {
			s.collect()
		}
	}
	for page := range pages {
		write(page)
	}
	for range overwrites {
		write(next())
	}
	s.copied = 0
	for range overwrites {
		write(next())
	}
	return 1 + float64(s.copied)/float64(overwrites)
}

func (s *simulated) pagesOf() []int32 {
	if s == nil {
		return nil
	}
	return s.pages
}

// skews are how pages are chosen. Both hot ones have a few that get nearly all.
func skews(pages int) map[string]func(r *rand.Rand) func() int {
	return map[string]func(r *rand.Rand) func() int{
		"uniform": func(r *rand.Rand) func() int { return func() int { return r.IntN(pages) } },
		"zipf": func(r *rand.Rand) func() int {
			z := rand.NewZipf(r, 1.1, 10, uint64(pages-1))
			order := r.Perm(pages)
			return func() int { return order[z.Uint64()] }
		},
		"90to10": func(r *rand.Rand) func() int {
			order := r.Perm(pages)
			return func() int {
				if r.IntN(10) > 0 {
					return order[r.IntN(pages/10)]
				}
				return order[r.IntN(pages)]
			}
		},
	}
}

func TestCostBenefitWritesNoMoreThanGreedyWhereSomeAreHot(t *testing.T) {
	const pages, seed = 8 << 10, 7
	for _, goal := range []float64{0.2, 0.35} {
		for name, skew := range skews(pages) {
			got := map[policy]float64{}
			for _, by := range []policy{costBenefit, greedy, oldest} {
				s := &simulation{by: by, goal: goal}
				got[by] = s.run(pages, 3*pages, skew(rand.New(rand.NewPCG(seed, 1))))
				// What is above the goal is what is open, and a victim's copies.
				if limit := 1/(1-goal) + 4*simulatedPages/float64(pages); s.most > limit {
					t.Errorf("%s, %s: there was %.3f of what is live, want at most %.3f", name, by, s.most, limit)
				}
			}
			mixed := &simulation{by: costBenefit, goal: goal, mixed: true}
			got["mixed"] = mixed.run(pages, 3*pages, skew(rand.New(rand.NewPCG(seed, 1))))
			t.Logf("goal %.2f, %s: cost-benefit %.3f, greedy %.3f, oldest %.3f, cost-benefit without cold %.3f",
				goal, name, got[costBenefit], got[greedy], got[oldest], got["mixed"])
			if name != "uniform" && got[costBenefit] > 1.02*got[greedy] {
				t.Errorf("goal %.2f, %s: cost-benefit writes %.3f, greedy %.3f", goal, name, got[costBenefit], got[greedy])
			}
			if name != "uniform" && got[costBenefit] > got["mixed"] {
				t.Errorf("goal %.2f, %s: %.3f with cold segments, %.3f without", goal, name, got[costBenefit], got["mixed"])
			}
		}
	}
}
