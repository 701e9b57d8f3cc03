package enginetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kvbench/kvbench/engine"
)

// A journal knows what an engine has been told and what it has answered, and
// judges by that what is found after a crash. Moments are counts of a clock
// that moves with each entry.
type journal struct {
	base map[string]string // contents before the first write

	mu     sync.Mutex
	clock  int
	writer [][]written // in the order in which each writer wrote
}

// written is one write. A moment of 0 has not come.
type written struct {
	op
	begun, acked, durable int

	at engine.Durability // the level at which it was acknowledged

	// failed writes may have happened or not.
	failed bool
}

func newJournal(writers int, base map[string]string) *journal {
	return &journal{base: base, clock: 1, writer: make([][]written, writers)}
}

// now is the present moment.
func (j *journal) now() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.clock
}

func (j *journal) tick() int {
	j.clock++
	return j.clock
}

// begin notes that writer w is about to perform o.
func (j *journal) begin(w int, o op) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writer[w] = append(j.writer[w], written{op: o, begun: j.tick()})
}

// end notes what came of the last write of w. Its level is what it asked for,
// or what Default stood for.
func (j *journal) end(w int, level engine.Durability, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	x := &j.writer[w][len(j.writer[w])-1]
	if err != nil {
		x.failed = true
		return
	}
	x.acked, x.at = j.tick(), level
	if level == engine.Sync {
		x.durable = x.acked
	}
}

// unsaid forgets the last write of w, which was refused.
func (j *journal) unsaid(w int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writer[w] = j.writer[w][:len(j.writer[w])-1]
}

// synced notes that a Sync that began at a moment has returned.
func (j *journal) synced(begun int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.tick()
	for _, entries := range j.writer {
		for i := range entries {
			if x := &entries[i]; x.acked != 0 && x.acked <= begun && x.durable == 0 {
				x.durable = at
			}
		}
	}
}

// span is what a fork of the file system may know of: what was durable at low
// must be there, what had not begun at high cannot be.
type span struct{ low, high int }

// span is this moment.
func (j *journal) span() span {
	now := j.now()
	return span{now, now}
}

// A rule says what a crash, or another end, may leave. What was durable must
// be there in any case.
type rule struct {
	// prefix: what is there is what the writers wrote first.
	prefix bool
	// least, if not Default: what was acknowledged at this level or a higher
	// one must be there too.
	least engine.Durability
	// anyPrefix: nothing must be there.
	anyPrefix bool
	// beforeLast: only what was durable before the last write that survives a
	// kill began must be.
	beforeLast bool
}

// all is the rule where nothing has happened that could lose anything.
func all() rule { return rule{prefix: true, least: engine.None} }

// judge says what is wrong with the contents that were found.
func (j *journal) judge(found map[string]string, s span, r rule) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for key := range found {
		if w := writerOf(key); w < 0 || w >= len(j.writer) {
			return fmt.Errorf("there is a key that nobody wrote: %s", show([]byte(key)))
		}
	}
	if r.beforeLast {
		s.low = min(s.low, j.lastInFile())
	}
	if !r.prefix {
		return j.judgeKeys(found, s, r)
	}
	return j.judgePrefix(found, s, r)
}

// lastInFile is when the last write began that a kill leaves in the files. An
// empty batch leaves nothing there, and so nothing that tells what was durable
// before it.
func (j *journal) lastInFile() (moment int) {
	for _, entries := range j.writer {
		for i := range entries {
			x := &entries[i]
			if x.kind == opBatch && len(x.parts) == 0 {
				continue
			}
			if x.durable != 0 || x.at >= engine.OS {
				moment = max(moment, x.begun)
			}
		}
	}
	return moment
}

func writerOf(key string) int {
	var w, k int
	if _, err := fmt.Sscanf(key, "w%d-key%d", &w, &k); err != nil || historyKey(w, k) != key {
		return -1
	}
	return w
}

// must reports whether the write has to be there.
func (x *written) must(s span, r rule) bool {
	switch {
	case r.anyPrefix:
		return false
	case r.least != engine.Default && x.at >= r.least:
		return x.acked != 0 && x.acked <= s.low
	}
	return x.durable != 0 && x.durable <= s.low
}

// begunBy returns what the writer had begun by the end of the span.
func begunBy(entries []written, s span) []written {
	n := len(entries)
	for n > 0 && entries[n-1].begun > s.high {
		n--
	}
	return entries[:n]
}

// part of a map that belongs to writer w.
func part(m map[string]string, w int) map[string]string {
	mine := map[string]string{}
	for key, value := range m {
		if writerOf(key) == w {
			mine[key] = value
		}
	}
	return mine
}

