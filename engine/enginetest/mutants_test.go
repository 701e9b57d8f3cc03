package enginetest

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// mutants are ways to break the toy, each with a clause that must catch it.
// Every clause stands here: one that no mutant breaks may test nothing.
var mutants = []struct{ broken, clause string }{
	{"forgets puts", "a key that was put is found with its value"},
	{"finds absent keys", "a key that was never put is absent"},
	{"keeps the first value", "a put replaces the value"},
	{"ignores Delete", "a deleted key is absent"},
	{"ignores Delete", "an iterator leaves out what was deleted"},
	{"deletes for good", "a deleted key can be put again"},
	{"fails to delete absent keys", "deleting an absent key is no error"},
	{"takes an empty value for absence", "nil and empty values are equal and present"},
	{"cuts values at 64 KiB", "values of all sizes come back"},
	{"drops dst", "Get appends to dst"},
	{"wraps ErrNotFound", "a miss returns dst as it came and the bare ErrNotFound"},
	{"aliases the key", "arguments may be reused on return"},
	{"aliases the value", "arguments may be reused on return"},
	{"aliases the batch", "arguments may be reused on return"},
	{"changes its arguments", "arguments are not changed"},
	{"returns its own memory", "what Get returns belongs to the caller"},

	{"looks at 8 bytes of a key", "keys that share a prefix are different keys"},
	{"orders keys by length", "keys are ordered bytewise"},
	{"takes empty keys", "an empty key is refused"},
	{"refuses the longest key", "a key of MaxKey bytes is stored"},
	{"takes what is too large", "a key of over MaxKey bytes is refused"},
	{"takes what is too large", "a value of over MaxValue bytes is refused"},
	{"takes what is too large", "a batch of over MaxBatch bytes is refused"},

	{"skips the last op of a batch", "a batch does all of its ops"},
	{"reorders a batch", "the later op of a batch wins"},
	{"refuses an empty batch", "an empty batch is no error"},
	{"empties the batch", "a batch may be applied again and reused"},
	{"applies the half of a refused batch", "a refused batch has no effect"},
	{"ignores range deletes without the role", "a batch with a range delete is refused without the role"},
	{"deletes the upper bound too", "a range delete makes a range absent"},
	{"does range deletes last", "a range delete in a batch acts in its place"},

	{"refuses buffered", "every level in Caps is accepted"},
	{"takes any level", "an unsupported durability is refused, never weaker"},
	{"has fewer levels than its setting", "an engine has the level it was opened with"},
	{"takes sync for os", "a Sync write syncs the log, where syncs are counted"},
	{"fails to sync", "Sync is no error"},

	{"answers after Close", "calls after Close return ErrClosed"},
	{"fails to close twice", "Close is idempotent"},
	{"has no Caps after Close", "Caps and Metrics still answer after Close"},
	{"leaves a goroutine", "no goroutine is left after Close"},

	{"loses the last write", "reopening finds everything"},
	{"keeps what it should not", "what is not persistent is gone, and its directory is not used"},
	{"does not look at its directory", "Open makes an absent directory and marks it"},
	{"does not look at its directory", "a directory of another engine is refused"},
	{"takes any format", "a directory of a newer format is refused"},
	{"does not look at its directory", "a directory with foreign files is refused"},
	{"takes a damaged marker", "a damaged marker is corrupt"},
	{"does not look at its directory", "a directory in use is refused"},
	{"writes though read_only", "read_only refuses writes and changes nothing"},
	{"does not look at its directory", "read_only needs a directory that exists"},
	{"finds problems that are not there", "Verify finds nothing in a sound directory"},
	{"describes crookedly", "Inspect describes a directory"},

	{"ignores Env.FS", "Open takes its files from Env.FS or refuses it"},

	{"has no title", "a driver describes itself"},
	{"knows no cache_bytes", "every driver knows durability, cache_bytes and read_only"},
	{"has a default out of bounds", "settings describe themselves and their defaults are valid"},
	{"ignores bad settings", "an unknown setting names the nearest"},
	{"ignores bad settings", "an ill-typed setting is refused by name"},
	{"ignores bad settings", "a setting out of bounds is refused"},
	{"ignores bad settings", "an inapplicable setting is refused with the reason"},
	{"has a choice that does not open", "every choice of every setting opens"},
	{"hides its roles", "Caps agree with each other and with the roles"},
	{"has other Caps when it is reopened", "Caps are the same after reopening"},

	{"is born on the first key", "an iterator is unpositioned at birth"},
	{"finds a key where there is none", "an iterator of an empty engine finds nothing"},
	{"skips a key", "an iterator walks forwards"},
	{"breaks reverse iteration", "an iterator walks backwards"},
	{"goes backwards unasked", "backwards is ErrUnsupported without Reverse"},
	{"seeks after the key", "SeekGE finds the first key at or after"},
	{"seeks up to the key", "SeekLT finds the last key before"},
	{"includes the upper bound", "bounds are [Lower, Upper)"},
	{"takes an empty bound for none", "no key is below an empty upper bound"},
	{"turns round a step late", "an iterator turns round anywhere"},
	{"stays off the end", "an iterator runs off an end and comes back"},
	{"aliases bounds", "an iterator keeps its own bounds and seek keys"},
	{"loses each thousandth key", "an iterator walks many keys"},
	{"walks on after Close", "closing an iterator is idempotent and ends it"},

	{"lets an iterator see later writes", "an iterator sees the moment of its birth"},
	{"aliases its iterators' keys", "key and value stay until the next positioning call"},
	{"shares one position", "iterators are independent"},
	{"shows iterators the past", "a new iterator sees every write before it"},
	{"lets a snapshot move", "a snapshot is frozen"},
	{"scans the engine for a snapshot", "a snapshot scans what it froze"},
	{"walks a snapshot live", "a snapshot stays while it is scanned"},
	{"drops dst of a snapshot", "a snapshot answers Get as an engine does"},
	{"reads closed snapshots", "closing a snapshot is idempotent and ends it"},

	{"scans a key twice", "an unordered scan sees each live key once"},
	{"scans on after an error", "an error ends an unordered scan and is returned"},
	{"leaves old answers standing", "MultiGet answers as Get does"},
	{"copies nothing", "a checkpoint opens and equals its engine"},
	{"overwrites what is there", "a checkpoint into a directory with files is refused"},
	{"compacts a key away", "Settle and Compact keep what is there"},
	{"answers an ended context with nonsense", "Settle and Compact end with their context"},
	{"repeats positions", "ApplyAsync is visible at once and durable after WaitDurable"},

	{"shows a load early", "a bulk load is invisible before Finish and whole after"},
	{"loads in any order", "a bulk load out of order is refused"},
	{"takes Abort for Finish", "an aborted bulk load leaves no trace"},
	{"expires a second late", "a value is absent from its expiry on"},
	{"keeps the first expiry", "a later write replaces the expiry"},

	{"counts puts twice", "user counts move by exactly what was done"},
	{"counts puts for live keys", "live keys are counted exactly or not at all"},
	{"allocates for Metrics", "Metrics does not allocate"},
	{"allocates to get", getAllocs},

	{"mixes up keys now and then", "many goroutines may call everything at once"},
	{"makes some writes visible late", "a read sees no older value than a write that had returned"},
	{"lets readers in between", "readers see a batch whole or not at all"},
	{"closes under running calls", "Close waits for running calls"},

	{"forgets some deletes", "random streams of ops answer as a sorted slice does"},
	{"turns round a step late", "random streams of ops answer as a sorted slice does"},
	{"reorders a batch", "random streams of ops answer as a sorted slice does"},
	{"acknowledges before it writes", "a write at os survives kill -9"},
	{"acknowledges before it writes", "a write at sync survives kill -9"},
	{"writes out of order", "kill -9 leaves a prefix of writes at all levels"},
}

