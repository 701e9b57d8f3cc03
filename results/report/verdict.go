package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/results/compare"
)

// verdict puts into words what the tables came to, most important first.
func (b *builder) verdict() error {
	v := &b.m.Verdict
	var all tally
	for _, s := range b.src {
		for _, groups := range s.scopes() {
			var t tally
			for _, g := range groups {
				t.add(g)
				all.add(g)
				o := outcomeOf(g)
				g.Verdict = o.sentence()
			}
			if text := t.sentence(); text != "" {
				v.Sentences = append(v.Sentences, b.scopeName(s, groups)+text)
			}
		}
	}
	switch {
	case len(b.src) > 1:
		v.Headline = b.changeHeadline(&all)
	case len(b.m.Studies) > 0:
		v.Headline = b.m.Studies[0].Title + ": " + lowerFirst(b.m.Studies[0].Text)
	case len(b.m.Searches) > 0: // its cells are probes, each with a rate of its own
		v.Headline, v.Sentences = b.m.Searches[0].Text, nil
		for _, s := range b.m.Searches[1:] {
			v.Sentences = append(v.Sentences, s.Text)
		}
	case len(v.Sentences) == 1, all.distinct() && b.oneRegime():
		// One sentence says it all.
		v.Headline, v.Sentences = upperFirst(all.sentence()), nil
	case len(all.outcomes) == 0 && b.measured():
		v.Headline = "No figure is fit for a ranking: the quality log says why."
	default:
		v.Headline = all.summary()
	}
	v.Caveats = b.caveats()
	return nil
}

// measured: there is a figure, if only an unfit one.
func (b *builder) measured() bool {
	for _, g := range b.groups {
		for _, l := range g.ranked {
			if l.Rate.Median != nil {
				return true
			}
		}
	}
	return false
}

// An outcome is what one table came to.
type outcome struct {
	kind  outcomeKind
	table string   // its workload
	at    int      // its threads, where the run has several numbers; else 0
	names []string // the winner, or those that are not told apart
	ratio float64  // of the winner to the next; 0: unknown
	needs int      // repetitions that a verdict takes
	text  string   // the rate, of one that is alone
	// others: there are others, but none that could be ranked.
	others bool
}

type outcomeKind int

const (
	nothing   outcomeKind = iota // nobody is ranked
	alone                        // one is ranked
	won                          // one is told apart from all others
	tied                         // the best is not told apart from others
	undecided                    // too few repetitions to tell anything
)

// outcomeOf judges a table by the rates.
func outcomeOf(g *group) outcome {
	o := outcome{}
	o.table, o.at = g.shortName()
	best := g.best()
	if best == nil {
		return o
	}
	o.names = []string{best.Engine}
	var next *lot
	for _, l := range g.ranked[1:] {
		if l.Rank == nil {
			continue
		}
		if next == nil {
			next = l
			o.ratio = advantage(best, l)
		}
		switch {
		case l.VsBest == nil || !l.VsBest.decided():
			o.kind = undecided
			if l.VsBest != nil {
				o.needs = max(o.needs, l.VsBest.Needs)
			}
		case !l.VsBest.Told:
			o.names = append(o.names, l.Engine)
		}
	}
	switch {
	case next == nil:
		o.kind, o.text, o.others = alone, best.Text, len(g.ranked) > 1
	case o.kind == undecided:
		o.names = o.names[:1]
	case len(o.names) > 1:
		o.kind = tied
	default:
		o.kind = won
	}
	return o
}

// advantage is how many times as fast the best is as another: by pairs where
// there are any, else by the medians.
func advantage(best, other *lot) float64 {
	if m := other.VsBest; m != nil && m.Ratio != nil && *m.Ratio > 0 {
		return 1 / *m.Ratio
	}
	if m := other.Rate.Median; m != nil && *m > 0 {
		return *best.Rate.Median / *m
	}
	return 0
}

// shortName is how sentences call a table: by its workload and, where the run
// has that with several numbers of threads, by them, too.
func (g *group) shortName() (workload string, threads int) {
	name := g.Setup.Workload
	if g.Load {
		name = strings.Replace(name, "load-", "load of ", 1)
	}
	for _, o := range g.src.groups {
		if o.Setup.Workload == g.Setup.Workload && o.Setup.Threads != g.Setup.Threads {
			return name, g.Setup.Threads
		}
	}
	return name, 0
}

