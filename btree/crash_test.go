package btree

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/vfs"
)

// turnKey has the number of the last turn, in each of which it is written.
const turnKey = "!turn"

// A chronicle writes a deep tree in turns, each of which takes place as a whole
// or not at all, and takes note of what crashes leave meanwhile.
type chronicle struct {
	*deep
	states []map[string]entry // after each turn; 0 is the empty tree

	mu     sync.Mutex
	rng    *rand.Rand // guarded by mu
	begun  int        // guarded by mu
	synced int        // guarded by mu; turns that Sync has promised
	left   []wreckage // guarded by mu
	every  int        // of points of no interest, one in so many is taken
}

// A wreckage is what a crash left, and which turns it may end with.
type wreckage struct {
	mem         *vfs.Mem
	least, most int
	where       string
}

func newChronicle(t testing.TB, seed uint64, given map[string]string, span int) *chronicle {
	c := &chronicle{deep: newDeep(t, seed, given, span), rng: rand.New(rand.NewPCG(seed, 5)), every: 40}
	c.states = []map[string]entry{{}}
	return c
}

// turn makes a batch of changes, or a load of rows.
func (c *chronicle) turn() {
	c.Helper()
	n := len(c.states)
	number := strconv.Itoa(n)
	c.mu.Lock()
	c.begun = n
	c.mu.Unlock()
	next := maps.Clone(c.want)
	next[turnKey] = entry{value: number}
	var err error
	if c.r.IntN(8) == 0 {
		more := map[string]entry{turnKey: next[turnKey]}
		for from, i := c.r.IntN(c.span), 0; i < 60; i++ {
			more[deepKey(from+i*c.r.IntN(3))] = entry{value: c.drawValue()}
		}
		maps.Copy(next, more)
		c.want = next
		err = c.loadRows(more)
	} else {
		c.want = next
		err = c.change(number)
	}
	c.ok(err)
	c.states = append(c.states, maps.Clone(c.want))
}

// change applies a batch, and makes want what it leaves.
func (c *chronicle) change(number string) error {
	b, next := c.drawBatch(c.want)
	b.Put([]byte(turnKey), []byte(number))
	next[turnKey] = entry{value: number}
	c.want = next
	return c.tree.Apply(b, engine.Default)
}

// drawBatch draws a batch, and says what it makes of a state.
func (d *deep) drawBatch(state map[string]entry) (*engine.Batch, map[string]entry) {
	b, next := new(engine.Batch), maps.Clone(state)
	for range 1 + d.r.IntN(1+d.r.IntN(60)) {
		switch d.r.IntN(16) {
		case 0:
			lower, upper := d.drawRange()
			b.DeleteRange([]byte(lower), []byte(upper))
			maps.DeleteFunc(next, func(k string, _ entry) bool { return lower <= k && k < upper })
		case 1, 2, 3, 4:
			k := d.drawKey()
			b.Delete([]byte(k))
			delete(next, k)
		default:
			k, v := d.drawKey(), d.drawValue()
			b.Put([]byte(k), []byte(v))
			next[k] = entry{value: v}
		}
	}
	return b, next
}

// watch takes crashes from now on.
func (c *chronicle) watch(m *vfs.Mem) {
	m.Watch(func(p vfs.Point) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.rng.IntN(c.every) > 0 && !(p.Sync && c.rng.IntN(1+c.every/6) == 0) {
			return
		}
		w := wreckage{least: c.synced, where: fmt.Sprintf("%s of %s, point %d", p.Op, p.Path, p.N)}
		switch c.rng.IntN(4) {
		case 0:
			w.mem = m.Image(vfs.Synced)
		case 1:
			w.mem = m.Image(vfs.Written)
		default:
			w.mem = m.Crash(c.rng.Uint64())
		}
		w.most = c.begun
		c.left = append(c.left, w)
	})
}

// sync makes the turns so far durable.
func (c *chronicle) sync() {
	c.Helper()
	c.ok(c.tree.Sync())
	c.mu.Lock()
	c.synced = c.begun
	c.mu.Unlock()
}

