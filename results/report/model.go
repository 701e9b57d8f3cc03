package report

import (
	"time"

	"github.com/kvbench/kvbench/engine"
	"github.com/kvbench/kvbench/results"
)

// ModelSchema names the form of a Model in JSON.
const ModelSchema = "kvbench.report/1"

// Options say what a report shows. The zero value is the usual report.
type Options struct {
	Title string // "": made from the names of the runs
	// IncludeRed ranks and compares cells whose lamp is red, too. They are
	// shown in any case.
	IncludeRed bool
	// AllowDiff are differences between runs that are no reason not to
	// compare them, by the names that the caveat has; "*" is all.
	AllowDiff []string
}

// A Model is a report: all that is shown, in the order in which it is shown.
// Rates are operations a second, times nanoseconds, sizes bytes, unless a name
// says otherwise. Null is unknown, or does not apply. Slices are never null.
type Model struct {
	Schema string `json:"schema"`
	Title  string `json:"title"`
	// Verdict is the first thing that a reader sees.
	Verdict Verdict `json:"verdict"`
	Runs    []Run   `json:"runs"`
	// Engines are all labels that occur, in a stable order: the place is the
	// colour, in every chart of the report.
	Engines []Engine `json:"engines"`

	Tables []Table `json:"tables"` // rankings: one run, one setup each
	Needs  []Need  `json:"needs"`  // which engine for you

	Curves        []Curve         `json:"curves"`        // latency percentiles
	Series        []Series        `json:"series"`        // a second a point, with events
	Amplification []Amplification `json:"amplification"` // bytes by what they were written for
	Triangles     []Triangle      `json:"triangles"`     // read, update, memory overhead
	Sweeps        []Sweep         `json:"sweeps"`
	Studies       []Study         `json:"studies"`
	Searches      []Search        `json:"searches"` // load-latency curves

	Comparisons  []Comparison  `json:"comparisons"`  // all pairs of a table
	Changes      []Comparison  `json:"changes"`      // of a later run against the first
	Explanations []Explanation `json:"explanations"` // what a difference comes from

	Fidelity     []Fidelity    `json:"fidelity"`
	Quality      []Objection   `json:"quality"` // every flag, failure and outlier
	Environments []Environment `json:"environments"`
	Settings     []SettingsOf  `json:"settings"`
	Glossary     []Term        `json:"glossary"`
	// Left says what was thinned or left out to keep the page small.
	Left []string `json:"left"`
}

// Verdict is what the report comes to, in words.
type Verdict struct {
	Headline  string   `json:"headline"`  // one sentence
	Sentences []string `json:"sentences"` // one a regime and data set, when there are several
	Caveats   []string `json:"caveats"`   // what keeps the headline from being relied on
}

// Run is one results directory.
type Run struct {
	ID       string         `json:"id"` // r1, r2, ...
	Name     string         `json:"name"`
	Dir      string         `json:"dir"`
	Status   results.Status `json:"status"`
	Started  time.Time      `json:"started"`
	Finished *time.Time     `json:"finished"`
	Version  string         `json:"version"` // of kvbench, with the commit
	Command  string         `json:"command"` // reproduces it
	Cells    int            `json:"cells"`
	Outcomes []Tally        `json:"outcomes"` // cells by status
	Lamps    []Tally        `json:"lamps"`    // cells by lamp; older results have none
	Notes    []string       `json:"notes"`
}

// Tally counts what has a name.
type Tally struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Engine is one label of the report. Its place in Model.Engines is its colour.
type Engine struct {
	Label  string `json:"label"`
	Name   string `json:"name"`
	Family string `json:"family"`
	Rail   bool   `json:"rail"` // a reference, never ranked
}

// A Table is the entries that one run has for one setup: what may be
// compared. Tables of one Key are the same setup in different runs and stand
// side by side; they are neighbours.
type Table struct {
	ID    string        `json:"id"` // t1, t2, ...
	Run   string        `json:"run"`
	Key   string        `json:"key"`
	Title string        `json:"title"` // workload A, sync, 2 threads
	About []string      `json:"about"` // what was asked, and how
	Setup results.Setup `json:"setup"`
	Load  bool          `json:"load"` // it measures the load phase
	// Ops are the kinds of operations that any entry has times for.
	Ops []string `json:"ops"`
	// Entries are ranked first, then those without a figure; rails apart.
	Entries []Entry `json:"entries"`
	Rails   []Entry `json:"rails"`
	// Verdict is a sentence on who is fastest and by how much.
	Verdict string   `json:"verdict"`
	Notes   []string `json:"notes"`
}