func (o *outcome) sentence() string {
	switch o.kind {
	case alone:
		if o.others {
			return fmt.Sprintf("Only %s can be ranked: %s ops/s.", o.names[0], o.text)
		}
		return fmt.Sprintf("%s was measured alone: %s ops/s.", o.names[0], o.text)
	case won:
		return fmt.Sprintf("%s is fastest, %s the next.", o.names[0], shortFactor(o.ratio))
	case tied:
		return fmt.Sprintf("%s are not told apart.", list(o.names))
	case undecided:
		text := fmt.Sprintf("%s has the highest median, %s the next, but the repetitions are too few to tell", o.names[0], shortFactor(o.ratio))
		if o.needs > 0 {
			text += fmt.Sprintf("; it takes %d", o.needs)
		}
		return text + "."
	}
	return "Nothing is ranked here."
}

// A tally collects the outcomes of several tables.
type tally struct{ outcomes []outcome }

func (t *tally) add(g *group) {
	if o := outcomeOf(g); o.kind != nothing {
		t.outcomes = append(t.outcomes, o)
	}
}

// lots are the outcomes of one kind and the same names, those with most first.
func (t *tally) lots(kind outcomeKind) [][]outcome {
	var lots [][]outcome
	for _, o := range t.outcomes {
		if o.kind != kind {
			continue
		}
		i := slices.IndexFunc(lots, func(l []outcome) bool { return slices.Equal(sorted(l[0].names), sorted(o.names)) })
		if i < 0 {
			lots = append(lots, nil)
			i = len(lots) - 1
		}
		lots[i] = append(lots[i], o)
	}
	slices.SortStableFunc(lots, func(x, y []outcome) int { return len(y) - len(x) })
	return lots
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// sentence says who won where.
func (t *tally) sentence() string {
	var parts []string
	for _, lot := range t.lots(won) {
		parts = append(parts, fmt.Sprintf("%s is fastest in %s, %s the next", lot[0].names[0], tablesOf(lot), ratiosOf(lot)))
	}
	for _, lot := range t.lots(tied) {
		parts = append(parts, fmt.Sprintf("in %s %s are not told apart", tablesOf(lot), list(lot[0].names)))
	}
	if text := t.undecided(); text != "" {
		parts = append(parts, text)
	}
	for _, lot := range t.lots(alone) {
		parts = append(parts, aloneIn(lot)...)
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "."
}

// aloneIn says where one engine has nobody to be compared with, and why.
func aloneIn(lot []outcome) []string {
	var parts []string
	for _, others := range []bool{false, true} {
		var some []outcome
		for _, o := range lot {
			if o.others == others {
				some = append(some, o)
			}
		}
		if len(some) == 0 {
			continue
		}
		text := "%s was measured alone in %s"
		if others {
			text = "only %s can be ranked in %s"
		}
		text = fmt.Sprintf(text, some[0].names[0], tablesOf(some))
		if len(some) == 1 {
			text += ", " + some[0].text + " ops/s"
		}
		parts = append(parts, text)
	}
	return parts
}

// undecided says where the repetitions are too few, and who leads there.
func (t *tally) undecided() string {
	var where []outcome
	var leads []string
	for _, o := range t.outcomes {
		if o.kind == undecided {
			where = append(where, o)
		}
	}
	for _, lot := range t.lots(undecided) {
		leads = append(leads, fmt.Sprintf("%s in %s, %s the next", lot[0].names[0], tablesOf(lot), ratiosOf(lot)))
	}
	switch len(leads) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("in %s the repetitions are too few to tell: %s has the highest median, %s the next",
			tablesOf(where), where[0].names[0], ratiosOf(where))
	}
	return fmt.Sprintf("in %s the repetitions are too few to tell (the highest medians: %s)", tablesOf(where), strings.Join(leads, "; "))
}

// tablesOf lists tables: "A and C", "fill with 1 and 8 threads".
func tablesOf(lot []outcome) string {
	var names []string
	threads := map[string][]int{}
	for _, o := range lot {
		if !slices.Contains(names, o.table) {
			names = append(names, o.table)
		}
		if o.at > 0 && !slices.Contains(threads[o.table], o.at) {
			threads[o.table] = append(threads[o.table], o.at)
		}
	}
	for i, name := range names {
		var counts []string
		for _, n := range threads[name] {
			counts = append(counts, fmt.Sprint(n))
		}
		switch len(counts) {
		case 0:
		case 1:
			names[i] += " with " + count(threads[name][0], "thread")
		default:
			names[i] += " with " + list(counts) + " threads"
		}
	}
	return list(names)
}

func ratiosOf(lot []outcome) string {
	var ratios []float64
	for _, o := range lot {
		if o.ratio > 0 {
			ratios = append(ratios, o.ratio)
		}
	}
	return factors(ratios)
}

// summary counts over tables that no one sentence could join.
func (t *tally) summary() string {
	var parts []string
	for _, lot := range t.lots(won) {
		parts = append(parts, fmt.Sprintf("%s is fastest in %d, %s the next", lot[0].names[0], len(lot), ratiosOf(lot)))
	}
	count := func(kind outcomeKind) int {
		n := 0
		for _, lot := range t.lots(kind) {
			n += len(lot)
		}
		return n
	}
	if n := count(tied); n > 0 {
		parts = append(parts, fmt.Sprintf("in %d the best are not told apart", n))
	}
	if n := count(undecided); n > 0 {
		parts = append(parts, fmt.Sprintf("in %d the repetitions are too few to tell", n))
	}
	if n := count(alone); n > 0 {
		parts = append(parts, fmt.Sprintf("in %d there is nobody to be compared with", n))
	}
	if len(parts) == 0 {
		return "Nothing was measured that could be ranked."
	}
	return fmt.Sprintf("Of %d tables: %s.", len(t.outcomes), strings.Join(parts, "; "))
}

// scopeName leads a sentence where there are several.
func (b *builder) scopeName(s *source, groups []*group) string {
	if len(b.src) == 1 && len(s.scopes()) == 1 {
		return ""
	}
	setup := &groups[0].Setup
	parts := []string{setup.Regime}
	if setup.CacheRegime != "" {
		parts = append(parts, setup.CacheRegime)
	}
	parts = append(parts, setup.Data(), count(setup.Threads, "thread"))
	if setup.Rate != nil {
		parts = append(parts, results.TextCount(setup.Rate)+" ops/s asked for")
	}
	name := strings.Join(parts, ", ") + ": "
	if len(b.src) > 1 {
		name = s.name + ", " + name
	}
	return name
}

// changeHeadline says what became of the first run in the later ones.
func (b *builder) changeHeadline(all *tally) string {
	if len(b.m.Changes) == 0 {
		return fmt.Sprintf("%s side by side; they are not compared, for they were not asked the same. %s",
			count(len(b.src), "run"), all.summary())
	}
	var better, worse []float64
	same, open := 0, 0
	for _, c := range b.m.Changes {
		for _, m := range c.Pairs {
			switch {
			case m.Told && m.Ratio != nil && m.Better:
				better = append(better, max(*m.Ratio, 1 / *m.Ratio))
			case m.Told && m.Ratio != nil:
				worse = append(worse, max(*m.Ratio, 1 / *m.Ratio))
			case m.Verdict == string(compare.NoDifference):
				same++
			default:
				open++
			}
		}
	}
	total := len(better) + len(worse) + same + open
	if open == total {
		return fmt.Sprintf("Against %s nothing can be decided: the repetitions are too few, or nothing was measured in both.", b.src[0].name)
	}
	var parts []string
	if len(better) > 0 {
		parts = append(parts, fmt.Sprintf("%d better (%s)", len(better), factors(better)))
	}
	if len(worse) > 0 {
		parts = append(parts, fmt.Sprintf("%d worse (%s)", len(worse), factors(worse)))
	}
	if same > 0 {
		parts = append(parts, fmt.Sprintf("%d without a difference that could be detected", same))
	}
	if open > 0 {
		parts = append(parts, fmt.Sprintf("%d that cannot be decided", open))
	}
	return fmt.Sprintf("Against %s, of %s: %s.",
		b.src[0].name, count(total, "figure"), list(parts))
}

// distinct: no two tables have the same name.
func (t *tally) distinct() bool {
	seen := map[string]bool{}
	for _, o := range t.outcomes {
		name := fmt.Sprint(o.table, " ", o.at)
		if seen[name] {
			return false
		}
		seen[name] = true
	}
	return len(seen) > 0
}

// oneRegime: all tables are of one durability regime and one place of the data.
func (b *builder) oneRegime() bool {
	for _, g := range b.groups {
		first := &b.groups[0].Setup
		if g.Setup.Regime != first.Regime || g.Setup.CacheRegime != first.CacheRegime {
			return false
		}
	}
	return true
}

func upperFirst(s string) string {
	for _, word := range []string{"in ", "only "} { // names of engines are as they are
		if strings.HasPrefix(s, word) {
			return strings.ToUpper(s[:1]) + s[1:]
		}
	}
	return s
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
