package experiments

import (
	"context"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/results"
	"github.com/kvbench/kvbench/workloads/dist"
)

// cacheTraces are streams of requests that policies differ in, over so many
// blocks and with a cache of cached ones.
func cacheTraces(seed, blocks, cached uint64) map[string]func() trace {
	return map[string]func() trace{
		"zipf":  func() trace { return zipfTrace(seed, blocks, 0.99) },
		"scans": func() trace { return withScans(zipfTrace(seed, blocks, 0.99), cached) },
		"loop": func() trace {
			length, next := cached*5/4, uint64(0)
			return func() uint64 { next++; return next % length }
		},
		"drift": func() trace { return drifting(seed, blocks) },
	}
}

func cacheTraceNames() []string { return []string{"zipf", "scans", "loop", "drift"} }

// withScans interrupts a trace, after every so many requests, by as many for
// blocks that nobody asks for again.
func withScans(hot trace, length uint64) trace {
	fresh, i := uint64(1)<<40, uint64(0)
	return func() uint64 {
		if i++; i/length%2 == 0 {
			return hot()
		}
		fresh++
		return fresh
	}
}

// drifting is zipfian over a window that moves on: what was hot grows cold.
func drifting(seed, blocks uint64) trace {
	r, z, i := dist.NewRand(seed), dist.NewZipf(blocks, 0.99), uint64(0)
	return func() uint64 {
		i++
		return (z.Next(&r) + i/16) % (4 * blocks)
	}
}

func cachePolicies() Study {
	return Study{
		Name:     "cache-policies",
		Title:    "Which block leaves the cache",
		Question: "How much does it matter which block a full cache gives up?",
		Story: `A full cache must give up a block for every block that it takes in. LRU gives up
the one that was not touched for longest, CLOCK nearly the same one without
keeping an order. Both take any block that was just read for one that is wanted.
A scan disproves that: it reads each block once, and with LRU it displaces all
that was hot. A loop just larger than the cache is the worst that can happen:
LRU gives up each block right before it is asked for again, and never hits.

S3-FIFO lets new blocks into a small queue first. Those that are not asked for
again while they are in there leave at once, and only others enter the main
part, so that what passes by displaces only what passes by.

The traces run against the cache that the engines of the house use, in one
shard. It is the policy that is compared, with all else equal.`,
		Paper: "J. Yang, Y. Zhang, Z. Qiu, Y. Yue, R. Vinayak: FIFO Queues are All You Need for Cache Eviction. SOSP 2023; F. J. Corbató: A Paging Experiment with the Multics System. 1968",
		Look:  "With requests by Zipf's law alone the three are close. With scans between, S3-FIFO keeps its hits and LRU loses many. In the loop LRU hits nothing. Where what is hot moves on, LRU and CLOCK are ahead: S3-FIFO holds on to what was hot.",
		Run: func(ctx context.Context, l *Lab) error {
			blocks := pick(l.Scale, uint64(20_000), 200_000, 2_000_000)
			n, cached := int(4*blocks), blocks/10
			traces := cacheTraces(l.Seed, blocks, cached)
			for _, name := range cacheTraceNames() {
				for _, policy := range cache.Policies() {
					if err := ctx.Err(); err != nil {
						return err
					}
					rate, err := hitRate(policy, int(cached), n, traces[name]())
					if err != nil {
						return err
					}
					l.Point(policy, name, rate)
				}
				l.Say("%s: %d requests for %d blocks, %d fit", name, n, blocks, cached)
			}
			return nil
		},
		Judge: func(e *Evidence) {
			e.Figure = results.Figure{Kind: "bars", Title: "Hits of a cache that holds a tenth of the blocks", X: "trace", Y: "share of requests that hit"}
			for _, name := range cacheTraceNames() {
				for _, policy := range cache.Policies() {
					e.Plot(policy, name, e.PointAt(policy, name))
				}
			}
			at := func(policy, name string) Value { return e.PointAt(policy, name) }
			e.Close("By Zipf's law alone the policies are close", 1.15, at(cache.LRU, "zipf"), at(cache.Clock, "zipf"), at(cache.S3FIFO, "zipf"))
			e.Ascending("With scans between, S3-FIFO hits more than LRU", 1.1, at(cache.LRU, "scans"), at(cache.S3FIFO, "scans"))
			e.AtMost("A loop larger than the cache defeats LRU", 0.01, at(cache.LRU, "loop"))
			e.Ascending("Where what is hot moves on, LRU hits more", 1.03, at(cache.S3FIFO, "drift"), at(cache.LRU, "drift"))
			e.AtLeast("S3-FIFO still hits in the loop", 0.2, at(cache.S3FIFO, "loop"))
		},
	}
}
