package results

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/kvbench/kvbench/engine"
)

// A Setup is what cells have in common that may stand in one table: all but
// the engine, its settings, its level of durability and the repetition.
type Setup struct {
	Regime      string             `json:"regime"`
	CacheRegime string             `json:"cache_regime"`
	Workload    string             `json:"workload"`
	Compat      string             `json:"compat"`
	Records     uint64             `json:"records"`
	ValueBytes  float64            `json:"value_bytes"`
	KeyFormat   string             `json:"key_format"`
	Mix         map[string]float64 `json:"mix"`
	Dist        string             `json:"dist"`
	UpdateMode  string             `json:"update_mode"`
	Mode        string             `json:"mode"`
	Threads     int                `json:"threads"`
	Rate        *float64           `json:"rate"`
	Arrival     string             `json:"arrival,omitempty"`
	DurationS   float64            `json:"duration_s"`
	Operations  uint64             `json:"operations"` // 0: by duration
	Driver      string             `json:"driver"`
}

// LoadWorkload is the workload of cells that measure the load phase. The load
// of one workload among several is named after it: "load-NAME".
const LoadWorkload = "load"

// loadOf reports whether the cells measure a load phase, and of which workload
// when the name says so.
func (s *Setup) loadOf() (workload string, ok bool) {
	if s.Workload == LoadWorkload {
		return "", true
	}
	return strings.CutPrefix(s.Workload, LoadWorkload+"-")
}

// SetupOf returns the setup that c was measured under.
func SetupOf(c *Cell) Setup { return setupOf(c) }

func setupOf(c *Cell) Setup {
	s := Setup{
		Regime: c.Regime, CacheRegime: c.CacheRegime,
		Workload: c.Workload.Name, Compat: c.Workload.Compat,
		Records: c.Workload.Records, ValueBytes: c.Workload.ValueBytes,
		KeyFormat: c.Workload.KeyFormat, Mix: c.Workload.Mix,
		Dist: c.Workload.Dist, UpdateMode: c.Workload.UpdateMode,
		Mode: c.Load.Mode, Threads: c.Load.Threads, Rate: c.Load.Rate, Arrival: c.Load.Arrival,
		DurationS: c.Load.DurationS, Operations: c.Load.Operations, Driver: c.Load.Driver,
	}
	if s.Mix == nil {
		s.Mix = map[string]float64{}
	}
	return s
}

// A group is the rows of one setup.
type group struct {
	Setup
	rows  []Row // ranked first, then those without a figure
	rails []Row
}

// groupCells sorts the cells of a run into rows and those into groups, in the
// order in which they are shown.
func groupCells(run *Run, includeRed bool) []group {
	bySetup := split(run.Cells, func(c *Cell) any { return setupOf(c) })
	groups := make([]group, 0, len(bySetup))
	for _, cells := range bySetup {
		g := group{Setup: setupOf(cells[0])}
		for _, reps := range adopt(splitPointers(cells, engineKey)) {
			r := newRow(run.Manifest.Experiment, reps, includeRed)
			if r.Rail {
				g.rails = append(g.rails, r)
			} else {
				g.rows = append(g.rows, r)
			}
		}
		rank(g.rows, includeRed)
		slices.SortStableFunc(g.rails, byRate)
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b group) int { return compareSetups(&run.Manifest.Plan, a.Setup, b.Setup) })
	return groups
}

// engineKey is what repetitions of one row share.
func engineKey(c *Cell) any {
	return []any{c.Engine.Name, c.Engine.Label, c.Engine.Version, c.Engine.Rail, settingsText(c.Engine.Settings), c.Durability}
}

// adopt joins lots of cells that died or were refused before their level of
// durability was known to the lot of the same engine, when there is just one.
func adopt(lots [][]*Cell) [][]*Cell {
	isOrphan := func(lot []*Cell) bool {
		return lot[0].Durability == engine.Default &&
			!slices.ContainsFunc(lot, func(c *Cell) bool { return c.OpsPerS != nil })
	}
	var out [][]*Cell
	for _, lot := range lots {
		if !isOrphan(lot) {
			out = append(out, lot)
		}
	}
	for _, lot := range lots {
		if !isOrphan(lot) {
			continue
		}
		var homes []int
		for i, o := range out {
			if o[0].Engine.Title() == lot[0].Engine.Title() {
				homes = append(homes, i)
			}
		}
		if len(homes) == 1 {
			out[homes[0]] = slices.Concat(out[homes[0]], lot)
		} else {
			out = append(out, lot)
		}
	}
	return out
}

