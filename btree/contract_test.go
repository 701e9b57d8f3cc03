package btree

import (
	"flag"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/enginetest"
)

// small makes pages split, checkpoints end and the pool evict all the time.
func small(more map[string]string) map[string]string {
	given := map[string]string{
		"page_bytes": "4k", "cache_bytes": "256k", "log_bytes": "64k", "checkpoint_interval": "0s",
		"checkpoint_pace": "0", "shrink_slack": "0.1", "group_ops": "4", "merge_below": "0.45",
	}
	maps.Copy(given, more)
	return given
}

// tiny makes the loops of enginetest do so.
func tiny(more map[string]string) enginetest.Option {
	given := small(map[string]string{"durability": "os"}) // at none there are no other levels
	maps.Copy(given, more)
	return enginetest.Tiny(given)
}

// tally counts what trees do in the background.
type tally struct {
	mu    sync.Mutex
	kinds map[string]int
}

// Event implements engine.EventSink.
func (c *tally) Event(e engine.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kinds == nil {
		c.kinds = map[string]int{}
	}
	c.kinds[e.Kind]++
}

// driver is the driver, with what it does counted.
func (c *tally) driver() engine.Driver {
	d := Driver()
	d.Open = func(dir string, given map[string]string, env engine.Env) (engine.Engine, error) {
		if env.Events == nil {
			env.Events = c
		}
		return open(dir, given, env)
	}
	return d
}

// check makes sure that the loops did what tiny is for.
func (c *tally) check(t *testing.T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Logf("%v", c.kinds)
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // some clauses only
	}
	if c.kinds["checkpoint"] < 30 {
		t.Error("the trees hardly wrote checkpoints")
	}
}

func TestTheBTreeKeepsTheContract(t *testing.T) {
	var c tally
	enginetest.Run(t, c.driver(), tiny(nil))
	c.check(t)
}

func TestTheBTreeKeepsTheContractMapped(t *testing.T) {
	more := map[string]string{"io": "mmap", "eviction": "clock", "page_bytes": "8k"}
	var c tally
	enginetest.Run(t, c.driver(), enginetest.Settings(more), tiny(more))
	c.check(t)
}

func TestTheBTreeKeepsTheContractWithoutALog(t *testing.T) {
	more := map[string]string{"durability": "none"}
	var c tally
	enginetest.Run(t, c.driver(), enginetest.Settings(more), tiny(more))
	c.check(t)
}

// In mode=cow there are fewer levels: the driver of the test has no others.
func TestTheBTreeKeepsTheContractByShadowPaging(t *testing.T) {
	more := map[string]string{"mode": "cow", "durability": "sync"}
	var c tally
	d := c.driver()
	d.Settings = slices.Clone(d.Settings)
	for i := range d.Settings {
		if d.Settings[i].Name == engine.DurabilityName {
			d.Settings[i] = engine.DurabilityOption(engine.Sync, engine.Durabilities(engine.None, engine.Sync))
		}
	}
	enginetest.Run(t, d, enginetest.Settings(more), tiny(more))
	c.check(t)
}
