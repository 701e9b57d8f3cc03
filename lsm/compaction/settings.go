package compaction

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Settings are a policy: plain data. A zero field takes its default, except
// where 0 is said to mean off.
type Settings struct {
	// Layout is leveled, tiered, lazy, one-leveled, fluid or fifo.
	Layout string `json:"layout"`
	// Triggers names those that count, split by commas. Default: all. A
	// trigger whose threshold is 0 rests in any case.
	Triggers string `json:"triggers,omitempty"`
	// Granularity is file, files or level. Default: file.
	Granularity string `json:"granularity"`
	// Movement is min-overlap, round-robin, oldest, coldest, most-tombstones
	// or expired-first. Default: min-overlap.
	Movement string `json:"movement"`

	// SizeRatio is T, of a level to the one above it. Default: 10.
	SizeRatio int `json:"size_ratio"`
	// Runs is K, the most runs that a tiered level has at rest. Default: T-1.
	Runs int `json:"runs,omitempty"`
	// LastRuns is Z, the same of the last level in layout fluid. Default: 1.
	LastRuns int `json:"last_runs,omitempty"`

	// L0Runs is how many sublevels make level 0 due. Default: 4. Layout fifo
	// never merges them.
	L0Runs int `json:"l0_runs"`
	// L0Bytes makes it due too. Default: twice BaseBytes.
	L0Bytes int64 `json:"l0_bytes"`
	// BaseBytes is about what comes out of level 0 at once. The target of the
	// first leveled level lies between it and T times that: a smaller first
	// level would cost more writes than it saves. Level i of a tree that grows
	// downwards holds BaseBytes * T^i. Default: 64 MiB.
	BaseBytes int64 `json:"base_bytes"`

	// TableBytes is the size of tables on the first level; each further level
	// has tables twice that, up to 8 times. Default: 16 MiB.
	TableBytes int64 `json:"table_bytes"`
	// JobBytes bounds the inputs of a job, where a smaller one is possible.
	// Default: 25 times TableBytes.
	JobBytes int64 `json:"job_bytes"`
	// GrandparentBytes is how much of the level after next a table may
	// overlap. Default: 10 times TableBytes.
	GrandparentBytes int64 `json:"grandparent_bytes"`
	// NoMoves: merge also where a table could be moved as it is.
	NoMoves bool `json:"no_moves,omitempty"`

	// MaxBytes is what layout fifo keeps. 0: all.
	MaxBytes int64 `json:"max_bytes,omitempty"`
	// TTL is the age of its newest entry at which layout fifo drops a table
	// and others compact it towards the last level. 0: off.
	TTL time.Duration `json:"ttl_ns,omitempty"`
	// TombstoneAge bounds how old a delete gets before it has reached the last
	// level and is gone, unless a snapshot holds it (Dth of Lethe: Sarkar,
	// SIGMOD 2020). 0: off.
	TombstoneAge time.Duration `json:"tombstone_age_ns,omitempty"`
	// TombstoneRatio makes a table due of whose entries so many are deletes.
	// Default: 0.5; negative: off.
	TombstoneRatio float64 `json:"tombstone_ratio"`
	// SpaceAmp makes all runs of a tiered tree due when those above the oldest
	// run have so many times its bytes. 0: off.
	SpaceAmp float64 `json:"space_amp,omitempty"`
}

// presets are the layouts by their names; what differs from the defaults.
var presets = []Settings{
	{Layout: "leveled"},
	{Layout: "tiered", Granularity: "level"},
	{Layout: "lazy", Granularity: "level"},
	{Layout: "one-leveled"},
	{Layout: "fluid", Granularity: "level"},
	{Layout: "fifo"},
}

// Presets returns the names of settings that Preset knows.
func Presets() []string {
	names := make([]string, len(presets))
	for i, s := range presets {
		names[i] = s.Layout
	}
	return names
}

// Preset returns settings by name, defaults filled in.
func Preset(name string) (Settings, error) {
	for _, s := range presets {
		if s.Layout == name {
			return s.WithDefaults(), nil
		}
	}
	return Settings{}, fmt.Errorf("compaction preset %q: choose one of %s",
		name, strings.Join(Presets(), ", "))
}

// WithDefaults returns s with defaults for what is zero.
func (s Settings) WithDefaults() Settings {
	def(&s.Layout, "leveled")
	def(&s.Granularity, "file")
	def(&s.Movement, "min-overlap")
	def(&s.SizeRatio, 10)
	def(&s.Runs, max(s.SizeRatio-1, 1))
	def(&s.LastRuns, 1)
	def(&s.L0Runs, 4)
	def(&s.BaseBytes, 64<<20)
	def(&s.L0Bytes, 2*s.BaseBytes)
	def(&s.TableBytes, 16<<20)
	def(&s.JobBytes, 25*s.TableBytes)
	def(&s.GrandparentBytes, 10*s.TableBytes)
	def(&s.TombstoneRatio, 0.5)
	return s
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// A Picker chooses by one policy. It is immutable: all methods may be called
// from many goroutines.
type Picker struct {
	s           Settings
	layout      Layout
	triggers    []Trigger
	granularity Granularity
	movement    Movement
}

// New returns a picker for settings, whose zero fields take their defaults.
func New(s Settings) (*Picker, error) {
	s = s.WithDefaults()
	p := &Picker{s: s}
	var errs []error
	p.layout = named("layout", s.Layout, layouts, &errs)
	p.granularity = named("granularity", s.Granularity, granularities, &errs)
	p.movement = named("movement", s.Movement, movements, &errs)
	p.triggers = triggers
	if s.Triggers != "" {
		p.triggers = nil
		for name := range strings.SplitSeq(s.Triggers, ",") {
			p.triggers = append(p.triggers, named("trigger", strings.TrimSpace(name), triggers, &errs))
		}
	}
	if s.SizeRatio < 2 {
		errs = append(errs, fmt.Errorf("size ratio %d: must be at least 2", s.SizeRatio))
	}
	for _, b := range []int64{
		int64(s.Runs), int64(s.LastRuns), int64(s.L0Runs), s.L0Bytes, s.BaseBytes, s.TableBytes,
		s.JobBytes, s.GrandparentBytes, s.MaxBytes, int64(s.TTL), int64(s.TombstoneAge),
	} {
		if b < 0 {
			errs = append(errs, fmt.Errorf("%d: sizes, counts and times must not be negative", b))
		}
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("compaction settings: %w", errors.Join(errs...))
	}
	return p, nil
}

// Settings returns what the picker was made of, defaults filled in.
func (p *Picker) Settings() Settings { return p.s }

// named finds a plug-in.
func named[P interface{ Name() string }](what, name string, all []P, errs *[]error) P {
	i := slices.IndexFunc(all, func(p P) bool { return p.Name() == name })
	if i >= 0 {
		return all[i]
	}
	var names []string
	for _, p := range all {
		names = append(names, p.Name())
	}
	*errs = append(*errs, fmt.Errorf("%s %q: choose one of %s", what, name, strings.Join(names, ", ")))
	var none P
	return none
}
