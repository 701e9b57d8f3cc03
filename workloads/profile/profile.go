package profile

import "github.com/kvbench/kvbench/workloads"

// Profile describes a stream of operations. What the stream does not tell is
// null.
type Profile struct {
	Operations uint64        `json:"operations"`
	Mix        workloads.Mix `json:"mix"` // shares of the kinds

	// Of the requests: operations for keys of the request range, which are
	// all but inserts and reads of absent keys.
	Requests  uint64   `json:"requests"`
	Distinct  uint64   `json:"distinct"`   // keys among them
	HotShare  *float64 `json:"hot_share"`  // share of the most requested key
	Top1Share *float64 `json:"top1_share"` // share of the most requested 1 % of the records, or of the distinct keys where records are not known
	Zipf      *ZipfFit `json:"zipf"`       // null: too few keys were requested often enough to tell
	// Locality is the share of requests whose key number is within 1/1000 of
	// the records of the one before, and Sequential the share of those that
	// come next after it. Null where keys have no numbers.
	Locality   *float64 `json:"locality"`
	Sequential *float64 `json:"sequential"`
	// WorkingSet says how many distinct keys the first so many requests met.
	WorkingSet []WorkingSet `json:"working_set"`
	Spectrum   Spectrum     `json:"-"`

	Scans    uint64   `json:"scans"`
	ScanMean *float64 `json:"scan_mean"` // of the lengths asked for, as are the next two
	ScanMin  uint64   `json:"scan_min"`
	ScanMax  uint64   `json:"scan_max"`

	// Of the reads whose outcome is known.
	Answered uint64   `json:"answered"`
	Absent   *float64 `json:"absent"` // share that found nothing
}

// WorkingSet is a point of the working-set curve.
type WorkingSet struct {
	Requests uint64 `json:"requests"`
	Distinct uint64 `json:"distinct"`
}
