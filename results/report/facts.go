package report

// Comparison has all pairs of one table by one metric, or the same cells of
// two runs.
type Comparison struct {
	Table string `json:"table"` // between runs: of the later one
	// Base and New are the runs, and Subject the engine, of a change.
	Base    string `json:"base,omitempty"`
	New     string `json:"new,omitempty"`
	Subject string `json:"subject,omitempty"`

	Title  string   `json:"title"`
	Metric string   `json:"metric"`
	Unit   string   `json:"unit"`
	Better string   `json:"better"` // higher, lower
	Alpha  float64  `json:"alpha"`
	Names  []string `json:"names"` // rows and columns, the best first
	// Pairs are in the order of Names: each row against each column but
	// itself. Between runs there is one pair a name.
	Pairs []Match  `json:"pairs"`
	Notes []string `json:"notes"`
}

// Explanation says which counters the difference of two entries of a table
// comes from: side A is the faster one.
type Explanation struct {
	Table            string            `json:"table"`
	A                string            `json:"a"`
	B                string            `json:"b"`
	Workload         string            `json:"workload"`
	NsA              *float64          `json:"ns_a"` // busy time of an operation
	NsB              *float64          `json:"ns_b"`
	Terms            []ExplanationTerm `json:"terms"` // those that weigh most first; they may overlap
	UnexplainedNs    *float64          `json:"unexplained_ns"`
	UnexplainedShare *float64          `json:"unexplained_share"` // of the gap
	Text             string            `json:"text"`
	// Unknown are causes that could not be weighed, with why.
	Unknown []string `json:"unknown"`
	Notes   []string `json:"notes"`
}

// ExplanationTerm is one counter's part of a difference.
type ExplanationTerm struct {
	Counter string   `json:"counter"`
	Unit    string   `json:"unit"`
	PerOpA  *float64 `json:"per_op_a"`
	PerOpB  *float64 `json:"per_op_b"`
	UnitNs  *float64 `json:"unit_ns"`
	Ns      *float64 `json:"ns"` // of the gap, signed
	Share   *float64 `json:"share"`
	Source  string   `json:"source"` // calibrated, measured
}

// Fidelity says whether an entry was asked what its workload defines. Worst
// over the repetitions.
type Fidelity struct {
	Table  string          `json:"table"`
	Engine string          `json:"engine"`
	OK     bool            `json:"ok"`
	Cells  int             `json:"cells"` // that were checked
	Checks []FidelityCheck `json:"checks"`
}

// FidelityCheck is one property.
type FidelityCheck struct {
	Name   string  `json:"name"`
	Want   float64 `json:"want"`
	Got    float64 `json:"got"`    // of the repetition furthest off
	Within float64 `json:"within"` // what chance may do
	OK     bool    `json:"ok"`
	Failed int     `json:"failed"` // repetitions that were out
}

// Objection is a line of the quality log.
type Objection struct {
	Run    string   `json:"run"`
	Table  string   `json:"table"`
	Engine string   `json:"engine"`
	Cells  []string `json:"cells"` // concerned, by id
	Level  string   `json:"level"` // red, yellow, note
	Name   string   `json:"name"`  // the flag, or failed, unsupported, partial, skipped, outlier
	Reason string   `json:"reason"`
	// More are the other reasons given for the same flag, when they differ.
	More []string `json:"more"`
}

// Environment is one run's machine and program, in groups.
type Environment struct {
	Run    string      `json:"run"`
	Groups []FactGroup `json:"groups"`
}

// FactGroup is facts of one kind: machine, disk, Go, program, calibration.
type FactGroup struct {
	Name  string `json:"name"`
	Facts []Fact `json:"facts"`
}

// Fact is a name and its value for people.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"` // "-" is unknown
	// Differs: another run of the report has another value.
	Differs bool `json:"differs"`
}

// SettingsOf is what all labels of one engine were set to or, with the title
// sharedSettings, what all engines were set to by the names that several have.
type SettingsOf struct {
	Run     string    `json:"run"`
	Title   string    `json:"title"`  // the engine's name
	Labels  []string  `json:"labels"` // columns
	Colors  []int     `json:"colors"`
	Options []Setting `json:"options"` // rows
	// Common counts the rows that are equal in all columns.
	Common int `json:"common"`
}

// Setting is one option of several engines.
type Setting struct {
	Name   string   `json:"name"`
	Values []string `json:"values"` // a column each; empty: the engine has no such option
	// Differs: the columns that have it do not agree.
	Differs bool `json:"differs"`
}

// Term is a word explained to a student.
type Term struct {
	Word string `json:"word"`
	Text string `json:"text"` // one sentence
}