// An Entry is one engine in one Table: what its repetitions came to.
type Entry struct {
	ID     string `json:"id"`     // t1e1, ...
	Engine string `json:"engine"` // the label
	Color  int    `json:"color"`  // place in Model.Engines

	Status   results.Status    `json:"status"`
	Why      string            `json:"why,omitempty"` // there is no figure, or a repetition is not ok
	Text     string            `json:"text"`          // the rate for people, or n/a, FAILED, not run
	Level    engine.Durability `json:"durability"`
	Survives *bool             `json:"survives_kill"` // null: it never came so far
	Version  string            `json:"version"`

	Lamp  string         `json:"lamp"`  // green, yellow, red; empty: no figure
	Flags []results.Flag `json:"flags"` // the reasons of the lamp

	Rank *int `json:"rank"` // by median rate; null: not ranked
	N    int  `json:"n"`    // repetitions in the figures
	Reps int  `json:"reps"` // repetitions made or planned
	// Left counts repetitions whose lamp is red, left out of the figures.
	Left int `json:"left"`

	Rate Figure `json:"rate"` // operations a second
	// VsBest compares with the best of the table; null for the best itself
	// and for entries that are not ranked.
	VsBest *Match `json:"vs_best"`
	// Best: the best by median, or not told apart from it.
	Best bool `json:"best"`

	RowsPerS Figure             `json:"rows_per_s"`
	Ops      map[string]OpTimes `json:"ops"`

	WriteAmp        Figure `json:"write_amp"`
	WriteAmpSettled Figure `json:"write_amp_settled"`
	ReadAmp         Figure `json:"read_amp"`
	SpaceAmp        Figure `json:"space_amp"`
	PeakRSS         Figure `json:"peak_rss"`
	AllocsPerOp     Figure `json:"allocs_per_op"`
	CPUPerOp        Figure `json:"cpu_ns_per_op"`
	HarnessShare    Figure `json:"harness_share"`
	SettleS         Figure `json:"settle_s"`
	DebtEnd         Figure `json:"debt_end"`

	Open *Open `json:"open"` // of an open loop
}

// Figure is one measure over the repetitions. A figure that nobody knows has
// N 0 and nulls.
type Figure struct {
	N      int      `json:"n"`
	Median *float64 `json:"median"`
	Low    *float64 `json:"low"`  // of the interval of the median at Level;
	High   *float64 `json:"high"` // null: too few repetitions for one
	Level  *float64 `json:"level"`
	Min    *float64 `json:"min"`
	Max    *float64 `json:"max"`
	// Values are those of the repetitions, in their order; null where one has
	// none. Empty in figures that are shown as medians alone.
	Values []*float64 `json:"values,omitempty"`
}

// OpTimes are the times of one kind of operation, from call to return, and
// from the intended start in an open loop.
type OpTimes struct {
	N        uint64    `json:"n"` // operations, in all repetitions
	Service  Quantiles `json:"service"`
	Response Quantiles `json:"response"` // empty in a closed loop
}

// Quantiles are medians over the repetitions.
type Quantiles struct {
	Mean Figure `json:"mean"`
	P50  Figure `json:"p50"`
	P99  Figure `json:"p99"`
	P999 Figure `json:"p999"`
	Max  Figure `json:"max"`
}

// Open is what became of the schedule of an open loop.
type Open struct {
	Offered  Figure  `json:"offered"`
	Achieved Figure  `json:"achieved"`
	Dropped  Figure  `json:"dropped"`
	Backlog  Figure  `json:"backlog"` // the greatest
	LagP99   Figure  `json:"lag_p99"` // of the pacer itself
	Verdicts []Tally `json:"verdicts"`
}

// Match compares two sides of a table by one metric.
type Match struct {
	Name     string `json:"name"`     // the side compared
	Baseline string `json:"baseline"` // with this one
	Metric   string `json:"metric"`
	N        int    `json:"n"`
	NBase    int    `json:"n_base"`
	// Median and MedianBase are those of the sides, in the metric's unit.
	Median     *float64 `json:"median"`
	MedianBase *float64 `json:"median_base"`

	Ratio   *float64 `json:"ratio"` // name : baseline, median of the pairs
	Low     *float64 `json:"low"`   // of its confidence interval
	High    *float64 `json:"high"`
	P       *float64 `json:"p"`      // of the rank test
	PHolm   *float64 `json:"p_holm"` // corrected for the comparisons made beside
	MDE     *float64 `json:"mde"`    // the smallest ratio that would have been found with 80 % power
	Verdict string   `json:"verdict"`
	Better  bool     `json:"better"`
	// Told apart: the verdict is that they differ.
	Told  bool   `json:"told"`
	Needs int    `json:"needs,omitempty"` // repetitions with which a verdict can be had
	Left  string `json:"left,omitempty"`  // why there is no figure
	Text  string `json:"text"`            // the verdict as a sentence
}

// A Need is one answer to "which engine for me?".
type Need struct {
	Name     string `json:"name"`     // point reads, ingest, scans, durable writes, space, tail
	Question string `json:"question"` // what somebody with this need asks
	Judged   string `json:"judged"`   // by which metric of which workload
	// Picks are the best and those not told apart from it, the best first;
	// empty when nothing in the runs tells.
	Picks []Pick `json:"picks"`
	// Others follow, in order.
	Others []Pick `json:"others"`
	Text   string `json:"text"` // the answer as a sentence
}

// Pick is one engine for a need.
type Pick struct {
	Engine string   `json:"engine"`
	Color  int      `json:"color"`
	Table  string   `json:"table"`
	Value  *float64 `json:"value"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
	Unit   string   `json:"unit"`
	Text   string   `json:"text"` // the value for people
	Lamp   string   `json:"lamp"`
}
