package lsm

import (
	"flag"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/enginetest"
)

// tiny makes the loops of enginetest flush and compact all the time.
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
	kind := e.Kind
	if kind == "compaction" && e.BytesOut == 0 {
		kind = "move"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kinds == nil {
		c.kinds = map[string]int{}
	}
	c.kinds[kind]++
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
	if c.kinds["flush"] < 30 || c.kinds["compaction"] < 10 {
		t.Error("the trees hardly flushed and compacted")
	}
}

func TestTheLSMTreeKeepsTheContract(t *testing.T) {
	var c tally
	enginetest.Run(t, c.driver(), tiny(nil))
	c.check(t)
}

func TestTheLSMTreeKeepsTheContractTieredWithValuesApart(t *testing.T) {
	more := map[string]string{
		"layout": "tiered", "separate_bytes": "16", "blob_garbage": "5", "memtable_order": "eager",
		"compactions": "3", "io": "mmap", "block_layout": "restarts", "compression": "zstd",
		"filter": "bloom", "filter_allocation": "monkey", "pipeline": "false",
	}
	var c tally
	enginetest.Run(t, c.driver(), enginetest.Settings(more), tiny(more))
	c.check(t)
}

func TestTheLSMTreeKeepsTheContractWithoutALog(t *testing.T) {
	more := map[string]string{"durability": "none"}
	var c tally
	enginetest.Run(t, c.driver(), enginetest.Settings(more), tiny(more))
	c.check(t)
}
