package explain

import "github.com/kvbench/kvbench/results"

// An Explanation says where the difference of two sides in time comes from.
// All figures are medians over the repetitions.
type Explanation struct {
	A        string        `json:"a"` // labels
	B        string        `json:"b"`
	Workload string        `json:"workload"`
	Setup    results.Setup `json:"setup"`
	RepsA    int           `json:"reps_a"`
	RepsB    int           `json:"reps_b"`

	// NsA and NsB are the busy time of an operation: threads times wall-clock
	// time over operations, in nanoseconds.
	NsA   float64 `json:"ns_a"`
	NsB   float64 `json:"ns_b"`
	GapNs float64 `json:"gap_ns"` // NsB - NsA: what B takes longer
	// Paired is the ratio by repetition, which is not NsB : NsA; null with fewer
	// than two repetitions that both sides have.
	Paired *Paired `json:"paired"`

	// Parts divide the busy time of each side and hence the gap: they add up.
	Parts []Part `json:"parts"`
	// Terms are the causes that counters know, those that weigh most first.
	// They may overlap, and what they count may run beside the operations: they
	// need not add up.
	Terms []Term `json:"terms"`
	// Unknown are the causes that could not be weighed. What they explain is
	// in the unexplained share.
	Unknown []Unknown `json:"unknown"`

	// Differ are counters that differ and have no price.
	Differ []Difference `json:"differ"`

	// UnexplainedNs is the gap less all terms; below zero when the terms
	// explain more than there is. The share is of the gap; null without a gap.
	UnexplainedNs    float64  `json:"unexplained_ns"`
	UnexplainedShare *float64 `json:"unexplained_share"`

	Notes    []string `json:"notes"`
	Sentence string   `json:"sentence"`
}

// Part is a share of the busy time of an operation, on both sides.
type Part struct {
	Name        string   `json:"name"` // harness, gc, user, system, wait
	About       string   `json:"about"`
	A           *float64 `json:"a_ns"` // null: not measured
	B           *float64 `json:"b_ns"`
	Unexplained *float64 `json:"unexplained_ns"` // of B - A, what no term of this part accounts for
}

// A Term is one cause: a count that differs, at the price of one. Of delays,
// which are measured over the whole process, the counts are what is charged.
type Term struct {
	Counter string   `json:"counter"`
	Unit    string   `json:"unit"`     // of the counts, as "reads/op"
	Part    string   `json:"part"`     // of the busy time that it is in
	PerOpA  float64  `json:"per_op_a"` // counts an operation; nanoseconds when measured
	PerOpB  float64  `json:"per_op_b"`
	UnitNs  float64  `json:"unit_ns"` // of one count
	Ns      float64  `json:"ns"`      // of the gap: (PerOpB - PerOpA) * UnitNs, signed
	Share   *float64 `json:"share"`   // of the gap; null without a gap
	Source  string   `json:"source"`  // measured: the time itself; calibrated: a count at a unit cost
}

// Sources of terms.
const (
	Measured   = "measured"
	Calibrated = "calibrated"
)

// Unknown is a cause that could not be weighed.
type Unknown struct {
	Counter string `json:"counter"`
	Reason  string `json:"reason"`         // as "not counted by pebble"
	Cost    string `json:"cost,omitempty"` // the unit cost that is missing, when the counts are known
}
