package experiments

import (
	"errors"
	"fmt"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/workloads"
	"github.com/kvbench/kvbench/workloads/dist"
)

// blockBytes is the size of the blocks that a trace asks for.
const blockBytes = 64

// A trace yields the block that is asked for next.
type trace func() uint64

// hitRate is the share of n requests that find their block in a cache with
// room for so many blocks, after as many requests to warm up: the engines' own
// cache under one of its policies, in one shard, so that nothing but the trace
// decides.
func hitRate(policy string, blocks, n int, next trace) (rate float64, err error) {
	c, err := cacheFor(policy, blocks)
	if err != nil {
		return 0, fmt.Errorf("cache: %w", err)
	}
	defer func() {
		if closed := c.Close(); err == nil {
			err = closed
		}
	}()
	hits := 0
	for i := range 2 * n {
		found, err := ask(c, next())
		if err != nil {
			return 0, fmt.Errorf("cache: %w", err)
		}
		if found && i >= n {
			hits++
		}
	}
	return float64(hits) / float64(n), nil
}

// cacheFor makes a cache that holds so many blocks, to within a few percent:
// tables and queues take memory too, so the size is found by trying.
func cacheFor(policy string, blocks int) (*cache.Cache, error) {
	bytes := float64(blocks) * (blockBytes + 80)
	for try := 0; ; try++ {
		c, err := cache.New(cache.Options{Bytes: int64(bytes), Policy: policy, Shards: 1, BlockBytes: blockBytes})
		if err != nil || try == 4 {
			return c, err
		}
		for i := range uint64(blocks) * 2 {
			if _, err := ask(c, i); err != nil {
				return nil, errors.Join(err, c.Close())
			}
		}
		held := c.Stats().Blocks
		if err := c.Close(); err != nil {
			return nil, err
		}
		bytes *= float64(blocks) / float64(max(held, 1))
	}
}

// ask looks a block up as an engine does: found, or read and inserted.
func ask(c *cache.Cache, block uint64) (found bool, err error) {
	key := cache.Key{File: 1, Offset: block * blockBytes}
	pin := c.Domain().Pin()
	_, found = c.Get(key)
	pin.Unpin()
	if found {
		return true, nil
	}
	h, err := c.Insert(key, blockBytes, cache.Normal, func([]byte) error { return nil })
	if err == nil {
		h.Release()
	}
	return false, err
}

// zipfTrace asks for blocks by Zipf's law, scattered.
func zipfTrace(seed, blocks uint64, theta float64) trace {
	r, z, place := dist.NewRand(seed), dist.NewZipf(blocks, theta), dist.NewPermutation(blocks, seed)
	return func() uint64 { return place.Of(z.Next(&r)) }
}

// workloadTrace asks for the records that a workload's reads are for.
func workloadTrace(seed uint64, properties ...string) (trace, error) {
	spec, err := workloads.Parse(workloads.Input{Preset: "C", Overrides: properties})
	if err != nil {
		return nil, err
	}
	g, err := spec.NewGenerator(seed, 0, 1, spec.NewSequence())
	if err != nil {
		return nil, err
	}
	ops := make([]workloads.Op, 1024)
	at := len(ops)
	return func() uint64 {
		if at == len(ops) {
			g.Fill(ops)
			at = 0
		}
		at++
		return g.Resolve(ops[at-1])
	}, nil
}
