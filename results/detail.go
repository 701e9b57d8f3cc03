package results

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kvbench/kvbench/engine"
)

// Blocks of columns, see column.block.
const (
	blockName = iota
	blockSpeed
	blockFlags
	blockRows
	blockCost
	blockLatency // and up, one for each kind of operation
)

// railText stands above every table of rails.
const railText = "Reference rails, not ranked: they store nothing on disk."

// detail writes all that is known of one setup.
func detail(p *page, run *Run, g *group) {
	p.heading(2, title(&g.Setup))
	rows := slices.Concat(g.rows, g.rails)
	for _, l := range describe(run, &g.Setup, rows) {
		p.line(l)
	}
	p.blank()
	var notes footnotes
	if len(g.rows) > 0 {
		p.table(detailColumns(p, g.rows, &notes))
	}
	if len(g.rails) > 0 {
		if len(g.rows) > 0 {
			p.blank()
		}
		p.line(railText)
		p.table(detailColumns(p, g.rails, &notes))
	}
	notes.write(p)
}

func title(s *Setup) string {
	parts := []string{"workload " + s.Workload}
	if of, load := s.loadOf(); load && of == "" {
		parts[0] = "load phase"
	} else if load {
		parts[0] = "load phase of " + of
	}
	parts = append(parts, regimeText(s.Regime))
	if s.CacheRegime != "" {
		parts = append(parts, s.CacheRegime)
	}
	parts = append(parts, plural(s.Threads, "thread"))
	if open := openTitle(s); open != "" {
		parts = append(parts, open)
	}
	return strings.Join(parts, ", ")
}

func regimeText(regime string) string {
	switch regime {
	case RegimeSync:
		return "sync (acknowledged = on disk)"
	case RegimeAsync:
		return "async (each engine's level without fsync)"
	case RegimeNone:
		return "none (no log)"
	}
	return regime
}

// describe says what was asked, and how.
func describe(run *Run, s *Setup, rows []Row) []string {
	// The mix and what goes with it come after a load phase.
	_, load := s.loadOf()
	what := []string{data(s)}
	if s.Dist != "" && !load {
		what = append(what, s.Dist)
	}
	if !load && s.Mix["update"]+s.Mix["read-modify-write"] > 0 {
		what = append(what, "update "+s.UpdateMode)
	}
	if m := mixText(s.Mix); m != "" && !load {
		what = append(what, m)
	}
	if s.Compat != "" && s.Compat != "java" {
		what = append(what, "as "+s.Compat+" does it")
	}
	var how []string
	if s.Mode != "" {
		how = append(how, s.Mode+" loop")
	}
	if s.Rate != nil {
		how = append(how, humanCount(*s.Rate)+" ops/s asked for, times from the intended start, rows by p99")
	}
	if plan := &run.Manifest.Plan; !load && max(plan.WarmupS, plan.WarmupMaxS) > 0 {
		how = append(how, warmupText(&run.Manifest.Plan))
	}
	switch {
	case s.Operations > 0:
		how = append(how, "measured "+humanCount(float64(s.Operations))+" operations")
	case s.DurationS > 0:
		how = append(how, "measured "+plain(s.DurationS)+" s")
	}
	if s.Driver != "" && s.Driver != "kvbench" {
		how = append(how, "driver "+s.Driver)
	}
	how = append(how, repsText(rows), seedsText(rows))
	return []string{strings.Join(what, ", "), strings.Join(how, ", ")}
}

func warmupText(p *Plan) string {
	if p.WarmupMaxS > 0 {
		return "warm-up until steady, " + plain(p.WarmupS) + " to " + plain(p.WarmupMaxS) + " s"
	}
	return "warm-up " + plain(p.WarmupS) + " s"
}

// data says how much there is.
func data(s *Setup) string {
	text := humanCount(float64(s.Records)) + " records x "
	if s.Records == 0 {
		text = "empty at the start, values of "
	}
	text += plain(s.ValueBytes) + " B"
	if s.KeyFormat != "" {
		text += ", keys " + s.KeyFormat
	}
	return text
}

// mixText lists the shares, the largest first.
func mixText(mix map[string]float64) string {
	ops := sortedKeys(mix)
	slices.SortStableFunc(ops, func(a, b string) int {
		return cmp.Or(cmp.Compare(mix[b], mix[a]), compareOps(a, b))
	})
	var parts []string
	for _, op := range ops {
		if mix[op] > 0 {
			parts = append(parts, shortOp(op)+" "+plain(100*mix[op])+" %")
		}
	}
	return strings.Join(parts, " ")
}