// write is the history.
func (c *chronicle) write(turns int) {
	c.Helper()
	ctx := context.Background()
	for range turns {
		c.turn()
		switch c.r.IntN(14) {
		case 0, 1:
			c.sync()
		case 2:
			c.ok(c.tree.Settle(ctx))
		case 3:
			c.ok(c.tree.Compact(ctx, nil, nil))
		case 4:
			c.keep()
		case 5, 6:
			c.release()
		case 7:
			c.copy()
		case 8:
			c.ok(c.tree.checkpointNow(ctx))
		}
	}
}

// turnOf says after which turn a tree is.
func (c *chronicle) turnOf(e *tree) int {
	c.Helper()
	v, err := e.Get(nil, []byte(turnKey))
	if err == engine.ErrNotFound {
		return 0
	}
	c.ok(err)
	n, err := strconv.Atoi(string(v))
	c.ok(err)
	return n
}

// revive opens what a crash left and looks at it. The first time, that may
// crash, too.
func (c *chronicle) revive(w wreckage, first bool) (again int) {
	c.Helper()
	c.did = append(c.did, w.where)
	if first = first && c.r.IntN(4) == 0; first {
		c.left, c.every = nil, 12
		c.watch(w.mem)
	}
	d := &deep{TB: c.TB, r: c.r, mem: w.mem, given: c.given, span: c.span}
	d.now.Store(c.now.Load())
	e, err := open("/db", c.given, d.env())
	if err != nil {
		c.Fatalf("open after %s: %v", w.where, err)
	}
	defer e.Close()
	d.tree = e.(*tree)
	n := c.turnOf(d.tree)
	if n < w.least || n > w.most {
		c.Fatalf("after %s there are %d turns, want %d to %d", w.where, n, w.least, w.most)
	}
	state := c.states[n]
	d.same(d.tree, d.visible(state))
	d.ok(anatomy(d.tree))
	if first {
		d.ok(d.tree.Settle(context.Background()))
		w.mem.Watch(nil)
	}
	b, next := d.drawBatch(state)
	d.ok(d.tree.Apply(b, engine.Default))
	d.same(d.tree, d.visible(next))
	d.tree.endWork()
	d.ok(d.tree.checkSpace())
	d.ok(d.tree.Close())
	if first {
		for _, x := range c.left {
			x.least, x.most, x.where = n, n, w.where+", then "+x.where
			c.revive(x, false)
		}
		again = len(c.left)
	}
	return again
}

func TestACrashOfADeepTreeLeavesAStateThatItHad(t *testing.T) {
	seed := seedOf(t)
	crashes, again := 0, 0
	for until, i := time.Now().Add(budget(4*time.Second)), seed; i == seed || time.Now().Before(until); i++ {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			r := rand.New(rand.NewPCG(i, 0))
			c := newChronicle(t, i, deepSettings(r), 200+r.IntN(800))
			for range 10 { // to be deep from the beginning
				c.turn()
			}
			c.ok(c.loadRows(c.crowd()))
			c.states[len(c.states)-1] = maps.Clone(c.want)
			c.sync()
			c.watch(c.mem)
			c.write(30)
			for len(c.held) > 0 {
				c.release()
			}
			c.ok(c.tree.Close())
			c.synced = c.begun
			c.mem.Watch(nil)
			left := c.left
			left = append(left, wreckage{mem: c.mem.Image(vfs.Synced), least: c.synced, most: c.begun, where: "close"})
			c.r.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
			for _, w := range left[:min(len(left), 40)] {
				again += c.revive(w, true)
				crashes++
			}
		})
	}
	if t.Logf("%d crashes, and %d while they were recovered from", crashes, again); crashes < 5 {
		t.Error("too few")
	}
}

// crowd are many rows, which want has from now on.
func (c *chronicle) crowd() map[string]entry {
	all := map[string]entry{}
	for n := range c.span {
		all[deepKey(n)] = entry{value: c.drawValue()}
	}
	maps.Copy(c.want, all)
	return all
}
