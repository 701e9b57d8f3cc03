package enginetest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
)

// The test binary starts itself anew as a writer and kills it. The writer
// performs the numbered ops below one by one and acknowledges each, through a
// pipe, once it has returned. What the parent finds in the directory must be
// the contents after some op: at the earliest the last one acknowledged at a
// level that survives, at the latest the one after the last acknowledged,
// which may have been under way. Several rounds work on one directory.

func killClauses() []clause {
	var all []clause
	for _, level := range []engine.Durability{engine.OS, engine.Sync} {
		all = append(all, clause{
			name:  fmt.Sprintf("a write at %s survives kill -9", level),
			needs: func(f *facts) bool { return f.Persistent && f.canOpenAt(level) },
			run:   func(b *rig) { killed(b, level) },
		})
	}
	return append(all, clause{
		name:  "kill -9 leaves a prefix of writes at all levels",
		needs: func(f *facts) bool { return f.Persistent && f.PowerLossPrefix },
		run:   func(b *rig) { killed(b, engine.Default) },
	})
}

// canOpenAt reports whether the engine can be opened with level as its own.
func (f *facts) canOpenAt(level engine.Durability) bool {
	s, ok := f.driver.Setting(engine.DurabilityName)
	if !ok {
		return false
	}
	for _, c := range s.Choices {
		if c == level.String() {
			return true
		}
	}
	return false
}

// RunKill runs only the clauses that kill a process.
func RunKill(t *testing.T, d engine.Driver, opts ...Option) {
	runClauses(t, d, killClauses(), opts)
}

const (
	killRounds   = 3
	mostAcks     = 400 // the writer is killed after at most so many, or soon after
	killDeadline = time.Minute
	killKeys     = 97
)

func killKey(n uint64) string { return fmt.Sprintf("key%03d", n*31%killKeys) }

func killValue(n uint64) string { return fmt.Sprint(n, ":", filled(int(n%300))) }

// killOp is op n. A batch is drawn only where it is atomic.
func killOp(n uint64, atomic bool) op {
	switch {
	case n%7 == 3:
		return op{kind: opDelete, key: killKey(n)}
	case n%7 == 5 && atomic:
		return op{kind: opBatch, parts: []op{
			{kind: opPut, key: killKey(n), value: killValue(n)},
			{kind: opDelete, key: killKey(n + 1)},
			{kind: opPut, key: killKey(n + 2), value: killValue(n)},
		}}
	}
	return op{kind: opPut, key: killKey(n), value: killValue(n)}
}

// applyTo performs an op on a map and returns the keys that it touched.
func (o op) applyTo(m map[string]string) []string {
	switch o.kind {
	case opPut:
		m[o.key] = o.value
	case opDelete:
		delete(m, o.key)
	case opDeleteRange:
		var touched []string
		for key := range m {
			if key >= o.lower.key && (!o.upper.set || key < o.upper.key) {
				delete(m, key)
				touched = append(touched, key)
			}
		}
		return touched
	case opBatch:
		var touched []string
		for _, part := range o.parts {
			touched = append(touched, part.applyTo(m)...)
		}
		return touched
	}
	return []string{o.key}
}

// killed runs rounds on one directory. level is of all writes, or Default for
// levels drawn at random.
func killed(b *rig, level engine.Durability) {
	s := seed()
	b.Logf("seed %d", s)
	r := rand.New(rand.NewPCG(s, 2))
	settings := map[string]string{}
	if level != engine.Default {
		settings[engine.DurabilityName] = level.String()
	}
	dir := b.TempDir()
	e := b.openIn(dir, settings)
	atomic := e.Caps().AtomicBatch
	e.close()
	w := writer{test: b.name, dir: dir, level: level, next: 1, acks: 1 + r.IntN(mostAcks)}
	was := map[string]string{}
	deadline := time.Now().Add(budget(0))
	for round := 0; round < killRounds || time.Now().Before(deadline); round++ {
		a, err := w.runAndKill(r)
		if err != nil {
			b.Fatalf("round %d: %v", round, err)
		}
		e := b.openIn(dir, settings)
		is := e.killContents()
		reached, err := match(was, is, w.next, a, atomic)
		if err != nil {
			b.Fatalf("round %d, KVBENCH_SEED=%d: killed after op %d, of which op %d was the last to survive: %v",
				round, s, a.last, a.survives, err)
		}
		e.close() // from here on, all of it is in the directory
		was, w.next, w.acks = is, reached+1, 1+r.IntN(mostAcks)
	}
}

// acks are what a writer acknowledged: 0 is nothing.
type acks struct{ last, survives uint64 }

