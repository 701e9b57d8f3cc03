package enginetest

import (
	"slices"

	"github.com/kvbench/kvbench/engine"
)

// T is what a clause needs of a testing.T. Clauses take no more, so that the
// tests of this package can watch them fail.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	TempDir() string
	Cleanup(func())
}

// A clause is one sentence of the contract and the test of it.
type clause struct {
	name  string
	needs func(engine.Caps) bool // nil: applies to every engine
	run   func(*rig)
}

func clauses() []clause {
	return slices.Concat(
		valueClauses(), keyClauses(), batchClauses(), durabilityClauses(),
		closeClauses(), directoryClauses(), settingClauses(),
		iteratorClauses(), viewClauses(), roleClauses(),
		metricsClauses(), concurrentClauses(), modelClauses(),
	)
}

// What clauses need of an engine.
func ordered(c engine.Caps) bool      { return c.Ordered }
func reverse(c engine.Caps) bool      { return c.Ordered && c.Reverse }
func iterSnapshot(c engine.Caps) bool { return c.Ordered && c.IterSnapshot }
func snapshots(c engine.Caps) bool    { return c.Snapshots }
func persistent(c engine.Caps) bool   { return c.Persistent }
func atomicBatch(c engine.Caps) bool  { return c.AtomicBatch }
func rangeDelete(c engine.Caps) bool  { return c.RangeDelete }