// split sorts cells into lots of equal key, in the order of first appearance.
func split(cells []Cell, key func(*Cell) any) [][]*Cell {
	pointers := make([]*Cell, len(cells))
	for i := range cells {
		pointers[i] = &cells[i]
	}
	return splitPointers(pointers, key)
}

func splitPointers(cells []*Cell, key func(*Cell) any) [][]*Cell {
	index := map[string]int{}
	var lots [][]*Cell
	for _, c := range cells {
		k := keyText(key(c))
		i, ok := index[k]
		if !ok {
			i = len(lots)
			index[k] = i
			lots = append(lots, nil)
		}
		lots[i] = append(lots[i], c)
	}
	return lots
}

// keyText makes values equal as text when their contents are. Maps and
// pointers are compared by content, which == would not do.
func keyText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		// Only a number that JSON lacks; such cells share a key, at worst.
		return err.Error()
	}
	return string(text)
}

// rank sorts rows from the fastest and numbers those that have a rate. A row
// that failed in any repetition comes after them, without a rank: its rate may
// be that of wrong answers. So does one whose lamp is red, unless such rows
// are included.
func rank(rows []Row, includeRed bool) {
	for i := range rows {
		rows[i].leftOut = rows[i].Lamp == LampRed && !includeRed
	}
	if len(rows) > 0 && rows[0].Mode == modeOpen {
		orderOpen(rows)
		return
	}
	slices.SortStableFunc(rows, byRate)
	for i := range rows {
		r := &rows[i]
		if !r.rankable() {
			return
		}
		place := i + 1
		r.Rank = &place
		if first := *rows[0].OpsPerS; first > 0 {
			r.VsFirst = Num(*r.OpsPerS / first)
		}
	}
}

func (r *Row) rankable() bool {
	return r.OpsPerS != nil && r.Outcomes[StatusFailed] == 0 && !r.leftOut
}

func byRate(a, b Row) int {
	if a.rankable() != b.rankable() {
		if a.rankable() {
			return -1
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(rateOr(b, -1), rateOr(a, -1)),
		cmp.Compare(statusOrder(a.Status), statusOrder(b.Status)),
		strings.Compare(a.Engine, b.Engine),
		strings.Compare(settingsText(a.Settings), settingsText(b.Settings)),
	)
}

func rateOr(r Row, def float64) float64 {
	if r.OpsPerS == nil {
		return def
	}
	return *r.OpsPerS
}

func compareSetups(p *Plan, a, b Setup) int {
	return cmp.Or(
		cmp.Compare(regimeOrder(a.Regime), regimeOrder(b.Regime)),
		strings.Compare(a.Regime, b.Regime),
		strings.Compare(a.CacheRegime, b.CacheRegime),
		cmp.Compare(a.Records, b.Records),
		cmp.Compare(a.ValueBytes, b.ValueBytes),
		cmp.Compare(workloadOrder(p, &a), workloadOrder(p, &b)),
		strings.Compare(a.Workload, b.Workload),
		cmp.Compare(a.Threads, b.Threads),
		cmp.Compare(orZero(a.Rate), orZero(b.Rate)),
	)
}

func regimeOrder(regime string) int {
	order := []string{RegimeSync, RegimeAsync, RegimeNone}
	if i := slices.Index(order, regime); i >= 0 {
		return i
	}
	return len(order)
}

// workloadOrder: loads first, then as planned, then the unplanned.
func workloadOrder(p *Plan, s *Setup) int {
	if _, load := s.loadOf(); load {
		return -1
	}
	if i := slices.Index(p.Workloads, s.Workload); i >= 0 {
		return i
	}
	return len(p.Workloads)
}

// settingsText writes settings as "key=value" in the order of the keys.
func settingsText(settings map[string]string) string {
	parts := make([]string, 0, len(settings))
	for _, k := range sortedKeys(settings) {
		parts = append(parts, k+"="+settings[k])
	}
	return strings.Join(parts, " ")
}

// engineLabels names each row: by the engine, with its version or the settings
// in which it differs from other rows of the same engine.
func engineLabels(rows []Row) []string {
	labels := make([]string, len(rows))
	for i, r := range rows {
		if r.Label != "" {
			labels[i] = r.Label
			continue
		}
		label := r.Engine
		differs := map[string]bool{}
		for _, o := range rows {
			if o.Engine != r.Engine {
				continue
			}
			if o.Version != r.Version {
				differs[" "+r.Version] = true
			}
			for k := range union(r.Settings, o.Settings) {
				if r.Settings[k] != o.Settings[k] {
					differs[" "+k+"="+r.Settings[k]] = true
				}
			}
		}
		labels[i] = label + strings.Join(sortedKeys(differs), "")
	}
	return labels
}

func union(a, b map[string]string) map[string]bool {
	keys := map[string]bool{}
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	return keys
}
