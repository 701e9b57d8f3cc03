package bench

import "github.com/kvbench/kvbench/results"

// flagOpen adds the objections to an open loop. Saturated response times say
// nothing of the engine, so they are red.
func flagOpen(c *results.Cell, add func(name, level, format string, args ...any)) {
	if c.Open == nil {
		return
	}
	switch c.Open.Verdict {
	case results.OpenSaturated:
		add("saturated", "red", "%s", c.Open.Reason)
	case results.OpenGeneratorLimited:
		add("generator", "yellow", "%s", c.Open.Reason)
	}
}