// match looks for the op after which the contents were as found. Contents
// were was before op next.
func match(was, is map[string]string, next uint64, a acks, atomic bool) (reached uint64, err error) {
	state := maps.Clone(was)
	differ := map[string]bool{}
	compare := func(key string) {
		v, ok := is[key]
		w, should := state[key]
		if ok == should && v == w {
			delete(differ, key)
		} else {
			differ[key] = true
		}
	}
	for i := range uint64(killKeys) {
		compare(killKey(i))
	}
	earliest := max(a.survives, next-1)
	latest := max(a.last, next-1) + 1
	closest := len(differ)
	for n := next - 1; ; n++ {
		if n >= earliest {
			if len(differ) == 0 {
				return n, nil
			}
			closest = min(closest, len(differ))
		}
		if n == latest {
			return 0, fmt.Errorf("the contents are those after no op from %d to %d; the nearest differ in %d keys, the latest in %v",
				earliest, latest, closest, explain(differ, state, is))
		}
		for _, key := range killOp(n+1, atomic).applyTo(state) {
			compare(key)
		}
	}
}

// explain names one key that differs.
func explain(differ map[string]bool, state, is map[string]string) string {
	for key := range differ {
		v, ok := is[key]
		w, should := state[key]
		return fmt.Sprintf("%s (found %v %s, want %v %s)", key, ok, show([]byte(v)), should, show([]byte(w)))
	}
	return "none"
}

// killContents reads all keys that a writer may have written, and with a scan
// makes sure that there are no others.
func (e *opened) killContents() map[string]string {
	e.b.Helper()
	m := map[string]string{}
	for i := range uint64(killKeys) {
		value, err := e.Get(nil, []byte(killKey(i)))
		if err == nil {
			m[killKey(i)] = string(value)
		} else if !errors.Is(err, engine.ErrNotFound) {
			e.b.Fatalf("get %s: %v", killKey(i), err)
		}
	}
	if c := e.Caps(); c.Ordered || c.UnorderedScan {
		if n := len(e.contents()); n != len(m) {
			e.b.Errorf("a scan shows %d keys, gets find %d", n, len(m))
		}
	}
	return m
}

// What the parent tells its child.
const (
	childTestEnv  = "KVBENCH_KILL_TEST"
	childDirEnv   = "KVBENCH_KILL_DIR"
	childLevelEnv = "KVBENCH_KILL_LEVEL"
	childStartEnv = "KVBENCH_KILL_START"
	childPipe     = 3 // file descriptor
)

// isKillChild reports whether this process is the writer for a test.
func isKillChild(test string) bool {
	return test != "" && os.Getenv(childTestEnv) == test
}

// survivesBit marks an acknowledgement at a level that outlives a kill.
const survivesBit = 1 << 63

// writeUntilKilled is the child. It returns only when something goes wrong.
func writeUntilKilled(d engine.Driver, settings map[string]string) error {
	level, err := engine.ParseDurability(os.Getenv(childLevelEnv))
	if err != nil {
		return err
	}
	start, err := strconv.ParseUint(os.Getenv(childStartEnv), 10, 64)
	if err != nil {
		return err
	}
	b := &rig{settings: settings}
	if level != engine.Default {
		settings = b.with(map[string]string{engine.DurabilityName: level.String()})
	}
	e, err := d.Open(os.Getenv(childDirEnv), settings, engine.Env{})
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	pipe := os.NewFile(childPipe, "acknowledgements")
	levels := e.Caps().Durabilities.Levels()
	r := rand.New(rand.NewPCG(start, 3))
	for n := start; ; n++ {
		at := level
		if level == engine.Default {
			at = levels[r.IntN(len(levels))]
		}
		if err := writeOp(e, killOp(n, e.Caps().AtomicBatch), at); err != nil {
			return fmt.Errorf("op %d: %w", n, err)
		}
		ack := n
		if level == engine.Default && r.IntN(50) == 0 {
			if err := e.Sync(); err != nil {
				return fmt.Errorf("sync after op %d: %w", n, err)
			}
			at = engine.Sync
		}
		if at.SurvivesKill() {
			ack |= survivesBit
		}
		if _, err := pipe.Write(binary.LittleEndian.AppendUint64(nil, ack)); err != nil {
			return fmt.Errorf("acknowledge op %d: %w", n, err)
		}
	}
}

func writeOp(e engine.Engine, o op, d engine.Durability) error {
	switch o.kind {
	case opPut:
		return e.Put([]byte(o.key), []byte(o.value), d)
	case opDelete:
		return e.Delete([]byte(o.key), d)
	case opDeleteRange:
		r, ok := engine.As[engine.RangeDeleter](e)
		if !ok {
			return fmt.Errorf("%w: range delete", engine.ErrUnsupported)
		}
		return r.DeleteRange(o.lower.bytes(), o.upper.bytes(), d)
	}
	var b engine.Batch
	for _, part := range o.parts {
		if part.kind == opPut {
			b.Put([]byte(part.key), []byte(part.value))
		} else {
			b.Delete([]byte(part.key))
		}
	}
	return e.Apply(&b, d)
}
