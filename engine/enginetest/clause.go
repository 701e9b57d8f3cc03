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
	needs func(*facts) bool // nil: applies to every engine
	run   func(*rig)
}

func clauses() []clause {
	return slices.Concat(
		valueClauses(), keyClauses(), batchClauses(), durabilityClauses(),
		closeClauses(), directoryClauses(), settingClauses(),
		iteratorClauses(), viewClauses(), roleClauses(), loadingClauses(),
		metricsClauses(), concurrentClauses(), modelClauses(), killClauses(),
		fileClauses(), crashClauses(), faultClauses(), damageClauses(),
	)
}

// facts are what an opened engine says of itself, by which clauses apply.
type facts struct {
	engine.Caps
	driver *engine.Driver

	// Roles that Caps have no field for.
	multiGet, async, settle, compact bool

	onMem bool // takes its files from Env.FS
}

func factsOf(d *engine.Driver, e engine.Engine) *facts {
	f := &facts{Caps: e.Caps(), driver: d}
	_, f.multiGet = engine.As[engine.MultiGetter](e)
	_, f.async = engine.As[engine.AsyncWriter](e)
	_, f.settle = engine.As[engine.Settler](e)
	_, f.compact = engine.As[engine.Compactor](e)
	return f
}

// What clauses need of an engine.
func ordered(f *facts) bool      { return f.Ordered }
func reverse(f *facts) bool      { return f.Ordered && f.Reverse }
func iterSnapshot(f *facts) bool { return f.Ordered && f.IterSnapshot }
func snapshots(f *facts) bool    { return f.Snapshots }
func persistent(f *facts) bool   { return f.Persistent }
func atomicBatch(f *facts) bool  { return f.AtomicBatch }
func rangeDelete(f *facts) bool  { return f.RangeDelete }