// judgePrefix wants a number of writes of each writer such that these and no
// others are there. What had returned before another began cannot be missing
// where the other is there; the order of writes that overlap is free.
func (j *journal) judgePrefix(found map[string]string, s span, r rule) error {
	fits := make([][]bool, len(j.writer)) // by number of writes
	at := make([]int, len(j.writer))      // the number, as small as it can be
	for w := range j.writer {
		entries := begunBy(j.writer[w], s)
		var closest string
		fits[w], closest = prefixes(part(j.base, w), part(found, w), entries)
		for i := range entries {
			if entries[i].must(s, r) {
				at[w] = i + 1
			}
		}
		least := at[w]
		if at[w] = nextFit(fits[w], at[w]); at[w] < 0 {
			return fmt.Errorf("writer %d: what is there is not what its first %d to %d writes leave%s; %s",
				w, least, len(entries), describeFits(fits[w]), closest)
		}
	}
	for changed := true; changed; {
		changed = false
		for w, n := range at {
			if n == 0 || r.anyPrefix {
				continue
			}
			for v := range at {
				need := ackedBefore(j.writer[v], j.writer[w][n-1].begun)
				if need <= at[v] {
					continue
				}
				had := at[v]
				if at[v] = nextFit(fits[v], need); at[v] < 0 {
					return fmt.Errorf("write %d of writer %d is there, but of writer %d only %d, though %d had returned before it began",
						n-1, w, v, had, need)
				}
				changed = true
			}
		}
	}
	return nil
}

// ackedBefore counts the writes that had returned before a moment, and those
// of the same writer before them.
func ackedBefore(entries []written, moment int) int {
	for i := len(entries); i > 0; i-- {
		if x := &entries[i-1]; x.acked != 0 && x.acked < moment {
			return i
		}
	}
	return 0
}

func nextFit(fits []bool, from int) int {
	for n := from; n < len(fits); n++ {
		if fits[n] {
			return n
		}
	}
	return -1
}

func describeFits(fits []bool) string {
	if n := nextFit(fits, 0); n >= 0 {
		return fmt.Sprintf(", but what the first %d leave", n)
	}
	return ""
}

// prefixes says for each number of writes whether found is what they leave.
// Writes that failed may have happened or not.
func prefixes(base, found map[string]string, entries []written) (fits []bool, closest string) {
	const most = 16
	alternatives := []map[string]string{base}
	fits = make([]bool, len(entries)+1)
	fewest := -1
	for n := 0; ; n++ {
		for _, state := range alternatives {
			keys := differing(state, found)
			fits[n] = fits[n] || len(keys) == 0
			if fewest < 0 || len(keys) < fewest {
				fewest = len(keys)
				closest = fmt.Sprintf("nearest are the first %d, which differ in %s", n, explainKeys(keys, state, found))
			}
		}
		if n == len(entries) {
			return fits, closest
		}
		x := entries[n]
		for i, state := range alternatives {
			if x.failed && len(alternatives) < most {
				alternatives = append(alternatives, state)
			}
			alternatives[i] = maps.Clone(state)
			x.applyTo(alternatives[i])
		}
	}
}

func differing(a, b map[string]string) []string {
	var keys []string
	for key, value := range a {
		if v, ok := b[key]; !ok || v != value {
			keys = append(keys, key)
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			keys = append(keys, key)
		}
	}
	return keys
}

func explainKeys(keys []string, want, found map[string]string) string {
	if len(keys) == 0 {
		return "nothing"
	}
	slices.Sort(keys)
	say := func(m map[string]string) string {
		if value, ok := m[keys[0]]; ok {
			return show([]byte(value))
		}
		return "absent"
	}
	return fmt.Sprintf("%d keys: %s is %s, not %s", len(keys), keys[0], say(found), say(want))
}

// judgeKeys wants each key to have the value of its last write that must be
// there, or of a later one.
func (j *journal) judgeKeys(found map[string]string, s span, r rule) error {
	for w := range j.writer {
		state := part(j.base, w)
		may := map[string][]string{} // by key: shown values, absence is ""
		note := func(key string) {
			value, ok := state[key]
			if ok {
				value = "=" + value
			}
			may[key] = append(may[key], value)
		}
		for k := range historyKeys {
			note(historyKey(w, k))
		}
		entries := begunBy(j.writer[w], s)
		for i := range entries {
			for _, key := range entries[i].applyTo(state) {
				if entries[i].must(s, r) {
					may[key] = nil
				}
				note(key)
			}
		}
		for key, values := range may {
			value, ok := found[key]
			if ok {
				value = "=" + value
			}
			if !slices.Contains(values, value) {
				return fmt.Errorf("%s is %s, not one of the values that it may have: %s",
					key, showState(value), showStates(values))
			}
		}
	}
	return nil
}

func showState(s string) string {
	if s == "" {
		return "absent"
	}
	return show([]byte(s[1:]))
}

func showStates(states []string) string {
	var all []string
	for _, s := range states {
		all = append(all, showState(s))
	}
	return strings.Join(all, ", ")
}