func repsText(rows []Row) string {
	least, most := rows[0].Reps, rows[0].Reps
	for _, r := range rows {
		least, most = min(least, r.Reps), max(most, r.Reps)
	}
	if least < most {
		return fmt.Sprintf("%d to %d repetitions", least, most)
	}
	return plural(most, "repetition")
}

func seedsText(rows []Row) string {
	var seeds []uint64
	for _, r := range rows {
		seeds = append(seeds, r.Seeds...)
	}
	slices.Sort(seeds)
	seeds = slices.Compact(seeds)
	const shown = 8
	var parts []string
	for _, s := range seeds[:min(shown, len(seeds))] {
		parts = append(parts, strconv.FormatUint(s, 10))
	}
	if len(seeds) > shown {
		parts = append(parts, "...")
	}
	if len(seeds) == 1 {
		return "seed " + parts[0]
	}
	return "seeds " + strings.Join(parts, " ")
}

// detailColumns makes the table of rows, which are all rails or none. Columns
// that no row knows anything for are left out.
func detailColumns(p *page, rows []Row, notes *footnotes) []column {
	labels := engineLabels(rows)
	name := column{title: "engine", left: true, cells: labels}
	columns := []column{name}
	add := func(block int, title string, cell func(r *Row) string) {
		c := column{title: title, block: block}
		known := false
		for i := range rows {
			text := ""
			if rows[i].OpsPerS != nil {
				text = cell(&rows[i])
			}
			known = known || text != "" && text != unknownText
			c.cells = append(c.cells, text)
		}
		if known {
			columns = append(columns, c)
		}
	}
	rates := column{title: "ops/s", block: blockSpeed}
	for i := range rows {
		rates.cells = append(rates.cells, rateText(p, &rows[i], labels[i], notes))
	}
	if !rows[0].Rail {
		columns = append(columns, levelColumns(rows, blockSpeed)...)
	}
	columns = append(columns, rates)
	add(blockSpeed, "min .. max", func(r *Row) string {
		return humanCount(*r.OpsPerSMin) + " .. " + humanCount(*r.OpsPerSMax)
	})
	add(blockSpeed, "n", func(r *Row) string { return strconv.Itoa(r.N) })
	add(blockSpeed, "p99 lag", func(r *Row) string { return orUnknown(r.open().lag, humanNs) })
	add(blockSpeed, "backlog", func(r *Row) string { return orUnknown(r.open().backlog, humanCount) })
	add(blockSpeed, "dropped", func(r *Row) string { return orUnknown(r.open().dropped, humanCount) })
	add(blockSpeed, "vs 1st", func(r *Row) string { return orUnknown(r.VsFirst, factor) })
	columns = append(columns, lampColumn(p, rows, labels, notes)...)
	add(blockRows, "rows/s", func(r *Row) string { return orUnknown(r.RowsPerS, humanCount) })
	for i, op := range opsOf(rows) {
		add(blockLatency+i, shortOp(op)+" p50", func(r *Row) string { return orUnknown(r.Ops[op].P50, humanNs) })
		add(blockLatency+i, "p99", func(r *Row) string { return orUnknown(r.Ops[op].P99, humanNs) })
		add(blockLatency+i, "p99.9", func(r *Row) string { return orUnknown(r.Ops[op].P999, humanNs) })
	}
	add(blockCost, "w-amp", func(r *Row) string { return orUnknown(r.WriteAmp, significant) })
	add(blockCost, "settled", func(r *Row) string { return orUnknown(r.WriteAmpSettled, significant) })
	add(blockCost, "r-amp", func(r *Row) string { return orUnknown(r.ReadAmp, significant) })
	add(blockCost, "s-amp", func(r *Row) string { return orUnknown(r.SpaceAmp, significant) })
	add(blockCost, "peak RSS", func(r *Row) string { return orUnknown(r.PeakRSS, humanBytes) })
	add(blockCost, "allocs/op", func(r *Row) string { return orUnknown(r.AllocsPerOp, significant) })
	add(blockCost, "harness", func(r *Row) string { return orUnknown(r.HarnessShare, percent) })
	return withRank(columns, rows)
}

// withRank puts the rank before the engine, unless nothing is ranked.
func withRank(columns []column, rows []Row) []column {
	ranks := column{title: "#"}
	ranked := false
	for _, r := range rows {
		text := ""
		if r.Rank != nil {
			text, ranked = strconv.Itoa(*r.Rank), true
		}
		ranks.cells = append(ranks.cells, text)
	}
	if !ranked {
		return columns
	}
	return append([]column{ranks}, columns...)
}

