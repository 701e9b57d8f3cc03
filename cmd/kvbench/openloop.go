package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kvbench/kvbench/bench"
)

// openOptions are the flags of open loops.
type openOptions struct {
	rate    string
	target  string // YCSB's name for a rate
	arrival string
	findMax string
}

func (o *openOptions) add(f *pflag.FlagSet) {
	f.StringVar(&o.rate, "rate", "", "open loop: `RATE` of intended starts over all workers, such as 50k, or a list; times then count from the intended start")
	f.StringVar(&o.target, "target", "", "YCSB's name for --rate")
	f.Lookup("target").Hidden = true
	f.StringVar(&o.arrival, "arrival", "", "`HOW` an open loop's starts are spread: constant, poisson, sine:PERIOD:AMPLITUDE or file:PATH with lines of \"seconds rate\" (default constant)")
	f.StringVar(&o.findMax, "find-max", "", "search the highest rate that meets an `OBJECTIVE` on response times, such as p99<2ms or read.p999<5ms, with bounded background work")
}

// apply fills in the open loops that flags, or else the workloads, ask for.
func (o *openOptions) apply(x *bench.Experiment, choices []choice) error {
	flag, text := "--rate", o.rate
	switch {
	case o.rate != "" && o.target != "":
		return usagef("--rate and --target are the same; give one of them")
	case o.target != "":
		flag, text = "--target", o.target
	}
	arrival, err := bench.ParseArrival(o.arrival)
	if err != nil {
		return usagef("--arrival: %w", err)
	}
	if text == "0" { // YCSB's way to ask for a closed loop
		text, choices = "", nil
	}
	if x.Rates, err = parseRates(flag, text); err != nil {
		return err
	}
	if text == "" {
		target, err := agreed(choices, "target", "--rate", func(c choice) float64 { return c.Spec.TargetOps })
		if err != nil {
			return err
		}
		if target > 0 {
			x.Rates = []float64{target}
		}
	}
	x.Arrival = arrival
	if o.findMax != "" {
		return o.applySearch(x, flag)
	}
	switch {
	case arrival.Kind == bench.ArriveFile && len(x.Rates) > 0:
		return usagef("--arrival %s says the rates; leave %s (or the property target) out", arrival, flag)
	case arrival.Kind == bench.ArriveFile:
		x.Rates = []float64{arrival.MeanRate(x.Duration)}
	case o.arrival != "" && len(x.Rates) == 0:
		return usagef("--arrival %s: of what rate? Add --rate, such as --rate 50k", arrival)
	}
	return nil
}

// openSummary describes the open loops of an experiment; empty if it has none.
func openSummary(x *bench.Experiment) []string {
	switch {
	case x.FindMax != nil:
		return []string{fmt.Sprintf("  each the start of a search for the highest rate with %s (%s arrivals): some %d more cells for each",
			x.FindMax.Text, x.Arrival, bench.UsualProbes)}
	case len(x.Rates) > 0:
		var rates []string
		for _, r := range x.Rates {
			rates = append(rates, humanCount(r))
		}
		return []string{fmt.Sprintf("  x open loops at %s ops/s (%s arrivals)", strings.Join(rates, ", "), x.Arrival)}
	}
	return nil
}

// applySearch makes the run a search for a rate.
func (o *openOptions) applySearch(x *bench.Experiment, flag string) (err error) {
	if x.FindMax, err = bench.ParseObjective(o.findMax); err != nil {
		return usagef("--find-max: %w", err)
	}
	if len(x.Rates) > 0 {
		return usagef("--find-max chooses the rates; leave %s (or the property target) out", flag)
	}
	x.Reps = 1
	return nil
}

// parseRates reads "50k" or "1k,50k,200k"; no text is no rate.
func parseRates(flag, text string) ([]float64, error) {
	var list []float64
	for _, word := range words([]string{text}) {
		rate, err := bench.ParseRate(word)
		if err != nil {
			return nil, usagef("%s %q: %w", flag, text, err)
		}
		if slices.Contains(list, rate) {
			return nil, usagef("%s %q: %s is given twice", flag, text, word)
		}
		list = append(list, rate)
	}
	if len(list) == 0 && strings.TrimSpace(text) != text {
		return nil, usagef("%s %q: no rate", flag, text)
	}
	return list, nil
}
