package main

import (
	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
)

// regimeOptions are the flags of cache regimes.
type regimeOptions struct{ cacheRegime string }

func (o *regimeOptions) add(f *pflag.FlagSet) {
	f.StringVar(&o.cacheRegime, "regime", "", "where the data are, `NAME`: cached (in the engine's cache), oscached (in the page cache), iobuf (on disk, memory limited) or iodirect (on disk, O_DIRECT); the counters have to agree")
}

// apply gives engines what the regime takes, and says what they lack for it.
func (o *regimeOptions) apply(x *bench.Experiment) (notes []string, err error) {
	if _, err := bench.ParseCacheRegime(o.cacheRegime); err != nil {
		return nil, usagef("--regime %s: want cached, oscached, iobuf or iodirect", o.cacheRegime)
	}
	notes, err = x.ClaimCacheRegime(o.cacheRegime)
	if err != nil {
		return nil, usagef("--regime: %w", err)
	}
	return notes, nil
}
