package compare

import (
	"github.com/kvbench/kvbench/results"
)

// Options say what is compared with what. The zero value compares the engines
// of a run, or two runs, by operations a second.
type Options struct {
	// By is what the sides of one run differ in: "engine", a field of
	// results.Setup such as "threads" or "rate", or the name of an axis.
	// Empty: engine, if there are several; else the first thing that varies.
	By string `json:"by"`
	// Baseline names the side that the others are compared with. Empty: of
	// one run the first engine or value, and in a group where that has no
	// figure the first that has; of two runs always the first run.
	Baseline string `json:"baseline"`
	// Alpha is the probability, in each group, that equal sides are told
	// apart. 0: DefaultAlpha.
	Alpha float64 `json:"alpha"`
	// Metrics are names that FindMetric knows. Empty: ops_per_s.
	Metrics []string `json:"metrics"`
	// AllowDiff are names of differences between the specs of two runs that
	// are accepted, as *UnlikeError names them. "*" is all.
	AllowDiff []string `json:"allow_diff"`
	// IncludeRed takes cells whose lamp is red.
	IncludeRed bool `json:"include_red"`
}

// Defaults of Options.
const (
	DefaultAlpha  = 0.05
	DefaultMetric = "ops_per_s"
)

// A Comparison is the outcome of Within or Between. All its options are
// resolved.
type Comparison struct {
	Options Options `json:"options"`
	// Base and New are the names of the two runs; New is empty when the
	// sides are of one.
	Base   string   `json:"base"`
	New    string   `json:"new,omitempty"`
	Groups []Group  `json:"groups"`
	Notes  []string `json:"notes"` // what was left out, and why
}

// A Group compares the sides under one setup, by one metric.
type Group struct {
	Setup results.Setup `json:"setup"`
	// Subject is what all sides have in common besides the setup: engine and
	// axes, as "lsm" or "lsm lsm.size_ratio=4"; empty when they are engines.
	Subject  string `json:"subject,omitempty"`
	Metric   Metric `json:"metric"`
	Baseline string `json:"baseline"`
	// N and Median are those of the baseline.
	N      int      `json:"n"`
	Median *float64 `json:"median"`
	Low    *float64 `json:"median_low"` // of an interval at 1-alpha; null: too few
	High   *float64 `json:"median_high"`
	// Left is why the baseline has no figure, if it has none.
	Left  string `json:"left,omitempty"`
	Pairs []Pair `json:"pairs"` // as given, baseline excluded
	// Best are the side with the best median and those that are not told
	// from it, by the same test with the best side as the baseline; empty
	// when no side has a figure.
	Best []string `json:"best"`
	// Sentence is the verdict in words.
	Sentence string `json:"sentence"`

	sides                  []*side // what was compared; within one run the baseline, too
	bases                  []*side // of two runs: those of the first
	manifest, baseManifest *results.Manifest
}

// A Pair is one side against the baseline. All ratios are side : baseline.
type Pair struct {
	Name   string `json:"name"`
	N      int    `json:"n"`
	NBase  int    `json:"n_base"`
	Paired int    `json:"paired"` // repetitions that both sides have

	Median     *float64 `json:"median"`
	MedianLow  *float64 `json:"median_low"`
	MedianHigh *float64 `json:"median_high"`
	MedianBase *float64 `json:"median_base"`

	// Ratio is the median of the ratios of paired repetitions, Low and High
	// its interval at Attained >= 1-alpha. Null: too few pairs for an
	// interval, or a value that is not positive.
	Ratio    *float64 `json:"ratio"`
	Low      *float64 `json:"low"`
	High     *float64 `json:"high"`
	Attained float64  `json:"attained"`

	P     *float64 `json:"p"`      // Mann-Whitney, two-sided
	PHolm *float64 `json:"p_holm"` // corrected for the pairs of the group
	// MDE is the smallest ratio above 1 that the repetitions and their spread
	// would tell from 1 with a power of 80 %.
	MDE *float64 `json:"mde"`

	Verdict Verdict `json:"verdict"`
	// Better says of a side that differs whether that is for the better.
	Better bool `json:"better"`
	// Needs is how many repetitions a verdict takes, when it is undecidable.
	Needs int `json:"needs,omitempty"`
	// Left is why the side has no figure: failed, red, unsupported.
	Left string `json:"left,omitempty"`
}

// Verdict is what a comparison of two sides came to.
type Verdict string

// Verdicts. Higher and lower are about the figure, not about good and bad.
const (
	Higher       Verdict = "higher"
	Lower        Verdict = "lower"
	NoDifference Verdict = "no difference" // none that could be detected; see Pair.MDE
	Undecidable  Verdict = "undecidable"   // no outcome of so few repetitions could tell
	NoFigure     Verdict = "no figure"     // one side has none; see Pair.Left
)
