package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/kvbench/kvbench/engine"
)

// A history is what some writers do to an engine while its file system fails
// it. Each has keys of its own, so that what the others do does not show in
// them, and no two puts have the same value.
type history struct {
	steps  [][]op // by writer; levels are engine.Durability
	levels []engine.Durability
	keys   int // of each writer

	length int // of values, where they are even; else 0
}

// shape is what to draw a history from.
type shape struct {
	writers int
	steps   int // of each writer
	reopens bool

	// even has puts of one length only, all at one level: records of a log
	// then begin where those of an earlier life of the file began.
	even bool

	// wide has batches of all keys only.
	wide bool
}

const historyKeys = 11

// drawHistory draws one of the given shape. With level None there is no other:
// what such writes promise hangs on the calls of Sync alone.
func drawHistory(r *rand.Rand, c *engine.Caps, s shape) *history {
	h := &history{keys: historyKeys}
	for _, level := range c.Durabilities.Levels() {
		if level != engine.None {
			h.levels = append(h.levels, level)
		}
	}
	if c.Durabilities.Has(engine.None) && (len(h.levels) == 0 || r.IntN(4) == 0) {
		h.levels = []engine.Durability{engine.None}
	}
	if s.even {
		weaker := 0
		if len(h.levels) > 1 && r.IntN(4) > 0 {
			weaker = 1
		}
		h.levels = []engine.Durability{h.levels[len(h.levels)-1-weaker]}
	}
	if s.even {
		h.length = []int{100, 400, 400, 900}[r.IntN(4)]
	}
	for w := range s.writers {
		d := drawer{r: r, c: c, h: h, w: w, shape: s}
		steps := make([]op, s.steps)
		for i := range steps {
			steps[i] = d.step(i)
			steps[i].level = uint64(d.level())
		}
		h.steps = append(h.steps, steps)
	}
	return h
}

// drawer draws the steps of one writer.
type drawer struct {
	shape
	r *rand.Rand
	c *engine.Caps
	h *history
	w int
}

// level is a strong one about every third time: what follows a durable write
// is what a crash may take.
func (d *drawer) level() engine.Durability {
	levels := d.h.levels
	if d.r.IntN(8) == 0 && levels[0] != engine.None {
		return engine.Default
	}
	if d.r.IntN(3) == 0 {
		return levels[len(levels)-1]
	}
	return levels[d.r.IntN(len(levels))]
}

func (d *drawer) step(i int) op {
	if d.even {
		if d.r.IntN(12) == 0 {
			return op{kind: opSync}
		}
		return op{kind: opPut, key: d.key(), value: historyValue(d.w, i, 0, d.h.length)}
	}
	if d.wide {
		return d.wideStep(i)
	}
	switch x := d.r.IntN(100); {
	case x < 12:
		return op{kind: opDelete, key: d.key()}
	case x < 26 && d.c.AtomicBatch:
		return d.batch(i, d.r.IntN(6))
	case x < 30 && d.c.RangeDelete:
		return d.deleteRange()
	case x < 36:
		return op{kind: opSync}
	case x < 40:
		return op{kind: opSettle}
	case x < 44 && d.reopens:
		return op{kind: opReopen}
	case x < 47 && d.c.Checkpoint:
		return op{kind: opCheckpoint}
	}
	return op{kind: opPut, key: d.key(), value: d.value(i, 0)}
}

// wideStep is a batch that gives every key a value, most of the time.
func (d *drawer) wideStep(i int) op {
	switch d.r.IntN(10) {
	case 0:
		return op{kind: opSync}
	case 1:
		return op{kind: opSettle}
	case 2:
		if d.reopens {
			return op{kind: opReopen}
		}
	}
	o := op{kind: opBatch}
	for part, k := range d.r.Perm(d.h.keys) {
		o.parts = append(o.parts, op{kind: opPut, key: historyKey(d.w, k), value: d.value(i, part)})
	}
	return o
}

func (d *drawer) key() string { return historyKey(d.w, d.r.IntN(d.h.keys)) }

func (d *drawer) value(i, part int) string {
	n := d.r.IntN(40)
	switch d.r.IntN(10) {
	case 0:
		n = d.r.IntN(5000)
	case 1, 2:
		n = d.r.IntN(700)
	}
	if d.c.MaxValue > 0 {
		n = min(n, d.c.MaxValue/2)
	}
	return historyValue(d.w, i, part, n)
}