func TestEachBrokenEngineFailsTheClauseThatItBreaks(t *testing.T) {
	all := clauses()
	for _, m := range mutants {
		t.Run(m.broken+": "+m.clause, func(t *testing.T) {
			d := toyDriver(m.broken)
			if isKillChild(t.Name()) {
				t.Fatal(writeUntilKilled(d, nil))
			}
			if raceEnabled && m.clause == getAllocs {
				t.Skip("the race detector allocates")
			}
			i := slices.IndexFunc(all, func(c clause) bool { return c.name == m.clause })
			if i < 0 {
				t.Fatal("there is no such clause")
			}
			mustFail(t, d, all[i])
		})
	}
}

// mustFail runs a clause on a broken engine.
func mustFail(t *testing.T, d engine.Driver, c clause) {
	t.Helper()
	failures := watch(t, func(rec *recorder) {
		f := look(rec, &d, nil)
		if c.needs != nil && !c.needs(f) {
			t.Fatal("the clause does not apply to the broken engine")
		}
		c.run(&rig{
			T: rec, name: t.Name(), d: d, caps: f.Caps, patience: 100 * time.Millisecond,
			spare: mutantTime, impatient: true,
		})
	})
	if len(failures) == 0 {
		t.Error("the clause passed")
	} else {
		first, _, _ := strings.Cut(failures[0], "\n")
		t.Log(first)
	}
}

// mutantTime is how long a loop may look for what is broken.
const mutantTime = 30 * time.Second

func TestEachClauseIsFailedBySomeBrokenEngine(t *testing.T) {
	for _, c := range clauses() {
		caught := slices.ContainsFunc(mutants, func(m struct{ broken, clause string }) bool { return m.clause == c.name }) ||
			slices.ContainsFunc(refMutants(), func(m refMutant) bool { return slices.Contains(m.clauses, c.name) })
		if !caught {
			t.Errorf("no broken engine shows that %q can fail", c.name)
		}
	}
}

// recorder is a T that notes failures.
type recorder struct {
	*testing.T
	cleanups []func()

	mu       sync.Mutex
	failures []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Logf(string, ...any) {}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

// watch runs f on a goroutine of its own and returns what failed. A panic is
// no failure: no clause was tested then.
func watch(t *testing.T, f func(*recorder)) []string {
	r := &recorder{T: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				t.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			for _, cleanup := range slices.Backward(r.cleanups) {
				cleanup()
			}
		}()
		f(r)
	}()
	<-done
	return r.failures
}
