package compare

import (
	"fmt"
	"slices"

	"github.com/kvbench/kvbench/results"
)

// ratioText is "2.10x (1.93 to 2.41)".
func ratioText(p *Pair) string {
	text := results.TextFactor(p.Ratio)
	if p.Ratio == nil {
		text = "apart from"
	}
	if p.Low != nil && p.High != nil {
		text += fmt.Sprintf(" (%s)", intervalText(p.Low, p.High))
	}
	return text
}

func intervalText(low, high *float64) string {
	if low == nil || high == nil {
		return ""
	}
	return fmt.Sprintf("%s to %s", factorText(*low), factorText(*high))
}

// factorText writes a ratio without its sign; one that is near 1 with the
// digits that tell it from 1.
func factorText(x float64) string {
	switch {
	case x > 0.9 && x < 1.1 && x != 1:
		return fmt.Sprintf("%.3f", x)
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 0.095:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.2g", x)
}

// mdeText says what could have been found.
func mdeText(x *float64) string {
	if x == nil {
		return ""
	}
	return ", minimum detectable " + factorText(*x) + "x"
}

// rankingSentence says who is best of the sides of one run, and how surely:
// versus are the pairs of the best side with every other.
func rankingSentence(by string, first *side, versus []Pair) string {
	if first == nil {
		return "No side has a figure."
	}
	called := func(name string) string {
		if by == "engine" || by == "workload" {
			return name
		}
		return by + "=" + name // a number alone would read as a figure
	}
	best := called(first.name)
	var told, tied, unable, none []string
	needs := 0
	var mde *float64
	for i := range versus {
		p := &versus[i]
		switch {
		case p.Verdict == NoFigure:
			none = append(none, called(p.Name))
		case p.Verdict == Undecidable:
			unable, needs = append(unable, called(p.Name)), max(needs, p.Needs)
		case p.Better:
			told = append(told, ratioText(p)+" "+called(p.Name))
		default:
			tied = append(tied, called(p.Name))
			if p.MDE != nil && (mde == nil || *p.MDE > *mde) {
				mde = p.MDE
			}
		}
	}
	var parts []string
	if len(told) > 0 {
		parts = append(parts, best+" is "+list(told))
	}
	if len(tied) > 0 {
		parts = append(parts, fmt.Sprintf("%s: no detectable difference%s", list(append([]string{best}, tied...)), mdeText(mde)))
	}
	if len(unable) > 0 {
		parts = append(parts, fmt.Sprintf("%s: cannot decide with %s, needs %d",
			list(append([]string{best}, unable...)), plural(leastOf(versus), "repetition"), needs))
	}
	if len(none) > 0 {
		parts = append(parts, list(none)+": no figure")
	}
	if len(told) == len(versus) && len(versus) > 1 {
		parts[0] = best + " is best: " + list(told)
	}
	return join(parts, "; ") + "."
}

// leastOf is the fewest repetitions of an undecidable pair.
func leastOf(pairs []Pair) int {
	least := -1
	for _, p := range pairs {
		if n := min(p.N, p.NBase, p.Paired); p.Verdict == Undecidable && (least < 0 || n < least) {
			least = n
		}
	}
	return max(least, 0)
}

// changeSentence says what has changed from one run to another.
func changeSentence(g *Group) string {
	var parts []string
	for i := range g.Pairs {
		p := &g.Pairs[i]
		parts = append(parts, p.Name+": "+verdictText(p, true))
	}
	return join(parts, "; ") + "."
}

// verdictText is the verdict of one pair in words, with the ratio or alone.
func verdictText(p *Pair, ratio bool) string {
	word := "worse"
	if p.Better {
		word = "better"
	}
	switch p.Verdict {
	case Higher, Lower:
		if ratio {
			return word + ", " + ratioText(p)
		}
		return word
	case NoDifference:
		if ratio {
			return "no detectable difference" + mdeText(p.MDE)
		}
		return "no detectable difference"
	case Undecidable:
		return fmt.Sprintf("cannot decide with n=%d, needs %d", min(p.N, p.NBase, p.Paired), p.Needs)
	}
	return "no figure: " + p.Left
}

// list writes names as people do: a, b and c.
func list(names []string) string {
	if len(names) < 2 {
		return join(names, "")
	}
	last := len(names) - 1
	return join(slices.Clone(names[:last]), ", ") + " and " + names[last]
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