// levelColumns say what a write has survived once it returned.
func levelColumns(rows []Row, block int) []column {
	level := column{title: "durability", left: true, block: block}
	kill := column{title: "kill -9", left: true, block: block}
	for _, r := range rows {
		name, fate := r.Durability.String(), "loses"
		if r.SurvivesKill {
			fate = "survives"
		}
		if r.Durability == engine.Default { // it never came so far
			name, fate = unknownText, unknownText
		}
		level.cells = append(level.cells, name)
		kill.cells = append(kill.cells, fate)
	}
	return []column{level, kill}
}

// rateText is the rate, or why there is none; never 0 for what was not
// measured.
func rateText(p *page, r *Row, label string, notes *footnotes) string {
	reason := func(without string) string {
		return notes.mark(label + ": " + cmp.Or(r.Reason, without))
	}
	switch {
	case r.OpsPerS != nil:
		return humanCount(*r.OpsPerS)
	case r.Status == StatusUnsupported:
		return "n/a " + reason("the engine cannot do what the workload needs")
	case r.Status == StatusFailed:
		return p.colored(ansiRed, "FAILED") + " " + reason("no reason was recorded")
	case r.Status == StatusSkipped:
		return "not run " + reason("the run was interrupted before")
	case r.Status == StatusPartial:
		return "partial " + reason("interrupted before anything was measured")
	}
	return unknownText
}

// lampColumn says how far to trust the rates; it is empty when there is none.
func lampColumn(p *page, rows []Row, labels []string, notes *footnotes) []column {
	c := column{title: "lamp", left: true, block: blockFlags}
	known := false
	for i := range rows {
		text := lampText(p, &rows[i], labels[i], notes)
		known = known || text != ""
		c.cells = append(c.cells, text)
	}
	if !known {
		return nil
	}
	return []column{c}
}

// lampText is the lamp, what is gravely wrong, and a footnote with all that is.
func lampText(p *page, r *Row, label string, notes *footnotes) string {
	if r.OpsPerS == nil {
		return ""
	}
	var text string
	switch r.Lamp {
	case LampRed:
		text = p.colored(ansiRed, "!!")
	case LampYellow:
		text = p.colored(ansiYellow, "!")
	default:
		text = p.colored(ansiGreen, "ok")
	}
	words, reasons := objections(p, r, false)
	if len(words) > 0 {
		text += " " + strings.Join(words, ", ")
	}
	if len(reasons) > 0 {
		text += " " + notes.mark(label+": "+strings.Join(reasons, "; "))
	}
	return text
}

// objections lists what is wrong with a rate: words for what is grave, and
// reasons.
func objections(p *page, r *Row, graveOnly bool) (words, reasons []string) {
	if r.OpsPerS == nil {
		return nil, nil
	}
	grave := func(word, reason string) {
		words = append(words, p.colored(ansiRed, word))
		reasons = append(reasons, reason)
	}
	if r.Status == StatusPartial {
		grave("partial", cmp.Or(r.Reason, "interrupted: what was measured until then stands"))
	} else if bad := r.Reps - r.Outcomes[StatusOK]; bad > 0 {
		word := fmt.Sprintf("%d of %d %s", bad, r.Reps, badOutcomes(r))
		grave(word, word+": "+cmp.Or(r.Reason, "no reason was recorded"))
	}
	for _, f := range r.Flags {
		switch {
		case f.Level == "red":
			grave(f.Name, f.Name+": "+f.Reason)
		case !graveOnly:
			reasons = append(reasons, f.Name+": "+f.Reason)
		}
	}
	return words, reasons
}

// badOutcomes names what became of the repetitions that are not ok.
func badOutcomes(r *Row) string {
	var names []string
	for _, s := range []Status{StatusFailed, StatusPartial, StatusUnsupported, StatusSkipped} {
		if r.Outcomes[s] > 0 {
			names = append(names, strings.ToUpper(string(s)))
		}
	}
	return strings.Join(names, "/")
}

// opsOf lists the kinds of operations that any row has times for.
func opsOf(rows []Row) []string {
	seen := map[string]bool{}
	for _, r := range rows {
		for op := range r.Ops {
			seen[op] = true
		}
	}
	ops := sortedKeys(seen)
	slices.SortStableFunc(ops, compareOps)
	return ops
}

// compareOps orders the common kinds as people list them, others by name.
func compareOps(a, b string) int {
	order := []string{"read", "read-absent", "update", "read-modify-write", "insert", "put", "scan", "reverse-scan", "delete"}
	place := func(op string) int {
		if i := slices.Index(order, op); i >= 0 {
			return i
		}
		return len(order)
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a, b))
}

func shortOp(op string) string {
	if op == "read-modify-write" {
		return "rmw"
	}
	return op
}
