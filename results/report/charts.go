package report

import "github.com/kvbench/kvbench/results"

// Numbers of charts are rounded to four significant digits.

// Curve is the latency of one kind of operation by percentile, all repetitions
// of an entry together.
type Curve struct {
	Table string `json:"table"`
	Entry string `json:"entry"`
	Color int    `json:"color"`
	Op    string `json:"op"`
	Clock string `json:"clock"` // service, response
	Count uint64 `json:"count"` // operations in it
	// Points are pairs of 1/(1-p) and nanoseconds, rising in both: 2 is the
	// median, 100 is p99, 1000 is p99.9. The last is the greatest value seen.
	Points [][2]float64 `json:"points"`
}

// Series is one repetition second by second. Columns are as long as T; a
// column that is unknown throughout is empty.
type Series struct {
	Table  string `json:"table"`
	Entry  string `json:"entry"`
	Engine string `json:"engine"`
	Color  int    `json:"color"`
	Cell   string `json:"cell"`
	Rep    int    `json:"rep"`
	Why    string `json:"why"` // this repetition was chosen

	// Phases are where the seconds belong; those not measured are shaded.
	Phases []Span    `json:"phases"`
	T      []float64 `json:"t"` // seconds, at the end of the row; the measured phase begins at 0, the warm-up is below

	OpsPerS     []*float64 `json:"ops_per_s"`
	P99         []*float64 `json:"p99"`          // service time
	Response    []*float64 `json:"response_p99"` // open loops only
	Backlog     []*float64 `json:"backlog"`
	Debt        []*float64 `json:"debt"`
	CacheHit    []*float64 `json:"cache_hit"` // share
	CPU         []*float64 `json:"cpu"`       // processors in use
	RSS         []*float64 `json:"rss"`
	WriteBytesS []*float64 `json:"write_bytes_s"` // to the device, a second

	// Events of one kind that follow closely are one, see Event.Count.
	Events []Event `json:"events"`
	// Totals count all events by kind, within the phases shown.
	Totals []EventTotal `json:"totals"`
}

// Span is a phase in the seconds of a Series.
type Span struct {
	Name     string  `json:"name"`
	From     float64 `json:"from"`
	To       float64 `json:"to"`
	Measured bool    `json:"measured"`
}

// Event is something that the engine did, or several of the same kind that
// were merged.
type Event struct {
	Kind     string  `json:"kind"`
	From     float64 `json:"from"` // seconds, as Series.T
	To       float64 `json:"to"`
	Count    int     `json:"count"`
	BytesIn  float64 `json:"bytes_in"`
	BytesOut float64 `json:"bytes_out"`
	Detail   string  `json:"detail,omitempty"` // of a single one
}

// EventTotal counts the events of one kind.
type EventTotal struct {
	Kind     string  `json:"kind"`
	Count    int     `json:"count"`
	Seconds  float64 `json:"seconds"` // the sum of their durations; they may overlap
	BytesIn  float64 `json:"bytes_in"`
	BytesOut float64 `json:"bytes_out"`
}

// Amplification is what an entry wrote and read for each byte of the user's:
// medians over the repetitions.
type Amplification struct {
	Table  string `json:"table"`
	Entry  string `json:"entry"`
	Engine string `json:"engine"`
	Color  int    `json:"color"`
	// Parts are bytes written a user byte by what for, as the engine counts
	// them itself; those it does not count are missing.
	Parts   []AmpPart `json:"parts"`
	Burst   *float64  `json:"burst"`   // bytes written a user byte, measured phase
	Settled *float64  `json:"settled"` // with the work that followed
	Read    *float64  `json:"read"`    // bytes read from the device a byte returned
	Space   *float64  `json:"space"`   // bytes on disk a live byte
	Source  string    `json:"source"`  // of burst and settled: vfs, calls, proc
}

// AmpPart is one kind of bytes.
type AmpPart struct {
	Name    string  `json:"name"`     // user, log, flush, compaction, page, checkpoint, gc, meta
	PerByte float64 `json:"per_byte"` // bytes a user byte; user itself is 1
}

// Triangle places engines by three overheads: read, update, memory. The words
// of About define them.
type Triangle struct {
	Run    string          `json:"run"`
	Title  string          `json:"title"`
	About  string          `json:"about"`
	Points []TrianglePoint `json:"points"`
}

// TrianglePoint is one engine. Overheads are 1 for the best of the triangle;
// weights are the nearness to the corners and sum to 1.
type TrianglePoint struct {
	Engine  string     `json:"engine"`
	Color   int        `json:"color"`
	Read    float64    `json:"read"`
	Update  float64    `json:"update"`
	Memory  float64    `json:"memory"`
	Weights [3]float64 `json:"weights"` // read, update, memory
	Text    string     `json:"text"`    // the measures behind it
}

// Sweep is what one metric did while one or two things varied. With one axis,
// Lines are set; with two, Heats, too; with more, Lines by the first, one for
// each combination of the others.
type Sweep struct {
	Run      string         `json:"run"`
	Title    string         `json:"title"`
	Workload string         `json:"workload"`
	Metric   string         `json:"metric"`
	Unit     string         `json:"unit"`
	Better   string         `json:"better"` // higher, lower
	Axes     []results.Axis `json:"axes"`
	Numeric  bool           `json:"numeric"` // the first axis has numbers
	Lines    []Line         `json:"lines"`
	Heats    []Heat         `json:"heats"`
}

// Line is one series of a sweep or a search.
type Line struct {
	Name   string      `json:"name"`
	Color  int         `json:"color"`
	Points []LinePoint `json:"points"`
}

// LinePoint is one value of the axis.
type LinePoint struct {
	X    string   `json:"x"`
	Num  *float64 `json:"num"` // X as a number, when it is one
	Y    *float64 `json:"y"`
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
	N    int      `json:"n"`
	Lamp string   `json:"lamp"`
	Note string   `json:"note,omitempty"` // why there is no y
}

// Heat is one engine over two axes: Cells[row][column], rows the second axis,
// columns the first.
type Heat struct {
	Name  string       `json:"name"`
	Color int          `json:"color"`
	Cells [][]*float64 `json:"cells"`
	Texts [][]string   `json:"texts"` // for people; never empty
	Min   *float64     `json:"min"`
	Max   *float64     `json:"max"`
}

// Study is a built-in experiment with what came of its expectations.
type Study struct {
	Run string `json:"run"`
	results.Study
	Held    int    `json:"held"`   // claims that held
	Failed  int    `json:"failed"` // that did not
	Unknown int    `json:"unknown"`
	Text    string `json:"text"` // the outcome as a sentence
}

// Search is a search for the highest rate that meets an objective: a
// load-latency curve.
type Search struct {
	Run   string `json:"run"`
	Color int    `json:"color"`
	results.Search
	// Curve has the probes by rate; Lamp is green where the objective was
	// met, red where it was not.
	Curve []LinePoint `json:"curve"`
	Text  string      `json:"text"`
}
