package enginetest

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// Option changes what Run does.
type Option func(*options)

type options struct {
	settings map[string]string
	tiny     map[string]string
	excuses  map[string]string // clause -> asterisk
}

// Settings opens every engine of the run with these settings, where a clause
// does not give others.
func Settings(settings map[string]string) Option {
	return func(o *options) { maps.Copy(o.settings, settings) }
}

// Tiny gives settings for the crash, fault and damage loops, over those that
// the loops choose: such that a few writes of a hundred bytes make the engine
// do all that it can do to its files. The loops try the least of each size and
// count by themselves.
func Tiny(settings map[string]string) Option {
	return func(o *options) { maps.Copy(o.tiny, settings) }
}

// Excuse skips a clause that the engine cannot keep. The reason must be one of
// the driver's Asterisks, word by word, so that users read it too.
func Excuse(clause, reason string) Option {
	return func(o *options) { o.excuses[clause] = reason }
}

// AllowGetAllocs excuses an engine whose library allocates on every get.
func AllowGetAllocs(reason string) Option { return Excuse(getAllocs, reason) }

func collect(opts []Option) options {
	o := options{settings: map[string]string{}, tiny: map[string]string{}, excuses: map[string]string{}}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Run tests the engines that d opens, clause by clause, as subtests of t.
func Run(t *testing.T, d engine.Driver, opts ...Option) { runClauses(t, d, clauses(), opts) }

func runClauses(t *testing.T, d engine.Driver, all []clause, opts []Option) {
	o := collect(opts)
	if isKillChild(t.Name()) {
		t.Fatal(writeUntilKilled(d, o.settings))
	}
	o.check(t, &d)
	f := look(t, &d, o.settings)
	for _, c := range all {
		if c.needs != nil && !c.needs(f) {
			continue
		}
		name := t.Name()
		t.Run(c.name, func(t *testing.T) {
			if reason, ok := o.excuses[c.name]; ok {
				t.Skip("excused: " + reason)
			}
			c.run(&rig{T: t, name: name, d: d, caps: f.Caps, settings: o.settings, tiny: o.tiny, patience: patience})
		})
	}
}

// check refuses excuses for what is no clause, or that no asterisk admits.
func (o *options) check(t T, d *engine.Driver) {
	t.Helper()
	for name, reason := range o.excuses {
		if !slices.ContainsFunc(clauses(), func(c clause) bool { return c.name == name }) {
			t.Errorf("excuse for %q: there is no such clause", name)
		}
		if !slices.Contains(d.Asterisks, reason) {
			t.Errorf("excuse for %q: the driver has no asterisk %q", name, reason)
		}
	}
}

// look opens the engine once to see what it promises.
func look(t T, d *engine.Driver, settings map[string]string) *facts {
	t.Helper()
	e, err := d.Open(t.TempDir(), settings, engine.Env{})
	if err != nil {
		t.Fatalf("open %s: %v", d.Name, err)
	}
	f := factsOf(d, e)
	if err := e.Close(); err != nil {
		t.Fatalf("close %s: %v", d.Name, err)
	}
	f.onMem = f.Persistent && takesFiles(t, d, settings)
	return f
}

// soaking reports whether there is time for everything.
func soaking() bool { return os.Getenv("KVBENCH_SOAK") != "" }

// budget returns how long one random test may take: short, or its share of
// KVBENCH_SOAK.
func budget(short time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv("KVBENCH_SOAK")); err == nil && d > 0 {
		return max(d/randomTests, short)
	}
	return short
}

// randomTests is how many clauses of one run draw on the budget.
const randomTests = 24

// seed returns KVBENCH_SEED, or one that differs from run to run.
func seed() uint64 {
	if s, err := strconv.ParseUint(os.Getenv("KVBENCH_SEED"), 10, 64); err == nil {
		return s
	}
	return uint64(time.Now().UnixNano())
}

// variants is how many kinds of histories a loop takes turns with. Which one it
// is follows from the seed, so that KVBENCH_SEED repeats that too.
const variants = 12

// firstSeed is a seed of variant 0, or KVBENCH_SEED.
func firstSeed() uint64 {
	s := seed()
	if os.Getenv("KVBENCH_SEED") == "" {
		s -= s % variants
	}
	return s
}
