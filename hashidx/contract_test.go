package hashidx

import (
	"flag"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/engine/enginetest"
)

// tiny makes the loops of enginetest seal, write images and collect garbage all
// the time.
func tiny(more map[string]string) enginetest.Option {
	given := map[string]string{
		"tail_bytes": "16k", "segment_bytes": "8k", "image_ops": "8", "gc_garbage": "1", "gc_duty": "100",
	}
	for name, value := range more {
		given[name] = value
	}
	return enginetest.Tiny(given)
}

// dropCounter counts the segments that GC has dropped.
type dropCounter struct{ dropped, copied atomic.Int64 }

// Event implements engine.EventSink.
func (c *dropCounter) Event(e engine.Event) {
	if e.Kind == "gc" {
		c.dropped.Add(1)
		c.copied.Add(e.BytesOut)
	}
}

// counting is the driver, with GC counted.
func (c *dropCounter) counting() engine.Driver {
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
func (c *dropCounter) check(t *testing.T) {
	t.Logf("%d segments dropped, %d bytes copied", c.dropped.Load(), c.copied.Load())
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		return // some clauses only
	}
	if c.dropped.Load() < 100 || c.copied.Load() == 0 {
		t.Error("GC hardly ran")
	}
}

func TestTheHashEngineKeepsTheContractWithAnIndexOnDisk(t *testing.T) {
	var c dropCounter
	enginetest.Run(t, c.counting(),
		enginetest.Settings(map[string]string{"index": "disk", "index_front_bytes": "64k"}),
		tiny(map[string]string{"index": "disk"}))
	c.check(t)
}

func TestTheHashEngineKeepsTheContract(t *testing.T) {
	var c dropCounter
	enginetest.Run(t, c.counting(), tiny(nil))
	c.check(t)
}
