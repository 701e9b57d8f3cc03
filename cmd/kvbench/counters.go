package main

import (
	"github.com/spf13/pflag"
)

// counterOptions make a run one to check counters by.
type counterOptions struct {
	counters bool
	all      *pflag.FlagSet
}

func (o *counterOptions) add(f *pflag.FlagSet) {
	o.all = f
	f.BoolVar(&o.counters, "counters", false, "for kvbench check: one worker, by operations, nothing timed, no warm-up, so that counters repeat with the seed; the rates are worth less")
}

// apply sets the flags that make counters repeat; given ones may say the same,
// or what does no harm.
func (o *counterOptions) apply() error {
	if !o.counters {
		return nil
	}
	for _, must := range []struct{ name, value, why string }{
		{"threads", "1", "several workers take turns by chance"},
		{"duration", "0s", "a time ends at another operation each time; use --ops"},
		{"warmup", "0", "a warm-up ends by time"},
		{"timing", "off", "times play no part"},
	} {
		flag := o.all.Lookup(must.name)
		if flag.Changed {
			given := flag.Value.String()
			if err := flag.Value.Set(must.value); err != nil {
				return usagef("--%s: %w", must.name, err)
			}
			if flag.Value.String() != given {
				return usagef("--counters and --%s %s: %s; leave --%s out", must.name, given, must.why, must.name)
			}
		}
		if err := o.all.Set(must.name, must.value); err != nil {
			return usagef("--counters: %w", err)
		}
	}
	for _, unless := range [][2]string{
		{"calibrate", "0s"}, {"interval", "1h"}, {"settle", "1m"}, {"reps", "3"}, {"load-threads", "1"},
	} {
		if o.all.Changed(unless[0]) {
			continue
		}
		if err := o.all.Set(unless[0], unless[1]); err != nil {
			return usagef("--counters: %w", err)
		}
	}
	return nil
}
