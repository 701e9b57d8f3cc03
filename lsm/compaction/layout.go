package compaction

// A Layout says how many runs the levels of a tree hold.
type Layout interface {
	Name() string
	// Runs is how many runs level, from 1 on, has at rest, at most; last is
	// the deepest level. Where it is 1, merges join the run.
	Runs(s *Settings, level, last int) int
	// Top is the first level whose size follows from the last level's,
	// upwards. Levels between it and the first that is worth having stay
	// empty. 0: the tree begins at level 1 and grows downwards as levels fill.
	Top() int
	// Flat: all stays on level 0.
	Flat() bool
}

var layouts = []Layout{leveled{}, tiered{}, lazyLeveled{}, oneLeveled{}, fluid{}, fifo{}}

// leveled: one run on each level. Cheapest reads, most writes.
type leveled struct{}

func (leveled) Name() string                 { return "leveled" }
func (leveled) Runs(*Settings, int, int) int { return 1 }
func (leveled) Top() int                     { return 1 }
func (leveled) Flat() bool                   { return false }

// tiered: K runs on each level. Fewest writes, most runs to read.
type tiered struct{}

func (tiered) Name() string                   { return "tiered" }
func (tiered) Runs(s *Settings, _, _ int) int { return s.Runs }
func (tiered) Top() int                       { return 0 }
func (tiered) Flat() bool                     { return false }

// lazyLeveled is tiered but for the last level, which is one run (Dayan and
// Idreos, "Dostoevsky", SIGMOD 2018).
type lazyLeveled struct{}

func (lazyLeveled) Name() string { return "lazy" }
func (lazyLeveled) Top() int     { return 0 }
func (lazyLeveled) Flat() bool   { return false }

func (lazyLeveled) Runs(s *Settings, level, last int) int {
	if level >= last {
		return 1
	}
	return s.Runs
}

// oneLeveled: level 1 is tiered, the others leveled.
type oneLeveled struct{}

func (oneLeveled) Name() string { return "one-leveled" }
func (oneLeveled) Top() int     { return 2 }
func (oneLeveled) Flat() bool   { return false }

func (oneLeveled) Runs(s *Settings, level, _ int) int {
	if level == 1 {
		return s.Runs
	}
	return 1
}

// fluid: K runs on each level and Z on the last, both free.
type fluid struct{}

func (fluid) Name() string { return "fluid" }
func (fluid) Top() int     { return 0 }
func (fluid) Flat() bool   { return false }

func (fluid) Runs(s *Settings, level, last int) int {
	if level >= last {
		return s.LastRuns
	}
	return s.Runs
}

// fifo: level 0 only, from which the oldest is dropped.
type fifo struct{}

func (fifo) Name() string                 { return "fifo" }
func (fifo) Runs(*Settings, int, int) int { return 1 }
func (fifo) Top() int                     { return 0 }
func (fifo) Flat() bool                   { return true }
