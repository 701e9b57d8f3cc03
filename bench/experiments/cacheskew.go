package experiments

import (
	"context"
	"fmt"

	"github.com/kvbench/kvbench/engine/cache"
	"github.com/kvbench/kvbench/results"
)

// skews are the distributions compared, as workloads name them.
func skews() []string { return []string{"uniform", "zipfian", "zipf:0.99", "zipf:1.2"} }

// cacheShares are the parts of the records that fit, in percent.
func cacheShares() []float64 { return []float64{0.5, 1, 5, 20} }

func cacheSkew() Study {
	x := func(percent float64) string { return fmt.Sprintf("%g %%", percent) }
	return Study{
		Name:     "cache-skew",
		Title:    "YCSB's zipfian against a true one",
		Question: "How much of a cache's success is decided by the benchmark's random numbers?",
		Story: `The default of YCSB is called zipfian, with an exponent of 0.99. It is not Zipf's
law over the records: ranks are drawn from ten thousand million items, whatever
the number of records, and then hashed into them. Ranks beyond the number of
records, nearly half of them at a million, fall on records as if drawn evenly.
The most requested record gets 3.8 % of the requests at any size, where Zipf's law
with that exponent gives it 6.5 % at a million records and more at fewer.

Real caches see more skew still: of 51 clusters at Twitter, 31 had exponents
above 1, which YCSB cannot draw at all.

All streams run against the same cache, LRU, whose room is a part of the
records.`,
		Paper: "J. Gray et al.: Quickly Generating Billion-Record Synthetic Databases. SIGMOD 1994; J. Yang, Y. Yue, R. Vinayak: A Large-scale Analysis of Hundreds of In-memory Key-value Cache Clusters at Twitter. OSDI 2020",
		Look:  "At a cache of 1 % of the records the same exponent hits far more often when the law is true, and an exponent of 1.2 nearly always. A result for zipfian says little of caches that are small.",
		Run: func(ctx context.Context, l *Lab) error {
			records := pick(l.Scale, 50_000, 1_000_000, 10_000_000)
			n := pick(l.Scale, 100_000, 2_000_000, 20_000_000)
			for _, skew := range skews() {
				for _, percent := range cacheShares() {
					if err := ctx.Err(); err != nil {
						return err
					}
					next, err := workloadTrace(l.Seed, fmt.Sprint("recordcount=", records), "requestdistribution="+skew)
					if err != nil {
						return err
					}
					rate, err := hitRate(cache.LRU, int(float64(records)*percent/100), n, next)
					if err != nil {
						return err
					}
					l.Point(skew, x(percent), rate)
				}
				l.Say("%s: %d requests for %d records", skew, n, records)
			}
			return nil
		},
		Judge: func(e *Evidence) {
			e.Figure = results.Figure{Kind: "lines", Title: "Hits by the room of the cache", X: "records that fit", Y: "share of requests that hit"}
			for _, skew := range skews() {
				for _, percent := range cacheShares() {
					e.Plot(skew, x(percent), e.PointAt(skew, x(percent)))
				}
			}
			one := func(skew string) Value { return e.PointAt(skew, x(1)) }
			e.Ascending("With 1 % cached, YCSB's zipfian hits more than uniform requests", 5, one("uniform"), one("zipfian"))
			e.Ascending("With 1 % cached, Zipf's law of the same exponent hits more than YCSB's zipfian", 1.25, one("zipfian"), one("zipf:0.99"))
			e.Ascending("An exponent of 1.2 hits more still", 1.15, one("zipf:0.99"), one("zipf:1.2"))
			for _, skew := range skews() {
				var rising []Value
				for _, percent := range cacheShares() {
					rising = append(rising, e.PointAt(skew, x(percent)))
				}
				e.Ascending("More room, more hits: "+skew, 1.01, rising...)
			}
		},
	}
}