// batch gives most of its keys a value and deletes the others.
func (d *drawer) batch(i, parts int) op {
	o := op{kind: opBatch}
	for part, k := range d.r.Perm(d.h.keys)[:parts] {
		p := op{kind: opPut, key: historyKey(d.w, k), value: d.value(i, part)}
		if d.r.IntN(5) == 0 {
			p = op{kind: opDelete, key: p.key}
		}
		o.parts = append(o.parts, p)
	}
	return o
}

func (d *drawer) deleteRange() op {
	from := d.r.IntN(d.h.keys)
	to := min(from+1+d.r.IntN(4), d.h.keys)
	return op{
		kind: opDeleteRange, lower: bound{historyKey(d.w, from), true},
		upper: bound{historyKey(d.w, to), true},
	}
}

func historyKey(w, k int) string { return fmt.Sprintf("w%d-key%02d", w, k) }

func historyValue(w, i, part, n int) string {
	return fmt.Sprintf("w%d.%03d.%d/", w, i, part) + filled(n)
}

// emptied is a history like h in which nothing is done.
func (h *history) emptied() *history {
	return &history{make([][]op, len(h.steps)), h.levels, h.keys, h.length}
}

// universe are all keys that may ever be there.
func (h *history) universe() []string {
	var keys []string
	for w := range h.steps {
		for k := range h.keys {
			keys = append(keys, historyKey(w, k))
		}
	}
	return keys
}

// String lists the steps, for whoever has to find out why it fails.
func (h *history) String() string {
	var text strings.Builder
	for w, steps := range h.steps {
		for i, o := range steps {
			fmt.Fprintf(&text, "\n  ")
			if len(h.steps) > 1 {
				fmt.Fprintf(&text, "writer %d, ", w)
			}
			fmt.Fprintf(&text, "step %d: %v", i, o)
			if o.writes() {
				fmt.Fprintf(&text, ", at %v", engine.Durability(o.level))
			}
		}
	}
	return text.String()
}

// writes reports whether o changes keys.
func (o op) writes() bool {
	return o.kind == opPut || o.kind == opDelete || o.kind == opBatch || o.kind == opDeleteRange
}

// settle does what the engine has for maintenance.
func settle(e engine.Engine) error {
	if s, ok := engine.As[engine.Settler](e); ok {
		if err := s.Settle(context.Background()); err != nil {
			return err
		}
	}
	if c, ok := engine.As[engine.Compactor](e); ok {
		return c.Compact(context.Background(), nil, nil)
	}
	return nil
}

// readAll gets all of keys, and with a scan, where there is one, makes sure
// that there are no others. An error other than absence ends it.
func readAll(e engine.Engine, keys []string) (map[string]string, error) {
	found := map[string]string{}
	for _, key := range keys {
		value, err := e.Get(nil, []byte(key))
		if err == nil {
			found[key] = string(value)
		} else if !errors.Is(err, engine.ErrNotFound) {
			return nil, fmt.Errorf("get %q: %w", key, err)
		}
	}
	seen := 0
	err := eachPair(e, func(key, value []byte) error {
		seen++
		if v, ok := found[string(key)]; !ok || v != string(value) {
			return fmt.Errorf("a scan shows %s = %s, a get %v %s", show(key), show(value), ok, show([]byte(v)))
		}
		return nil
	})
	if err == nil && seen >= 0 && seen != len(found) && scans(e) {
		err = fmt.Errorf("a scan shows %d keys, gets find %d", seen, len(found))
	}
	return found, err
}

func scans(e engine.Engine) bool { return e.Caps().Ordered || e.Caps().UnorderedScan }

// eachPair visits everything with the scan that the engine has.
func eachPair(e engine.Engine, f func(key, value []byte) error) error {
	if s, ok := engine.As[engine.UnorderedScanner](e); ok {
		return s.Scan(context.Background(), f)
	}
	s, ok := engine.As[engine.Scanner](e)
	if !ok {
		return nil
	}
	it, err := s.NewIter(engine.IterOptions{})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.Value()
		if err != nil {
			return err
		}
		if err := f(it.Key(), value); err != nil {
			return err
		}
	}
	return it.Err()
}
