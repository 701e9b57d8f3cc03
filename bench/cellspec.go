package bench

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads"
)

// A CellSpec is all that the process of one cell needs to know. It crosses
// the process boundary as JSON.
type CellSpec struct {
	// Cell is what is known of the result beforehand; the process fills in
	// the rest.
	Cell results.Cell `json:"cell"`

	Task        Task              `json:"task"`
	Workload    *workloads.Spec   `json:"workload"`
	Dir         string            `json:"dir"`      // of the engine
	Settings    map[string]string `json:"settings"` // as given, of this engine
	Level       string            `json:"level"`    // durability asked for: sync, async, none or a level's name
	LoadThreads int               `json:"load_threads"`

	Duration   time.Duration `json:"duration"`
	Operations uint64        `json:"operations"`
	Rate       float64       `json:"rate,omitempty"` // operations a second; 0: a closed loop
	Arrival    Arrival       `json:"arrival,omitzero"`
	Warmup     time.Duration `json:"warmup"`     // at least
	WarmupMax  time.Duration `json:"warmup_max"` // until steady, at most so long; 0: Warmup as it is
	Interval   time.Duration `json:"interval"`
	Calibrate  time.Duration `json:"calibrate"` // 0: not
	Settle     time.Duration `json:"settle"`    // at most so long; 0: not

	Timing      string `json:"timing"`
	Verify      Verify `json:"verify"`
	CountErrors bool   `json:"count_errors"`
	// RequireSteady makes a measured phase that is not steady unfit.
	// MemoryLimit bounds this process once data are loaded, page cache
	// included; 0: not.
	MemoryLimit   uint64 `json:"memory_limit,omitempty"`
	RequireSteady bool   `json:"require_steady"`
	Record        string `json:"record,omitempty"` // trace file to write; empty: none
	Profile       string `json:"profile"`          // prefix of CPU and heap profiles; empty: none

	// Loaded describes the data in Dir, for TaskRun; nil when this process
	// loads them itself.
	Loaded *Loaded `json:"loaded"`
}

// Task is what a cell's process is for.
type Task string

const (
	TaskRun     Task = "run"     // measure the workload's run phase
	TaskLoad    Task = "load"    // measure the load itself
	TaskPrepare Task = "prepare" // load, to be copied by the cells that follow
)

// Loaded is what a load left behind; zero when nothing outlives the process.
type Loaded struct {
	Phase     results.Phase `json:"phase"`
	Level     string        `json:"level"`
	LiveBytes uint64        `json:"live_bytes"`
	SettleS   *float64      `json:"settle_s"`
}

// level picks the durability of writes that set can honour. Rails store
// nothing on disk and take the strongest level they have.
func level(asked string, set engine.DurabilitySet, rail bool) (engine.Durability, error) {
	if levels := set.Levels(); rail && len(levels) > 0 {
		return levels[len(levels)-1], nil
	}
	if strings.EqualFold(asked, results.RegimeAsync) {
		d, ok := set.Async()
		if !ok {
			return d, fmt.Errorf("%w: no durability between none and sync (it has: %s)", engine.ErrUnsupported, set)
		}
		return d, nil
	}
	d, err := engine.ParseDurability(asked)
	if err != nil {
		return d, err
	}
	return set.Resolve(d, engine.Default)
}

// loadLevel picks the level that data are prepared with: the fastest that is
// logged, since one Sync at the end makes all of it durable.
func loadLevel(set engine.DurabilitySet) engine.Durability {
	if d, ok := set.Async(); ok {
		return d
	}
	if levels := set.Levels(); len(levels) > 0 {
		return levels[len(levels)-1]
	}
	return engine.Default
}

// withLevel adds the level that pick chooses to the settings that an engine is
// opened with, unless they name one: some engines have one level for all
// writes from their opening on, and one that is open tells only that. Levels
// that the driver cannot be opened at are left for the cell to refuse.
func withLevel(d *engine.Driver, given map[string]string, pick func(engine.DurabilitySet) (engine.Durability, error)) map[string]string {
	setting, ok := d.Setting(engine.DurabilityName)
	if _, named := given[engine.DurabilityName]; named || !ok || setting.Inapplicable != "" {
		return given
	}
	var levels []engine.Durability
	for _, name := range setting.Choices {
		if l, err := engine.ParseDurability(name); err == nil {
			levels = append(levels, l)
		}
	}
	l, err := pick(engine.Durabilities(levels...))
	if err != nil || l == engine.Default {
		return given
	}
	settings := map[string]string{engine.DurabilityName: l.String()}
	maps.Copy(settings, given)
	return settings
}

// Regime names the table that writes at a level belong to.
func Regime(asked string) (string, error) {
	switch strings.ToLower(asked) {
	case results.RegimeAsync, engine.OS.String(), engine.Buffered.String():
		return results.RegimeAsync, nil
	case results.RegimeSync:
		return results.RegimeSync, nil
	case results.RegimeNone:
		return results.RegimeNone, nil
	}
	return "", fmt.Errorf("%w: durability %q: want sync, async, os, buffered or none", engine.ErrInvalid, asked)
}
