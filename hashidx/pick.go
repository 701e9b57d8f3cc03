package hashidx

import "github.com/kvbench/kvbench/hashidx/manifest"

// A policy says which garbage is collected first.
type policy string

const (
	// costBenefit weighs what a segment gives back against what must be copied,
	// and by its age: what has lived long will live longer, so that the space
	// is free for longer (Rosenblum and Ousterhout 1992).
	costBenefit policy = "cost-benefit"
	// greedy takes the segment with the greatest share of garbage.
	greedy policy = "greedy"
	// oldest takes the segment with the oldest ops.
	oldest policy = "oldest"
	// off collects nothing by itself.
	off policy = "off"
)

func policies() []string {
	return []string{string(costBenefit), string(greedy), string(oldest), string(off)}
}

// A candidate is what pick knows of a sealed segment. Sizes are bytes.
type candidate struct {
	number uint16
	log    manifest.Log

	frames  int64 // of all its ops
	live    int64 // of those that the index points to, as copies
	expired int64 // of those of live that have expired
	kept    int64 // of what looks dead but would be copied: tombstones

	// age is how much was written since its youngest op. It is only compared.
	age float64
}

// gain is how much less there is once the segment has been collected.
func (c *candidate) gain() int64 {
	return min(max(c.frames-c.live+c.expired-c.kept, 0), c.frames)
}

// share is the part of a segment that collecting it gives back.
func (c *candidate) share() float64 {
	if c.frames == 0 {
		return 1
	}
	return float64(c.gain()) / float64(c.frames)
}

// gone reports whether nothing of a segment has to be copied.
func (c *candidate) gone() bool { return c.gain() == c.frames }

// garbage is what all candidates come to.
type garbage struct{ frames, dead int64 }

func garbageOf(all []candidate) (g garbage) {
	for i := range all {
		g.frames += all[i].frames
		g.dead += all[i].gain()
	}
	return g
}

// share is the part of all that is garbage.
func (g garbage) share() float64 {
	if g.frames == 0 {
		return 0
	}
	return float64(g.dead) / float64(g.frames)
}

// debt is how many bytes would have to go to come to a goal.
func (g garbage) debt(goal float64) int64 {
	return max(0, g.dead-int64(goal*float64(g.frames)))
}

// worthShare: a segment with a share of garbage below this part of the share
// of all is not taken, however old it is: most of it would only be copied.
const worthShare = 0.5

// pick chooses the segment to collect next: one of which nothing has to be
// copied, the oldest first, so that ops go before their tombstones; else, while
// there is more garbage than a share, what the policy says. ok is false if
// there is nothing to do.
func pick(all []candidate, by policy, goal float64) (c candidate, ok bool) {
	if by == off {
		return candidate{}, false
	}
	for i := range all {
		if x := &all[i]; x.gone() && (!ok || x.age > c.age) {
			c, ok = *x, true
		}
	}
	g := garbageOf(all)
	if ok || g.dead == 0 || g.share() <= goal {
		return c, ok
	}
	best := 0.0
	for i := range all {
		x := &all[i]
		if x.share() < worthShare*g.share() || x.gain() == 0 {
			continue
		}
		if score := by.score(x); !ok || score > best {
			c, ok, best = *x, true, score
		}
	}
	return c, ok
}

// score is greater for what should be collected earlier.
func (by policy) score(c *candidate) float64 {
	switch by {
	case greedy:
		return c.share()
	case oldest:
		return c.age
	}
	u := 1 - c.share()
	return (1 - u) * (c.age + 1) / (1 + u)
}
